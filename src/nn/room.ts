/** @file Whether a model fits into memory, and belongs to the file it comes from: asked before any of it is made. */
import { ConfigError, MemoryError } from '../errors.js';
import { currentRuntime } from '../runtime/runtime.js';
import type { ModelConfig } from './config.js';

/** Elements of a table of sinusoids: 8192 positions of 8192 dimensions, some seconds of work. */
const MAX_TABLE = 1 << 26;

/** What a file has, which is all that a model made for it may be. */
export interface FileRoom {
  /** Values of all its tensors. */
  elements: number;
  tensors: number;
}

/** Matrices of the smallest layer: q, k and v, output, and the two of the feed-forward. */
const TENSORS_PER_LAYER = 4;
/** A table of sinusoids is in no file: so large it may always be, or so many times larger than what is. */
const FREE_TABLE = 1 << 20;
const TABLE_RATIO = 64;

let room: FileRoom | null = null;

/** Makes models of which none is larger than a file's content allows: beyond it `checkRoom` throws a ConfigError. */
export function withinFile<T>(file: FileRoom, make: () => T): T {
  const outer = room;
  room = file;
  try {
    return make();
  } finally {
    room = outer;
  }
}

/** What a model's configuration needs beside what all of them have. */
export type RoomConfig = ModelConfig & { numSegments?: number; numClasses?: number; patchWidth?: number };

/**
 * Refuses a model whose matrices alone need more than the memory may grow to, or than its file has. Counting the
 * matrices only, it never refuses what would fit.
 * @throws MemoryError with the bytes needed and what needs most of them; nothing has been allocated then
 * @throws ConfigError when the table of sinusoids is absurd, or a file has less than the model
 */
export function checkRoom(
  op: string,
  config: RoomConfig,
  encoderLayers: number,
  decoderLayers: number,
): void {
  const { vocabSize, dModel, dFF, maxSeqLen, numSegments = 0, numClasses = 0, patchWidth = 0 } = config;
  const sinusoids = config.positions === 'sinusoidal' ? maxSeqLen * dModel : 0;
  if (sinusoids > MAX_TABLE) {
    throw new ConfigError(`maxSeqLen ${maxSeqLen} times dModel ${dModel} exceeds ${MAX_TABLE}`, {
      op,
      expected: MAX_TABLE,
      actual: sinusoids,
      hint: "use fewer positions, or positions 'learned'",
    });
  }
  const attention = 4 * dModel * dModel;
  const feedForward = 2 * dModel * dFF;
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
  if (room) checkFile(op, room, { elements, what, most, layers, sinusoids });
  const needed = 4 * elements;
  const runtime = currentRuntime();
  const limit = runtime.heap.maxBytes ?? Number.POSITIVE_INFINITY;
  const free = limit - runtime.memory().persistentInUse;
  if (needed <= free) return;
  throw new MemoryError(
    `its parameters need ${needed} bytes, ${4 * most} of them for ${what}; ${free} of ${limit} are free`,
    {
      op,
      expected: needed,
      actual: free,
      hint: 'lower vocabSize, dModel, dFF or the number of layers, or raise init({ maxMemory })',
    },
  );
}

interface Needs {
  elements: number;
  what: string;
  most: number;
  layers: number;
  sinusoids: number;
}

function checkFile(op: string, file: FileRoom, { elements, what, most, layers, sinusoids }: Needs): void {
  const refuse = (message: string, expected: number, actual: number) => {
    throw new ConfigError(message, { op, expected, actual });
  };
  if (elements > file.elements) {
    const asked = `it asks for ${elements} values at least, ${most} of them for ${what}`;
    refuse(`${asked}; the file has ${file.elements}`, elements, file.elements);
  }
  const tensors = layers * TENSORS_PER_LAYER;
  if (tensors > file.tensors) {
    refuse(
      `its ${layers} layers have more tensors than the ${file.tensors} of the file`,
      tensors,
      file.tensors,
    );
  }
  const problem = tableProblem({ positions: 'sinusoidal', maxSeqLen: sinusoids, dModel: 1 }, file.elements);
  if (problem) refuse(problem, file.elements, sinusoids);
}

/** What is wrong with the table of sinusoids of a model that has so many values; null for nothing. */
export function tableProblem(config: object, elements: number): string | null {
  const { positions, maxSeqLen, dModel } = config as Partial<ModelConfig>;
  const table = positions === 'sinusoidal' ? (maxSeqLen as number) * (dModel as number) : 0;
  const most = Math.max(FREE_TABLE, TABLE_RATIO * elements);
  if (table <= most) return null;
  return `its table of sinusoids has ${table} values, a file of ${elements} values justifies ${most}: lower maxSeqLen`;
}
