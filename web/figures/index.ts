/** @file Figures of every page: what a page of src/report/ needs to draw what it holds, and what live pages use. */
import type { FigureData } from './drawing.js';
import { drawFigure, type FigureHandle } from './figure.js';
import { Palette } from './look.js';

export type { Drawn, FigureData, FigureView } from './drawing.js';
export { drawFigure, type FigureHandle, type FigureOptions, figureOf } from './figure.js';
export { Palette } from './look.js';
export { currentTheme, onTheme, readTokens, setUpThemeButton, type Theme, type Tokens } from './theme.js';

/**
 * Draws every `<figure class="figure" data-figure="INDEX">` from `<script type="application/json" id="figures">`, an
 * array of figures. The script's `data-name` begins the names of saved files, its `data-source` stands under saved
 * pictures; a figure's `data-height` is the height of its plot in CSS pixels.
 */
export function mountFigures(root: ParentNode = document): FigureHandle[] {
  const script = root.querySelector<HTMLScriptElement>('script#figures');
  if (!script) return [];
  const figures = JSON.parse(script.textContent ?? '[]') as FigureData[];
  const { name, source } = script.dataset;
  const palette = new Palette(figures);
  return [...root.querySelectorAll<HTMLElement>('figure[data-figure]')].flatMap((host) => {
    const figure = figures[Number(host.dataset.figure)];
    if (!figure) return [];
    const height = Number(host.dataset.height) || undefined;
    return [
      drawFigure(host, figure, {
        palette,
        ...(name ? { name } : {}),
        ...(source ? { source } : {}),
        ...(height ? { height } : {}),
      }),
    ];
  });
}
