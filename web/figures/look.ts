/**
 * @file How lines are told apart, in three ways at once: hue is the placement, lightness and dashes the second member
 * of a pair, the marker tells arms of one placement apart; every other of them is a shade paler too. Predictions have no
 * markers. No two lines of a figure look the same. A placement looks the same in every figure of a page.
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
/** Of the second member of a pair, and of predictions; the first of each, unless one placement has very many. */
const SECOND = [
  [9, 3],
  [5, 2],
  [12, 3, 3, 3],
  [4, 4],
  [9, 3, 2, 3, 2, 3],
];
const PREDICTED = [
  [3, 4],
  [1, 2],
  [6, 2, 1, 2],
];
/** The ground's share of a paler line, of the first and of the second member of a pair: a contrast of 3 is left. */
const PALER = [0.24, 0.38] as const;
/** The text's share of a prediction's colour. */
const DARKER = 0.42;

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
    const pair = second && names[1] ? 1 : 0;
    const color = tokens[names[pair] ?? names[0]];
    const round = Math.floor(ordinal / SHAPES.length);
    const strokes = prediction ? PREDICTED : second ? SECOND : STROKES;
    const stroke = prediction ? ordinal : turn + Math.floor(round / 2);
    // After a round of the markers the shades change places.
    const isPaler = (ordinal + round) % 2 === 1;
    return {
      color: prediction
        ? mix(color, tokens.text, DARKER)
        : isPaler
          ? mix(color, tokens.surface, PALER[pair])
          : color,
      dash: strokes[stroke % strokes.length],
      shape: prediction ? undefined : SHAPES[(marker + ordinal) % SHAPES.length],
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
