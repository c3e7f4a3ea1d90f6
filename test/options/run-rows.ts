/** @file Options of training, recipes, experiments, theory and runtimes. */

import { runConformance } from '../../src/conformance/index.js';
import { makePreset, multi30kRuns, scoreTranslations, translateAll } from '../../src/experiments/index.js';
import { chooseRecipe, cyclicTuning, planTuning } from '../../src/fit/train.js';
import * as prenorm from '../../src/index.js';
import { openData, prepareRun } from '../../src/recipe/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import type { Row } from './row.js';
import { bleu, bpe, imageRecipe, lm, pair, probe, probeKeys, tunedBase } from './samples.js';

const { theory, createRuntime } = prenorm;

/** Options of training, recipes, experiments, theory and runtimes. */
export const runRows: Row[] = [
  // train, recipe
  {
    of: ['cyclicTuning'],
    call: (o) => cyclicTuning(lm, o),
    good: { cycles: 1, predictor: () => false, train() {} },
    keys: { cycles: 'positiveWhole', predictor: 'callback', train: 'callback' },
    required: ['cycles', 'predictor', 'train'],
  },
  {
    of: ['chooseRecipe'],
    call: chooseRecipe,
    good: { task: 'lm', bytes: 1000, tokens: 1000, steps: 10 },
    keys: {
      task: 'choice',
      bytes: 'positiveWhole',
      tokens: 'whole',
      rows: 'whole',
      longest: 'positiveWhole',
      validRows: 'whole',
      steps: 'positiveWhole',
      largest: 'whole',
      seed: 'whole',
    },
    required: ['task', 'bytes', 'steps'],
  },
  {
    of: ['planTuning'],
    call: planTuning,
    good: { base: tunedBase, weights: 'a', data: 'a b c d '.repeat(100), task: 'lm', steps: 1 },
    keys: {
      base: 'other',
      weights: 'other',
      data: 'other',
      task: 'choice',
      trainable: 'list',
      dtype: 'choice',
      rescaleNorms: 'number',
      lr: 'positive',
      steps: 'positiveWhole',
      epochs: 'positive',
      seed: 'whole',
    },
    required: ['base', 'task'],
  },
  ...(['openData', 'prepareRun'] as const).map(
    (name): Row => ({
      of: [name],
      call: (o) => (name === 'openData' ? openData(imageRecipe, o) : prepareRun(imageRecipe, o)),
      good: {},
      keys: { sources: 'other', tokenizer: 'other', tokenizers: 'other' },
    }),
  ),
  // experiments, conformance
  {
    of: ['makePreset'],
    call: (o) => makePreset('quick', o),
    good: {},
    keys: { seed: 'whole', data: 'text', own: 'other', only: 'list' },
  },
  {
    of: ['multi30kRuns'],
    call: multi30kRuns,
    good: {},
    keys: { size: 'choice', seed: 'whole', data: 'text' },
  },
  {
    of: ['translateAll'],
    call: (o) => translateAll(pair, [], bpe, o),
    good: { beamSize: 2, lengthPenalty: 1 },
    keys: {
      beamSize: 'positiveWhole',
      lengthPenalty: 'notNegative',
      nBest: 'positiveWhole',
      maxNewTokens: 'positiveWhole',
      batch: 'positiveWhole',
      defaultLimit: 'choice',
    },
    required: ['beamSize', 'lengthPenalty'],
  },
  {
    of: ['scoreTranslations'],
    op: 'BLEU',
    call: (o) => scoreTranslations(['a b'], ['a b'], o),
    good: {},
    keys: bleu,
  },
  {
    of: ['runConformance'],
    call: runConformance,
    good: { only: [] },
    keys: { only: 'list', onItem: 'callback', replay: 'flag' },
  },
  // theory
  {
    of: ['probe', 'probeHiddenNorms', 'measureInit', 'measureBranchScaling', 'Probe'],
    call: theory.probe,
    good: probe,
    keys: probeKeys,
    required: Object.keys(probe),
  },
  // runtime
  {
    of: ['init', 'createRuntime'],
    call: createRuntime,
    good: {},
    keys: {
      threads: 'positiveWhole',
      arithmetic: 'choice',
      simd: 'choice',
      microKernel: 'choice',
      worker: 'list',
      wasm: 'other',
      maxMemory: 'positiveWhole',
    },
  },
  {
    of: ['createReferenceRuntime'],
    call: createReferenceRuntime,
    good: {},
    keys: { arithmetic: 'choice' },
  },
];
