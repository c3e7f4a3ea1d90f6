/** @file The small models, data and sets of keys that several rows share. */

import * as textual from '../../src/generate/index.js';
import * as prenorm from '../../src/index.js';
import * as interop from '../../src/interop/index.js';
import { saveModel } from '../../src/io/index.js';
import * as tokenizing from '../../src/tokenizers/index.js';
import { smallLM, smallPair } from '../support.js';

const { nn, data, text, theory, tensor, init } = prenorm;
await init();

export const reduce = { sum: prenorm.sum, mean: prenorm.mean, max: prenorm.max };
export const f32 = (...shape: number[]) =>
  tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), { shape });
export const i32 = (...values: number[]) => tensor(Int32Array.from(values));
export const w = new prenorm.Parameter([2, 4], 'weight');
export const flat: textual.Stepper = {
  batch: 1,
  vocabSize: 4,
  step: (ids) => new Float32Array(ids.length * 4).fill(-1),
  reorder() {},
};
export const search = { bos: 1, eos: 2, maxLength: 2 };
export const searchKeys = { bos: 'whole', eos: 'whole', maxLength: 'whole' } as const;
export const rates = {
  lr: 'notNegative',
  eps: 'positive',
  weightDecay: 'notNegative',
  betas: 'list',
} as const;
export const warmup = { maxLr: 'notNegative', warmupSteps: 'whole' } as const;
export const loss = { smoothing: 'share', count: 'positive' } as const;
export const lm = smallLM();
export const pair = smallPair();
export const lmBatch = { ids: Int32Array.of(3, 4), targets: Int32Array.of(4, 5), batchSize: 1, seqLen: 2 };
export const pairBatch = {
  source: Int32Array.of(3, 4),
  sourceLengths: Int32Array.of(2),
  targetInput: Int32Array.of(1, 4),
  targetLengths: Int32Array.of(2),
  targetOutput: Int32Array.of(4, 2),
  batchSize: 1,
  sourceLen: 2,
  targetLen: 2,
};
export const layer = {
  dModel: 8,
  numHeads: 2,
  dFF: 8,
  normPlacement: 'pre',
  norm: 'layer',
  eps: 1e-5,
  dropout: 0,
  activation: 'relu',
  activationDropout: 0,
} as const;
export const layerKeys = {
  dModel: 'positiveWhole',
  numHeads: 'positiveWhole',
  dFF: 'positiveWhole',
  normPlacement: 'choice',
  norm: 'choice',
  eps: 'positive',
  dropout: 'share',
  activation: 'choice',
  activationDropout: 'share',
  attentionDropout: 'share',
  qkNorm: 'choice',
  residualInit: 'choice',
  mixFraction: 'fraction',
  preFirst: 'flag',
  numKVHeads: 'positiveWhole',
  rotary: 'other',
  gatedFFN: 'flag',
  bias: 'choice',
} as const;
export const stackKeys = {
  ...layerKeys,
  numLayers: 'positiveWhole',
  finalNorm: 'choice',
  otherLayers: 'whole',
} as const;
const tokenModel = {
  vocabSize: 'positiveWhole',
  maxSeqLen: 'positiveWhole',
  numEncoderLayers: 'positiveWhole',
  numDecoderLayers: 'positiveWhole',
  decoderNormPlacement: 'choice',
  embeddingNorm: 'flag',
  tiedEmbeddings: 'flag',
  embeddingScale: 'number',
} as const;
export const { otherLayers: _, rotary: _r, ...sharedKeys } = stackKeys;
export const modelKeys = {
  ...sharedKeys,
  ...tokenModel,
  positions: 'choice',
  ropeTheta: 'positive',
  ropeScaling: 'scaling',
  init: 'choice',
  seed: 'whole',
} as const;
export const sizes = { vocabSize: 23, dModel: 8, numHeads: 2, numLayers: 1 };
const marks = { padId: 0, clsId: 1, sepId: 2, maskId: 3, firstId: 4, endId: 9 };
export const rows = { marks, maxLen: 8, batchSize: 2 };
export const rowKeys = {
  marks: 'other',
  seed: 'whole',
  maxLen: 'positiveWhole',
  batchSize: 'positiveWhole',
  maxTokens: 'positiveWhole',
  lengthMultiple: 'positiveWhole',
} as const;
export const { seed: _rowSeed, ...evaluationRowKeys } = rowKeys;
export const marked = text.trainBPE(['a a b'], { vocabSize: 259 });
export const classifier = new nn.TextClassifier({
  ...sizes,
  vocabSize: 260,
  numClasses: 2,
  multiLabel: true,
});
export const two = Int32Array.of(5, 6);
export const pairs = [{ source: two, target: two }];
export const labelled = [{ first: two, second: two, label: 0 }];
export const texts = { documents: [[two, two]] };
export const batches = { maxTokens: 20, padId: 0, bosId: 1, eosId: 2 };
export const batchKeys = {
  maxTokens: 'positiveWhole',
  seed: 'whole',
  padId: 'whole',
  bosId: 'whole',
  eosId: 'whole',
  sortWindow: 'positiveWhole',
  maxLen: 'positiveWhole',
  onTooLong: 'choice',
  lengthMultiple: 'positiveWhole',
} as const;
/** An evaluation has one order. */
export const { seed: _seed, sortWindow: _window, ...evaluationBatchKeys } = batchKeys;
export const bleu = {
  lowercase: 'flag',
  tokenize: 'choice',
  smooth: 'choice',
  smoothValue: 'notNegative',
  effectiveOrder: 'flag',
} as const;
export const torchKeys = { prefix: 'text', embedding: 'text', output: 'text' } as const;
export const bpe = text.trainBPE(['ab'], { vocabSize: 259 });
export const pretrained = tokenizing.tokenizerFrom({ 'vocab.txt': '[UNK]\n[CLS]\n[SEP]' });
export const torchState = interop.toTorchState(lm);
export const report = new data.DropReport();
export const probe = {
  setting: 'toy',
  placement: 'pre',
  numLayers: 1,
  dModel: 8,
  vocabSize: 5,
  batch: 1,
  length: 2,
  seed: 0,
} as const;
export const probeKeys = {
  setting: 'choice',
  placement: 'choice',
  numLayers: 'positiveWhole',
  dModel: 'positiveWhole',
  vocabSize: 'positiveWhole',
  batch: 'positiveWhole',
  length: 'positiveWhole',
  seed: 'whole',
  tokens: 'choice',
  batches: 'positiveWhole',
  dFF: 'positiveWhole',
} as const;
export const trace = { trace: 'callback' } as const;
export const probeModel = new theory.Probe(probe);

export const savedLM = saveModel(lm);
export const imageRecipe = {
  model: { kind: 'visionTransformer', dModel: 8, numHeads: 2, numLayers: 1, patchSize: 4 },
  data: { kind: 'images', source: 'digits' },
  optimizer: { kind: 'adam', lr: 0.003 },
  steps: 1,
} as const;

export const continuing = { generate: textual.generate, generateText: textual.generateText };
export const tunedBase = {
  kind: 'causalLM',
  config: { ...lm.config, maxSeqLen: 16 },
  tokenizer: bpe,
} as const;
