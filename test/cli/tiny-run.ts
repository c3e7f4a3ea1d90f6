/** A translation run of two steps on a folder of eight sentences. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pairsOf } from '../../src/experiments/figures/translation-grid.js';
import { makePreset, type TranslationRun } from '../../src/experiments/index.js';

export function writeTinyData(folder: string, first = 'a b\tb a'): void {
  mkdirSync(folder, { recursive: true });
  const parts = {
    train: [first, 'c d\td c', 'a\ta', 'b d\td b'],
    valid: ['a c\tc a', 'd\td'],
    test: ['c\tc'],
  };
  for (const [part, lines] of Object.entries(parts)) {
    writeFileSync(join(folder, `${part}.tsv`), `${lines.join('\n')}\n`);
  }
}

export function tinyRun(folder: string): TranslationRun {
  const run = makePreset('quick').runs.find(({ kind }) => kind === 'translation') as TranslationRun;
  return {
    ...run,
    recipe: {
      ...run.recipe,
      ...pairsOf(folder, 270, 40),
      model: { ...run.recipe.model, dModel: 8, dFF: 8, numHeads: 2, numLayers: 1 },
      steps: 2,
      evalEvery: 1,
    },
    decode: null,
  };
}
