/** @file Options of what saves, loads and generates. */

import * as textual from '../../src/generate/index.js';
import * as prenorm from '../../src/index.js';
import * as interop from '../../src/interop/index.js';
import * as tuning from '../../src/interop/tuning.js';
import { loadModel, saveModel } from '../../src/io/index.js';
import type { Row } from './row.js';
import {
  bpe,
  continuing,
  flat,
  lm,
  lmBatch,
  pair,
  savedLM,
  search,
  searchKeys,
  torchKeys,
  torchState,
} from './samples.js';

const { generate, io } = prenorm;

/** Options of what saves, loads and generates. */
export const useRows: Row[] = [
  // io
  {
    of: ['saveModel'],
    call: (o) => saveModel(lm, o),
    good: {},
    keys: { tokenizer: 'other', labels: 'other', recipe: 'other', step: 'whole', spareIds: 'flag' },
  },
  {
    of: ['loadModel'],
    call: (o) => loadModel(savedLM, o),
    good: {},
    keys: { kind: 'choice', dtype: 'choice', path: 'text', tokenizers: 'other', tuning: 'other' },
  },
  // tuning
  {
    of: ['LoraAdapter'],
    call: (o) => new tuning.LoraAdapter(lm, o),
    good: { rank: 2 },
    keys: { rank: 'positiveWhole', alpha: 'positive', targets: 'list', dropout: 'share', seed: 'whole' },
  },
  {
    of: ['LoraAdapter.merge'],
    call: (o) => new tuning.LoraAdapter(lm, { rank: 2 }).merge(o).unmerge(),
    good: {},
    keys: { forGood: 'flag' },
  },
  {
    of: ['saveAdapter'],
    call: (o) => tuning.saveAdapter(new tuning.LoraAdapter(lm, { rank: 2 }), o),
    good: {},
    keys: { base: 'text' },
  },
  {
    of: ['loadAdapter'],
    call: (o) => tuning.loadAdapter(lm, tuning.saveAdapter(new tuning.LoraAdapter(lm, { rank: 2 })), o),
    good: {},
    keys: { otherBase: 'flag' },
  },
  // generate
  {
    of: ['greedy'],
    call: (o) => generate.greedy(flat, o),
    good: search,
    keys: searchKeys,
    required: Object.keys(search),
  },
  {
    of: ['beamSearch'],
    call: (o) => generate.beamSearch(flat, o),
    good: { ...search, beamSize: 2 },
    keys: { ...searchKeys, beamSize: 'positiveWhole', lengthPenalty: 'notNegative' },
    required: [...Object.keys(search), 'beamSize'],
  },
  {
    of: ['sample'],
    call: (o) => generate.sample(flat, o),
    good: { prompt: [1], length: 2, seed: 0 },
    keys: {
      prompt: 'list',
      length: 'whole',
      seed: 'whole',
      temperature: 'positive',
      topK: 'positiveWhole',
      eos: 'whole',
    },
    required: ['prompt', 'length', 'seed'],
  },
  {
    of: ['nBestSearch'],
    call: (o) => textual.nBestSearch(flat, o),
    good: { ...search, beamSize: 2, nBest: 1 },
    keys: {
      ...searchKeys,
      beamSize: 'positiveWhole',
      lengthPenalty: 'notNegative',
      nBest: 'positiveWhole',
    },
    required: [...Object.keys(search), 'beamSize', 'nBest'],
  },
  ...(['generate', 'generateText'] as const).map(
    (name): Row => ({
      of: [name],
      call: (o) => continuing[name](lm, null, [1], o),
      good: { maxNewTokens: 1 },
      keys: {
        maxNewTokens: 'whole',
        temperature: 'notNegative',
        topK: 'positiveWhole',
        topP: 'positive',
        minP: 'fraction',
        repetitionPenalty: 'positive',
        seed: 'whole',
        stop: 'text',
        signal: 'flag',
        eos: 'wholeOrNull',
        context: 'positiveWhole',
      },
    }),
  ),
  {
    of: ['attentionWeights'],
    call: (o) => textual.attentionWeights(lm, lmBatch, o),
    good: { layer: 0 },
    keys: { layer: 'whole', attention: 'choice', heads: 'list' },
    required: ['layer'],
  },
  {
    of: ['translate'],
    call: (o) => textual.translate(pair, bpe, [''], o),
    good: { beamSize: 2, nBest: 2 },
    keys: {
      beamSize: 'positiveWhole',
      lengthPenalty: 'notNegative',
      nBest: 'positiveWhole',
      maxNewTokens: 'positiveWhole',
      batchSize: 'positiveWhole',
      signal: 'flag',
    },
  },
  // io
  {
    of: ['inferTorchConfig', 'loadTorchState', 'loadTorchSafetensors'],
    call: (o) => interop.loadTorchState(lm, torchState, o),
    good: {},
    keys: torchKeys,
  },
  {
    of: ['fromTorchState'],
    call: (o) => interop.fromTorchState(torchState, o),
    good: {},
    keys: { ...torchKeys, causalLM: 'flag' },
  },
  {
    of: ['toTorchState', 'saveTorchSafetensors'],
    call: (o) => interop.saveTorchSafetensors(lm, o),
    good: {},
    keys: torchKeys,
  },
  {
    of: ['CheckpointStore.open'],
    op: 'CheckpointStore',
    call: (o) => io.CheckpointStore.open('x', o),
    good: { slots: {} },
    keys: { backend: 'choice', slots: 'other' },
  },
];
