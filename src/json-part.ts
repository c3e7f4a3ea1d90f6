/**
 * @file An object out of a file of others, read key by key. Every key is read, or known to mean nothing, or refused by its
 * name: none is ignored in silence.
 */
import { brief, FormatError, type PrenormError } from './errors.js';
import { isJsonObject } from './json.js';

/** An object of the file, and where it stands. */
export class JsonPart {
  readonly value: Readonly<Record<string, unknown>>;
  readonly #keys: Set<string>;

  /** @throws FormatError when the value is no object */
  constructor(
    value: unknown,
    readonly path: string,
  ) {
    if (!isJsonObject(value)) throw refusal(path, 'must be an object', value);
    this.value = value;
    this.#keys = new Set(Object.keys(value));
  }

  /** A value as it is; undefined when the key is missing. */
  take(key: string): unknown {
    this.#keys.delete(key);
    return Object.hasOwn(this.value, key) ? this.value[key] : undefined;
  }

  text(key: string, otherwise?: string): string {
    return this.typed(key, 'a string', otherwise, (value) => typeof value === 'string');
  }

  flag(key: string, otherwise?: boolean): boolean {
    return this.typed(key, 'true or false', otherwise, (value) => typeof value === 'boolean');
  }

  number(key: string, otherwise?: number): number {
    return this.typed(key, 'a finite number', otherwise, Number.isFinite);
  }

  /** A whole number from `least` to `most`. */
  whole(key: string, least: number, most: number, otherwise?: number): number {
    const holds = (value: unknown): boolean =>
      Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
    return this.typed(key, `a whole number from ${least} to ${most}`, otherwise, holds);
  }

  /** A list; null and missing are `otherwise`. */
  list(key: string, otherwise?: readonly unknown[]): readonly unknown[] {
    return this.typed(key, 'a list', otherwise, Array.isArray);
  }

  /** An object below this one. */
  part(key: string): JsonPart {
    return new JsonPart(this.take(key), this.at(key));
  }

  /** What a text means, by a table. */
  choice<T>(key: string, table: Readonly<Record<string, T>>, otherwise?: string): T {
    const holds = (value: unknown): boolean => typeof value === 'string' && Object.hasOwn(table, value);
    return table[this.typed<string>(key, `one of ${Object.keys(table).join(', ')}`, otherwise, holds)];
  }

  /** A key whose other values would need what is not there; missing and null are what it has to be. */
  among(key: string, wanted: readonly unknown[], why?: string): void {
    const value = this.take(key) ?? wanted[0];
    if (wanted.includes(value)) return;
    const words = wanted.map((item) => brief(item)).join(' or ');
    throw this.refusal(key, why === undefined ? words : `${words}: ${why}`);
  }

  /** Keys that mean nothing for what is made of it. */
  irrelevant(...keys: readonly string[]): this {
    for (const key of keys) this.#keys.delete(key);
    return this;
  }

  /** @throws the error about a key that nobody has read */
  finish(): void {
    for (const key of this.#keys) throw this.surplus(key);
  }

  at(key: string): string {
    return `${this.path}.${key}`;
  }

  /** The error about a value; `wanted` is what it must be. */
  protected refusal(key: string, wanted: string): PrenormError {
    return refusal(this.at(key), `must be ${wanted}`, this.take(key));
  }

  /** The error about a key that nobody has read. */
  protected surplus(key: string): PrenormError {
    return new FormatError(`the key ${brief(key)} is not known here`, {
      path: this.path,
      actual: key,
      hint: 'it may change what comes out, so it is not ignored',
    });
  }

  /** A value that `holds`; missing and null are `otherwise`. */
  protected typed<T>(
    key: string,
    wanted: string,
    otherwise: T | undefined,
    holds: (value: unknown) => boolean,
  ): T {
    const value = this.take(key) ?? otherwise;
    if (value !== undefined && holds(value)) return value as T;
    throw this.refusal(key, wanted);
  }
}

/** An error about one place of the file. */
export function refusal(path: string, wanted: string, actual: unknown): FormatError {
  const came = actual === undefined ? 'it is missing' : `got ${describe(actual)}`;
  return new FormatError(`${wanted}, ${came}`, { path, actual: describe(actual) });
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return isJsonObject(value) ? 'an object' : brief(value);
}

/** How deep parts of one kind may lie in each other. */
const MAX_NESTING = 16;

/**
 * Reads a part by its `type`, and lists of parts of the same kind inside a `Sequence`, whose list is `listKey`.
 * @throws FormatError for a type that `readers` does not have
 */
export function readTyped<T>(
  value: unknown,
  path: string,
  what: string,
  listKey: string,
  readers: Readonly<Record<string, (part: JsonPart) => T>>,
  nesting = 0,
): T[] {
  if (value === null || value === undefined) return [];
  const part = new JsonPart(value, path);
  const type = part.text('type');
  if (type === 'Sequence') {
    if (nesting >= MAX_NESTING) throw refusal(path, `must not nest deeper than ${MAX_NESTING}`, value);
    const items = part.list(listKey);
    part.finish();
    return items.flatMap((item, i) =>
      readTyped(item, `${path}.${listKey}[${i}]`, what, listKey, readers, nesting + 1),
    );
  }
  if (!Object.hasOwn(readers, type)) {
    throw new FormatError(`there is no ${what} ${brief(type)} here`, {
      path,
      expected: Object.keys(readers),
      actual: type,
      hint: `known are Sequence, ${Object.keys(readers).join(', ')}`,
    });
  }
  const made = readers[type](part);
  part.finish();
  return [made];
}
