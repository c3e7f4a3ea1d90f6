/**
 * @file Unigram (Kudo, 2018): of all ways to cut a piece into words, the one with the highest sum of scores. Scores are
 * added from the left in double precision and compared, nothing else, so every engine finds the same way.
 */
import { brief, FormatError } from '../errors.js';
import { type JsonPart, refusal } from '../json-part.js';
import { encodeBytes } from '../utf8.js';
import { byteIds, type SubwordModel } from './vocabulary.js';

/** What an unknown character costs beyond the worst word. */
const UNKNOWN_PENALTY = 10;
/** No published word comes near; each place of a text may try this many. */
const MAX_WORD_LENGTH = 512;
const MAX_WORDS = 1 << 24;

/** One letter's step in the tree of words. */
interface Step {
  id: number;
  next: Map<number, Step> | null;
}

/** Made by `readUnigram`. */
export class UnigramModel implements SubwordModel {
  readonly ids: ReadonlyMap<string, number>;
  readonly #scores: Float64Array;
  readonly #root: Step = { id: -1, next: null };
  readonly #unknown: number | null;
  readonly #unknownScore: number;
  readonly #bytes: readonly (number | null)[] | null;

  /** @param words and scores by id */
  constructor(
    words: readonly string[],
    scores: readonly number[],
    unknown: number | null,
    fallsBack: boolean,
  ) {
    this.#scores = Float64Array.from(scores);
    this.ids = new Map(words.map((word, id) => [word, id]));
    this.#unknown = unknown;
    this.#unknownScore = scores.reduce((least, score) => Math.min(least, score), Infinity) - UNKNOWN_PENALTY;
    this.#bytes = fallsBack ? byteIds(this.ids) : null;
    for (const [word, id] of this.ids) this.#plant(word, id);
  }

  #plant(word: string, id: number): void {
    let step = this.#root;
    for (let i = 0; i < word.length; i++) {
      step.next ??= new Map();
      const unit = word.charCodeAt(i);
      let child = step.next.get(unit);
      if (child === undefined) {
        child = { id: -1, next: null };
        step.next.set(unit, child);
      }
      step = child;
    }
    step.id = id;
  }

  encode(piece: string, out: number[]): void {
    const words = this.#bestWords(piece);
    let open: string | null = null;
    for (const { id, text } of words) {
      if (id >= 0) {
        if (open !== null) this.#spell(open, out);
        open = null;
        out.push(id);
      } else open = (open ?? '') + text; // unknown characters in a row are one word
    }
    if (open !== null) this.#spell(open, out);
  }

  #spell(text: string, out: number[]): void {
    const bytes = this.#bytes;
    const spelled = bytes === null ? null : Array.from(encodeBytes(text), (byte) => bytes[byte]);
    if (spelled?.every((id) => id !== null)) {
      for (const id of spelled) out.push(id as number);
    } else if (this.#unknown !== null) out.push(this.#unknown);
  }

  /** Words from the left; `id` -1 is an unknown character. */
  #bestWords(piece: string): { id: number; text: string }[] {
    const size = piece.length;
    const score = new Float64Array(size + 1).fill(-Infinity);
    const from = new Int32Array(size + 1).fill(-1);
    const word = new Int32Array(size + 1).fill(-1);
    const reach = (end: number, start: number, id: number, own: number): void => {
      const sum = score[start] + own;
      if (from[end] >= 0 && sum <= score[end]) return;
      score[end] = sum;
      from[end] = start;
      word[end] = id;
    };
    score[0] = 0;
    for (let at = 0; at < size; ) {
      const width = piece.codePointAt(at)! > 0xffff ? 2 : 1;
      let single = false;
      let step: Step | undefined = this.#root;
      for (let end = at; end < size; ) {
        step = step.next?.get(piece.charCodeAt(end++));
        if (step === undefined) break;
        if (step.id < 0) continue;
        // The unknown word itself is worth no more in a text than what it stands for.
        const own = step.id === this.#unknown ? this.#unknownScore : this.#scores[step.id];
        reach(end, at, step.id, own);
        single ||= end - at === width;
      }
      if (!single) reach(at + width, at, -1, this.#unknownScore);
      at += width;
    }
    const words: { id: number; text: string }[] = [];
    for (let end = size; end > 0; end = from[end])
      words.push({ id: word[end], text: piece.slice(from[end], end) });
    return words.reverse();
  }
}

/** `model` of type Unigram. */
export function readUnigram(part: JsonPart): UnigramModel {
  const words: string[] = [];
  const scores: number[] = [];
  const seen = new Set<string>();
  for (const [i, item] of part.list('vocab').entries()) {
    const path = `${part.at('vocab')}[${i}]`;
    const [word, score] = Array.isArray(item) && item.length === 2 ? item : [undefined, undefined];
    if (typeof word !== 'string' || typeof score !== 'number' || !Number.isFinite(score))
      throw refusal(path, 'must be a word and its finite score', item);
    if (word.length > MAX_WORD_LENGTH) {
      throw new FormatError(`has ${word.length} characters, at most ${MAX_WORD_LENGTH} are read`, { path });
    }
    if (seen.has(word)) throw new FormatError(`the word ${brief(word)} stands twice`, { path, actual: word });
    seen.add(word);
    words.push(word);
    scores.push(score);
  }
  if (words.length === 0) throw refusal(part.at('vocab'), 'must have words', []);
  const unknown = part.take('unk_id') ?? null;
  if (
    unknown !== null &&
    !(typeof unknown === 'number' && Number.isInteger(unknown) && words[unknown] !== undefined)
  )
    throw refusal(
      part.at('unk_id'),
      `must be null or an id below ${Math.min(words.length, MAX_WORDS)}`,
      unknown,
    );
  return new UnigramModel(words, scores, unknown as number | null, part.flag('byte_fallback', false));
}
