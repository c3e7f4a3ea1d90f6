/**
 * @file A checkpoint is one safetensors file, so that any tool can read its weights. What else a run needs to
 * go on lies in the metadata, each value as JSON with sorted keys: equal states give equal bytes.
 *
 * `metadata.sha256` protects the whole file: it is the SHA-256 of the file in which these 64 digits themselves
 * are replaced by 64 zeros. A file is judged in this order: is it a checkpoint, of a known version, complete,
 * undamaged; only then is its content believed.
 */
import { brief, CheckpointError, FormatError } from '../errors.js';
import { MAX_JSON_DEPTH, parseStrictJson } from '../json.js';
import {
  type DecodedTensor,
  decodeSafetensors,
  encodeSafetensors,
  readSafetensorsHeader,
  type SafetensorsHeader,
  type TensorEntry,
} from './safetensors.js';
import { Sha256, sha256 } from './sha256.js';

export const CHECKPOINT_FORMAT = 'prenorm-checkpoint';
/** Raised with every change an older Prenorm could not read. */
export const CHECKPOINT_VERSION = 1;

/** Plain JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

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
}

/** What `decodeCheckpoint` read and checked. */
export interface Checkpoint extends Required<Omit<CheckpointContent, 'tensors'>> {
  tensors: Map<string, DecodedTensor>;
}

const NO_DIGEST = '0'.repeat(64);

/** The bytes of a checkpoint file. */
export function encodeCheckpoint(content: CheckpointContent): Uint8Array<ArrayBuffer> {
  const { tensors, config, cursor, rng, step, kernelHash, extra = null } = content;
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new CheckpointError(`step must be an integer from 0, got ${brief(step)}`, {
      op: 'encodeCheckpoint',
    });
  }
  const bytes = encodeSafetensors(tensors, {
    format: CHECKPOINT_FORMAT,
    version: String(CHECKPOINT_VERSION),
    kernelHash,
    config: canonicalJson(config, 'config'),
    cursor: canonicalJson(cursor, 'cursor'),
    rng: canonicalJson(rng, 'rng'),
    step: String(step),
    extra: canonicalJson(extra, 'extra'),
    sha256: NO_DIGEST,
  });
  const header = readSafetensorsHeader(bytes, 'checkpoint');
  const position = digestPosition(header, NO_DIGEST) as number;
  bytes.set(new TextEncoder().encode(sha256(bytes)), position);
  return bytes;
}

/** The content of a checkpoint file; `path` is only for messages. Refuses everything that is not whole. */
export function decodeCheckpoint(bytes: Uint8Array, path: string): Checkpoint {
  const header = readHeader(bytes, path);
  const { metadata } = header;
  if (metadata.format !== CHECKPOINT_FORMAT) {
    throw new CheckpointError('a safetensors file, but not a Prenorm checkpoint', {
      path,
      expected: CHECKPOINT_FORMAT,
      actual: metadata.format,
      hint: 'plain weights are read by loadSafetensors',
    });
  }
  checkVersion(metadata.version, path);
  const expectedBytes = header.dataStart + header.dataBytes;
  if (bytes.length !== expectedBytes) {
    const what = bytes.length < expectedBytes ? 'is truncated' : 'has something appended';
    throw new CheckpointError(
      `the checkpoint ${what}: ${expectedBytes} bytes expected, ${bytes.length} found`,
      {
        path,
        expected: expectedBytes,
        actual: bytes.length,
        hint: 'use an earlier checkpoint or copy it again',
      },
    );
  }
  checkDigest(bytes, header, path);
  const json = (key: string): Json => {
    try {
      return parseStrictJson(metadata[key]) as Json;
    } catch (cause) {
      throw new CheckpointError(`the checkpoint has no valid "${key}"`, { path, cause });
    }
  };
  const step = Number(metadata.step);
  if (metadata.step === undefined || !Number.isSafeInteger(step) || step < 0) {
    throw new CheckpointError('the checkpoint has no valid "step"', { path, actual: metadata.step });
  }
  if (metadata.kernelHash === undefined)
    throw new CheckpointError('the checkpoint has no "kernelHash"', { path });
  return {
    tensors: decodeSafetensors(bytes, path).tensors,
    config: json('config'),
    cursor: json('cursor'),
    rng: json('rng'),
    extra: json('extra'),
    step,
    kernelHash: metadata.kernelHash,
  };
}

function readHeader(bytes: Uint8Array, path: string): SafetensorsHeader {
  try {
    return readSafetensorsHeader(bytes, path);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    const { expected, actual } = cause;
    const text = cause.message.startsWith(`${path}: `) ? cause.message.slice(path.length + 2) : cause.message;
    throw new CheckpointError(`not a readable checkpoint: ${text}`, {
      path,
      expected,
      actual,
      hint: 'use an earlier checkpoint, or check the path',
      cause,
    });
  }
}

function checkVersion(text: string | undefined, path: string): void {
  const version = Number(text);
  const fields = { path, expected: CHECKPOINT_VERSION, actual: text };
  if (text === undefined || !Number.isSafeInteger(version) || version < 1) {
    throw new CheckpointError(`unknown checkpoint version ${brief(text)}`, fields);
  }
  if (version > CHECKPOINT_VERSION) {
    throw new CheckpointError(
      `the checkpoint has version ${version}, this Prenorm reads up to version ${CHECKPOINT_VERSION}`,
      { ...fields, hint: 'update prenorm' },
    );
  }
}

function checkDigest(bytes: Uint8Array, header: SafetensorsHeader, path: string): void {
  const stored = header.metadata.sha256 ?? '';
  const position = digestPosition(header, stored);
  if (!/^[0-9a-f]{64}$/.test(stored) || position === undefined) {
    throw new CheckpointError('the checkpoint has no SHA-256', { path, actual: stored });
  }
  const computed = new Sha256()
    .update(bytes.subarray(0, position))
    .update(new TextEncoder().encode(NO_DIGEST))
    .update(bytes.subarray(position + NO_DIGEST.length))
    .hex();
  if (computed === stored) return;
  throw new CheckpointError('the checkpoint is damaged: its SHA-256 does not match', {
    path,
    expected: stored,
    actual: computed,
    hint: 'use an earlier checkpoint or copy it again',
  });
}

/** Where the digits lie in the file. Quotes inside JSON strings are escaped, so only the entry itself matches. */
function digestPosition(header: SafetensorsHeader, digest: string): number | undefined {
  const entry = '"sha256":"';
  const index = header.text.indexOf(`${entry}${digest}"`);
  if (index < 0) return undefined;
  return 8 + new TextEncoder().encode(header.text.slice(0, index)).length + entry.length;
}

/** JSON with sorted keys. JSON would turn NaN, infinities and undefined into null: they are refused instead. */
function canonicalJson(value: Json, where: string, depth = 0): string {
  if (depth > MAX_JSON_DEPTH) {
    throw new CheckpointError(`${where} is nested deeper than ${MAX_JSON_DEPTH} levels`, {
      op: 'encodeCheckpoint',
    });
  }
  if (Array.isArray(value)) {
    return `[${value.map((item, i) => canonicalJson(item, `${where}[${i}]`, depth + 1)).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const record = value as { readonly [key: string]: Json };
    const fields = Object.keys(record)
      .filter((key) => record[key] !== undefined)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(record[key], `${where}.${key}`, depth + 1)}`);
    return `{${fields.join(',')}}`;
  }
  if (Object.is(value, -0)) return '-0'; // JSON.stringify drops the sign, JSON.parse keeps it
  const isPlain = value === null || typeof value === 'boolean' || typeof value === 'string';
  if (isPlain || (typeof value === 'number' && Number.isFinite(value))) return JSON.stringify(value);
  throw new CheckpointError(`${where} is ${String(value)}, which JSON cannot hold`, {
    op: 'encodeCheckpoint',
    hint: 'store null instead, or put numbers into a tensor',
  });
}
