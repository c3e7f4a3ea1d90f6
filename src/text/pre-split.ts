/**
 * @file Splits a text into pieces before byte-pair merging, so that no token crosses a word's edge. Byte-level
 * BPE with such a split is GPT-2's (Radford et al., 2019); the rules here are fewer and free of language:
 * a piece is a run of letters, of numbers, of anything else, or of white space; combining marks stay with what
 * they follow; one plain space before a run belongs to that run. Joined, the pieces are the text.
 */
import { characterClass, LETTER, MARK, SPACE } from './unicode.js';

/** Longer runs are cut, which bounds the time and the memory that one piece can cost (UTF-16 units). */
export const MAX_PIECE = 64;

/** Where the piece that begins at `start` ends (UTF-16 units); `start` must be a piece's start. */
export function pieceEnd(text: string, start: number): number {
  let i = start;
  if (classAt(text, i) === SPACE) {
    const limit = Math.min(text.length, start + MAX_PIECE);
    while (i < limit && classAt(text, i) === SPACE) i++;
    const wordFollows = i < text.length && classAt(text, i) !== SPACE;
    if (!wordFollows || text.charCodeAt(i - 1) !== 0x20) return i;
    if (i - 1 > start) return i - 1;
  }
  const first = classAt(text, i);
  const kind = first === MARK ? LETTER : first;
  for (i += width(text, i); i < text.length && i - start < MAX_PIECE; i += width(text, i)) {
    const next = classAt(text, i);
    if (next !== kind && next !== MARK) break;
  }
  return i;
}

function classAt(text: string, i: number): number {
  const unit = text.charCodeAt(i);
  return characterClass((unit & 0xfc00) === 0xd800 ? text.codePointAt(i)! : unit);
}

/** Units of the code point at `i`: 2 for a surrogate pair. */
function width(text: string, i: number): number {
  return (text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00 ? 2 : 1;
}
