/**
 * @file Text to bytes and back. Strings in JavaScript may hold surrogates without a partner, which UTF-8 cannot
 * carry; like WTF-8 (https://simonsapin.github.io/wtf-8/) these functions give such a surrogate three bytes of
 * its own, so every string survives the way there and back. For well-formed strings the bytes are UTF-8.
 */
import { DataError } from './errors.js';

/** Bytes of a string: UTF-8, and three bytes for each lone surrogate. Never fails. */
export function encodeBytes(text: string): Uint8Array {
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
 * The inverse of `encodeBytes`. Bytes that are neither UTF-8 nor an encoded surrogate become U+FFFD, one for
 * each maximal part of a sequence, as the WHATWG Encoding standard does. Never fails.
 */
export function decodeBytes(bytes: Uint8Array): string {
  const units = new Uint16Array(bytes.length);
  let n = 0;
  for (let i = 0; i < bytes.length; ) {
    const length = sequenceLength(bytes, i, true);
    if (length < 0) {
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
  let text = '';
  for (let i = 0; i < n; i += 8192) text += String.fromCharCode(...units.subarray(i, Math.min(n, i + 8192)));
  return text;
}

/** The longest string V8 makes; others make longer ones. */
const MAX_TEXT = 536870888;

/**
 * The text of a file of UTF-8. A byte order mark at the beginning is dropped.
 * @param path names the file in the error
 * @throws DataError `path:line: invalid UTF-8 at byte N …` for anything else, where N counts from 0
 */
export function decodeUtf8Strict(bytes: Uint8Array, path: string): string {
  if (bytes.length > MAX_TEXT) {
    throw new DataError(`a text of ${bytes.length} bytes, at most ${MAX_TEXT} fit one string`, {
      path,
      expected: MAX_TEXT,
      actual: bytes.length,
      hint: 'split the file',
    });
  }
  for (let i = 0; i < bytes.length; ) {
    const length = sequenceLength(bytes, i, false);
    if (length < 0) throw invalidByte(bytes, i, path);
    i += length;
  }
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  // A copy, because browsers refuse to decode shared memory.
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes.slice(marked ? 3 : 0));
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
