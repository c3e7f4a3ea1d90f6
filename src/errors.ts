/**
 * @file Typed errors. Every error names what was required, what came and how to mend it, in its message
 * and again as fields, so that programs can react without parsing text.
 */

/**
 * `code` of an error: which class it is, as a string that survives a worker's message or another copy of the
 * library.
 */
export type ErrorCode =
  | 'SHAPE'
  | 'CONFIG'
  | 'DATA'
  | 'FORMAT'
  | 'CHECKPOINT'
  | 'MEMORY'
  | 'NUMERIC'
  | 'ENVIRONMENT';

/** What an error says besides its message. */
export interface ErrorFields {
  /** The operation that refused, e.g. `layerNorm`. */
  op?: string;
  /** File or module path the error is about, e.g. `encoder.layers.2.norm1` or `data/train.tsv:17`. */
  path?: string;
  /** What was required. */
  expected?: unknown;
  /** What came. */
  actual?: unknown;
  /** What to do about it, one sentence. */
  hint?: string;
  cause?: unknown;
}

/** Base class of every error Prenorm throws on purpose. */
export class PrenormError extends Error {
  /** Which kind of error it is; the same as its class. */
  readonly code: ErrorCode;
  /** The operation that refused, e.g. `layerNorm`. */
  readonly op?: string;
  /** File or module path the error is about. */
  readonly path?: string;
  /** What was required. */
  readonly expected?: unknown;
  /** What came. */
  readonly actual?: unknown;
  /** What to do about it. */
  readonly hint?: string;

  constructor(code: ErrorCode, message: string, fields: ErrorFields = {}) {
    const where = fields.path ?? fields.op;
    const text = `${where ? `${where}: ` : ''}${message}${fields.hint ? ` (${fields.hint})` : ''}`;
    super(printable(text), fields.cause === undefined ? undefined : { cause: fields.cause });
    this.name = 'PrenormError';
    this.code = code;
    this.op = fields.op;
    this.path = fields.path;
    this.expected = fields.expected;
    this.actual = fields.actual;
    this.hint = fields.hint;
  }
}

/** Names out of files end in messages: no line breaks, no terminal sequences, no megabytes. */
function printable(text: string): string {
  const cut = text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE)}…` : text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return cut.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

const MAX_MESSAGE = 2000;

type ErrorConstructor = new (message: string, fields?: ErrorFields) => PrenormError;

function errorClass(name: string, code: ErrorCode): ErrorConstructor {
  return class extends PrenormError {
    constructor(message: string, fields: ErrorFields = {}) {
      super(code, message, fields);
      this.name = name;
    }
  };
}

/** A tensor has the wrong shape or dtype for the op. */
export class ShapeError extends errorClass('ShapeError', 'SHAPE') {}
/** A configuration key is unknown, missing or out of range. */
export class ConfigError extends errorClass('ConfigError', 'CONFIG') {}
/** Training data cannot be used: empty, malformed line, invalid UTF-8, too long a sequence. */
export class DataError extends errorClass('DataError', 'DATA') {}
/** A file is not what its format promises. */
export class FormatError extends errorClass('FormatError', 'FORMAT') {}
/**
 * A checkpoint or the file of a model is truncated, damaged, of a newer version, has parts that do not belong together,
 * or cannot be written.
 */
export class CheckpointError extends errorClass('CheckpointError', 'CHECKPOINT') {}
/** Memory is exhausted, or a tensor is used after its arena was popped. */
export class MemoryError extends errorClass('MemoryError', 'MEMORY') {}
/** What a NumericError says besides: where training stood. */
export interface NumericFields extends ErrorFields {
  /** The training step (1, 2, …) that failed. */
  step?: number;
  /** Joint gradient norms of the steps before, the latest last. */
  gradNorms?: readonly number[];
  /** Gradient norms of each layer in the last step that was finite. */
  layerGradNorms?: readonly { path: string; norm: number }[];
}

/** A NaN or an infinity appeared; `path` names the first module that produced it, `op` the op. */
export class NumericError extends errorClass('NumericError', 'NUMERIC') {
  /** The training step (1, 2, …) that failed. */
  readonly step?: number;
  /** Joint gradient norms of the steps before, the latest last. */
  readonly gradNorms?: NumericFields['gradNorms'];
  /** Gradient norms of each layer in the last step that was finite. */
  readonly layerGradNorms?: NumericFields['layerGradNorms'];

  constructor(message: string, fields: NumericFields = {}) {
    super(message, fields);
    this.step = fields.step;
    this.gradNorms = fields.gradNorms;
    this.layerGradNorms = fields.layerGradNorms;
  }
}
/** The host lacks something (SIMD, a folder, a loaded runtime). */
export class EnvironmentError extends errorClass('EnvironmentError', 'ENVIRONMENT') {}

/** A value out of a file as text for messages, cut where it is long. */
export function brief(value: unknown, length = 80): string {
  let text: string;
  try {
    // Of an array of numbers its kind says more than the numbers. JSON has no infinities, but 1e999 becomes one.
    if (ArrayBuffer.isView(value)) return `a ${value.constructor.name}`;
    text = (typeof value === 'number' ? undefined : JSON.stringify(value)) ?? String(value);
  } catch {
    text = 'a value that cannot be shown';
  }
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** `[2, 3]` as text, for messages. */
export function formatShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`;
}

/** Refuses keys that `allowed` does not list, naming the nearest one: a typo must never be a silent default. */
export function checkKeys(op: string, given: object, allowed: readonly string[]): void {
  // A date, a map or a promise has no keys of its own either, and would be taken for no options at all.
  if (!/^\[object (Object|Module)\]$/.test(Object.prototype.toString.call(given))) {
    throw new ConfigError(`options must be an object, got ${brief(given)}`, {
      op,
      expected: allowed,
      actual: given,
      hint: `known keys: ${allowed.join(', ')}`,
    });
  }
  for (const key of Object.keys(given)) {
    if (allowed.includes(key)) continue;
    const near = nearest(key, allowed);
    throw new ConfigError(`unknown key ${brief(key)}`, {
      op,
      expected: allowed,
      actual: key,
      hint: near ? `did you mean "${near}"?` : `known keys: ${allowed.join(', ')}`,
    });
  }
}

function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > 64) return undefined; // no slip of the finger, and the distance costs its length
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(previous[j] + 1, row[j - 1] + 1, substitute));
    }
    previous = row;
  }
  return previous[b.length];
}
