/**
 * @file Text to bytes and back. Strings in JavaScript may hold surrogates without a partner, which UTF-8 cannot
 * carry; like WTF-8 (https://simonsapin.github.io/wtf-8/) these functions give such a surrogate three bytes of
 * its own, so every string survives the way there and back. For well-formed strings the bytes are UTF-8.
 */
import { DataError } from './errors.js';

/** Bytes of a string: UTF-8, and three bytes for each lone surrogate. Never fails. */
export function encodeBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length * 3);
  let n = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i)!;
    if (code < 0x80) bytes[n++] = code;
    else {
      if (code < 0x800) bytes[n++] = 0xc0 | (code >> 6);
      else {
        if (code < 0x10000) bytes[n++] = 0xe0 | (code >> 12);
        else {
          i++;
          bytes[n++] = 0xf0 | (code >> 18);
          bytes[n++] = 0x80 | ((code >> 12) & 63);
        }
        bytes[n++] = 0x80 | ((code >> 6) & 63);
      }
      bytes[n++] = 0x80 | (code & 63);
    }
  }
  return bytes.subarray(0, n);
}

/**
 * The text of UTF-8 as the WHATWG Encoding standard has it, a byte order mark included. A page of Jest (jsdom) has no
 * TextDecoder.
 * @throws TypeError when `fatal`, for bytes that are no UTF-8; else they become U+FFFD
 */
export function decodeUtf8(bytes: Uint8Array, fatal = false): string {
  if (typeof TextDecoder === 'function') {
    // A copy, because browsers refuse to decode shared memory.
    return new TextDecoder('utf-8', { fatal, ignoreBOM: true }).decode(new Uint8Array(bytes));
  }
  return decodeBytes(bytes, fatal);
}

/**
 * The inverse of `encodeBytes`. Bytes that are neither UTF-8 nor an encoded surrogate become U+FFFD, one for
 * each maximal part of a sequence, as the WHATWG Encoding standard does. Never fails, unless `fatal`, which as
 * `false` still takes an encoded surrogate for no UTF-8.
 */
export function decodeBytes(bytes: Uint8Array, fatal?: boolean): string {
  const units = new Uint16Array(bytes.length);
  let n = 0;
  for (let i = 0; i < bytes.length; ) {
    const length = sequenceLength(bytes, i, fatal === undefined);
    if (length < 0) {
      if (fatal) throw new TypeError('no UTF-8');
      units[n++] = 0xfffd;
      i -= length;
      continue;
    }
    let code = length === 1 ? bytes[i] : bytes[i] & (0x7f >> length);
    for (let k = 1; k < length; k++) code = (code << 6) | (bytes[i + k] & 63);
    if (code > 0xffff) {
      units[n++] = 0xd7c0 + (code >> 10);
      code = 0xdc00 | (code & 0x3ff);
    }
    units[n++] = code;
    i += length;
  }
  return textOf(units.subarray(0, n));
}

/** How many bytes at the end begin a character that further bytes may complete: 0 to 3. */
export function unfinishedBytes(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const at = bytes.length - back;
    if ((bytes[at] & 0xc0) === 0x80) continue;
    // The ill-formed part reaches the end: nothing in it is wrong yet.
    return bytes[at] >= 0xc2 && bytes[at] <= 0xf4 && sequenceLength(bytes, at, true) === -back ? back : 0;
  }
  return 0;
}

/** Whether a string has a half of a pair of UTF-16 units without the other half. */
export const hasLoneSurrogate = (text: string): boolean => LONE_SURROGATE.test(text);

function textOf(units: Uint16Array): string {
  let text = '';
  for (let i = 0; i < units.length; i += 8192) text += String.fromCharCode(...units.subarray(i, i + 8192));
  return text;
}

/** The longest string V8 makes; others make longer ones. */
const MAX_TEXT = 536870888;

/**
 * The text of a user's file: UTF-8, or UTF-16 where a byte order mark says so (Windows writes it).
 * @param path names the file in the error
 * @throws DataError for anything else; where the bytes look like another encoding, the message names it
 */
export function decodeText(bytes: Uint8Array, path: string): string {
  return decodeUtf16(bytes, path) ?? decodeUtf8Strict(bytes, path);
}

/** A half of a pair of UTF-16 units without the other half. */
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;

/**
 * The text of UTF-16 with a byte order mark; null for what can be UTF-8.
 * @throws DataError for bad UTF-16, for UTF-32, and for both without a mark: there the encoding would be a guess
 */
export function decodeUtf16(bytes: Uint8Array, path: string): string | null {
  const [a, b, c, d] = bytes;
  const little = a === 0xff && b === 0xfe;
  if ((little && c === 0 && d === 0) || (a === 0 && b === 0 && c === 0xfe && d === 0xff)) {
    throw otherEncoding(path, little ? 'UTF-32LE' : 'UTF-32BE', 'is');
  }
  if (!little && !(a === 0xfe && b === 0xff)) {
    const guess = guessEncoding(bytes);
    if (guess) throw otherEncoding(path, guess, 'looks like');
    return null;
  }
  checkLength(bytes.length / 2, 'characters', path);
  const units = new Uint16Array((bytes.length >> 1) - 1);
  const [low, high] = little ? [2, 3] : [3, 2];
  for (let i = 0; i < units.length; i++) units[i] = bytes[2 * i + low] | (bytes[2 * i + high] << 8);
  const text = textOf(units);
  const bad = LONE_SURROGATE.exec(text)?.index ?? (bytes.length % 2 === 1 ? units.length : -1);
  if (bad < 0) return text;
  const line = text.slice(0, bad).split('\n').length;
  throw new DataError(
    `invalid UTF-16 at byte ${2 * bad + 2}${bad < units.length ? '' : ': half a character'}`,
    {
      path: `${path}:${line}`,
      expected: 'UTF-16',
      actual: 2 * bad + 2,
      hint: 'save the file as UTF-8',
    },
  );
}

/**
 * UTF-16 and UTF-32 without a mark, told by their NUL bytes, of which a text in UTF-8 has stray ones at most. In Latin
 * letters every other byte is NUL, elsewhere spaces have one; without spaces the line breaks still do.
 */
function guessEncoding(bytes: Uint8Array): string | null {
  const nul = [0, 0];
  for (let i = bytes.indexOf(0); i >= 0; i = bytes.indexOf(0, i + 1)) nul[i & 1]++;
  const [even, odd] = nul;
  const all = even + odd;
  if (all === 0) return null;
  /** Bytes of line breaks by the parity of their place, and those with a NUL where UTF-16 has it there. */
  const breaks = [0, 0];
  const whole = [0, 0];
  for (let i = bytes.indexOf(10); i >= 0; i = bytes.indexOf(10, i + 1)) {
    breaks[i & 1]++;
    if (bytes[i ^ 1] === 0) whole[i & 1]++;
  }
  const broken = (p: 0 | 1): boolean => whole[p] > 0 && 4 * whole[p] >= breaks[p] && breaks[1 - p] === 0;
  const many = 8 * all >= bytes.length || (all >= 8 && 32 * all >= bytes.length);
  if (!many && !broken(0) && !broken(1)) return null;
  if (8 * all > 5 * bytes.length) return 'UTF-32';
  if (odd > 3 * even || broken(0)) return 'UTF-16LE';
  if (even > 3 * odd || broken(1)) return 'UTF-16BE';
  return 'binary data';
}

function otherEncoding(path: string, encoding: string, verb: 'is' | 'looks like'): DataError {
  const from = /^UTF-\d\d[BL]E$/.test(encoding) ? encoding.toLowerCase() : 'ENCODING';
  const marked = verb === 'is' || encoding === 'binary data' ? '' : ' without a byte order mark';
  return new DataError(`the text ${verb} ${encoding}${marked}, not UTF-8`, {
    path,
    expected: 'UTF-8, or UTF-16 with a byte order mark',
    actual: encoding,
    hint: `save the file as UTF-8, e.g. iconv -f ${from} -t utf-8 ${path}`,
  });
}

function checkLength(length: number, unit: string, path: string): void {
  if (length <= MAX_TEXT) return;
  throw new DataError(`a text of ${length} ${unit}, at most ${MAX_TEXT} fit one string`, {
    path,
    expected: MAX_TEXT,
    actual: length,
    hint: 'split the file',
  });
}

/**
 * The text of a file of UTF-8. A byte order mark at the beginning is dropped.
 * @param path names the file in the error
 * @throws DataError `path:line: invalid UTF-8 at byte N …` for anything else, where N counts from 0
 */
export function decodeUtf8Strict(bytes: Uint8Array, path: string): string {
  checkLength(bytes.length, 'bytes', path);
  for (let i = 0; i < bytes.length; ) {
    const length = sequenceLength(bytes, i, false);
    if (length < 0) throw invalidByte(bytes, i, path);
    i += length;
  }
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return decodeUtf8(bytes.subarray(marked ? 3 : 0));
}

function invalidByte(bytes: Uint8Array, offset: number, path: string): DataError {
  let line = 1;
  for (let i = 0; i < offset; i++) if (bytes[i] === 10) line++;
  const value = `0x${bytes[offset].toString(16).padStart(2, '0').toUpperCase()}`;
  return new DataError(`invalid UTF-8 at byte ${offset} (${value})`, {
    path: `${path}:${line}`,
    expected: 'UTF-8',
    actual: offset,
    hint: `save the file as UTF-8, e.g. iconv -f latin1 -t utf-8 ${path}`,
  });
}

/**
 * Bytes of the well-formed sequence at `i`, or minus the bytes of its maximal ill-formed part. The bounds of the
 * second byte are table 3-7 of the Unicode standard: they shut out overlong forms, surrogates (unless allowed)
 * and everything above U+10FFFF.
 */
function sequenceLength(bytes: Uint8Array, i: number, surrogates: boolean): number {
  const lead = bytes[i];
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return -1;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed && !surrogates ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  const second = bytes[i + 1];
  if (!(second >= low && second <= high)) return -1;
  for (let k = 2; k < length; k++) if ((bytes[i + k] & 0xc0) !== 0x80) return -k;
  return length;
}
