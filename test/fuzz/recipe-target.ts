/** @file Recipes that are nearly right, with data of every kind. */

import { MemoryError } from '../../src/errors.js';
import { parseJson } from '../../src/json.js';
import { buildRun, checkRecipe, noFiles, openData, type Sources } from '../../src/recipe/index.js';
import { createRuntime } from '../../src/runtime/init.js';
import { type Runtime, withRuntime } from '../../src/runtime/runtime.js';
import { trainBPE } from '../../src/text/index.js';
import { Trainer } from '../../src/train/index.js';
import { decodeText } from '../../src/utf8.js';
import { lm, text as sampleText, translation } from '../cli/corpus.js';
import { pick, treeOf } from './json-tree.js';
import { type FuzzTarget, withDeadline } from './loop.js';
import { jsonFile, must, utf8 } from './nearly-right.js';
import { trained } from './text-targets.js';

const memory: Sources = {
  ...noFiles,
  canRead: true,
  exists: (path) => Object.hasOwn(files, path),
  read: async (path) => (Object.hasOwn(files, path) ? files[path] : noFiles.read(path)),
};
const pairLines = Array.from({ length: 20 }, (_, i) => `ein Satz ${i}\ta sentence ${i}\n`).join('');
const files: Record<string, Uint8Array> = {
  'text.txt': utf8(sampleText),
  'pairs/train.tsv': utf8(pairLines),
  'pairs/valid.tsv': utf8(pairLines),
};
const tiny = { dModel: 16, numHeads: 2, numLayers: 1 };
const rows = { batchSize: 2, maxLen: 24, lengthMultiple: 4, validation: 0.2 };
const rest = { optimizer: { kind: 'adam', lr: 0.01 }, steps: 2 };
const tokenizerOfRows = { kind: 'bpe', vocabSize: 300 };

/** One recipe at least of every kind of data whose content can stand in a file of JSON. */
const recipes = [
  {
    ...lm,
    optimizer: { kind: 'adam', betas: [0.9, 0.98], eps: 1e-9, weightDecay: 0 },
    clipNorm: 1,
    seed: 1,
  },
  { ...lm, optimizer: { kind: 'sgd', momentum: 0.9 }, accumulate: 2, evalEvery: 2, checkpointEvery: 2 },
  {
    ...translation,
    schedule: { kind: 'stepDecay', maxLr: 1, steps: [1, 2], factor: 0.1 },
    labelSmoothing: 0.1,
  },
  {
    ...translation,
    model: {
      kind: 'transformer',
      dModel: 16,
      numHeads: 2,
      normPlacement: 'peri',
      positions: 'learned',
      numLayers: 1,
    },
    trainable: ['all', '!head.*', 'norms'],
    optimizer: {
      kind: 'radam',
      groups: [
        { match: 'norms', lr: 0.1 },
        { match: ['*', '!biases'], weightDecay: 0 },
      ],
    },
    seeds: { model: 1, data: 2, dropout: 3 },
  },
  {
    model: { kind: 'causalLM', ...tiny },
    data: { kind: 'text', text: sampleText, seqLen: 8 },
    tokenizer: { kind: 'chars', maxVocab: 30 },
    ...rest,
  },
  {
    model: { kind: 'causalLM', ...tiny, vocabSize: 9 },
    data: {
      kind: 'tokens',
      ids: Array.from({ length: 60 }, (_, i) => i % 9),
      validation: [1, 2, 3, 4],
      batchSize: 2,
      seqLen: 8,
    },
    ...rest,
  },
  {
    model: { kind: 'maskedLM', ...tiny, numSegments: 2 },
    data: { kind: 'masked', text: sampleText, ...rows, maskedShare: 0.2 },
    tokenizer: tokenizerOfRows,
    ...rest,
  },
  {
    model: { kind: 'textClassifier', ...tiny, numSegments: 2 },
    data: { kind: 'labelledPairs', text: pairLines.replace(/(\d)\n/g, '$1\t$1\n'), ...rows },
    tokenizer: tokenizerOfRows,
    ...rest,
  },
  {
    model: { kind: 'textClassifier', ...tiny, numSegments: 2 },
    data: { kind: 'labelledTexts', text: pairLines, ...rows },
    tokenizer: tokenizerOfRows,
    ...rest,
  },
  {
    model: { kind: 'visionTransformer', ...tiny, patchSize: 2 },
    data: {
      kind: 'images',
      images: Array.from({ length: 64 }, (_, i) => i / 64),
      labels: [0, 1, 0, 1],
      batchSize: 2,
      validation: 0.25,
    },
    ...rest,
  },
  { ...lm, tokenizer: { kind: 'saved', json: trainBPE(['aaa bbb'], { vocabSize: 262 }).toJSON() } },
];

export function recipeTarget(): FuzzTarget {
  let runtime: Runtime;
  return {
    name: 'recipe',
    async reset() {
      runtime = await createRuntime({ maxMemory: 1 << 24 });
    },
    make: (random) => jsonFile(treeOf(pick(random, recipes)), random),
    async run(bytes) {
      const path = 'c.json';
      const recipe = checkRecipe(parseJson(decodeText(bytes, path), path), path);
      const tokenizer = recipe.tokenizer?.kind === 'bpe' ? trained : undefined;
      const opened = await openData(recipe, { sources: memory, tokenizer });
      try {
        const { options } = withDeadline(() => withRuntime(runtime, () => buildRun(recipe, opened)));
        withDeadline(() =>
          withRuntime(runtime, () => {
            new Trainer(options);
            options.data.next();
          }),
        );
        must(typeof (options.schedule?.(1) ?? 0) === 'number', 'a rate is no number');
      } catch (error) {
        // What fits 16 MB is decided here; that nothing huge is tried shows in the bytes allocated.
        if (!(error instanceof MemoryError)) throw error;
      }
    },
  };
}
