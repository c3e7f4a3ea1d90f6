/** @file The mean of several checkpoints' weights, as translation models are often decoded (Vaswani et al. 2017). */
import { bytesOf, checkValue, iterable } from '../checks.js';
import { CheckpointError, DataError, formatShape } from '../errors.js';
import type { StateDict } from '../nn/module.js';
import { sameShape } from '../tensor/shape.js';
import { readTrainerState } from './saved-state.js';

/**
 * The mean of each parameter, to be loaded with `loadStateDict`. Summed in the order given in double precision and
 * rounded once, so that equal checkpoints average to themselves exactly.
 * @param checkpoints bytes of a trainer's `save()` or state dicts of one model, in any mixture; gone through once, so
 * a generator may read one file at a time
 * @throws CheckpointError when bytes are damaged, or names or shapes differ from the first's; ConfigError for anything
 * else; DataError for none.
 */
export function averageCheckpoints(
  checkpoints: Iterable<ArrayBufferView | ArrayBufferLike | StateDict>,
): StateDict {
  const sums = new Map<string, { shape: readonly number[]; data: Float64Array }>();
  checkValue('averageCheckpoints', 'checkpoints', checkpoints, iterable);
  let n = 0;
  for (const checkpoint of checkpoints) {
    const path = `checkpoint ${++n}`; // one at a time: only the sums stay in memory
    const weights =
      checkpoint instanceof Map
        ? checkpoint
        : readTrainerState(bytesOf('averageCheckpoints', path, checkpoint), path).weights;
    if (n > 1) checkSame(sums, weights, path);
    for (const [name, { shape, data }] of weights) {
      const sum = sums.get(name)?.data;
      if (!sum) sums.set(name, { shape: [...shape], data: Float64Array.from(data) });
      else for (let k = 0; k < sum.length; k++) sum[k] += data[k];
    }
  }
  if (n === 0) {
    throw new DataError('no checkpoints to average', {
      op: 'averageCheckpoints',
      expected: 'at least one',
      actual: 0,
    });
  }
  return new Map(
    [...sums].map(([name, { shape, data }]) => [
      name,
      { shape, data: Float32Array.from(data, (x) => x / n) },
    ]),
  );
}

function checkSame(first: StateDict, other: StateDict, path: string): void {
  const fail = (message: string, expected: unknown, actual: unknown): CheckpointError =>
    new CheckpointError(message, { path, expected, actual, hint: 'average checkpoints of one model' });
  for (const name of other.keys()) {
    if (!first.has(name))
      throw fail(`it has a tensor ${name}, checkpoint 1 has none`, [...first.keys()], name);
  }
  for (const [name, { shape, data }] of first) {
    const entry = other.get(name);
    if (!entry) throw fail(`the tensor ${name} of checkpoint 1 is missing`, name, [...other.keys()]);
    if (!sameShape(entry.shape, shape) || entry.data.length !== data.length) {
      const got = `${formatShape(entry.shape)} with ${entry.data.length} values`;
      throw fail(`${name} must have shape ${formatShape(shape)}, got ${got}`, shape, entry.shape);
    }
  }
}
