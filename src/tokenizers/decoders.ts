/** @file Decoders of tokenizer.json: from the words of ids to a text. */

import { type JsonPart, readTyped, refusal } from '../json-part.js';
import { decodeUtf8, encodeBytes } from '../utf8.js';
import { bytesOfLetters } from './byte-letters.js';
import { readMetaspaceOptions } from './pre-tokenizers.js';
import { checkGrowth, mostOf, readReplace } from './split-pattern.js';

/** `most` is how many characters all words may have together. */
type Step = (words: readonly string[], added: ReadonlySet<string>, most: number) => string[];

/** A private character that no decoder changes, to see what a word becomes inside a text. */
const BESIDE = '\ue123';
const REPLACEMENT = '\ufffd';

const READERS: Readonly<Record<string, (part: JsonPart) => Step>> = {
  ByteLevel(part) {
    part.irrelevant('add_prefix_space', 'trim_offsets', 'use_regex');
    return (words, added) => [textOf(words.map((word) => wordBytes(word, added)))];
  },
  ByteFallback: () => joinBytes,
  Fuse: () => (words) => [words.join('')],
  Metaspace(part) {
    const { sign, scheme } = readMetaspaceOptions(part);
    part.irrelevant('split', 'str_rep');
    return (words) => words.map((word, i) => word.replaceAll(sign, i === 0 && scheme !== 'never' ? '' : ' '));
  },
  Replace(part) {
    const replace = readReplace(part);
    return (words, _, most) => words.map((word) => replace(word, most));
  },
  Strip: readStrip,
  WordPiece(part) {
    const prefix = part.text('prefix', '##');
    const cleans = part.flag('cleanup', true);
    return (words) =>
      words.map((word, i) => {
        const joined = i > 0 && prefix !== '' && word.startsWith(prefix);
        const text = i === 0 ? word : joined ? word.slice(prefix.length) : ` ${word}`;
        return cleans ? cleanUp(text) : text;
      });
  },
};

/** What turns words into a text. */
export class Decoder {
  readonly #steps: readonly Step[];
  readonly #types: readonly string[];
  readonly #added: ReadonlySet<string>;
  readonly #path: string;

  /** @param added contents of added tokens, which are texts as they are */
  constructor(value: unknown, path: string, added: ReadonlySet<string>) {
    const types: string[] = [];
    const readers = Object.entries(READERS).map(([type, read]) => [
      type,
      (part: JsonPart) => {
        types.push(type);
        return read(part);
      },
    ]);
    this.#steps = readTyped(value, path, 'decoder', 'decoders', Object.fromEntries(readers));
    this.#types = types;
    this.#added = added;
    this.#path = path;
  }

  /** The text of words. */
  decode(words: readonly string[]): string {
    if (this.#steps.length === 0) return words.join(' ');
    const most = mostOf(lengthOf(words));
    return this.#steps
      .reduce<readonly string[]>((now, step) => {
        const next = step(now, this.#added, most);
        checkGrowth(lengthOf(next), most, this.#path);
        return next;
      }, words)
      .join('');
  }

  /** The bytes of one word inside a text: with the space in front of it, where words have one. */
  bytesOf(word: string): Uint8Array {
    if (this.#types.includes('ByteLevel')) return wordBytes(word, this.#added);
    const byte = this.#types.includes('ByteFallback') ? byteOf(word) : null;
    if (byte !== null) return Uint8Array.of(byte);
    return encodeBytes(this.decode([BESIDE, word]).slice(BESIDE.length));
  }
}

const lengthOf = (words: readonly string[]): number => words.reduce((sum, word) => sum + word.length, 0);

/** English punctuation and short forms without the space in front of them, as BERT's texts are shown. */
export function cleanUp(text: string): string {
  return text
    .replace(/ ([.?!,])/g, '$1')
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}

const wordBytes = (word: string, added: ReadonlySet<string>): Uint8Array =>
  added.has(word) ? encodeBytes(word) : bytesOfLetters(word);

/** Bytes that are no UTF-8 become U+FFFD as the Encoding standard does it. */
function textOf(parts: readonly Uint8Array[]): string {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let n = 0;
  for (const part of parts) {
    bytes.set(part, n);
    n += part.length;
  }
  return decodeUtf8(bytes);
}

/** The byte that `<0x41>` names. */
function byteOf(word: string): number | null {
  const match = /^<0x([0-9a-fA-F]{2})>$/.exec(word);
  return match === null ? null : Number.parseInt(match[1], 16);
}

/** Runs of byte words become texts; of a run that is no UTF-8, each byte becomes U+FFFD. */
function joinBytes(words: readonly string[]): string[] {
  const out: string[] = [];
  let run: number[] = [];
  const flush = (): void => {
    if (run.length === 0) return;
    try {
      out.push(decodeUtf8(Uint8Array.from(run), true));
    } catch {
      out.push(REPLACEMENT.repeat(run.length));
    }
    run = [];
  };
  for (const word of words) {
    const byte = byteOf(word);
    if (byte !== null) {
      run.push(byte);
      continue;
    }
    flush();
    out.push(word);
  }
  flush();
  return out;
}

/** How many of one character are cut at the ends. */
const MAX_CUT = 1 << 16;

function readStrip(part: JsonPart): Step {
  const content = part.text('content');
  if ([...content].length !== 1) throw refusal(part.at('content'), 'must be one character', content);
  const [start, stop] = [part.whole('start', 0, MAX_CUT), part.whole('stop', 0, MAX_CUT)];
  return (words) =>
    words.map((word) => {
      let from = 0;
      let to = word.length;
      for (let i = 0; i < start && word.startsWith(content, from); i++) from += content.length;
      for (let i = 0; i < stop && to > from && word.endsWith(content, to); i++) to -= content.length;
      return word.slice(from, Math.max(from, to));
    });
}
