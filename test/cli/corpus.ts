/** Small data and configurations for the commands' tests. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Config = Record<string, unknown>;

export const lines = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => `${line(i)}\n`).join('');

export const text = lines(60, (i) => `the quick brown fox ${i} jumps over the lazy dog`);

export const lm: Config = {
  task: 'lm',
  data: 'text.txt',
  vocabSize: 280,
  model: { dModel: 16, numHeads: 2, numLayers: 1, dropout: 0.1 },
  steps: 4,
  schedule: { kind: 'constant', maxLr: 0.003 },
  batchSize: 2,
  seqLen: 8,
};

export const translation: Config = {
  task: 'translation',
  data: 'pairs',
  vocabSize: 300,
  model: { dModel: 16, numHeads: 2, numLayers: 1, maxSeqLen: 40 },
  steps: 4,
  schedule: { kind: 'inverseSqrt', maxLr: 0.003, warmupSteps: 2 },
  maxTokens: 200,
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
