/** @file A small recipe of every kind of data, its content standing in it. */
import type { DataKindName, Recipe } from '../../src/recipe/index.js';

export const lines = (count: number, line: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => `${line(i)}\n`).join('');

export const contents = {
  text: lines(40, (i) => `the quick brown fox ${i} jumps over the lazy dog`),
  pairs: lines(30, (i) => `ein Satz ${i}\ta sentence ${i}`),
  labelledPairs: lines(30, (i) => `a sentence ${i}\tanother sentence ${i % 7}\t${i % 3 ? 'same' : 'other'}`),
  labelledTexts: lines(30, (i) => `a sentence ${i}\t${i % 3 ? 'good' : 'bad'}`),
  masked: lines(40, (i) => (i % 11 === 10 ? '' : `the sentence number ${i} of a document`)),
  /** An image a line: the class and sixteen numbers. */
  images: lines(30, (i) =>
    [i % 3, ...Array.from({ length: 16 }, (_, p) => ((i * 7 + p * 5) % 16) / 16)].join(','),
  ),
};

const tiny = { dModel: 16, numHeads: 2, numLayers: 1, dropout: 0.1 } as const;
const training = {
  optimizer: { kind: 'adam' },
  schedule: { kind: 'constant', maxLr: 0.01 },
  steps: 2,
  seed: 3,
} as const;
const bpe = { kind: 'bpe', vocabSize: 280 } as const;
const rows = { batchSize: 4, maxLen: 24, validation: 0.2 } as const;
const cells = contents.images
  .trimEnd()
  .split('\n')
  .map((line) => line.split(',').map(Number));

export const recipes: Record<DataKindName, Recipe> = {
  text: {
    model: { kind: 'causalLM', ...tiny },
    data: { kind: 'text', text: contents.text, batchSize: 2, seqLen: 8 },
    tokenizer: { kind: 'chars' },
    ...training,
  },
  pairs: {
    model: { kind: 'transformer', ...tiny, maxSeqLen: 32 },
    data: { kind: 'pairs', text: contents.pairs, maxTokens: 200 },
    tokenizer: bpe,
    ...training,
  },
  labelledPairs: {
    model: { kind: 'textClassifier', ...tiny, numSegments: 2 },
    data: { kind: 'labelledPairs', text: contents.labelledPairs, ...rows },
    tokenizer: bpe,
    ...training,
  },
  labelledTexts: {
    model: { kind: 'textClassifier', ...tiny, numSegments: 2 },
    data: { kind: 'labelledTexts', text: contents.labelledTexts, ...rows },
    tokenizer: bpe,
    ...training,
  },
  masked: {
    model: { kind: 'maskedLM', ...tiny, numSegments: 2, nextSentence: true },
    data: { kind: 'masked', text: contents.masked, ...rows },
    tokenizer: bpe,
    ...training,
  },
  images: {
    model: { kind: 'visionTransformer', ...tiny, patchSize: 2 },
    data: {
      kind: 'images',
      images: cells.flatMap((row) => row.slice(1)),
      labels: cells.map(([label]) => label),
      batchSize: 4,
    },
    ...training,
  },
  tokens: {
    model: { kind: 'causalLM', ...tiny, vocabSize: 11 },
    data: {
      kind: 'tokens',
      ids: Array.from({ length: 200 }, (_, i) => (i * 7) % 11),
      validation: Array.from({ length: 40 }, (_, i) => (i * 5) % 11),
      batchSize: 2,
      seqLen: 8,
    },
    ...training,
  },
  module: {
    model: { kind: 'maskedLM', ...tiny, vocabSize: 11, maxSeqLen: 8, numSegments: 2, nextSentence: true },
    data: {
      kind: 'module',
      url: new URL('../worker/model-datasets.mjs', import.meta.url).href,
      options: { model: 'maskedLM' },
    },
    ...training,
  },
};
