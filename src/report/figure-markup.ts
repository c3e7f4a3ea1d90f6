/**
 * @file The place of a figure on a page, which the page's script fills: tools, drawing and the table of its values.
 * The script finds the data in the page's list of figures by their index.
 */
import type { Figure } from '../experiments/results.js';
import { prose } from './formulas.js';
import { type Content, html, type Markup } from './markup.js';

export interface FigurePlace {
  /** Place in the page's list of figures. */
  index: number;
  /** Rank of the heading, so that none is skipped. */
  level?: 2 | 3 | 4;
  /** Instead of the figure's own caption. */
  caption?: Content;
  /** Where the numbers stand for those without scripts, within a sentence. */
  numbers?: string;
  /** Height of the plot in CSS pixels; by its width when absent. */
  height?: number;
}

/** An id that no other figure has, whatever the file calls its figures. */
export function figureId(index: number): string {
  return `figure-${index + 1}`;
}

export function figureMarkup(
  figure: Figure,
  { index, level = 3, caption, height, numbers = 'in results.json' }: FigurePlace,
): Markup {
  const id = figureId(index);
  const title = html`${prose(figure.title)}${figure.figure ? html` <span class="tag">${figure.figure}</span>` : ''}`;
  const headings = {
    2: html`<h2 id="${id}-title">${title}</h2>`,
    3: html`<h3 id="${id}-title">${title}</h3>`,
    4: html`<h4 id="${id}-title">${title}</h4>`,
  };
  return html`<figure class="figure" id="${id}" data-figure="${index}"${height ? html` data-height="${height}"` : ''} aria-labelledby="${id}-title">
<div class="figure-head">${headings[level]}<div class="tools"></div></div>
<div class="drawing"></div>
<noscript><p class="fine">Scripts are off, so nothing is drawn here. The numbers stand ${numbers}, and in the source of this page.</p></noscript>
<figcaption id="${id}-caption">${caption ?? prose(figure.caption)}</figcaption>
</figure>
`;
}

/** Figures side by side where there is room, in the order of their data. */
export function figuresMarkup(figures: readonly Figure[], numbers: string): Markup {
  return html`<div class="curves">${figures.map((figure, index) => figureMarkup(figure, { index, caption: figure.caption, numbers }))}</div>`;
}
