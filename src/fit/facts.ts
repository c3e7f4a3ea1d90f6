/** @file What the rules need to know of the data. */
import type { Parts, ReadData, ReadPairs } from '../recipe/index.js';
import { encodeBytes } from '../utf8.js';
import type { FitFacts, FitTask } from './choose-recipe.js';

/** Facts that do not depend on the budget; of a text, the tokens are still to be counted. */
export type DataFacts = Omit<FitFacts, 'steps' | 'largest' | 'seed'>;

type ReadText = ReadData & { whole: string };
type ReadLabelled = ReadData & { parts: Parts<{ texts: readonly string[] }[]> };

/**
 * Facts of data as `readData` gives them.
 * @param hasValid whether there is a part to validate with
 */
export function factsOf(task: FitTask, read: ReadData, hasValid: boolean): DataFacts {
  if (task === 'lm') return { task, bytes: encodeBytes((read as ReadText).whole).length };
  const { train, valid = [] } =
    task === 'translate' ? (read as ReadPairs).pairs : textsOf((read as ReadLabelled).parts);
  let bytes = 0;
  let longest = 1;
  for (const row of [train, valid].flat()) {
    for (const side of row) {
      const { length } = encodeBytes(side);
      bytes += length;
      longest = Math.max(longest, length);
    }
  }
  return {
    task,
    bytes,
    rows: train.length + valid.length,
    longest,
    ...(hasValid ? { validRows: valid.length } : {}),
  };
}

/** Both texts of a pair stand in one row. */
function textsOf({ train, valid = [] }: ReadLabelled['parts']): Parts<(readonly string[])[]> {
  const rows = (part: typeof train) => part.map(({ texts }) => [texts.join(' ')]);
  return { train: rows(train), valid: rows(valid) };
}
