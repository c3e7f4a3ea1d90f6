/**
 * @file No option of a public function is taken silently: an unknown key, a missing one and a value out of range are
 * typed errors that name the op and the key. Who takes options is read from the sources, and which keys there are from
 * the error itself, so that neither a function nor a key can be left out of the table.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as classifying from '../src/classify/index.js';
import { runConformance } from '../src/conformance/index.js';
import { parseLabelledTexts } from '../src/data/index.js';
import { PrenormError } from '../src/errors.js';
import { makePreset, multi30kRuns, scoreTranslations, translateAll } from '../src/experiments/index.js';
import { chooseRecipe, cyclicTuning } from '../src/fit/train.js';
import * as textual from '../src/generate/index.js';
import * as prenorm from '../src/index.js';
import * as interop from '../src/interop/index.js';
import { loadModel, saveModel } from '../src/io/index.js';
import { decayGroups } from '../src/optim/index.js';
import { openData, prepareRun } from '../src/recipe/index.js';
import { createReferenceRuntime } from '../src/reference/runtime.js';
import * as tokenizing from '../src/tokenizers/index.js';
import { asyncRefusal, smallLM, smallPair } from './support.js';

const test = suite('options');
const { nn, optim, data, text, generate, io, theory, init, createRuntime, tensor } = prenorm;
await init();

/** What must not pass for a value of each kind. */
const wrong = {
  whole: [Number.NaN, -1, 1.5, '2', Number.POSITIVE_INFINITY, null, {}],
  wholeOrNull: [Number.NaN, -1, 1.5, '2', {}],
  positiveWhole: [0, Number.NaN, -1, 1.5, '2', Number.POSITIVE_INFINITY, null],
  number: [Number.NaN, Number.NEGATIVE_INFINITY, '1', null],
  notNegative: [Number.NaN, -0.1, '1', Number.POSITIVE_INFINITY, null],
  positive: [Number.NaN, 0, -0.1, '1', null],
  share: [Number.NaN, -0.1, 1, '0.5', null],
  fraction: [Number.NaN, -0.1, 1.1, '0.5', null],
  flag: ['yes', 1, 0, null],
  choice: ['nonsense', 3, null],
  text: [3, null],
  callback: [3, 'x', null],
  list: [3, null, [Number.NaN]],
  scaling: [3, 'linear', {}, { type: 'linear' }, { type: 'linear', factor: 0 }],
  /** Tensors and the like, which the op itself looks at. */
  other: [],
} satisfies Record<string, unknown[]>;
type Kind = keyof typeof wrong;

interface Row {
  /** Exported names (or `Class.method`) that take these options. */
  of: string[];
  /** What the message names; default: the first of `of`. */
  op?: string;
  call: (options: never) => unknown;
  good: object;
  keys: Record<string, Kind>;
  required?: string[];
}

const reduce = { sum: prenorm.sum, mean: prenorm.mean, max: prenorm.max };
const f32 = (...shape: number[]) => tensor(new Float32Array(shape.reduce((a, b) => a * b, 1)), { shape });
const i32 = (...values: number[]) => tensor(Int32Array.from(values));
const w = new prenorm.Parameter([2, 4], 'weight');
const flat: textual.Stepper = {
  batch: 1,
  vocabSize: 4,
  step: (ids) => new Float32Array(ids.length * 4).fill(-1),
  reorder() {},
};
const search = { bos: 1, eos: 2, maxLength: 2 };
const searchKeys = { bos: 'whole', eos: 'whole', maxLength: 'whole' } as const;
const rates = { lr: 'notNegative', eps: 'positive', weightDecay: 'notNegative', betas: 'list' } as const;
const warmup = { maxLr: 'notNegative', warmupSteps: 'whole' } as const;
const loss = { smoothing: 'share', count: 'positive' } as const;
const lm = smallLM();
const pair = smallPair();
const lmBatch = { ids: Int32Array.of(3, 4), targets: Int32Array.of(4, 5), batchSize: 1, seqLen: 2 };
const pairBatch = {
  source: Int32Array.of(3, 4),
  sourceLengths: Int32Array.of(2),
  targetInput: Int32Array.of(1, 4),
  targetLengths: Int32Array.of(2),
  targetOutput: Int32Array.of(4, 2),
  batchSize: 1,
  sourceLen: 2,
  targetLen: 2,
};
const layer = {
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
const layerKeys = {
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
const stackKeys = {
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
const { otherLayers: _, rotary: _r, ...sharedKeys } = stackKeys;
const modelKeys = {
  ...sharedKeys,
  ...tokenModel,
  positions: 'choice',
  ropeTheta: 'positive',
  ropeScaling: 'scaling',
  init: 'choice',
  seed: 'whole',
} as const;
const sizes = { vocabSize: 23, dModel: 8, numHeads: 2, numLayers: 1 };
const marks = { padId: 0, clsId: 1, sepId: 2, maskId: 3, firstId: 4, endId: 9 };
const rows = { marks, maxLen: 8, batchSize: 2 };
const rowKeys = {
  marks: 'other',
  seed: 'whole',
  maxLen: 'positiveWhole',
  batchSize: 'positiveWhole',
  maxTokens: 'positiveWhole',
  lengthMultiple: 'positiveWhole',
} as const;
const { seed: _rowSeed, ...evaluationRowKeys } = rowKeys;
const marked = text.trainBPE(['a a b'], { vocabSize: 259 });
const classifier = new nn.TextClassifier({ ...sizes, vocabSize: 260, numClasses: 2, multiLabel: true });
const two = Int32Array.of(5, 6);
const pairs = [{ source: two, target: two }];
const labelled = [{ first: two, second: two, label: 0 }];
const texts = { documents: [[two, two]] };
const batches = { maxTokens: 20, padId: 0, bosId: 1, eosId: 2 };
const batchKeys = {
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
const { seed: _seed, sortWindow: _window, ...evaluationBatchKeys } = batchKeys;
const bleu = {
  lowercase: 'flag',
  tokenize: 'choice',
  smooth: 'choice',
  smoothValue: 'notNegative',
  effectiveOrder: 'flag',
} as const;
const torchKeys = { prefix: 'text', embedding: 'text', output: 'text' } as const;
const bpe = text.trainBPE(['ab'], { vocabSize: 259 });
const pretrained = tokenizing.tokenizerFrom({ 'vocab.txt': '[UNK]\n[CLS]\n[SEP]' });
const torchState = interop.toTorchState(lm);
const report = new data.DropReport();
const probe = {
  setting: 'toy',
  placement: 'pre',
  numLayers: 1,
  dModel: 8,
  vocabSize: 5,
  batch: 1,
  length: 2,
  seed: 0,
} as const;
const probeKeys = {
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
const trace = { trace: 'callback' } as const;
const probeModel = new theory.Probe(probe);

const savedLM = saveModel(lm);
const imageRecipe = {
  model: { kind: 'visionTransformer', dModel: 8, numHeads: 2, numLayers: 1, patchSize: 4 },
  data: { kind: 'images', source: 'digits' },
  optimizer: { kind: 'adam', lr: 0.003 },
  steps: 1,
} as const;

const continuing = { generate: textual.generate, generateText: textual.generateText };

/** Functions and constructors with options. */
const table: Row[] = [
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
    keys: { kind: 'choice', path: 'text', tokenizers: 'other' },
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
  // optim
  ...(['Adam', 'AdamW', 'RAdam'] as const).map(
    (name): Row => ({
      of: [name],
      call: (o) => new optim[name]([w], o),
      good: { lr: 1 },
      keys: rates,
      required: ['lr'],
    }),
  ),
  {
    of: ['SGD'],
    call: (o) => new optim.SGD([w], o),
    good: { lr: 1 },
    keys: { lr: 'notNegative', momentum: 'share', nesterov: 'flag', weightDecay: 'notNegative' },
    required: ['lr'],
  },
  {
    of: [],
    op: 'optimizer',
    call: (group) => new optim.SGD([group], { lr: 1 }),
    good: { params: [w] },
    keys: { params: 'other', lr: 'notNegative', weightDecay: 'notNegative' },
  },
  {
    of: ['inverseSqrt'],
    call: optim.inverseSqrt,
    good: { maxLr: 1, warmupSteps: 2 },
    keys: { ...warmup, tailStart: 'positiveWhole' },
    required: ['maxLr', 'warmupSteps'],
  },
  {
    of: ['linearDecay'],
    call: optim.linearDecay,
    good: { maxLr: 1, warmupSteps: 2, totalSteps: 9 },
    keys: { ...warmup, totalSteps: 'positiveWhole' },
    required: ['maxLr', 'warmupSteps', 'totalSteps'],
  },
  {
    of: ['cosine'],
    call: optim.cosine,
    good: { maxLr: 1, warmupSteps: 2, totalSteps: 9 },
    keys: { ...warmup, totalSteps: 'positiveWhole', minLr: 'notNegative' },
    required: ['maxLr', 'warmupSteps', 'totalSteps'],
  },
  {
    of: ['wsd'],
    call: optim.wsd,
    good: { maxLr: 1, warmupSteps: 2, totalSteps: 9 },
    keys: {
      ...warmup,
      totalSteps: 'positiveWhole',
      decaySteps: 'positiveWhole',
      decayShape: 'choice',
      minLr: 'notNegative',
    },
    required: ['maxLr', 'warmupSteps', 'totalSteps'],
  },
  { of: ['constant'], call: optim.constant, good: { maxLr: 1 }, keys: warmup, required: ['maxLr'] },
  {
    of: ['stepDecay'],
    call: optim.stepDecay,
    good: { maxLr: 1, steps: [3] },
    keys: { ...warmup, steps: 'list', factor: 'notNegative' },
    required: ['maxLr', 'steps'],
  },
  {
    of: ['makeSchedule'],
    op: 'constant',
    call: (o: object) => optim.makeSchedule({ kind: 'constant', ...o } as never),
    good: { maxLr: 1 },
    keys: warmup,
    required: ['maxLr'],
  },
  // ops
  {
    of: ['tensor'],
    call: (o) => tensor([1, 2], o),
    good: {},
    keys: { shape: 'list', dtype: 'choice', requiresGrad: 'flag' },
  },
  {
    of: ['attention', 'selfAttention', 'crossAttention'],
    call: (o) => prenorm.attention(f32(1, 2, 4), f32(1, 2, 4), f32(1, 2, 4), o),
    good: { numHeads: 2 },
    keys: {
      numHeads: 'positiveWhole',
      numKVHeads: 'positiveWhole',
      causal: 'flag',
      queryOffset: 'number',
      lengths: 'other',
      dropout: 'share',
      stream: 'text',
    },
    required: ['numHeads'],
  },
  {
    of: ['crossEntropy'],
    call: (o) => prenorm.crossEntropy(f32(2, 3), i32(0, 1), o),
    good: {},
    keys: { ...loss, rowWeights: 'other' },
  },
  {
    of: ['linearCrossEntropy'],
    call: (o) => prenorm.linearCrossEntropy(f32(2, 4), f32(3, 4), i32(0, 1), o),
    good: {},
    keys: loss,
  },
  {
    of: ['customOp'],
    call: prenorm.customOp,
    good: { name: 'mine', forward: (x: never) => x, backward: () => [] },
    keys: { name: 'text', forward: 'callback', backward: 'callback' },
    required: ['name', 'forward', 'backward'],
  },
  {
    of: ['embedding'],
    call: (o) => prenorm.embedding(f32(3, 2), i32(1), o),
    good: {},
    keys: { scale: 'number' },
  },
  {
    of: ['linear'],
    call: (o) => prenorm.linear(f32(2, 4), f32(3, 4), null, o),
    good: {},
    keys: { activation: 'choice', rows: 'other' },
  },
  {
    of: ['matmul'],
    call: (o) => prenorm.matmul(f32(2, 2), f32(2, 2), o),
    good: {},
    keys: { transposeA: 'flag', transposeB: 'flag' },
  },
  {
    of: ['layerNorm', 'addLayerNorm'],
    call: (o) => prenorm.layerNorm(f32(2, 4), f32(4), null, o),
    good: {},
    keys: { eps: 'notNegative', residual: 'other' },
  },
  {
    of: ['rmsNorm', 'addRmsNorm'],
    call: (o) => prenorm.rmsNorm(f32(2, 4), f32(4), o),
    good: {},
    keys: { eps: 'notNegative', residual: 'other' },
  },
  ...(['sum', 'mean', 'max'] as const).map(
    (name): Row => ({
      of: [name],
      call: (o) => reduce[name](f32(2, 3), o),
      good: {},
      keys: { axis: 'number', keepDim: 'flag' },
    }),
  ),
  { of: ['softmax'], call: (o) => prenorm.softmax(f32(2, 3), o), good: {}, keys: { lengths: 'other' } },
  {
    of: ['backward'],
    call: (o) => prenorm.backward(prenorm.sum(w), o),
    good: {},
    keys: { retainGraph: 'flag', weightAt: 'whole' },
  },
  {
    of: ['gradcheck'],
    call: (o) => prenorm.gradcheck(() => prenorm.sum(w), [w], o),
    good: {},
    keys: { epsilon: 'positive', tolerance: 'positive', floor: 'positive', maxElements: 'positiveWhole' },
  },
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
  // data
  {
    of: ['PairBatches'],
    call: (o) => new data.PairBatches(pairs, o),
    good: { ...batches, seed: 0 },
    keys: batchKeys,
    required: [...Object.keys(batches), 'seed'],
  },
  {
    of: ['tokenBatches'],
    call: (o) => data.tokenBatches(pairs, o, 0),
    good: { ...batches, seed: 0 },
    keys: batchKeys,
    required: [...Object.keys(batches), 'seed'],
  },
  {
    of: ['evaluationPairBatches'],
    call: (o) => [...data.evaluationPairBatches(pairs, o)],
    good: batches,
    keys: evaluationBatchKeys,
    required: Object.keys(batches),
  },
  {
    of: ['TextWindows'],
    call: (o) => new data.TextWindows(new Int32Array(9), o),
    good: { batchSize: 1, seqLen: 2, seed: 0 },
    keys: { batchSize: 'positiveWhole', seqLen: 'positiveWhole', seed: 'whole' },
    required: ['batchSize', 'seqLen', 'seed'],
  },
  {
    of: ['evaluationTextWindows'],
    call: (o) => [...data.evaluationTextWindows(new Int32Array(9), o)],
    good: { batchSize: 1, seqLen: 2 },
    keys: { batchSize: 'positiveWhole', seqLen: 'positiveWhole' },
    required: ['batchSize', 'seqLen'],
  },
  {
    of: ['LabelledPairBatches'],
    call: (o) => new data.LabelledPairBatches(labelled, o),
    good: { ...rows, seed: 0 },
    keys: { ...rowKeys, numClasses: 'positiveWhole' },
    required: ['marks', 'maxLen', 'batchSize', 'seed'],
  },
  {
    of: ['parseLabelledTexts'],
    call: (o) => parseLabelledTexts('a\tb', 'x.tsv', undefined, o),
    good: {},
    keys: { labelSeparator: 'text' },
  },
  {
    of: ['parseLabelledPairs'],
    call: (o) => data.parseLabelledPairs('a\ta\tb', 'x.tsv', undefined, o),
    good: {},
    keys: { labelSeparator: 'text' },
  },
  {
    of: ['toPretrained'],
    call: (o) => interop.toPretrained(smallLM({ positions: 'learned', embeddingScale: 1 }), o),
    good: {},
    keys: { maxShardBytes: 'positiveWhole', labels: 'other', tokenizer: 'other' },
  },
  {
    of: ['classify'],
    call: (o) => classifying.classify(classifier, marked, ['a', 'b'], ['a'], o),
    good: {},
    keys: { threshold: 'fraction', onTooLong: 'choice', batchSize: 'positiveWhole' },
  },
  {
    of: ['describeReport'],
    call: (o) => classifying.describeReport(classifying.classificationReport(['a'], ['a'], ['a']), o),
    good: {},
    keys: { columns: 'positiveWhole' },
  },
  {
    of: ['evaluationLabelledPairs'],
    call: (o) => [...data.evaluationLabelledPairs(labelled, o)],
    good: rows,
    keys: { ...evaluationRowKeys, numClasses: 'positiveWhole' },
    required: ['marks', 'maxLen', 'batchSize'],
  },
  {
    of: ['MaskedPairBatches'],
    call: (o) => new data.MaskedPairBatches(texts, o),
    good: { ...rows, seed: 0 },
    keys: { ...rowKeys, maskedShare: 'fraction' },
    required: ['marks', 'maxLen', 'batchSize', 'seed'],
  },
  {
    of: ['evaluationMaskedPairs'],
    call: (o) => [...data.evaluationMaskedPairs(texts, o)],
    good: { ...rows, seed: 0 },
    keys: { ...rowKeys, maskedShare: 'fraction' },
    required: ['marks', 'maxLen', 'batchSize', 'seed'],
  },
  {
    of: ['columnExamples'],
    call: (o) => data.columnExamples({ path: 'f', lines: ['a\tb'] }, o, report),
    good: { columns: [1, 2], header: false },
    keys: { columns: 'list', exact: 'flag', header: 'flag' },
    required: ['columns', 'header'],
  },
  {
    of: ['cleanExamples'],
    call: (o) => data.cleanExamples([], 1, o, report),
    good: { maxWords: Number.POSITIVE_INFINITY, maxRatio: 1.5 },
    keys: { maxWords: 'positive', maxRatio: 'positive' },
    required: ['maxWords', 'maxRatio'],
  },
  // text
  {
    of: ['trainBPE'],
    call: (o) => text.trainBPE(['ab'], o),
    good: { vocabSize: 260 },
    keys: {
      vocabSize: 'positiveWhole',
      minFrequency: 'positiveWhole',
      specialTokens: 'list',
      onProgress: 'callback',
    },
    required: ['vocabSize'],
  },
  {
    of: ['Tokenizer.encode'],
    call: (o) => bpe.encode('ab', o),
    good: {},
    keys: { bos: 'flag', eos: 'flag' },
  },
  {
    of: ['tokenizerFrom'],
    call: (o) => tokenizing.tokenizerFrom({ 'vocab.txt': '[UNK]\n[CLS]\n[SEP]' }, o),
    good: {},
    keys: { bosToken: 'text', eosToken: 'text', padToken: 'text', lowercase: 'flag' },
  },
  {
    of: ['PretrainedTokenizer.encode'],
    call: (o) => pretrained.encode('ab', o),
    good: {},
    keys: { addSpecialTokens: 'flag', parseSpecialTokens: 'flag' },
  },
  {
    of: ['PretrainedTokenizer.encodePair'],
    call: (o) => pretrained.encodePair('ab', 'c', o),
    good: {},
    keys: { addSpecialTokens: 'flag', parseSpecialTokens: 'flag' },
  },
  {
    of: ['PretrainedTokenizer.decode'],
    call: (o) => pretrained.decode([0], o),
    good: {},
    keys: { skipSpecialTokens: 'flag', cleanUp: 'flag' },
  },
  { of: ['BLEU'], call: (o) => text.BLEU(['a b'], [['a b']], o), good: {}, keys: bleu },
  { of: ['sentenceBLEU'], call: (o) => text.sentenceBLEU('a b', ['a b'], o), good: {}, keys: bleu },
  {
    of: ['pairedBootstrap'],
    call: (o) => text.pairedBootstrap(['a b'], undefined, [['a b']], o),
    good: { samples: 2 },
    keys: { ...bleu, samples: 'positiveWhole', seed: 'whole' },
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
    keys: { seed: 'whole', data: 'text', only: 'list' },
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

/** Models of their own keys beside those of `resolveConfig`, which refuses in two steps. */
const models: Row[] = [
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

/** Who takes options and is tested elsewhere, or has no options but a complete configuration. */
const elsewhere: Record<string, string> = {
  'WorkerTrainer.generate': 'test/worker/worker-trainer.test.ts',
  profileAdmin: 'takes a model and a batch',
  concat: 'its parts are tensors',
  Trainer: 'test/train/trainer.test.ts',
  WorkerTrainer: 'test/worker/worker-trainer.test.ts',
  WorkerModel: 'test/worker/worker-model.test.ts',
  'WorkerModel.generate': 'test/worker/worker-model.test.ts',
  'WorkerModel.translate': 'test/worker/worker-model.test.ts',
  'WorkerModel.classify': 'test/worker/worker-model.test.ts',
  fit: 'test/fit/fit.test.ts',
  fromPretrained: 'test/interop/gpt2.test.ts',
  'Trainer.restore': 'test/train/refusals.test.ts',
  'WorkerTrainer.restore': 'test/worker/worker-trainer.test.ts',
  judgeDivergence: 'test/train/divergence.test.ts',
  makeNorm: 'takes a whole configuration; its values below',
  TokenEmbedding: 'takes a complete ModelConfig',
  OutputProjection: 'takes a complete ModelConfig',
  trainerOptions: 'takes parts of what a Trainer takes, which checks them',
  recipeOf01: 'takes a recipe of version 0.1',
};

async function refusalOf(row: Row, options: unknown): Promise<PrenormError> {
  const error = await asyncRefusal((async () => row.call(options as never))());
  const op = row.op ?? row.of[0];
  assert.is(error.op, op, error.message);
  assert.ok(error.message.startsWith(`${op}: `), error.message);
  return error;
}

for (const row of [...table, ...models]) {
  test(`${row.of.join(', ') || row.op}: unknown, missing and wrong options are refused`, async () => {
    await row.call(row.good as never);
    const unknown = await refusalOf(row, { ...row.good, noSuchKey: 1 });
    assert.match(unknown.message, 'unknown key "noSuchKey"');
    const known = unknown.expected as string[];
    if (table.includes(row))
      assert.equal([...known].sort(), Object.keys(row.keys).sort(), 'keys of the table');
    for (const junk of [null, 3, 'text', []]) await refusalOf(row, junk);
    for (const key of row.required ?? []) {
      const { [key as never]: _, ...rest } = row.good;
      assert.match((await refusalOf(row, rest)).message, key);
    }
    for (const [key, kind] of Object.entries(row.keys)) {
      for (const value of wrong[kind]) {
        const outcome = await asyncRefusal(
          (async () => row.call({ ...row.good, [key]: value } as never))(),
        ).catch((cause) =>
          assert.unreachable(`${key}: ${String(value)} is taken, or no typed error: ${cause}`),
        );
        assert.instance(outcome, PrenormError);
      }
    }
  });
}

test('whoever takes options is in the table', async () => {
  const entries = await Promise.all(
    [
      ...['index', 'io/index', 'inference', 'reference/runtime', 'worker/index', 'fit/train'],
      ...['recipe/index', 'experiments/index', 'conformance/index', 'interop/index'],
    ].map((entry) => import(`../src/${entry}.js`)),
  );
  const exported = new Set<unknown>(
    [...entries, nn, optim, data, text, textual, tokenizing, classifying, io, theory].flatMap((module) =>
      Object.values(module),
    ),
  );
  const known = new Set([...table, ...models].flatMap(({ of }) => of).concat(Object.keys(elsewhere)));
  const missing: string[] = [];
  let found = 0;
  for (const file of readdirSync('src', { recursive: true }).map((name) => join('src', String(name)))) {
    if (!file.endsWith('.ts') || file.endsWith('.d.ts') || file.includes('generated')) continue;
    for (const { name, owner } of takers(file)) {
      // Only what an entry gives out, under the name it has in its file.
      if (![...exported].some((value) => typeof value === 'function' && value.name === owner)) continue;
      found++;
      if (!known.has(name)) missing.push(`${name} (${file})`);
    }
  }
  assert.ok(found > 60, `only ${found} functions with options found`);
  assert.equal(missing, []);
});

test('docs/options.md has whoever takes options', () => {
  const page = readFileSync('docs/options.md', 'utf8');
  const shown = new Set([...page.matchAll(/^### (.*)$/gm)].flatMap(([, names]) => names.split(', ')));
  const taken = [...table, ...models].flatMap(({ of }) => of).concat(Object.keys(elsewhere));
  const others = ['profileAdmin', 'concat', 'recipeOf01']; // what they take are no options
  assert.equal(
    taken.filter((name) => !shown.has(`\`${name}\``) && !others.includes(name)),
    [],
  );
});

/** What is between the parenthesis at `open` and the one that closes it. */
function inParentheses(source: string, open: number): string {
  let depth = 0;
  for (let i = open; i < source.length; i++) {
    if (source[i] === '(') depth++;
    else if (source[i] === ')' && --depth === 0) return source.slice(open + 1, i);
  }
  return '';
}

const TAKES = /\b(?:options|config|parts|facts|given|surroundings)\??\s*[:=,]|(?:Options|Config|Parts)\b/;

/** Exported functions, constructors and public methods of a file (as the formatter leaves it) with options. */
function takers(file: string): { name: string; owner: string }[] {
  const source = readFileSync(file, 'utf8');
  const out: { name: string; owner: string }[] = [];
  const functions = /^export (?:async )?(?:function\*? (\w+)|const (\w+) = (?:async )?(?=\())/gm;
  for (const match of source.matchAll(functions)) {
    const name = match[1] ?? match[2];
    const open = source.indexOf('(', match.index + match[0].length - (match[2] ? 1 : 0));
    if (TAKES.test(inParentheses(source, open))) out.push({ name, owner: name });
  }
  for (const match of source.matchAll(/^export (?:abstract )?class (\w+)[\s\S]*?^}/gm)) {
    const [body, owner] = match;
    for (const member of body.matchAll(/^ {2}(?:(?:static|async|override|\*) ?)*(\w+)(?:<\w+>)?\(/gm)) {
      const above = body
        .slice(0, member.index)
        .split(/\n\n|\n {2}}\n/)
        .pop() as string;
      if (above.includes('@internal')) continue;
      if (!TAKES.test(inParentheses(body, member.index + member[0].length - 1))) continue;
      out.push({ name: member[1] === 'constructor' ? owner : `${owner}.${member[1]}`, owner });
    }
  }
  return out;
}

test('numbers that are no options are looked at too', async () => {
  const cases: [string, () => unknown][] = [
    ['dropout: p', () => prenorm.dropout(f32(2), 1, 'x')],
    ['dropout: p', () => prenorm.dropout(f32(2), '0.5' as never, 'x')],
    ['Dropout: p', () => new nn.Dropout(-0.1)],
    ['scale: alpha', () => prenorm.scale(f32(2), f32(1) as never)],
    ['addScalar: alpha', () => prenorm.addScalar(f32(2), '1' as never)],
    ['Parameter: role', () => new prenorm.Parameter([2], 'wieght' as never)],
    ['Parameter: a shape', () => new prenorm.Parameter([2.5], 'weight')],
    ['zeros: a shape', () => prenorm.zeros([-2, -2])],
    ['ones: a shape', () => prenorm.ones([Number.NaN])],
    ['broadcastTo: a shape', () => prenorm.broadcastTo(f32(1), [-1])],
    ['permute: order', () => prenorm.permute(f32(2, 2), [0, 0.5])],
    ['LayerNorm: eps', () => new nn.LayerNorm(2, Number.NaN)],
    ['RMSNorm: eps', () => new nn.RMSNorm(2, -1)],
    ['ScaleNorm: eps', () => new nn.ScaleNorm(2, -1)],
    ['makeNorm: norm', () => nn.makeNorm({ norm: 'batch' as never, dModel: 2, eps: 1 })],
    ['FeedForward: activation', () => new nn.FeedForward(2, 2, 'GELU' as never)],
    ['Dropout: p', () => new nn.FeedForward(2, 2, 'gelu', 1)],
    ['Positions: kind', () => new nn.Positions('rotatory' as never, 2, 2)],
    ['Positions: maxSeqLen', () => new nn.Positions('learned', 0, 2)],
    ['sinusoids: length', () => nn.sinusoids(1.5, 2)],
    ['randomNormal: seed', () => nn.randomNormal([2], -1, 'x')],
    ['init: seed', () => nn.initializeModel(lm, 'paper', 1.5)],
    ['KeyValueCache.reorder: order[0]', () => new nn.KeyValueCache(lm.runtime(), 1, 2).reorder([1])],
    ['train: mode', () => lm.train('false' as never)],
    ['manualSeed: seed', () => prenorm.manualSeed(-1)],
    ['setRandomPosition: step', () => lm.runtime().setRandomPosition(0.5, 0)],
    ['clipGradNorm: maxNorm', () => new optim.SGD([w], { lr: 1 }).clipGradNorm('1' as never)],
    ['optimizer: number 0 is no parameter', () => new optim.SGD([f32(2) as never], { lr: 1 })],
    ['decayGroups: weightDecay', () => decayGroups([w], 0)],
    ['SGD: nesterov', () => new optim.SGD([w], { lr: 1, nesterov: true })],
    ['Adam: betas', () => new optim.Adam([w], { lr: 1, betas: [0.9] as never })],
    ['cosine: minLr', () => optim.cosine({ maxLr: 1, warmupSteps: 0, totalSteps: 2, minLr: 2 })],
    ['wsd: minLr', () => optim.wsd({ maxLr: 1, warmupSteps: 0, totalSteps: 2, minLr: 2 })],
    ['schedule: schedule', () => optim.makeSchedule({ kind: 'warm' } as never)],
    ['trainChars: maxVocab', () => text.trainChars('ab', 1.5)],
    ['tokenizeWords: language', () => text.tokenizeWords('ab', 'fr' as never)],
    ['theorem1Bound: placement', () => theory.theorem1Bound('peri' as never, 2, 1, 1)],
    ['measureBranchScaling: layer', () => theory.measureBranchScaling(probe, 1, 2)],
    ['cleanExamples: texts', () => data.cleanExamples([], 0, { maxWords: 1, maxRatio: 1 }, report)],
    ['holdOut: offset', () => data.holdOut([1], 24)],
    [
      'PairBatches: pair 1: source[0]',
      () => {
        new data.PairBatches([{ source: [0.5] as never, target: two }], { ...batches, seed: 0 });
      },
    ],
    [
      'LabelledPairBatches: pair 1: label',
      () => {
        new data.LabelledPairBatches([{ ...labelled[0], label: 0.5 }], { ...rows, seed: 0 });
      },
    ],
  ];
  for (const [says, run] of cases) {
    const error = await asyncRefusal((async () => run())()).catch(() =>
      assert.unreachable(`${says} is taken`),
    );
    assert.ok(
      (error as unknown as PrenormError).message.startsWith(says),
      (error as unknown as PrenormError).message,
    );
  }
});

test('an i32 tensor takes integers of 32 bits and nothing that would become one', () => {
  const refused = [
    4294967295,
    2147483648,
    -2147483649,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '1',
    1n,
    null,
  ];
  const target = tensor([0], { dtype: 'i32' });
  const source = (value: unknown) => ({ length: 1, 0: value }) as never;
  for (const value of refused) {
    for (const run of [
      () => tensor([value] as never, { dtype: 'i32' }),
      () => tensor([[value]] as never, { dtype: 'i32' }),
      () => tensor(source(value), { dtype: 'i32' }),
      () => target.set([value] as never),
    ]) {
      let error: unknown;
      try {
        run();
      } catch (thrown) {
        error = thrown;
      }
      assert.instance(error, PrenormError, `${String(value)} is taken`);
      assert.is((error as PrenormError).code, 'DATA');
    }
  }
  assert.throws(() => tensor(Uint32Array.of(4294967295), { dtype: 'i32' }), /32 bits/);
  assert.throws(() => tensor(Float32Array.of(0.5), { dtype: 'i32' }), /32 bits/);
  assert.throws(() => tensor(['1'] as never), /values\[0\] must be a number|values must be numbers/);
  assert.throws(() => f32(1).set(['1'] as never), /must be a number/);
  assert.equal(
    [...tensor([-2147483648, 2147483647, -0], { dtype: 'i32' }).toArray()],
    [-2147483648, 2147483647, 0],
  );
  assert.equal([...target.set([7]).toArray()], [7]);
  assert.equal([...tensor({ length: 2, 0: 1, 1: 2 }).toArray()], [1, 2]);
});

test.run();
