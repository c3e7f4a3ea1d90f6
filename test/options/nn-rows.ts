/** @file Options of layers and models. */
import * as prenorm from '../../src/index.js';
import type { Row } from './row.js';
import {
  f32,
  layer,
  layerKeys,
  lm,
  lmBatch,
  loss,
  modelKeys,
  pair,
  pairBatch,
  probeModel,
  sharedKeys,
  sizes,
  stackKeys,
  trace,
} from './samples.js';

const { nn } = prenorm;

/** Options of layers and models. */
export const nnRows: Row[] = [
  // nn
  {
    of: ['FeedForward'],
    call: (o) => new nn.FeedForward(2, 3, 'silu', 0, null, o),
    good: {},
    keys: { gated: 'flag', bias: 'flag' },
  },
  {
    of: ['rotaryTable'],
    call: (o) => nn.rotaryTable(4, o),
    good: { maxSeqLen: 3 },
    keys: { maxSeqLen: 'positiveWhole', theta: 'positive', scaling: 'scaling' },
    required: ['maxSeqLen'],
  },
  {
    of: ['rotary'],
    call: (o) => prenorm.rotary(f32(1, 2, 4), f32(2, 4), o),
    good: { numHeads: 1 },
    keys: { numHeads: 'positiveWhole', start: 'whole' },
    required: ['numHeads'],
  },
  {
    of: ['Linear'],
    call: (o) => new nn.Linear(2, 3, o),
    good: {},
    keys: { bias: 'flag', biasRole: 'choice' },
  },
  {
    of: ['MultiHeadAttention'],
    call: (o) => new nn.MultiHeadAttention(8, 2, o),
    good: {},
    keys: {
      qkNorm: 'choice',
      qkWidth: 'choice',
      valueNorm: 'choice',
      innerNorm: 'choice',
      headGain: 'flag',
      eps: 'notNegative',
      numKVHeads: 'positiveWhole',
      rotary: 'other',
      bias: 'choice',
      dropout: 'share',
    },
  },
  ...(['TransformerEncoderLayer', 'TransformerDecoderLayer'] as const).map(
    (name): Row => ({
      of: [name],
      call: (o) => new nn[name](o),
      good: layer,
      keys: layerKeys,
      required: Object.keys(layer),
    }),
  ),
  ...(['TransformerEncoder', 'TransformerDecoder'] as const).map(
    (name): Row => ({
      of: [name],
      call: (o) => new nn[name](o),
      good: { ...layer, numLayers: 1, finalNorm: 'auto' },
      keys: stackKeys,
      required: [...Object.keys(layer), 'numLayers', 'finalNorm'],
    }),
  ),
  ...(['Transformer', 'CausalLM'] as const).map(
    (name): Row => ({
      of: [name],
      call: (o) => new nn[name](o),
      good: sizes,
      keys: modelKeys,
      required: ['vocabSize', 'dModel'],
    }),
  ),
  {
    of: ['resolveConfig'],
    op: 'mine',
    call: (o) => nn.resolveConfig('mine', o),
    good: sizes,
    keys: modelKeys,
    required: ['vocabSize', 'dModel'],
  },
  {
    of: ['Module.numParameters'],
    op: 'numParameters',
    call: (o) => lm.numParameters(o),
    good: {},
    keys: { trainable: 'flag' },
  },
  {
    of: ['Module.loadStateDict'],
    op: 'loadStateDict',
    call: (o) => lm.loadStateDict(lm.stateDict(), o),
    good: {},
    keys: { strict: 'flag', path: 'text' },
  },
  { of: ['CausalLM.forward'], op: 'CausalLM', call: (o) => lm.forward(lmBatch, o), good: {}, keys: trace },
  {
    of: ['CausalLM.loss', 'MaskedLM.loss', 'TextClassifier.loss', 'VisionTransformer.loss', 'Probe.loss'],
    op: 'CausalLM.loss',
    call: (o) => lm.loss(lmBatch, o),
    good: {},
    keys: { ...loss, ...trace },
  },
  {
    of: ['Transformer.forward'],
    op: 'Transformer',
    call: (o) => pair.forward(pairBatch, o),
    good: {},
    keys: trace,
  },
  {
    of: ['Transformer.loss'],
    call: (o) => pair.loss(pairBatch, o),
    good: {},
    keys: { ...loss, ...trace },
  },
  {
    of: ['MaskedLM.forward', 'MaskedLM.encode'],
    op: 'MaskedLM',
    call: (o) => new nn.MaskedLM(sizes).forward(lmBatch, o),
    good: {},
    keys: trace,
  },
  {
    of: ['TextClassifier.forward'],
    op: 'TextClassifier',
    call: (o) => new nn.TextClassifier({ ...sizes, numClasses: 2 }).forward(lmBatch, o),
    good: {},
    keys: trace,
  },
  {
    of: ['VisionTransformer.forward', 'VisionTransformer.encode'],
    op: 'VisionTransformer',
    call: (o) =>
      new nn.VisionTransformer({
        dModel: 8,
        numLayers: 1,
        imageSize: 2,
        patchSize: 1,
        numClasses: 2,
      }).forward({ images: new Float32Array(4), batchSize: 1 }, o),
    good: {},
    keys: trace,
  },
  {
    of: ['Probe.forward'],
    op: 'Probe',
    call: (o) => probeModel.forward({ ...lmBatch }, o),
    good: {},
    keys: trace,
  },
];

/** Models of their own keys beside those of `resolveConfig`, which refuses in two steps. */
export const models: Row[] = [
  {
    of: ['MaskedLM'],
    call: (o) => new nn.MaskedLM(o),
    good: sizes,
    keys: { ...modelKeys, numSegments: 'whole', nextSentence: 'flag' },
    required: ['vocabSize', 'dModel'],
  },
  {
    of: ['TextClassifier'],
    call: (o) => new nn.TextClassifier(o),
    good: { ...sizes, numClasses: 2 },
    keys: {
      ...modelKeys,
      numSegments: 'whole',
      numClasses: 'positiveWhole',
      pooling: 'choice',
      causal: 'flag',
      multiLabel: 'flag',
      classWeights: 'list',
    },
    required: ['vocabSize', 'dModel', 'numClasses'],
  },
  {
    of: ['VisionTransformer'],
    call: (o) => new nn.VisionTransformer(o),
    good: { dModel: 8, numHeads: 2, numLayers: 1, imageSize: 2, patchSize: 1, numClasses: 2 },
    keys: {
      ...sharedKeys,
      positions: 'choice',
      ropeTheta: 'positive',
      ropeScaling: 'scaling',
      init: 'choice',
      seed: 'whole',
      imageSize: 'positiveWhole',
      patchSize: 'positiveWhole',
      channels: 'positiveWhole',
      numClasses: 'positiveWhole',
    },
    required: ['dModel', 'imageSize', 'patchSize', 'numClasses'],
  },
];
