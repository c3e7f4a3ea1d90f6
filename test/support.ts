/** @file Small things that the engine's tests share. */
import * as assert from 'uvu/assert';
import { tensor, type Variable } from '../src/autograd/variable.js';
import { DataError, PrenormError } from '../src/errors.js';
import { CausalLM, type ModelOptions, type PairInput, Transformer } from '../src/nn/index.js';
import { RandomStream } from '../src/random.js';
import type { Sources } from '../src/recipe/index.js';

/** The error `fn` throws, which must be one of ours. */
export function refusal(fn: () => unknown): PrenormError {
  try {
    fn();
  } catch (error) {
    assert.instance(error, PrenormError);
    return error as PrenormError;
  }
  assert.unreachable('nothing was thrown');
  throw new Error();
}

/** Like `refusal`, for a promise. */
export async function asyncRefusal(promise: Promise<unknown>): Promise<PrenormError> {
  const outcome = await promise.then(
    () => null,
    (error) => error,
  );
  assert.instance(outcome, PrenormError, 'nothing of ours was thrown');
  return outcome as PrenormError;
}

/** Files that are nowhere but here, by their path. */
export function memorySources(files: Readonly<Record<string, string | Uint8Array>>): Sources {
  return {
    canRead: true,
    resolve: (name) => name,
    exists: (path) => Object.keys(files).some((name) => name === path || name.startsWith(`${path}/`)),
    join: (path, name) => `${path}/${name}`,
    moduleUrl: (name) => name,
    async read(path) {
      if (!Object.hasOwn(files, path)) throw new DataError('there is no such file', { path });
      const content = files[path];
      return typeof content === 'string' ? new TextEncoder().encode(content) : content;
    },
  };
}

/** The bit patterns of f32 values, so that -0, rounding and order all count. */
export function bits(values: ArrayLike<number>): string {
  const floats = Float32Array.from(values);
  return Buffer.from(floats.buffer).toString('hex');
}

export function close(actual: number, expected: number, tolerance: number, label = ''): void {
  const error = Math.abs(actual - expected);
  assert.ok(error <= tolerance, `${label} ${actual} instead of ${expected}, off by ${error} > ${tolerance}`);
}

export function norm(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] * values[i];
  return Math.sqrt(sum);
}

/** Roughly normal numbers, reproducible. */
export function gaussians(count: number, seed = 1): Float32Array {
  const random = new RandomStream(seed, 'test');
  return Float32Array.from({ length: count }, () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += random.nextFloat();
    return sum;
  });
}

export const ids = (values: ArrayLike<number>, shape: readonly number[] = [values.length]): Variable =>
  tensor(Int32Array.from(values), { shape, dtype: 'i32' });

export const SMALL = {
  vocabSize: 23,
  dModel: 16,
  numHeads: 4,
  dFF: 24,
  numLayers: 2,
  maxSeqLen: 24,
} as const;

export const smallLM = (options: Partial<ModelOptions> = {}): CausalLM =>
  new CausalLM({ ...SMALL, ...options });
export const smallPair = (options: Partial<ModelOptions> = {}): Transformer =>
  new Transformer({ ...SMALL, ...options });

/** Sentence pairs as a padded batch; `padding` is what stands in the padded places. */
export function pairBatch(
  pairs: readonly [source: readonly number[], target: readonly number[]][],
  options: { padding?: (i: number) => number; sourceLen?: number; targetLen?: number } = {},
): Required<PairInput> {
  const { padding = () => 0 } = options;
  const batchSize = pairs.length;
  const sourceLen = options.sourceLen ?? Math.max(...pairs.map(([source]) => source.length));
  const targetLen = options.targetLen ?? Math.max(...pairs.map(([, target]) => target.length));
  const fill = (rows: (readonly number[])[], width: number) =>
    Int32Array.from(
      { length: batchSize * width },
      (_, i) => rows[Math.floor(i / width)][i % width] ?? padding(i),
    );
  return {
    source: fill(
      pairs.map(([source]) => source),
      sourceLen,
    ),
    sourceLengths: Int32Array.from(pairs, ([source]) => source.length),
    targetInput: fill(
      pairs.map(([, target]) => [1, ...target.slice(0, -1)]),
      targetLen,
    ),
    targetLengths: Int32Array.from(pairs, ([, target]) => target.length),
    targetOutput: Int32Array.from({ length: batchSize * targetLen }, (_, i) => {
      return pairs[Math.floor(i / targetLen)][1][i % targetLen] ?? -1;
    }),
    batchSize,
    sourceLen,
    targetLen,
  };
}
