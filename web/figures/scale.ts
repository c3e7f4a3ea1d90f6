/** @file The scale of colours for numbers: nineteen stops, large far from the ground, and its key with the ends. */
import type { Picture } from './drawing.js';
import { svg } from './elements.js';
import { isNumber, show, type Value } from './numbers.js';
import { textWidth, wrapped } from './text.js';
import type { Tokens } from './theme.js';

const STOPS = 19;
export const HATCH_GAP = 5;

export class ColorScale {
  readonly low: number;
  readonly high: number;
  /** Whether a logarithmic scale has zeros below its lowest number. */
  readonly hasZero: boolean;
  readonly #isLog: boolean;

  /** Ends at the lowest and the highest value; on a logarithmic scale zero has the lowest colour, what is below none. */
  constructor(values: readonly Value[], scale: 'linear' | 'log' = 'linear') {
    this.#isLog = scale === 'log';
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    let hasZero = false;
    for (const value of values) {
      if (!this.#hasPlace(value)) continue;
      if (this.#isLog && value === 0) {
        hasZero = true;
        continue;
      }
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    this.hasZero = hasZero;
    this.low = low;
    this.high = high;
  }

  get isEmpty(): boolean {
    return this.high < this.low;
  }

  /** 0 to 18; undefined where there is no number. */
  stop(value: Value): number | undefined {
    if (!this.#hasPlace(value)) return undefined;
    if (this.#isLog && value === 0) return 0;
    if (this.high === this.low) return STOPS >> 1;
    const place = this.#isLog ? Math.log : (number: number) => number;
    const share = (place(value) - place(this.low)) / (place(this.high) - place(this.low));
    return Math.min(STOPS - 1, Math.max(0, Math.round(share * (STOPS - 1))));
  }

  #hasPlace(value: Value): value is number {
    return isNumber(value) && (!this.#isLog || value >= 0);
  }
}

/** The colour of text on a stop. */
export function textOn(stop: number, tokens: Tokens): string {
  return tokens[stop <= 8 ? 'on-low' : stop <= 10 ? 'on-mid' : 'on-high'];
}

/** A field without a number: hatched, so that it is no colour of the scale. */
export function hatched(x: number, y: number, width: number, height: number, tokens: Tokens): SVGElement[] {
  const ground = { x, y, width, height, fill: tokens.surface, stroke: tokens.edge };
  let d = '';
  for (let from = -height; from < width; from += HATCH_GAP) {
    const start = Math.max(0, from);
    const end = Math.min(width, from + height);
    if (end > start)
      d += `M${x + start} ${y + height - (start - from)}L${x + end} ${y + height - (end - from)}`;
  }
  return [
    svg('rect', { ...ground, class: 'fill', 'stroke-width': 0.75 }),
    svg('path', { d, stroke: tokens.edge, 'stroke-width': 0.75 }),
  ];
}

/** What the colours mean: label, lowest number, the stops, highest number, and what is hatched. */
export function scaleKey(
  scale: ColorScale,
  label: string,
  width: number,
  tokens: Tokens,
  hatchMeans?: string,
): Picture {
  const size = 12;
  const node = svg('svg', { class: 'key', 'aria-hidden': 'true', 'font-size': size, fill: tokens.quiet });
  const lines = wrapped(label, width, size);
  for (const [at, line] of lines.entries()) node.append(svg('text', { x: 0, y: 12 + 16 * at }, line));
  let [x, y] = [textWidth(lines[lines.length - 1], size) + 12, 16 * (lines.length - 1)];
  const need = 260 + (hatchMeans ? textWidth(hatchMeans, size) : 0);
  if (x + need > width) [x, y] = [0, y + 18];
  if (!scale.isEmpty) {
    const low = show(scale.low);
    node.append(svg('text', { x, y: y + 12 }, low));
    x += textWidth(low, size) + 6;
    for (let stop = 0; stop < STOPS; stop++) {
      node.append(
        svg('rect', { x: x + 6 * stop, y: y + 2, width: 6.5, height: 11, fill: tokens[`g${stop}`] }),
      );
    }
    node.append(
      svg('rect', { x, y: y + 2, width: 6 * STOPS, height: 11, fill: 'none', stroke: tokens.edge }),
      svg('text', { x: x + 6 * STOPS + 6, y: y + 12 }, show(scale.high)),
    );
    x += 6 * STOPS + 6 + textWidth(show(scale.high), size) + 18;
  }
  if (hatchMeans) {
    if (x > 0 && x + 26 + textWidth(hatchMeans, size) > width) [x, y] = [0, y + 18];
    node.append(...hatched(x, y + 2, 20, 11, tokens), svg('text', { x: x + 26, y: y + 12 }, hatchMeans));
  }
  const height = y + 18;
  for (const [name, value] of Object.entries({ width, height })) node.setAttribute(name, String(value));
  return { node, width, height };
}
