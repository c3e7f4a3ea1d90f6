/**
 * @file Training of a byte-level BPE vocabulary (Sennrich et al., 2016): again and again, the pair of neighbours
 * that occurs most often becomes a new token. Counts are integers and are kept up to date around each merge, so
 * a step costs as much as the merged pair has occurrences, and the result is the same on every engine.
 */
import { callback, checkOptions, integer, optional } from '../checks.js';
import { ConfigError, DataError } from '../errors.js';
import { encodeBytes } from '../utf8.js';
import { PairQueue } from './pair-queue.js';
import { pieceEnd } from './pre-split.js';
import { DEFAULT_SPECIAL_TOKENS, Tokenizer } from './tokenizer.js';

/** Size and special tokens of the vocabulary. */
export interface TrainBPEOptions {
  /** Ids wanted: special tokens + 256 bytes + merges. Fewer come out when no pair is left to merge. */
  vocabSize: number;
  /** A pair must occur this often to be merged. Default 2. */
  minFrequency?: number;
  /** pad, bos and eos, then any further ones; their ids are 0, 1, 2, … Default `<pad> <bos> <eos>`. */
  specialTokens?: readonly string[];
  /** Called after every 64 merges and at the end. */
  onProgress?: (progress: { merges: number; total: number }) => void;
}

/** Tokens are rows of an embedding: a larger vocabulary is a slip of the finger. */
const MAX_VOCAB_SIZE = 1 << 24;
const PROGRESS_EVERY = 64;
/** No id: a border between pieces, or a place emptied by a merge. */
const NOTHING = -1;

/**
 * Learns a tokenizer from texts. The next merge is the pair with the highest count, ties by the smaller left id,
 * then the smaller right id. Text that spells a special token is ordinary text.
 * @throws ConfigError for a vocabulary below 256 + special tokens or another bad option
 * @throws DataError when the texts hold no character, or one is no string
 */
export function trainBPE(texts: Iterable<string>, options: TrainBPEOptions): Tokenizer {
  checkOptions('trainBPE', options, {
    vocabSize: integer(0, MAX_VOCAB_SIZE),
    minFrequency: optional(integer(1)),
    specialTokens: optional({
      wanted: 'a list that names at least pad, bos and eos',
      holds: (names) => Array.isArray(names) && names.length >= 3,
    }),
    onProgress: optional(callback),
  });
  const { vocabSize, minFrequency = 2, specialTokens = DEFAULT_SPECIAL_TOKENS, onProgress } = options;
  checkVocabulary(vocabSize, specialTokens);
  const firstMerge = specialTokens.length + 256;
  const corpus = new Corpus(countPieces(texts), specialTokens.length);
  const queue = new PairQueue(vocabSize);
  corpus.addPairs(queue);

  const merges: number[] = [];
  const total = vocabSize - firstMerge;
  for (let done = 0; done < total; done++) {
    queue.queueFresh(minFrequency);
    const pair = queue.pop(minFrequency);
    if (pair === undefined) break;
    merges.push(pair.left, pair.right);
    corpus.merge(pair.left, pair.right, firstMerge + done, pair.places, queue);
    queue.forget(pair);
    if ((done + 1) % PROGRESS_EVERY === 0) onProgress?.({ merges: done + 1, total });
  }
  onProgress?.({ merges: merges.length / 2, total });
  return new Tokenizer(specialTokens, merges);
}

/** What the rules of single options cannot say. */
function checkVocabulary(vocabSize: number, specialTokens: readonly string[]): void {
  const fail = (message: string, expected: unknown, actual: unknown, hint?: string) => {
    throw new ConfigError(message, { op: 'trainBPE', expected, actual, hint });
  };
  specialTokens.forEach((name, i) => {
    if (typeof name !== 'string' || name === '') fail(`specialTokens[${i}] must be a name`, 'a string', name);
    if (specialTokens.indexOf(name) !== i)
      fail(`specialTokens names "${name}" twice`, 'different names', name);
  });
  const least = 256 + specialTokens.length;
  if (vocabSize >= least) return;
  const hint = `256 bytes and ${specialTokens.length} special tokens need an id each; 500 or more is usual`;
  fail(`vocabSize must be at least ${least}, got ${vocabSize}`, least, vocabSize, hint);
}

/** How often each piece occurs, in order of first occurrence. */
function countPieces(texts: Iterable<string>): Map<string, number> {
  if (typeof texts === 'string') {
    throw new ConfigError('texts must be a list of texts, got one string', {
      op: 'trainBPE',
      hint: 'pass [text]',
    });
  }
  const counts = new Map<string, number>();
  let index = 0;
  for (const text of texts) {
    if (typeof text !== 'string') {
      throw new DataError(`text ${index} is not a string but ${text === null ? 'null' : typeof text}`, {
        op: 'trainBPE',
        expected: 'string',
        actual: text,
      });
    }
    for (let start = 0; start < text.length; ) {
      const end = pieceEnd(text, start);
      const piece = text.slice(start, end);
      counts.set(piece, (counts.get(piece) ?? 0) + 1);
      start = end;
    }
    index++;
  }
  if (counts.size === 0) {
    throw new DataError(index === 0 ? 'the corpus is empty: no texts' : `all ${index} texts are empty`, {
      op: 'trainBPE',
      expected: 'at least one character',
      actual: 0,
      hint: 'check the path and the column the texts come from',
    });
  }
  return counts;
}

/**
 * The distinct pieces as one row of ids with a border before, between and after them; links skip the places
 * that a merge has emptied.
 */
class Corpus {
  readonly #ids: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Frequency of the piece each place belongs to. */
  readonly #frequency: Float64Array;

  constructor(pieces: Map<string, number>, firstByte: number) {
    const spelled = [...pieces].map(([piece, count]) => ({ bytes: encodeBytes(piece), count }));
    const size = spelled.reduce((sum, { bytes }) => sum + bytes.length + 1, 1);
    this.#ids = new Int32Array(size).fill(NOTHING);
    this.#frequency = new Float64Array(size);
    let place = 1;
    for (const { bytes, count } of spelled) {
      for (const byte of bytes) {
        this.#frequency[place] = count;
        this.#ids[place++] = byte + firstByte;
      }
      place++;
    }
    this.#next = Int32Array.from({ length: size }, (_, i) => i + 1);
    this.#previous = Int32Array.from({ length: size }, (_, i) => i - 1);
  }

  addPairs(queue: PairQueue): void {
    const ids = this.#ids;
    for (let i = 1; i + 1 < ids.length; i++) {
      if (ids[i] !== NOTHING && ids[i + 1] !== NOTHING) queue.add(ids[i], ids[i + 1], this.#frequency[i], i);
    }
  }

  /** Makes every (left, right), from the left, one `merged`, and moves the counts of the neighbours' pairs. */
  merge(left: number, right: number, merged: number, places: readonly number[], queue: PairQueue): void {
    const ids = this.#ids;
    for (const place of places) {
      const second = this.#next[place];
      if (ids[place] !== left || ids[second] !== right) continue;
      const before = this.#previous[place];
      const after = this.#next[second];
      const count = this.#frequency[place];
      if (ids[before] !== NOTHING) {
        queue.remove(ids[before], left, count);
        queue.add(ids[before], merged, count, before);
      }
      if (ids[after] !== NOTHING) {
        queue.remove(right, ids[after], count);
        queue.add(merged, ids[after], count, place);
      }
      ids[place] = merged;
      ids[second] = NOTHING;
      this.#next[place] = after;
      this.#previous[after] = place;
    }
  }
}
