/** @file Whether a model belongs to the file it comes from: its configuration may not ask for more than the file has. */
import { ConfigError } from '../errors.js';
import type { ModelConfig } from './config.js';
import { type Needs, withLimit } from './room.js';

/** What a file has, which is all that a model made for it may be. */
export interface FileRoom {
  /** Values of all its tensors. */
  elements: number;
  tensors: number;
  /** Values that may be missing, for a caller that names the tensors that are. Default 0. */
  missing?: number;
}

/** Matrices of the smallest layer: q, k and v, output, and the two of the feed-forward. */
export const TENSORS_PER_LAYER = 4;
/** A table of sinusoids is in no file: so large it may always be, or so many times larger than what is. */
const FREE_TABLE = 1 << 20;
const TABLE_RATIO = 64;

/** Makes models of which none is larger than a file's content allows: beyond it a ConfigError is thrown. */
export function withinFile<T>(file: FileRoom, make: () => T): T {
  return withLimit((op, needs) => checkFile(op, file, needs), make);
}

function checkFile(op: string, file: FileRoom, { elements, what, most, layers, sinusoids }: Needs): void {
  const refuse = (message: string, expected: number, actual: number) => {
    throw new ConfigError(message, { op, expected, actual });
  };
  if (elements > file.elements + (file.missing ?? 0)) {
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

/** Values that a table of sinusoids or angles may have beside a file of so many values. */
export const mostOfTable = (elements: number): number => Math.max(FREE_TABLE, TABLE_RATIO * elements);

/** What is wrong with the table of sinusoids of a model that has so many values; null for nothing. */
export function tableProblem(config: object, elements: number): string | null {
  const { positions, maxSeqLen, dModel, numHeads } = config as ModelConfig;
  const heads = positions === 'rotary' ? numHeads : 1;
  const table = positions === 'sinusoidal' || positions === 'rotary' ? (maxSeqLen * dModel) / heads : 0;
  const most = mostOfTable(elements);
  if (table <= most) return null;
  return `its table of sinusoids has ${table} values, a file of ${elements} values justifies ${most}: lower maxSeqLen`;
}
