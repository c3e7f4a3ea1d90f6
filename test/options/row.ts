/** @file A row of the tables of options: who takes them, and what must not pass. */

/** What must not pass for a value of each kind. */
export const wrong = {
  whole: [Number.NaN, -1, 1.5, '2', Number.POSITIVE_INFINITY, null, {}],
  wholeOrNull: [Number.NaN, -1, 1.5, '2', {}],
  positiveWhole: [0, Number.NaN, -1, 1.5, '2', Number.POSITIVE_INFINITY, null],
  number: [Number.NaN, Number.NEGATIVE_INFINITY, '1', null],
  notNegative: [Number.NaN, -0.1, '1', Number.POSITIVE_INFINITY, null],
  positive: [Number.NaN, 0, -0.1, '1', null],
  share: [Number.NaN, -0.1, 1, '0.5', null],
  fraction: [Number.NaN, -0.1, 1.1, '0.5', null],
  flag: ['yes', 1, 0, null],
  choice: ['nonsense', 3, null],
  text: [3, null],
  callback: [3, 'x', null],
  list: [3, null, [Number.NaN]],
  scaling: [3, 'linear', {}, { type: 'linear' }, { type: 'linear', factor: 0 }],
  /** Tensors and the like, which the op itself looks at. */
  other: [],
} satisfies Record<string, unknown[]>;
type Kind = keyof typeof wrong;

export interface Row {
  /** Exported names (or `Class.method`) that take these options. */
  of: string[];
  /** What the message names; default: the first of `of`. */
  op?: string;
  call: (options: never) => unknown;
  good: object;
  keys: Record<string, Kind>;
  required?: string[];
}
