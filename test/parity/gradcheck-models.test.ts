/** @file Whole models against central differences in double precision, under the reference kernels. */
import { suite } from 'uvu';
import { gradcheck } from '../../src/autograd/gradcheck.js';
import type { Parameter, Variable } from '../../src/autograd/variable.js';
import {
  CausalLM,
  MaskedLM,
  type ModelOptions,
  TextClassifier,
  Transformer,
  VisionTransformer,
} from '../../src/nn/index.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { numbers } from '../kernels/harness.js';
import { options, runtime } from './gradcheck-case.js';

const test = suite('parity/gradcheck: models');

const tiny: ModelOptions = {
  vocabSize: 7,
  dModel: 6,
  numHeads: 2,
  numLayers: 2,
  dFF: 5,
  maxSeqLen: 6,
  activation: 'gelu',
};
const variants: [string, Partial<ModelOptions>][] = [
  ['post', { normPlacement: 'post' }],
  ['pre', { normPlacement: 'pre' }],
  ['peri', { normPlacement: 'peri' }],
  ['post with a final norm, ReLU', { normPlacement: 'post', finalNorm: true, activation: 'relu' }],
  [
    'pre without a final norm, RMSNorm',
    { normPlacement: 'pre', finalNorm: false, norm: 'rms', init: 'paper' },
  ],
  [
    'peri, learned positions, untied',
    { normPlacement: 'peri', positions: 'learned', tiedEmbeddings: false, init: 'torch' },
  ],
  [
    'pre, embedding norm, dropout',
    {
      ...{ normPlacement: 'pre', embeddingNorm: true },
      ...{ dropout: 0.3, activationDropout: 0.2, attentionDropout: 0.25 },
    },
  ],
  ['biases of the attention alone', { bias: 'attention' }],
  ['biases of a gated feed-forward alone', { bias: 'ffn', gatedFFN: true, activation: 'silu' }],
  ['residual, unit queries and keys', { normPlacement: 'residual', qkNorm: 'l2' }],
  ['hybrid, ScaleNorm', { normPlacement: 'hybrid', norm: 'scale' }],
  ['olmo2, DyT', { normPlacement: 'olmo2', norm: 'dyt' }],
  ['encoder normformer, decoder sub', { normPlacement: 'normformer', decoderNormPlacement: 'sub' }],
  ['encoder admin, decoder rezero', { normPlacement: 'admin', decoderNormPlacement: 'rezero' }],
  ['encoder deepnorm, decoder b2t', { normPlacement: 'deepnorm', decoderNormPlacement: 'b2t' }],
  [
    'rotary, SwiGLU, RMSNorm, one key for two heads, no biases',
    {
      ...{ positions: 'rotary', numKVHeads: 1, norm: 'rms', bias: false },
      ...{ activation: 'silu', gatedFFN: true, dModel: 8 },
    },
  ],
  [
    'rotary with a scaling, GeGLU, biases of queries and keys alone, normed keys, dropout',
    {
      ...{ positions: 'rotary', ropeTheta: 50, ropeScaling: { type: 'linear', factor: 3 }, dModel: 8 },
      ...{ numKVHeads: 1, bias: 'qkv', qkNorm: 'layer', activation: 'geluTanh', gatedFFN: true },
      ...{ dropout: 0.3, activationDropout: 0.2, attentionDropout: 0.25 },
    },
  ],
  ['biases of the attention alone', { bias: 'attention' }],
  ['biases of a gated feed-forward alone', { bias: 'ffn', gatedFFN: true, activation: 'silu' }],
  ['encoder pre, decoder post', { normPlacement: 'pre', decoderNormPlacement: 'post', numDecoderLayers: 1 }],
];

for (const [label, variant] of variants) {
  test(`CausalLM: ${label}`, () =>
    withRuntime(runtime, () => {
      const model = new CausalLM({ ...tiny, ...variant });
      perturb(model.parameters());
      const batch = {
        ids: Int32Array.of(1, 5, 2, 2, 0, 6, 3, 3),
        targets: Int32Array.of(5, 2, 2, 0, 6, 3, -1, -1),
        batchSize: 2,
        seqLen: 4,
      };
      checkModel(model.parameters(), () => model.loss(batch, { smoothing: 0.1 }).loss);
    }));

  test(`Transformer: ${label}`, () =>
    withRuntime(runtime, () => {
      const model = new Transformer({ ...tiny, ...variant });
      perturb(model.parameters());
      const batch = {
        source: Int32Array.of(1, 5, 2, 2, 4, 6, 0, 0),
        sourceLengths: Int32Array.of(4, 2),
        targetInput: Int32Array.of(1, 3, 0, 1, 2, 6),
        targetLengths: Int32Array.of(2, 3),
        targetOutput: Int32Array.of(3, 2, -1, 2, 6, 2),
        batchSize: 2,
        sourceLen: 4,
        targetLen: 3,
      };
      checkModel(model.parameters(), () => model.loss(batch, { smoothing: 0.1 }).loss);
    }));
}

for (const normPlacement of ['post', 'pre', 'peri'] as const) {
  for (const tiedEmbeddings of [true, false]) {
    test(`MaskedLM: ${normPlacement}, ${tiedEmbeddings ? 'tied' : 'untied'}`, () =>
      withRuntime(runtime, () => {
        const model = new MaskedLM({
          ...tiny,
          normPlacement,
          tiedEmbeddings,
          positions: tiedEmbeddings ? 'learned' : 'sinusoidal',
          embeddingNorm: true,
          numSegments: 2,
          nextSentence: true,
        });
        perturb(model.parameters());
        const batch = {
          ids: Int32Array.of(1, 5, 2, 2, 0, 6, 3, 0),
          targets: Int32Array.of(-1, 2, -1, 4, 0, -1, -1, -1),
          segments: Int32Array.of(0, 0, 1, 1, 0, 1, 1, 0),
          lengths: Int32Array.of(4, 3),
          nextSentence: Int32Array.of(1, 0),
          batchSize: 2,
          seqLen: 4,
        };
        checkModel(model.parameters(), () => model.loss(batch, { smoothing: 0.1 }).loss);
        // The same places gathered, and one that stands for none.
        const gathered = {
          ...batch,
          masked: Int32Array.of(1, 3, 4, -1),
          targets: Int32Array.of(2, 4, 0, -1),
        };
        checkModel(model.parameters(), () => model.loss(gathered, { smoothing: 0.1 }).loss);
      }));
  }

  test(`TextClassifier: ${normPlacement}`, () =>
    withRuntime(runtime, () => {
      const model = new TextClassifier({ ...tiny, normPlacement, numSegments: 2, numClasses: 3 });
      perturb(model.parameters());
      const batch = {
        ids: Int32Array.of(1, 5, 2, 2, 0, 6, 3, 0, 4, 1, 1, 2),
        segments: Int32Array.of(0, 0, 1, 1, 0, 1, 1, 0, 0, 0, 1, 1),
        lengths: Int32Array.of(4, 3, 4),
        labels: Int32Array.of(2, 0, -1),
        batchSize: 3,
        seqLen: 4,
      };
      checkModel(model.parameters(), () => model.loss(batch, { smoothing: 0.1 }).loss);
    }));

  test(`TextClassifier, several labels, weights: ${normPlacement}`, () =>
    withRuntime(runtime, () => {
      for (const other of [{ causal: true }, { pooling: 'mean', multiLabel: true }] as const) {
        const model = new TextClassifier({
          ...tiny,
          ...other,
          normPlacement,
          numClasses: 3,
          classWeights: [1, 0.5, 3],
        });
        perturb(model.parameters());
        const labels = 'multiLabel' in other ? [1, 0, 1, 0, -1, 1] : [2, 1];
        const batch = {
          ids: Int32Array.of(1, 5, 2, 2, 0, 6, 3, 0),
          lengths: Int32Array.of(4, 3),
          labels: Int32Array.from(labels),
          batchSize: 2,
          seqLen: 4,
        };
        checkModel(model.parameters(), () => model.loss(batch, { smoothing: 0.1 }).loss);
      }
    }));

  test(`VisionTransformer: ${normPlacement}`, () =>
    withRuntime(runtime, () => {
      const { vocabSize: _vocab, maxSeqLen: _positions, ...stack } = tiny;
      const model = new VisionTransformer({
        ...stack,
        normPlacement,
        imageSize: 6,
        patchSize: 3,
        channels: 2,
        numClasses: 5,
      });
      perturb(model.parameters());
      const batch = { images: numbers(2 * 72, 9), labels: Int32Array.of(4, 1), batchSize: 2 };
      checkModel(model.parameters(), () => model.loss(batch, { smoothing: 0.1 }).loss);
    }));
}

/** Moves biases off 0 and norm weights off 1. */
function perturb(list: Parameter[]): void {
  list.forEach((p, i) => {
    const noise = numbers(p.size, i + 1, -0.2, 0.2);
    p.set(p.toArray().map((value, j) => value + noise[j]));
  });
}

function checkModel(list: Parameter[], loss: () => Variable): void {
  const { maxError } = gradcheck(loss, list, { ...options, maxElements: 8 });
  if (process.env.PRENORM_PARITY_REPORT) console.log(maxError.toExponential(1));
}

test.run();
