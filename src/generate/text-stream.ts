/**
 * @file The text of tokens as they come. What may still change stays back: the bytes of a character until it is whole,
 * the first half of a surrogate pair, and the beginning of a string that ends the text.
 */
import { decodeBytes, unfinishedBytes } from '../utf8.js';
import type { TextCodec } from './codec.js';

const NOTHING = new Uint8Array(0);

/** One text. */
export class TextStream {
  /** Whether one of the stop strings has come. */
  stopped = false;
  readonly #codec: TextCodec;
  readonly #stops: readonly string[];
  #bytes = NOTHING;
  #held = '';

  constructor(codec: TextCodec, stops: readonly string[]) {
    this.#codec = codec;
    this.#stops = stops;
  }

  /** Takes a token and returns the text that is certain now, maybe none. */
  push(id: number): string {
    this.#held += this.#textOf(id);
    const at = this.#stopAt();
    if (at >= 0) {
      this.stopped = true;
      return this.#release(at);
    }
    return this.#release(this.#held.length - this.#waiting());
  }

  /** What is left once nothing comes any more. A character that did not become whole is left out. */
  end(): string {
    if (this.stopped) return '';
    return this.#release(this.#held.length - halfAtEnd(this.#held));
  }

  #release(length: number): string {
    const text = this.#held.slice(0, length);
    this.#held = this.#held.slice(length);
    return text;
  }

  #textOf(id: number): string {
    const codec = this.#codec;
    if (!codec.tokenBytes) return codec.decode([id]);
    const token = codec.tokenBytes(id);
    const bytes = new Uint8Array(this.#bytes.length + token.length);
    bytes.set(this.#bytes);
    bytes.set(token, this.#bytes.length);
    const whole = bytes.length - unfinishedBytes(bytes);
    this.#bytes = bytes.slice(whole);
    return decodeBytes(bytes.subarray(0, whole));
  }

  /** Where the stop string begins that is whole first; of those that end together, the longest. */
  #stopAt(): number {
    let end = Infinity;
    let start = -1;
    for (const stop of this.#stops) {
      const at = this.#held.indexOf(stop);
      if (at < 0 || at + stop.length > end) continue;
      if (at + stop.length < end || at < start) start = at;
      end = at + stop.length;
    }
    return start;
  }

  /** Units at the end that may become something else. */
  #waiting(): number {
    let most = halfAtEnd(this.#held);
    for (const stop of this.#stops) {
      for (let n = Math.min(stop.length - 1, this.#held.length); n > most; n--) {
        if (this.#held.endsWith(stop.slice(0, n))) most = n;
      }
    }
    return most;
  }
}

/** 1 when the text ends in the first half of a surrogate pair. */
function halfAtEnd(text: string): number {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last < 0xdc00 ? 1 : 0;
}
