/** @file What is read of the logits behind a token: no more than whoever asked goes on with. */
import { greatest } from '../autograd/ops/greatest.js';
import { logSoftmax, slice } from '../autograd/ops/index.js';
import type { Variable } from '../autograd/variable.js';

/** Computed behind the logits (rows, 1, vocabSize), in the same pass. */
export interface Reading {
  /** Tells it from others. */
  readonly name: string;
  /** Needs the logits of the token; null: none are computed. */
  readonly of: ((logits: Variable) => readonly Variable[]) | null;
}

/** Nothing: the token is only to be known. */
export const NOTHING: Reading = { name: 'nothing', of: null };

/** The logits themselves. */
export const LOGITS: Reading = { name: 'logits', of: (logits) => [logits] };

/** log-probabilities of all tokens. */
export const LOG_PROBS: Reading = { name: 'log-probabilities', of: (logits) => [logSoftmax(logits)] };

/** The `count` most probable tokens of each row, their log-probabilities, and that of the token `also`. */
export function mostProbable(count: number, also: number): Reading {
  return {
    name: `${count} ${also}`,
    of: (logits) => {
      const all = logSoftmax(logits);
      const { ids, values } = greatest(all, count);
      return [ids, values, slice(all, 2, also, also + 1)];
    },
  };
}
