/**
 * @file An object out of a tokenizer's file, read key by key. Every key is read, or known to mean nothing for ids, or
 * refused by its name: none is ignored in silence.
 */
import { brief, FormatError } from '../errors.js';
import { isJsonObject } from '../json.js';

/** An object of the file, and where it stands. */
export class JsonPart {
  readonly #keys: Set<string>;

  /** @throws FormatError when the value is no object */
  constructor(
    readonly value: unknown,
    readonly path: string,
  ) {
    if (!isJsonObject(value)) throw refusal(path, 'must be an object', value);
    this.#keys = new Set(Object.keys(value));
  }

  /** A value as it is; undefined when the key is missing. */
  take(key: string): unknown {
    this.#keys.delete(key);
    const object = this.value as Record<string, unknown>;
    return Object.hasOwn(object, key) ? object[key] : undefined;
  }

  text(key: string, otherwise?: string): string {
    return this.#typed(key, 'string', 'a string', otherwise) as string;
  }

  flag(key: string, otherwise?: boolean): boolean {
    return this.#typed(key, 'boolean', 'true or false', otherwise) as boolean;
  }

  /** A whole number from `least` to `most`. */
  whole(key: string, least: number, most: number, otherwise?: number): number {
    const value = this.#typed(key, 'number', 'a number', otherwise) as number;
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    throw refusal(this.at(key), `must be a whole number from ${least} to ${most}`, value);
  }

  /** A list; null and missing are `otherwise`. */
  list(key: string, otherwise?: readonly unknown[]): readonly unknown[] {
    const value = this.take(key) ?? otherwise;
    if (Array.isArray(value)) return value;
    throw refusal(this.at(key), 'must be a list', value);
  }

  /** An object below this one. */
  part(key: string): JsonPart {
    return new JsonPart(this.take(key), this.at(key));
  }

  /** A key whose other values would need what is not there. */
  only(key: string, wanted: readonly unknown[], why: string): void {
    const value = this.take(key);
    if (value === undefined || value === null || wanted.includes(value)) return;
    throw refusal(this.at(key), `must be ${wanted.map((item) => brief(item)).join(' or ')}: ${why}`, value);
  }

  /** Keys that mean nothing for ids or texts. */
  skip(...keys: readonly string[]): this {
    for (const key of keys) this.#keys.delete(key);
    return this;
  }

  /** @throws FormatError for a key that nobody has read */
  done(): void {
    for (const key of this.#keys) {
      throw new FormatError(`the key ${brief(key)} is not known here`, {
        path: this.path,
        actual: key,
        hint: 'it may change ids, so it is not ignored',
      });
    }
  }

  at(key: string): string {
    return `${this.path}.${key}`;
  }

  #typed(key: string, type: string, wanted: string, otherwise: unknown): unknown {
    const value = this.take(key) ?? otherwise;
    if (typeof value === type) return value;
    throw refusal(this.at(key), `must be ${wanted}`, value);
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
    part.done();
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
  part.done();
  return [made];
}
