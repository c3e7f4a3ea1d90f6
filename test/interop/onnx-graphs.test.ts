/** @file Graphs of every kind of model, with all that can be trained, in onnxruntime-web: the model's own numbers. */
import { suite } from 'uvu';
import {
  CausalLM,
  MaskedLM,
  normPlacements,
  TextClassifier,
  Transformer,
  VisionTransformer,
} from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { checkExport, onnxRuntime, SIZE, TEXT, trained } from './onnx-models.js';

const suited = suite('interop: ONNX graphs');
await init();
const runtime = await onnxRuntime();
const test = (name: string, body: (ort: NonNullable<typeof runtime>) => Promise<void>) =>
  runtime ? suited(name, () => body(runtime)) : suited.skip(name, () => {});

const NORMS = ['layer', 'rms', 'dyt', 'scale'] as const;
const ACTIVATIONS = ['relu', 'gelu', 'geluTanh', 'silu'] as const;
const POSITIONS = ['learned', 'sinusoidal', 'rotary'] as const;
const LONG = [{ batchSize: 3, seqLen: 128 }];

test('language models of every placement, with every norm, activation and kind of positions', async (ort) => {
  for (const [i, normPlacement] of normPlacements.entries()) {
    const norm = NORMS[i % 4];
    const activation = ACTIVATIONS[Math.floor(i / 4)];
    const positions = POSITIONS[i % 3];
    const options = { norm, activation, positions, normPlacement, mixFraction: 0.5, preFirst: true };
    const model = trained(new CausalLM({ ...TEXT, ...options, tiedEmbeddings: i % 2 === 0, seed: i }));
    await checkExport(ort, model, `${normPlacement}, ${norm}, ${activation}, ${positions}`);
  }
});

test('encoder-decoders of every placement, both graphs of the decoder', async (ort) => {
  for (const [i, normPlacement] of normPlacements.entries()) {
    const norm = NORMS[(i + 1) % 4];
    const decoderNormPlacement = normPlacements[(i + 5) % normPlacements.length];
    const options = { norm, normPlacement, decoderNormPlacement, positions: POSITIONS[(i + 1) % 3] };
    const depths = { numEncoderLayers: 1 + (i % 2), numDecoderLayers: 2 };
    const model = trained(new Transformer({ ...TEXT, ...options, ...depths, seed: i }));
    const samples = [{ batchSize: 3, seqLen: 7 }];
    await checkExport(ort, model, `${normPlacement} and ${decoderNormPlacement}, ${norm}`, {}, samples);
  }
});

test('all four norms of each encoder with heads', async (ort) => {
  for (const [i, norm] of NORMS.entries()) {
    const bert = { ...TEXT, norm, numSegments: 2, embeddingNorm: true, activation: 'gelu' } as const;
    const masked = new MaskedLM({
      ...bert,
      nextSentence: i % 2 === 0,
      tiedEmbeddings: i < 2,
      normPlacement: 'post',
    });
    await checkExport(ort, trained(masked), `masked, ${norm}`);
    const pooling = (['first', 'mean', 'last', 'last'] as const)[i];
    const causal = i === 3;
    const judge = new TextClassifier({ ...bert, numClasses: 3, pooling, causal, multiLabel: i === 1 });
    await checkExport(ort, trained(judge), `classifier, ${norm}, ${pooling}`);
    const image = { ...SIZE, imageSize: 8, patchSize: 4, channels: 1 + 2 * (i % 2), numClasses: 5 };
    const positions = POSITIONS[i % 3];
    const vision = new VisionTransformer({ ...image, norm, positions });
    await checkExport(ort, trained(vision), `images, ${norm}, ${positions}`, {}, [
      { batchSize: 3, seqLen: 1 },
    ]);
  }
});

test('what attention and feed-forward may have beside: fewer heads of keys, norms, gates, no biases, stretched angles', async (ort) => {
  const rotary = { positions: 'rotary', numKVHeads: 2, norm: 'rms' } as const;
  const llama3 = {
    type: 'llama3',
    factor: 4,
    lowFreqFactor: 1,
    highFreqFactor: 4,
    originalMaxSeqLen: 32,
  } as const;
  const variants = {
    'two heads of keys, SwiGLU, no biases': { ...rotary, gatedFFN: true, activation: 'silu', bias: false },
    'biases of queries, keys and values': {
      ...rotary,
      bias: 'qkv',
      ropeScaling: { type: 'linear', factor: 2 },
    },
    'biases of attention': { ...rotary, bias: 'attention', ropeScaling: llama3, ropeTheta: 500 },
    'biases of the feed-forward, one head of keys': { numKVHeads: 1, bias: 'ffn', norm: 'dyt' },
    'queries and keys of length 1': { ...rotary, qkNorm: 'l2' },
    'norms over all heads, fewer of keys': { ...rotary, normPlacement: 'olmo2', norm: 'layer' },
    'norms of heads, fewer of keys': { numKVHeads: 2, normPlacement: 'hybrid', norm: 'scale' },
    'RMS of queries and keys, GeGLU': { qkNorm: 'rms', gatedFFN: true, activation: 'geluTanh' },
    'no final norm, embeddings as they are': { finalNorm: false, embeddingScale: 1, embeddingNorm: true },
    'one head': { numHeads: 1, qkNorm: 'layer', eps: 1e-3 },
  } as const;
  for (const [label, options] of Object.entries(variants))
    await checkExport(ort, trained(new CausalLM({ ...TEXT, ...options })), label);
  const pair = new Transformer({ ...TEXT, ...rotary, qkNorm: 'l2', tiedEmbeddings: false });
  await checkExport(ort, trained(pair), 'encoder-decoder', {}, [{ batchSize: 2, seqLen: 5 }]);
});

test('every version of the operators, f16, weights beside the model, no cache, and 128 tokens', async (ort) => {
  const model = trained(new CausalLM({ ...TEXT, norm: 'rms', activation: 'gelu', gatedFFN: true }));
  for (const opset of [17, 18, 19, 20, 21, 22, 23])
    await checkExport(ort, model, `opset ${opset}`, { opset });
  const tanh = trained(new CausalLM({ ...TEXT, activation: 'geluTanh', norm: 'scale', qkNorm: 'layer' }));
  for (const opset of [17, 20, 23]) await checkExport(ort, tanh, `tanh, opset ${opset}`, { opset });
  await checkExport(ort, model, 'f16', { dtype: 'f16' });
  await checkExport(ort, model, 'beside', { maxFileBytes: 9000 });
  await checkExport(ort, model, 'f16 beside', { maxFileBytes: 9000, dtype: 'f16' });
  await checkExport(ort, model, 'no cache', { withPast: false }, LONG);
  const pair = trained(new Transformer(TEXT));
  await checkExport(ort, pair, 'encoder-decoder without a cache', { withPast: false }, LONG);
  const masked = trained(new MaskedLM(TEXT));
  await checkExport(ort, masked, 'masked', { opset: 20 }, LONG);
});

suited.run();
