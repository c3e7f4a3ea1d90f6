/**
 * @file A safetensors file that nobody can change unseen: its metadata name the format, a version and a SHA-256, the
 * rest of what belongs to the weights lies beside them as JSON with sorted keys. Equal contents give equal bytes.
 *
 * `metadata.sha256` protects the whole file: it is the SHA-256 of the file in which these 64 digits themselves
 * are replaced by 64 zeros. A file is judged in this order: is it of the format, of a known version, complete,
 * undamaged; only then is its content believed.
 */
import { bytes } from '../checks.js';
import { brief, CheckpointError, FormatError } from '../errors.js';
import { MAX_JSON_DEPTH, parseStrictJson } from '../json.js';
import { encodeBytes } from '../utf8.js';
import {
  encodeSafetensors,
  readSafetensorsHeader,
  type SafetensorsHeader,
  type TensorEntry,
} from './safetensors.js';
import { sha256 } from './sha256.js';

/** Plain JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One format of sealed files. */
export interface SealedFormat {
  /** `metadata.format`. */
  readonly name: string;
  /** Raised with every change that an older Prenorm could not read. */
  readonly version: number;
  /** What messages call such a file. */
  readonly what: string;
  /** What to do about a file that is damaged. */
  readonly mend: string;
  /** What to do about a file of another format. */
  readonly other: string;
}

const NO_DIGEST = '0'.repeat(64);

/** The bytes of a sealed file. */
export function encodeSealed(
  format: SealedFormat,
  tensors: ReadonlyMap<string, TensorEntry>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const bytes = encodeSafetensors(tensors, {
    format: format.name,
    version: String(format.version),
    ...metadata,
    sha256: NO_DIGEST,
  });
  const header = readSafetensorsHeader(bytes, format.what);
  const position = digestPosition(header, NO_DIGEST) as number;
  bytes.set(encodeBytes(sha256(bytes)), position);
  return bytes;
}

/**
 * The header of a sealed file of one of these formats, whose tensors and metadata may be believed to be as they were
 * written; `path` is only for messages.
 * @throws CheckpointError for everything else
 */
export function openSealed(
  bytes: Uint8Array,
  path: string,
  ...formats: [SealedFormat, ...SealedFormat[]]
): { header: SafetensorsHeader; format: SealedFormat } {
  const header = readHeader(bytes, path, formats[0]);
  const { metadata } = header;
  const format = formats.find(({ name }) => name === metadata.format);
  if (!format) {
    throw new CheckpointError(`a safetensors file, but not a Prenorm ${formats[0].what}`, {
      path,
      expected: formats[0].name,
      actual: metadata.format,
      hint: formats[0].other,
    });
  }
  checkVersion(metadata.version, path, format);
  const expectedBytes = header.dataStart + header.dataBytes;
  if (bytes.length !== expectedBytes) {
    const state = bytes.length < expectedBytes ? 'is truncated' : 'has something appended';
    throw new CheckpointError(
      `the ${format.what} ${state}: ${expectedBytes} bytes expected, ${bytes.length} found`,
      { path, expected: expectedBytes, actual: bytes.length, hint: format.mend },
    );
  }
  checkDigest(bytes, header, path, format);
  return { header, format };
}

/**
 * The value of a key of the metadata.
 * @throws CheckpointError when it is missing or no JSON
 */
export function jsonOf(
  metadata: Readonly<Record<string, string>>,
  key: string,
  path: string,
  what: string,
): Json {
  try {
    return parseStrictJson(metadata[key]) as Json;
  } catch (cause) {
    throw new CheckpointError(`the ${what} has no valid "${key}"`, { path, cause });
  }
}

function readHeader(bytes: Uint8Array, path: string, { what, mend }: SealedFormat): SafetensorsHeader {
  try {
    return readSafetensorsHeader(bytes, path);
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    const { expected, actual } = cause;
    const text = cause.message.startsWith(`${path}: `) ? cause.message.slice(path.length + 2) : cause.message;
    throw new CheckpointError(`not a readable ${what}: ${text}`, {
      path,
      expected,
      actual,
      hint: `${mend}, or check the path`,
      cause,
    });
  }
}

function checkVersion(text: string | undefined, path: string, { what, version: own }: SealedFormat): void {
  const version = Number(text);
  const fields = { path, expected: own, actual: text };
  if (text === undefined || !Number.isSafeInteger(version) || version < 1) {
    throw new CheckpointError(`unknown ${what} version ${brief(text)}`, fields);
  }
  if (version > own) {
    throw new CheckpointError(`the ${what} has version ${version}, this Prenorm reads up to version ${own}`, {
      ...fields,
      hint: 'update prenorm',
    });
  }
}

function checkDigest(
  bytes: Uint8Array,
  header: SafetensorsHeader,
  path: string,
  { what, mend }: SealedFormat,
): void {
  const stored = header.metadata.sha256 ?? '';
  const position = digestPosition(header, stored);
  if (!/^[0-9a-f]{64}$/.test(stored) || position === undefined) {
    throw new CheckpointError(`the ${what} has no SHA-256`, { path, actual: stored });
  }
  const computed = sha256(
    bytes.subarray(0, position),
    encodeBytes(NO_DIGEST),
    bytes.subarray(position + NO_DIGEST.length),
  );
  if (computed === stored) return;
  throw new CheckpointError(`the ${what} is damaged: its SHA-256 does not match`, {
    path,
    expected: stored,
    actual: computed,
    hint: mend,
  });
}

/** Where the digits lie in the file. Quotes inside JSON strings are escaped, so only the entry itself matches. */
function digestPosition(header: SafetensorsHeader, digest: string): number | undefined {
  const entry = '"sha256":"';
  const index = header.text.indexOf(`${entry}${digest}"`);
  if (index < 0) return undefined;
  return 8 + encodeBytes(header.text.slice(0, index)).length + entry.length;
}

/** JSON with sorted keys. JSON would turn NaN, infinities and undefined into null: they are refused instead. */
export function canonicalJson(op: string, value: unknown, where: string, depth = 0): string {
  if (depth > MAX_JSON_DEPTH) {
    throw new CheckpointError(`${where} is nested deeper than ${MAX_JSON_DEPTH} levels`, { op });
  }
  if (Array.isArray(value)) {
    return `[${value.map((item, i) => canonicalJson(op, item, `${where}[${i}]`, depth + 1)).join(',')}]`;
  }
  const isBytes = bytes.holds(value);
  if (typeof value === 'object' && value !== null && !isBytes) {
    const record = value as { readonly [key: string]: unknown };
    const fields = Object.keys(record)
      .filter((key) => record[key] !== undefined)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(op, record[key], `${where}.${key}`, depth + 1)}`);
    return `{${fields.join(',')}}`;
  }
  if (Object.is(value, -0)) return '-0'; // JSON.stringify drops the sign, JSON.parse keeps it
  const isPlain = value === null || typeof value === 'boolean' || typeof value === 'string';
  if (isPlain || (typeof value === 'number' && Number.isFinite(value))) return JSON.stringify(value);
  throw new CheckpointError(`${where} is ${isBytes ? 'a buffer' : String(value)}, which JSON cannot hold`, {
    op,
    hint: 'store null instead, or put numbers into a tensor',
  });
}
