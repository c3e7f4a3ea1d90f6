/** Small data and recipes for the commands' tests. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Recipe } from '../../src/recipe/index.js';

export const lines = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => `${line(i)}\n`).join('');

export const text = lines(60, (i) => `the quick brown fox ${i} jumps over the lazy dog`);

export const lm: Recipe = {
  model: { kind: 'causalLM', dModel: 16, numHeads: 2, numLayers: 1, dropout: 0.1 },
  data: { kind: 'text', source: 'text.txt', batchSize: 2, seqLen: 8 },
  tokenizer: { kind: 'bpe', vocabSize: 280 },
  optimizer: { kind: 'adam' },
  schedule: { kind: 'constant', maxLr: 0.003 },
  steps: 4,
};

export const translation: Recipe = {
  model: { kind: 'transformer', dModel: 16, numHeads: 2, numLayers: 1, maxSeqLen: 40 },
  data: { kind: 'pairs', source: 'pairs', maxTokens: 200 },
  tokenizer: { kind: 'bpe', vocabSize: 300 },
  optimizer: { kind: 'adam' },
  schedule: { kind: 'inverseSqrt', maxLr: 0.003, warmupSteps: 2 },
  steps: 4,
};

/** text.txt, pairs/*.tsv, lm.json and translation.json. */
export function writeCorpus(folder: string): void {
  const pairs = lines(20, (i) => `ein Satz ${i}\ta sentence ${i}`);
  mkdirSync(join(folder, 'pairs'));
  for (const part of ['train', 'valid', 'test']) writeFileSync(join(folder, `pairs/${part}.tsv`), pairs);
  writeFileSync(join(folder, 'text.txt'), text);
  writeFileSync(join(folder, 'lm.json'), JSON.stringify(lm));
  writeFileSync(join(folder, 'translation.json'), JSON.stringify(translation));
}
