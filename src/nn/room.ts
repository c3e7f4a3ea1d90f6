/** @file Whether a model fits into memory, asked before any of it is made. */
import { ConfigError, MemoryError } from '../errors.js';
import { currentRuntime } from '../runtime/runtime.js';
import type { ModelConfig } from './config.js';

/** Elements of a table of sinusoids: 8192 positions of 8192 dimensions, some seconds of work. */
const MAX_TABLE = 1 << 26;

/**
 * Refuses a model whose matrices alone need more than the memory may grow to. Counting the matrices only, it
 * never refuses what would fit.
 * @throws MemoryError with the bytes needed and what needs most of them; nothing has been allocated then
 * @throws ConfigError when the table of sinusoids is absurd
 */
export function checkRoom(
  op: string,
  config: ModelConfig,
  encoderLayers: number,
  decoderLayers: number,
): void {
  const { vocabSize, dModel, dFF, maxSeqLen } = config;
  if (config.positions === 'sinusoidal' && maxSeqLen * dModel > MAX_TABLE) {
    throw new ConfigError(`maxSeqLen ${maxSeqLen} times dModel ${dModel} exceeds ${MAX_TABLE}`, {
      op,
      expected: MAX_TABLE,
      actual: maxSeqLen * dModel,
      hint: "use fewer positions, or positions 'learned'",
    });
  }
  const attention = 4 * dModel * dModel;
  const feedForward = 2 * dModel * dFF;
  const tables = config.tiedEmbeddings ? 1 : 2;
  const parts: [what: string, elements: number][] = [
    [`the vocabulary of ${vocabSize} by ${dModel}`, tables * vocabSize * dModel],
    [`${maxSeqLen} learned positions`, config.positions === 'learned' ? maxSeqLen * dModel : 0],
    [
      `${encoderLayers + decoderLayers} layers of width ${dModel} and ${dFF}`,
      encoderLayers * (attention + feedForward) + decoderLayers * (2 * attention + feedForward),
    ],
  ];
  const needed = 4 * parts.reduce((sum, [, elements]) => sum + elements, 0);
  const runtime = currentRuntime();
  const limit = runtime.heap.maxBytes ?? Number.POSITIVE_INFINITY;
  const free = limit - runtime.memory().persistentInUse;
  if (needed <= free) return;
  const [what, elements] = parts.reduce((a, b) => (b[1] > a[1] ? b : a));
  throw new MemoryError(
    `its parameters need ${needed} bytes, ${4 * elements} of them for ${what}; ${free} of ${limit} are free`,
    {
      op,
      expected: needed,
      actual: free,
      hint: 'lower vocabSize, dModel, dFF or the number of layers, or raise init({ maxMemory })',
    },
  );
}
