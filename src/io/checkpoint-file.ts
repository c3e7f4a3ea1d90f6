/**
 * @file A checkpoint is one safetensors file, so that any tool can read its weights. What else a run needs to
 * go on lies in the metadata, each value as JSON with sorted keys: equal states give equal bytes. A SHA-256 protects
 * the whole file (sealed-file.ts).
 */
import { bytesOf } from '../checks.js';
import { brief, CheckpointError } from '../errors.js';
import { type DecodedTensor, readTensors, type TensorEntry } from './safetensors.js';
import {
  canonicalJson,
  encodeSealed,
  type Json,
  jsonOf,
  openSealed,
  type SealedFormat,
} from './sealed-file.js';

export type { Json } from './sealed-file.js';

/** The format of checkpoints. */
export const checkpointFormat: SealedFormat = {
  name: 'prenorm-checkpoint',
  // 2: the best weights beside the last, as tensors `best.*`.
  version: 2,
  what: 'checkpoint',
  mend: 'use an earlier checkpoint or copy it again',
  other: 'plain weights are read by decodeSafetensors',
};

/** What `encodeCheckpoint` writes: all that a run needs to go on. */
export interface CheckpointContent {
  /** Weights, moments and whatever else is numbers, by name. */
  tensors: ReadonlyMap<string, TensorEntry>;
  /** The full configuration of the run. */
  config: Json;
  /** Where the data continues. */
  cursor: Json;
  /** Seeds and counters of the generator. */
  rng: Json;
  /** Optimizer steps done. */
  step: number;
  /** Which kernels computed this state. */
  kernelHash: string;
  /** What a caller adds: best score so far, schedule state, names. */
  extra?: Json;
  /** The oldest version of the format that has all of this. Default 1. */
  version?: 1 | 2;
}

/** What `decodeCheckpoint` read and checked. */
export interface Checkpoint extends Required<Omit<CheckpointContent, 'tensors' | 'version'>> {
  tensors: Map<string, DecodedTensor>;
}

/** The bytes of a checkpoint file. */
export function encodeCheckpoint(content: CheckpointContent): Uint8Array<ArrayBuffer> {
  const { tensors, config, cursor, rng, step, kernelHash, extra = null, version = 1 } = content;
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new CheckpointError(`step must be an integer from 0, got ${brief(step)}`, {
      op: 'encodeCheckpoint',
    });
  }
  const json = (value: Json, key: string) => canonicalJson('encodeCheckpoint', value, key);
  return encodeSealed(checkpointFormat, tensors, {
    // What older versions can read keeps their number.
    version: String(version),
    kernelHash,
    config: json(config, 'config'),
    cursor: json(cursor, 'cursor'),
    rng: json(rng, 'rng'),
    step: String(step),
    extra: json(extra, 'extra'),
  });
}

/** The content of a checkpoint file; `path` is only for messages. Refuses everything that is not whole. */
export function decodeCheckpoint(file: ArrayBufferView | ArrayBufferLike, path = 'checkpoint'): Checkpoint {
  const bytes = bytesOf('decodeCheckpoint', 'the checkpoint', file);
  const { header } = openSealed(bytes, path, checkpointFormat);
  const { metadata } = header;
  const json = (key: string): Json => jsonOf(metadata, key, path, 'checkpoint');
  const step = Number(metadata.step);
  if (metadata.step === undefined || !Number.isSafeInteger(step) || step < 0) {
    throw new CheckpointError('the checkpoint has no valid "step"', { path, actual: metadata.step });
  }
  if (metadata.kernelHash === undefined)
    throw new CheckpointError('the checkpoint has no "kernelHash"', { path });
  return {
    tensors: readTensors(bytes, header),
    config: json('config'),
    cursor: json('cursor'),
    rng: json('rng'),
    extra: json('extra'),
    step,
    kernelHash: metadata.kernelHash,
  };
}
