/**
 * @file A byte-level BPE tokenizer (Sennrich et al., 2016; bytes as in GPT-2): text is split into pieces, a piece
 * becomes its bytes, and pairs of neighbours are merged in the order the training found them. Ids: special
 * tokens first, then the 256 bytes, then one id for each merge. Text never produces a special id, whatever it
 * says, and every string, lone surrogates included, survives `decode(encode(text))`.
 */
import { checkOptions, checkValue, flag, idList, integer, optional } from '../checks.js';
import { brief, DataError, FormatError } from '../errors.js';
import { isJsonObject, parseStrictJson } from '../json.js';
import { decodeBytes, encodeBytes } from '../utf8.js';
import { MAX_PIECE, pieceEnd } from './pre-split.js';
import { UNICODE_VERSION } from './unicode-table.js';

export const DEFAULT_SPECIAL_TOKENS: readonly string[] = ['<pad>', '<bos>', '<eos>'];

const FORMAT = 'prenorm-tokenizer';
const VERSION = 1;
const JSON_KEYS = ['format', 'version', 'unicode', 'specialTokens', 'merges'];
/** No piece has more bytes, so no merge can: a file that says so is damaged or hostile. */
const MAX_TOKEN_BYTES = (MAX_PIECE + 1) * 3;
/** Of all tokens together: no vocabulary comes near, and 32-bit offsets hold it. */
const MAX_SPELLED_BYTES = 1 << 28;
const MAX_CACHED_PIECES = 32768;

/** Marks around the text. */
export interface EncodeOptions {
  /** Put `bosId` first. Default false. */
  bos?: boolean;
  /** Put `eosId` last. Default false. */
  eos?: boolean;
}

/** What a tokenizer file holds. */
export interface TokenizerJSON {
  format: 'prenorm-tokenizer';
  version: 1;
  /** Version of the Unicode table that splits texts into pieces. */
  unicode: string;
  /** Names of the special tokens, whose ids are 0, 1, …. */
  specialTokens: string[];
  /** Left and right id of each merge, one after the other: (2 * merges). */
  merges: number[];
}

/** Made by `trainBPE` or `Tokenizer.fromJSON`; immutable, and the same ids on every engine. */
export class Tokenizer {
  readonly padId = 0;
  readonly bosId = 1;
  readonly eosId = 2;
  /** Names of the ids 0, 1, 2 and of any further special ids. */
  readonly specialTokens: readonly string[];
  /** Number of ids: special tokens, 256 bytes, merges. */
  readonly vocabSize: number;
  readonly #merges: Int32Array;
  /** Key left * vocabSize + right to the id of the merged pair; a smaller id is merged earlier. */
  readonly #mergedId = new Map<number, number>();
  /** Bytes of all tokens, one after the other; token `id` is [#starts[id], #starts[id + 1]). */
  readonly #bytes: Uint8Array;
  readonly #starts: Int32Array;
  #cache = new Map<string, readonly number[]>();

  /**
   * @param specialTokens pad, bos and eos, then further ones
   * @param merges left and right id of each merge, (2 * merges)
   * @throws FormatError when they do not make a tokenizer
   */
  constructor(specialTokens: readonly string[], merges: ArrayLike<number>) {
    checkSpecialTokens(specialTokens);
    const firstMerge = specialTokens.length + 256;
    if (merges.length % 2 !== 0) {
      throw new FormatError(`merges must hold pairs of ids, got ${merges.length} numbers`, {
        op: 'Tokenizer',
      });
    }
    this.specialTokens = Object.freeze([...specialTokens]);
    this.vocabSize = firstMerge + merges.length / 2;
    this.#starts = new Int32Array(this.vocabSize + 1);
    for (let id = specialTokens.length; id < firstMerge; id++) this.#starts[id + 1] = this.#starts[id] + 1;
    for (let id = firstMerge; id < this.vocabSize; id++) this.#addMerge(id, merges);
    this.#merges = Int32Array.from(merges); // after the checks: items of a file may be anything
    this.#bytes = this.#spellTokens();
  }

  #addMerge(id: number, merges: ArrayLike<number>): void {
    const first = this.specialTokens.length;
    const index = id - first - 256;
    const fail = (what: string) =>
      new FormatError(`merge ${index} ${what}`, { op: 'Tokenizer', hint: REBUILD });
    const pair = [merges[2 * index], merges[2 * index + 1]];
    for (const part of pair) {
      if (!Number.isInteger(part) || part < first || part >= id) {
        throw fail(`must join two ids in [${first}, ${id}), got ${describe(part)}`);
      }
    }
    const key = pair[0] * this.vocabSize + pair[1];
    if (this.#mergedId.has(key)) throw fail(`repeats the pair (${pair[0]}, ${pair[1]})`);
    const starts = this.#starts;
    const length = starts[pair[0] + 1] - starts[pair[0]] + starts[pair[1] + 1] - starts[pair[1]];
    if (length > MAX_TOKEN_BYTES)
      throw fail(`makes a token of ${length} bytes, at most ${MAX_TOKEN_BYTES} can occur`);
    if (starts[id] + length > MAX_SPELLED_BYTES)
      throw fail(`makes tokens of more than ${MAX_SPELLED_BYTES} bytes together`);
    this.#mergedId.set(key, id);
    starts[id + 1] = starts[id] + length;
  }

  #spellTokens(): Uint8Array {
    const first = this.specialTokens.length;
    const starts = this.#starts;
    const bytes = new Uint8Array(starts[this.vocabSize]);
    for (let byte = 0; byte < 256; byte++) bytes[byte] = byte;
    for (let id = first + 256; id < this.vocabSize; id++) {
      let n = starts[id];
      for (const part of this.#merges.subarray(2 * (id - first - 256), 2 * (id - first - 256) + 2)) {
        bytes.copyWithin(n, starts[part], starts[part + 1]);
        n += starts[part + 1] - starts[part];
      }
    }
    return bytes;
  }

  /** The ids of a text, (tokens). Never fails on a string: what has no token of its own is spelled in bytes. */
  encode(text: string, options: EncodeOptions = {}): Int32Array {
    checkOptions('Tokenizer.encode', options, { bos: optional(flag), eos: optional(flag) });
    if (typeof text !== 'string') {
      throw new DataError(`text must be a string, got ${describe(text)}`, {
        op: 'Tokenizer.encode',
        actual: text,
      });
    }
    const ids: number[] = options.bos ? [this.bosId] : [];
    for (let start = 0; start < text.length; ) {
      const end = pieceEnd(text, start);
      const piece = text.slice(start, end);
      const known = this.#cache.get(piece) ?? this.#encodePiece(piece);
      for (let i = 0; i < known.length; i++) ids.push(known[i]);
      start = end;
    }
    if (options.eos) ids.push(this.eosId);
    return Int32Array.from(ids);
  }

  #encodePiece(piece: string): readonly number[] {
    const ids = Array.from(encodeBytes(piece), (byte) => byte + this.specialTokens.length);
    // candidates[i] is what ids[i] and ids[i + 1] would become: the smallest comes first, leftmost first.
    const candidates = ids.map((_, i) => this.#candidate(ids, i));
    for (;;) {
      let best = 0;
      for (let i = 1; i < candidates.length; i++) if (candidates[i] < candidates[best]) best = i;
      if (candidates.length === 0 || candidates[best] === Infinity) break;
      ids.splice(best, 2, candidates[best]);
      candidates.splice(best + 1, 1);
      candidates[best] = this.#candidate(ids, best);
      if (best > 0) candidates[best - 1] = this.#candidate(ids, best - 1);
    }
    if (this.#cache.size >= MAX_CACHED_PIECES) this.#cache = new Map();
    // The key is made anew: a slice would keep the whole text it came from alive.
    this.#cache.set(
      String.fromCharCode(...Array.from({ length: piece.length }, (_, i) => piece.charCodeAt(i))),
      ids,
    );
    return ids;
  }

  #candidate(ids: readonly number[], i: number): number {
    return this.#mergedId.get(ids[i] * this.vocabSize + ids[i + 1]) ?? Infinity;
  }

  /**
   * The text of ids; special ids are skipped, bytes that are no text become U+FFFD.
   * @throws DataError for an id outside [0, vocabSize)
   */
  decode(ids: ArrayLike<number>): string {
    checkValue('Tokenizer.decode', 'ids', ids, idList);
    const { vocabSize } = this;
    let length = 0;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i];
      if (!Number.isInteger(id) || id < 0 || id >= vocabSize) {
        throw new DataError(`id ${String(id)} at position ${i} is not in [0, ${vocabSize})`, {
          op: 'Tokenizer.decode',
          expected: vocabSize,
          actual: id,
          hint: 'was it made with another tokenizer?',
        });
      }
      length += this.#starts[id + 1] - this.#starts[id];
    }
    const bytes = new Uint8Array(length);
    let n = 0;
    for (let i = 0; i < ids.length; i++) {
      for (let k = this.#starts[ids[i]]; k < this.#starts[ids[i] + 1]; k++) bytes[n++] = this.#bytes[k];
    }
    return decodeBytes(bytes);
  }

  /**
   * The bytes of a token, none for a special one: what lets a text be shown as it comes, because a character may
   * have its bytes in several tokens.
   * @throws ConfigError for an id outside [0, vocabSize)
   */
  tokenBytes(id: number): Uint8Array {
    checkValue('Tokenizer.tokenBytes', 'id', id, integer(0, this.vocabSize - 1));
    return this.#bytes.slice(this.#starts[id], this.#starts[id + 1]);
  }

  /** The id of a special token by its name, e.g. `<eos>`; undefined when there is none. */
  specialId(name: string): number | undefined {
    const id = this.specialTokens.indexOf(name);
    return id < 0 ? undefined : id;
  }

  /** What `JSON.stringify(tokenizer)` writes and `Tokenizer.fromJSON` reads. */
  toJSON(): TokenizerJSON {
    return {
      format: FORMAT,
      version: VERSION,
      unicode: UNICODE_VERSION,
      specialTokens: [...this.specialTokens],
      merges: [...this.#merges],
    };
  }

  /**
   * Reads what `toJSON` made, as an object or as text.
   * @throws FormatError naming what is wrong
   */
  static fromJSON(source: unknown): Tokenizer {
    const data = readObject(source);
    for (const key of Object.keys(data))
      if (!JSON_KEYS.includes(key)) throw refuse(`unknown key ${brief(key)}`);
    for (const key of JSON_KEYS) if (!Object.hasOwn(data, key)) throw refuse(`"${key}" is missing`);
    const { format, version, unicode, specialTokens, merges } = data;
    if (format !== FORMAT) throw refuse(`"format" must be "${FORMAT}", got ${describe(format)}`);
    if (version !== VERSION) {
      throw refuse(
        `"version" must be ${VERSION}, got ${describe(version)}`,
        'made by a newer Prenorm: update this one',
      );
    }
    if (unicode !== UNICODE_VERSION) {
      const hint =
        'the split into words may differ: train the tokenizer again, or use the Prenorm that made it';
      throw refuse(`"unicode" must be "${UNICODE_VERSION}", got ${describe(unicode)}`, hint);
    }
    if (!Array.isArray(specialTokens)) throw refuse('"specialTokens" must be an array');
    if (!Array.isArray(merges)) throw refuse('"merges" must be an array');
    return new Tokenizer(specialTokens, merges);
  }
}

const REBUILD = 'is the file damaged? train the tokenizer again or fetch the file again';

function refuse(message: string, hint: string = REBUILD): FormatError {
  return new FormatError(message, { op: 'Tokenizer.fromJSON', hint });
}

function readObject(source: unknown): Record<string, unknown> {
  let data = source;
  if (typeof source === 'string') {
    try {
      data = parseStrictJson(source);
    } catch (cause) {
      if (cause instanceof FormatError) throw refuse(cause.message);
      throw new FormatError('not valid JSON', { op: 'Tokenizer.fromJSON', hint: REBUILD, cause });
    }
  }
  if (!isJsonObject(data)) throw refuse(`must be an object, got ${describe(data)}`);
  return data;
}

function checkSpecialTokens(names: readonly unknown[]): void {
  if (names.length < 3) {
    throw new FormatError(`specialTokens must name pad, bos and eos, got ${names.length}`, {
      op: 'Tokenizer',
    });
  }
  const seen = new Set<unknown>();
  names.forEach((name, i) => {
    const isName = typeof name === 'string' && name !== '';
    if (isName && !seen.has(name)) seen.add(name);
    else {
      const what = isName ? 'is there twice' : 'must be a string that is not empty';
      throw new FormatError(`specialTokens[${i}] ${what}`, { op: 'Tokenizer', actual: name });
    }
  });
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' && value !== null ? 'an object' : brief(value, 60);
}
