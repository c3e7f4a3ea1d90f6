/**
 * @file How lines are told apart, in three ways at once: hue is the placement, lightness and dashes the second member
 * of a pair, the marker tells arms of one placement apart. Predictions have no markers. A placement looks the same in
 * every figure of a page.
 */
import type { Figure, Series } from '../../src/experiments/results.js';
import { type Look, SHAPES } from './marks.js';
import type { Tokens } from './theme.js';

export type { Look } from './marks.js';

/** The tokens of the first and the second member of a pair. */
const NAMED = new Map<string, readonly [string, string]>([
  ['post', ['lane-1', 'lane-2']],
  ['pre', ['lane-3', 'lane-4']],
  ['peri', ['lane-5', 'lane-6']],
]);
const FREE = ['more-1', 'more-2', 'more-3', 'more-4'];
/** How lines beyond the colours are broken, one after each turn of the colours. */
const STROKES = [[], [14, 4], [6, 2, 2, 2, 2, 2], [10, 3], [2, 2]];
const SECOND = [9, 3];
const PREDICTED = [3, 4];

/** Which colour stands for which placement on a page. */
export class Palette {
  /** Placements without a colour of their own, in the order of appearance. */
  readonly #others: string[];
  readonly #free: readonly string[];

  constructor(figures: readonly Figure[]) {
    const all = new Set(figures.flatMap(({ series }) => series.map(({ placement }) => placement)));
    this.#others = [...all].filter((placement) => !NAMED.has(placement) && placement !== '');
    // Hues whose placements are not on the page are free for others, the most different first.
    const unused = ['pre', 'post', 'peri'].flatMap((name) =>
      all.has(name) ? [] : (NAMED.get(name)?.slice(0, 1) ?? []),
    );
    this.#free = [...unused, ...FREE];
  }

  /** Tokens of a placement's colours, its turn of the strokes, and the number of its first marker. */
  of(placement: string): { tokens: readonly [string, string?]; turn: number; marker: number } {
    const named = NAMED.get(placement);
    if (named) return { tokens: named, turn: 0, marker: [...NAMED.keys()].indexOf(placement) };
    const at = this.#others.indexOf(placement);
    if (at < 0) return { tokens: ['other'], turn: 0, marker: 3 };
    return {
      tokens: [this.#free[at % this.#free.length]],
      turn: Math.floor(at / this.#free.length),
      marker: 3 + at,
    };
  }

  color(placement: string, tokens: Tokens): string {
    return tokens[this.of(placement).tokens[0]];
  }
}

function isPrediction({ label, dashed }: Series): boolean {
  return dashed === true && /theor|predict|bound/i.test(label);
}

/** Looks of a figure's series in the colours given. */
export function looksOf(series: readonly Series[], palette: Palette, tokens: Tokens): Look[] {
  const counts = new Map<string, number>();
  return series.map((one) => {
    const prediction = isPrediction(one);
    const second = one.dashed === true && !prediction;
    const kind = `${one.placement} ${prediction} ${second}`;
    const ordinal = counts.get(kind) ?? 0;
    counts.set(kind, ordinal + 1);
    const { tokens: names, turn, marker } = palette.of(one.placement);
    const color = tokens[(second ? names[1] : undefined) ?? names[0]];
    return {
      color: prediction || ordinal % 2 ? mix(color, tokens.text, 0.42) : color,
      dash: prediction ? PREDICTED : second ? SECOND : STROKES[turn % STROKES.length],
      shape: prediction ? undefined : SHAPES[(marker + 3 * ordinal) % SHAPES.length],
      hollow: one.dashed === true,
      width: prediction ? 1.5 : 2,
    };
  });
}

/** Two `#rrggbb` colours mixed, `share` of the second. */
export function mix(one: string, two: string, share: number): string {
  const channel = (color: string, at: number) => Number.parseInt(color.slice(at, at + 2), 16);
  const mixed = [1, 3, 5].map((at) => Math.round(channel(one, at) * (1 - share) + channel(two, at) * share));
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}
