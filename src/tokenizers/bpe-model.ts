/**
 * @file Byte-pair merging (Sennrich et al., 2016) as files of others have it: words and merges as texts. Characters that
 * have no word become their bytes where the model falls back to them, else the unknown word. A heap orders the merges,
 * because some models (Llama 2) get whole texts as one piece.
 */
import { brief, FormatError } from '../errors.js';
import type { JsonPart } from '../json-part.js';
import { refusal } from '../json-part.js';
import { encodeBytes } from '../utf8.js';
import { MergeQueue } from './merge-queue.js';
import { byteIds, idOf, MAX_ID, readVocabulary, type SubwordModel } from './vocabulary.js';

/** Pieces up to this length are remembered, this many of them. */
const MAX_CACHED_LENGTH = 64;
const MAX_CACHED_PIECES = 16384;
/** Ids fit below it, so a pair of ids is one number. */
const PAIR = MAX_ID + 1;

/** What a file says beside words and merges. */
interface BPEOptions {
  unknown: number | null;
  /** Unknown characters in a row are one unknown word. */
  fusesUnknown: boolean;
  bytes: readonly (number | null)[] | null;
  /** A piece that is a word is not merged at all. */
  wholeWords: boolean;
}

/** Made by `readBPE` or `makeBPE`. */
export class BPEModel implements SubwordModel {
  readonly ids: ReadonlyMap<string, number>;
  /** Key left * 2^24 + right to the merge's rank, and by rank what it makes. */
  readonly #ranks: ReadonlyMap<number, number>;
  readonly #merged: readonly number[];
  readonly #options: BPEOptions;
  #cache = new Map<string, readonly number[]>();

  constructor(
    ids: ReadonlyMap<string, number>,
    ranks: ReadonlyMap<number, number>,
    merged: readonly number[],
    options: BPEOptions,
  ) {
    this.ids = ids;
    this.#ranks = ranks;
    this.#merged = merged;
    this.#options = options;
  }

  encode(piece: string, out: number[]): void {
    const whole = this.#options.wholeWords ? this.ids.get(piece) : undefined;
    if (whole !== undefined) {
      out.push(whole);
      return;
    }
    const known = this.#cache.get(piece);
    const made = known ?? this.#merge(this.#characters(piece));
    for (let i = 0; i < made.length; i++) out.push(made[i]);
    if (known !== undefined || piece.length > MAX_CACHED_LENGTH) return;
    if (this.#cache.size >= MAX_CACHED_PIECES) this.#cache = new Map();
    this.#cache.set(piece, made);
  }

  #characters(piece: string): number[] {
    const { unknown, fusesUnknown, bytes } = this.#options;
    const ids: number[] = [];
    let fusing = false;
    for (const character of piece) {
      const id = this.ids.get(character);
      if (id !== undefined) {
        ids.push(id);
        fusing = false;
        continue;
      }
      const spelled = bytes === null ? null : Array.from(encodeBytes(character), (byte) => bytes[byte]);
      if (spelled?.every((byte) => byte !== null)) {
        ids.push(...(spelled as number[]));
        fusing = false;
      } else if (unknown !== null) {
        if (!fusing) ids.push(unknown);
        fusing = fusesUnknown;
      }
    }
    return ids;
  }

  #merge(ids: number[]): number[] {
    const count = ids.length;
    const queue = new MergeQueue();
    const next = Int32Array.from({ length: count }, (_, i) => i + 1);
    const previous = Int32Array.from({ length: count }, (_, i) => i - 1);
    const offer = (place: number): void => {
      const right = next[place];
      if (place < 0 || right >= count) return;
      const rank = this.#ranks.get(ids[place] * PAIR + ids[right]);
      if (rank !== undefined) queue.push(rank, place, ids[place], ids[right]);
    };
    for (let i = 0; i + 1 < count; i++) offer(i);
    while (!queue.isEmpty) {
      const [rank, place, left, right] = queue.pop();
      const second = next[place];
      // An entry is out of date when either side has been merged since.
      if (second >= count || ids[place] !== left || ids[second] !== right) continue;
      ids[place] = this.#merged[rank];
      ids[second] = -1;
      next[place] = next[second];
      if (next[place] < count) previous[next[place]] = place;
      offer(previous[place]);
      offer(place);
    }
    return ids.filter((id) => id >= 0);
  }
}

/**
 * A model out of words and merges.
 * @param merges pairs of words, in their order
 * @throws FormatError for a merge of what are no words, or that makes none
 */
export function makeBPE(
  ids: ReadonlyMap<string, number>,
  merges: Iterable<readonly [string, string]>,
  path: string,
  options: Partial<BPEOptions> = {},
): BPEModel {
  const ranks = new Map<number, number>();
  const merged: number[] = [];
  for (const [left, right] of merges) {
    const where = `${path}[${merged.length}]`;
    const key = idOf(ids, left, where) * PAIR + idOf(ids, right, where);
    // Of a merge that stands twice, the later one counts, as in the library whose files these are.
    ranks.set(key, merged.length);
    merged.push(idOf(ids, left + right, where));
  }
  return new BPEModel(ids, ranks, merged, {
    unknown: null,
    fusesUnknown: false,
    bytes: null,
    wholeWords: false,
    ...options,
  });
}

/** `model` of type BPE. */
export function readBPE(part: JsonPart): BPEModel {
  const ids = readVocabulary(part.take('vocab'), part.at('vocab'));
  const merges = part.list('merges').map((item, i) => readMerge(item, `${part.at('merges')}[${i}]`));
  part.among('dropout', [0], 'ids would be drawn by chance');
  part.among(
    'continuing_subword_prefix',
    [''],
    'a sign at every part of a word but the first is not known here',
  );
  part.among('end_of_word_suffix', [''], 'a sign at the end of words is not known here');
  const unknown = part.take('unk_token') ?? null;
  if (unknown !== null && typeof unknown !== 'string')
    throw refusal(part.at('unk_token'), 'must be a string or null', unknown);
  const options = {
    unknown: unknown === null ? null : idOf(ids, unknown, part.at('unk_token')),
    fusesUnknown: part.flag('fuse_unk', false),
    bytes: part.flag('byte_fallback', false) ? byteIds(ids) : null,
    wholeWords: part.flag('ignore_merges', false),
  };
  return makeBPE(ids, merges, part.at('merges'), options);
}

function readMerge(item: unknown, path: string): [string, string] {
  const sides = typeof item === 'string' ? item.split(' ') : item;
  if (
    Array.isArray(sides) &&
    sides.length === 2 &&
    sides.every((side) => typeof side === 'string' && side !== '')
  )
    return sides as [string, string];
  throw new FormatError(`must be two words, got ${brief(item)}`, { path, actual: brief(item) });
}
