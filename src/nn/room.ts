/** @file Whether a model fits into memory, asked before any of it is made. */
import { matrixBytes } from '../autograd/variable.js';
import { ConfigError, MemoryError } from '../errors.js';
import { memoryHint } from '../runtime/heap.js';
import { currentRuntime } from '../runtime/runtime.js';
import type { ModelConfig } from './config.js';

/** Elements of a table of sinusoids or angles: 8192 positions of 8192 dimensions, some seconds of work. */
export const MAX_TABLE = 1 << 26;

/** What a configuration asks for. */
export interface Needs {
  /** Values of its matrices. */
  elements: number;
  /** What takes most of them, and how many. */
  what: string;
  most: number;
  layers: number;
  /** Values of its table of sinusoids, or of rotary angles. */
  sinusoids: number;
}

type Limit = (op: string, needs: Needs) => void;

let limit: Limit | null = null;

/** Makes models that `refuse` judges before anything of them is made. */
export function withLimit<T>(refuse: Limit, make: () => T): T {
  const outer = limit;
  limit = refuse;
  try {
    return make();
  } finally {
    limit = outer;
  }
}

/** What a model's configuration needs beside what all of them have. */
export type RoomConfig = ModelConfig & { numSegments?: number; numClasses?: number; patchWidth?: number };

/**
 * Refuses a model whose matrices alone need more than the memory may grow to, or than its file has. Counting the
 * matrices only, it never refuses what would fit.
 * @throws MemoryError with the bytes needed and what needs most of them; nothing has been allocated then
 * @throws ConfigError when the table of sinusoids is absurd; what `withLimit` refuses with
 */
export function checkRoom(
  op: string,
  config: RoomConfig,
  encoderLayers: number,
  decoderLayers: number,
): void {
  const { vocabSize, dModel, dFF, maxSeqLen, numSegments = 0, numClasses = 0, patchWidth = 0 } = config;
  const { numHeads, numKVHeads, gatedFFN, positions } = config;
  const width = positions === 'sinusoidal' ? dModel : positions === 'rotary' ? dModel / numHeads : 0;
  const sinusoids = maxSeqLen * width;
  if (sinusoids > MAX_TABLE) {
    throw new ConfigError(
      `maxSeqLen ${maxSeqLen} times ${positions === 'rotary' ? 'dModel / numHeads' : 'dModel'} ${width} exceeds ${MAX_TABLE}`,
      {
        op,
        expected: MAX_TABLE,
        actual: sinusoids,
        hint: "use fewer positions, or positions 'learned'",
      },
    );
  }
  const attention = (2 + (2 * numKVHeads) / numHeads) * dModel * dModel;
  const feedForward = (gatedFFN ? 3 : 2) * dModel * dFF;
  const tables = config.tiedEmbeddings ? 1 : 2;
  const layers = encoderLayers + decoderLayers;
  const parts: [what: string, elements: number][] = [
    [`the vocabulary of ${vocabSize} by ${dModel}`, tables * vocabSize * dModel],
    [`${maxSeqLen} learned positions`, config.positions === 'learned' ? maxSeqLen * dModel : 0],
    [`${numSegments} segments`, numSegments * dModel],
    [`${numClasses} classes`, numClasses * dModel],
    [`patches of ${patchWidth} numbers`, patchWidth * dModel],
    [
      `${layers} layers of width ${dModel} and ${dFF}`,
      encoderLayers * (attention + feedForward) + decoderLayers * (2 * attention + feedForward),
    ],
  ];
  const elements = parts.reduce((sum, [, count]) => sum + count, 0);
  const [what, most] = parts.reduce((a, b) => (b[1] > a[1] ? b : a));
  limit?.(op, { elements, what, most, layers, sinusoids });
  const bytes = matrixBytes();
  const needed = bytes * elements;
  const runtime = currentRuntime();
  const memory = runtime.heap.maxBytes ?? Number.POSITIVE_INFINITY;
  const free = memory - runtime.memory().persistentInUse;
  if (needed <= free) return;
  throw new MemoryError(
    `its parameters need ${needed} bytes, ${bytes * most} of them for ${what}; ${free} of ${memory} are free`,
    {
      op,
      expected: needed,
      actual: free,
      hint: memoryHint(
        runtime.heap,
        'lower vocabSize, dModel, dFF or the number of layers, or raise init({ maxMemory })',
      ),
    },
  );
}
