/**
 * @file Checks of options. A function writes its options down as a table of rules; a key that the table does not have,
 * a key that is missing and a value that breaks its rule are refused in the same words everywhere. The type of the table
 * is made from the type of the options, so that none can be left out.
 */
import { brief, ConfigError, checkKeys, DataError } from './errors.js';

/** What a value must be: in words, and as a test. */
export interface Rule {
  readonly wanted: string;
  readonly holds: (value: unknown) => boolean;
}

/** A rule that `undefined` keeps too. */
export interface OptionalRule extends Rule {
  readonly optional: true;
}

/** A rule for every key of `O`. */
export type Rules<O extends object> = {
  readonly [K in keyof O]-?: object extends Pick<O, K> ? OptionalRule : Rule;
};

const numeric = /* @__NO_SIDE_EFFECTS__ */ (wanted: string, holds: (value: number) => boolean): Rule => ({
  wanted,
  holds: (value) => typeof value === 'number' && holds(value),
});

/** A safe integer from `least` to `most`. */
export const integer = /* @__NO_SIDE_EFFECTS__ */ (least: number, most = Number.MAX_SAFE_INTEGER): Rule => {
  const open = least === 1 ? 'a positive integer' : `a whole number >= ${least}`;
  return numeric(
    most === Number.MAX_SAFE_INTEGER ? open : `a whole number from ${least} to ${most}`,
    (value) => Number.isSafeInteger(value) && value >= least && value <= most,
  );
};
/** A seed of the generator. */
export const seed: Rule = integer(0);
/** `name` is what `of` is called. */
export const multipleOf = /* @__NO_SIDE_EFFECTS__ */ (name: string, of: number): Rule =>
  numeric(`a multiple of ${name} ${of}`, (value) => value % of === 0);
/** NaN and infinities too: arithmetic may have made them. */
export const number: Rule = numeric('a number', () => true);
export const finite: Rule = numeric('a finite number', Number.isFinite);
export const positive: Rule = numeric('a finite number > 0', (value) => value > 0 && value < Infinity);
export const notNegative: Rule = numeric('a finite number >= 0', (value) => value >= 0 && value < Infinity);
/** For what must leave something over: dropout, smoothing, momentum. */
export const share: Rule = numeric('a number in [0, 1)', (value) => value >= 0 && value < 1);
export const fraction: Rule = numeric('a number in [0, 1]', (value) => value >= 0 && value <= 1);
export const flag: Rule = { wanted: 'true or false', holds: (value) => typeof value === 'boolean' };
export const text: Rule = { wanted: 'a string', holds: (value) => typeof value === 'string' };
/** An object with these methods, whatever class it is of. */
export const having = /* @__NO_SIDE_EFFECTS__ */ (wanted: string, ...methods: string[]): Rule => ({
  wanted,
  holds: (value) =>
    methods.every((name) => callback.holds((value as Record<string, unknown> | null)?.[name])),
});
/** A string has its letters, which are not meant. */
export const iterable: Rule = {
  wanted: 'an array or another iterable',
  holds: (value) => typeof value === 'object' && !!value && Symbol.iterator in value,
};
/** Ids as a list or an array of numbers; what is in it is checked where it is read. */
export const idList: Rule = {
  wanted: 'an array of ids',
  holds: (value) =>
    typeof value === 'object' && typeof (value as ArrayLike<number> | null)?.length === 'number',
};
export const callback: Rule = { wanted: 'a function', holds: (value) => typeof value === 'function' };
/** An AbortSignal, or as much of one as is asked for. */
export const abortSignal: Rule = {
  wanted: 'an AbortSignal',
  holds: (value) => typeof (value as { aborted?: unknown } | null)?.aborted === 'boolean',
};
/** For what is checked elsewhere. */
export const anything: Rule = { wanted: 'anything', holds: () => true };

export const oneOf = /* @__NO_SIDE_EFFECTS__ */ <T>(...values: readonly T[]): Rule => ({
  wanted: `${values.length > 1 ? 'one of ' : ''}${values.map(String).join(', ')}`,
  holds: (value) => values.includes(value as T),
});

export const either = /* @__NO_SIDE_EFFECTS__ */ (a: Rule, b: Rule): Rule => ({
  wanted: `${a.wanted} or ${b.wanted}`,
  holds: (value) => a.holds(value) || b.holds(value),
});

export const optional = /* @__NO_SIDE_EFFECTS__ */ ({ wanted, holds }: Rule): OptionalRule => ({
  wanted,
  holds: (value) => value === undefined || holds(value),
  optional: true,
});

/** @throws ConfigError when `value` breaks the rule. */
export function checkValue(op: string, name: string, value: unknown, { wanted, holds }: Rule): void {
  if (holds(value)) return;
  throw new ConfigError(`${name} must be ${wanted}, got ${brief(value)}`, {
    op,
    expected: wanted,
    actual: value,
  });
}

/** @throws ConfigError for a key without a rule, a missing key and a value that breaks its rule. */
export function checkOptions<O extends object>(op: string, options: O, rules: Rules<O>): void {
  checkKeys(op, options, Object.keys(rules));
  for (const key of Object.keys(rules) as (keyof O & string)[]) {
    checkValue(op, key, options[key], rules[key]);
  }
}

/**
 * The bytes in whatever holds them: an array of any kind, or an ArrayBuffer as `fetch` gives it, also one of another page
 * or thread.
 * @throws ConfigError for anything else
 */
export function bytesOf(op: string, name: string, value: unknown): Uint8Array {
  checkValue(op, name, value, bytes);
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return new Uint8Array(value as ArrayBuffer);
}

/** Whether a value is of one of these classes of the host, of any page's or thread's copy of them. */
export const hostObject = (value: unknown, ...classes: readonly string[]): boolean =>
  classes.includes(Object.prototype.toString.call(value).slice(8, -1));

export const isBlob = (value: unknown): value is Blob => hostObject(value, 'Blob', 'File');
export const isResponse = (value: unknown): value is Response => hostObject(value, 'Response');

/** The bytes of a Blob or Response; Blobs of Jest's page (jsdom) can be read in the old way only. */
export async function blobBytes(blob: Blob | Response): Promise<Uint8Array<ArrayBuffer>> {
  if (blob.arrayBuffer) return new Uint8Array(await blob.arrayBuffer());
  const reader = new FileReader();
  await new Promise((resolve) => {
    reader.onloadend = resolve;
    reader.readAsArrayBuffer(blob as Blob);
  });
  return new Uint8Array(reader.result as ArrayBuffer);
}

/** Whatever `bytesOf` takes. */
export const bytes: Rule = {
  wanted: 'bytes, e.g. await file.arrayBuffer()',
  // A view of wider elements holds numbers, which are no text and no file.
  holds: (value) =>
    ArrayBuffer.isView(value)
      ? ((value as Partial<Uint8Array>).BYTES_PER_ELEMENT ?? 1) === 1
      : hostObject(value, 'ArrayBuffer', 'SharedArrayBuffer'),
};

/**
 * Refuses what a store into an Int32Array would wrap, cut or turn to 0 without a word.
 * @throws DataError naming the first such value
 */
export function checkInts(op: string, name: string, values: ArrayLike<unknown>): void {
  if (values instanceof Int32Array) return;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value === 'number' && (value | 0) === value) continue;
    throw new DataError(`${name}[${i}] must be an integer of 32 bits, got ${brief(String(value))}`, {
      op,
      expected: 'an integer from -2147483648 to 2147483647',
      actual: value,
    });
  }
}
