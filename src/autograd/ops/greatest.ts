/** @file The greatest of every row: what a search reads of scores over a vocabulary. It has no gradient. */
import { checkValue, integer } from '../../checks.js';
import { result, type Variable } from '../variable.js';

/** Of every row. */
export interface Greatest {
  /** (B, count): the greatest, greatest first. */
  values: Variable;
  /** (B, count) i32: where they stand; of equal ones the first come first. */
  ids: Variable;
}

/** The `count` greatest of every row of x (…, n), at most n. Without a gradient. */
export function greatest(x: Variable, count: number): Greatest {
  const { runtime } = x;
  const n = x.shape[x.rank - 1];
  checkValue('greatest', 'count', count, integer(1, n));
  const rows = x.size / n;
  const values = result(runtime, [rows, count]);
  const ids = result(runtime, [rows, count], 'i32');
  runtime.kernels.greatestRows(values.ptr, ids.ptr, x.ptr, rows, n, count);
  return { values, ids };
}
