/**
 * @file The letters that GPT-2's files write for bytes (Radford et al., 2019): printable bytes of Latin-1 are
 * themselves, the other 68 are U+0100 and on, in their order.
 */
import { encodeBytes } from '../utf8.js';

const LETTERS: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCharCode(printable ? byte : next++);
  });
})();
const BYTES = new Map(LETTERS.map((letter, byte) => [letter.charCodeAt(0), byte]));

/** Bytes as letters. */
export function lettersOf(bytes: Uint8Array): string {
  let out = '';
  for (let i = 0; i < bytes.length; i++) out += LETTERS[bytes[i]];
  return out;
}

/** The bytes that letters stand for; those of the text itself when not all are such letters. */
export function bytesOfLetters(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = BYTES.get(text.charCodeAt(i));
    if (byte === undefined) return encodeBytes(text);
    bytes[i] = byte;
  }
  return bytes;
}
