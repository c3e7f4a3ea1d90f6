import { splitWords } from './tokenize-13a.js';

const LONGEST = 4;
const REPEATS = 4;

/**
 * The share (0 to 1) of texts that end in a repeated loop, the usual way a decoder fails: their last words are
 * some 1 to 4 words said 4 times in a row or more. A loop cut off in the middle counts, its words being a
 * rotation of the loop's. 0 for no texts.
 */
export function repeatedLoopShare(hypotheses: readonly string[]): number {
  if (hypotheses.length === 0) return 0;
  return hypotheses.filter((text) => endsInLoop(splitWords(text))).length / hypotheses.length;
}

function endsInLoop(words: readonly string[]): boolean {
  for (let period = 1; period <= LONGEST; period++) {
    const needed = period * (REPEATS - 1);
    let same = 0;
    for (let i = words.length - 1; i >= period && same < needed && words[i] === words[i - period]; i--)
      same++;
    if (same === needed) return true;
  }
  return false;
}
