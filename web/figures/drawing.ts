/** @file What every kind of figure gives its frame, and what the frame gives it. */
import type { Figure, Series } from '../../src/experiments/results.js';
import type { Palette } from './look.js';
import type { Tokens } from './theme.js';
import type { Tooltip } from './tooltip.js';

/** A figure as data. */
export type FigureData = Figure;

/** What stands on the page, read back from what was drawn. */
export interface Drawn {
  /** Lines and bars: the points of each series, and whether it is shown. */
  series: (Pick<Series, 'label' | 'x' | 'y'> & { shown: boolean })[];
  /** Maps and stacks: what a cell says, and its colour. */
  cells: { says: string; fill: string }[];
}

/** A drawing without title and source, in the colours asked for. */
export interface Picture {
  node: SVGSVGElement;
  width: number;
  height: number;
}

/** What a reader has chosen to see of a figure. */
export interface FigureView {
  /** Labels of the lines that are hidden. */
  hidden: string[];
  /** The part of the x axis that is shown, where it is not all. */
  zoom?: [low: number, high: number];
}

export interface Drawing {
  /** Draws anew: other colours, or paper instead of a screen. */
  paint(): void;
  /** Takes new data, or says that it needs a new drawing. */
  update(figure: FigureData): boolean;
  /** The drawing as vectors; with `tokens` of the theme wanted. */
  pictures(tokens: Tokens): Picture[];
  read(): Drawn;
  destroy(): void;
  /** What a reader has chosen, and the same again, where there is a choice. */
  view?(): FigureView;
  restore?(view: FigureView): void;
  /** Shows all again, where one can zoom. */
  reset?(): void;
}

/** Where a figure is drawn. */
export interface Stage {
  figure: FigureData;
  /** The element that takes the drawing. */
  place: HTMLElement;
  palette: Palette;
  tooltip: Tooltip;
  /** Height of a plot in CSS pixels; by its width when absent. */
  height: number | undefined;
  captionId: string;
  /** Tells those who listen instead of looking. */
  say(text: string): void;
  onZoom(zoomed: boolean): void;
}
