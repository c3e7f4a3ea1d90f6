/** @file PyTorch state dicts: names, sizes, the final-norm rule, round trips through safetensors, refusals. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FormatError, type PrenormError } from '../../src/errors.js';
import {
  decodeTorchSafetensors,
  fromTorchState,
  inferTorchConfig,
  loadTorchSafetensors,
  loadTorchState,
  saveTorchSafetensors,
  toTorchState,
} from '../../src/interop/torch.js';
import { decodeSafetensors } from '../../src/io/safetensors.js';
import {
  CausalLM,
  type LayerConfig,
  Linear,
  Transformer,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
} from '../../src/nn/index.js';
import type { Module, StateDict } from '../../src/nn/module.js';
import { init } from '../../src/runtime/init.js';

const test = suite('interop/torch');
await init();

/** Written by PyTorch: torch.nn.Transformer(30, 5, 3, 2, 42) and an embedding of 23 tokens. */
const file = readFileSync(new URL('../fixtures/torch/state.safetensors', import.meta.url));
const pytorch = (): StateDict => decodeTorchSafetensors(file, 'state.safetensors');
const sizes = { dModel: 30, numHeads: 5, dFF: 42 };
const layer: LayerConfig = {
  ...sizes,
  normPlacement: 'post',
  norm: 'layer',
  eps: 1e-5,
  dropout: 0,
  activation: 'relu',
  activationDropout: 0,
};

/** The part below a prefix, without it. */
function below(state: StateDict, prefix: string): StateDict {
  return new Map(
    [...state]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value]),
  );
}

function without(state: StateDict, pattern: RegExp): StateDict {
  return new Map([...state].filter(([key]) => !pattern.test(key)));
}

function equalStates(a: StateDict, b: StateDict): void {
  assert.equal([...a.keys()].sort(), [...b.keys()].sort());
  for (const [key, { shape, data }] of a) {
    assert.equal(b.get(key)?.shape, shape, key);
    assert.equal(Array.from(b.get(key)?.data ?? []), Array.from(data), key);
  }
}

function refuses(run: () => unknown, pattern: RegExp): void {
  try {
    run();
  } catch (error) {
    assert.instance(error, FormatError);
    assert.is((error as PrenormError).code, 'FORMAT');
    assert.match((error as Error).message, pattern);
    return;
  }
  assert.unreachable(`nothing was thrown, expected ${pattern}`);
}

const body = (): StateDict => without(pytorch(), /^embedding/);

test('sizes, kind and final norm are inferred for all five modules', () => {
  assert.equal(inferTorchConfig(body()), {
    kind: 'transformer',
    dModel: 30,
    dFF: 42,
    numEncoderLayers: 3,
    numDecoderLayers: 2,
    finalNorm: true,
  });
  const encoder = below(body(), 'encoder.');
  assert.equal(inferTorchConfig(encoder), {
    kind: 'encoder',
    dModel: 30,
    dFF: 42,
    numLayers: 3,
    finalNorm: true,
  });
  assert.equal(inferTorchConfig(without(encoder, /^norm/)).finalNorm, false);
  const decoder = below(body(), 'decoder.');
  assert.equal(inferTorchConfig(decoder), {
    kind: 'decoder',
    dModel: 30,
    dFF: 42,
    numLayers: 2,
    finalNorm: true,
  });
  assert.equal(inferTorchConfig(below(encoder, 'layers.1.')), {
    kind: 'encoder-layer',
    dModel: 30,
    dFF: 42,
    finalNorm: false,
  });
  assert.equal(inferTorchConfig(below(decoder, 'layers.0.')).kind, 'decoder-layer');
});

test('what is inferred builds the model that loads', () => {
  const { kind, ...config } = inferTorchConfig(pytorch(), { embedding: 'embedding.weight' });
  assert.is(kind, 'transformer');
  const model = new Transformer({ vocabSize: 23, numHeads: 5, normPlacement: 'post', ...config });
  loadTorchState(model, pytorch(), { embedding: 'embedding.weight' });
  assert.equal(
    Array.from(model.embedding.tokens.weight.toArray()),
    Array.from(pytorch().get('embedding.weight')?.data ?? []),
  );
  equalStates(toTorchState(model, { embedding: 'embedding.weight' }), pytorch());
});

test('every kind of model comes back from its safetensors bytes', () => {
  const stack = { ...layer, numLayers: 2, finalNorm: true };
  const makers: (() => Module)[] = [
    () =>
      new Transformer({
        ...sizes,
        vocabSize: 11,
        numEncoderLayers: 2,
        numDecoderLayers: 1,
        normPlacement: 'pre',
      }),
    () => new Transformer({ ...sizes, vocabSize: 11, numLayers: 1, normPlacement: 'post' }),
    () => new CausalLM({ ...sizes, vocabSize: 11, numLayers: 2, normPlacement: 'pre' }),
    () => new TransformerEncoder(stack),
    () => new TransformerEncoder({ ...stack, finalNorm: false }),
    () => new TransformerDecoder(stack),
    () => new TransformerEncoderLayer(layer),
    () => new TransformerDecoderLayer(layer),
  ];
  for (const make of makers) {
    const model = make();
    for (const parameter of model.parameters())
      parameter.set(parameter.toArray().map((x, i) => x + (i % 7) / 8));
    const bytes = saveTorchSafetensors(model);
    assert.is(decodeSafetensors(bytes, 'model').metadata.format, 'pt');
    const other = make();
    loadTorchSafetensors(other, bytes);
    assert.equal(saveTorchSafetensors(other), bytes);
    equalStates(toTorchState(other), toTorchState(model));
  }
});

test('a stack becomes a causal language model, and keeps its embeddings unless they are named', () => {
  const encoder = below(body(), 'encoder.');
  const model = new CausalLM({ ...sizes, vocabSize: 23, numLayers: 3 });
  const before = model.embedding.tokens.weight.toArray();
  loadTorchState(model, encoder);
  assert.equal(model.embedding.tokens.weight.toArray(), before);
  equalStates(toTorchState(model), encoder);
  const { state } = fromTorchState(encoder, { causalLM: true });
  assert.ok(state.has('encoder.layers.2.norm2.weight') && state.has('encoder.norm.bias'));
});

test('prefix, embedding and untied output are found in and written to a larger state', () => {
  const larger: StateDict = new Map([...body()].map(([key, value]) => [`model.transformer.${key}`, value]));
  larger.set('model.embed.weight', pytorch().get('embedding.weight') as never);
  larger.set('model.head.weight', { shape: [23, 30], data: new Float32Array(23 * 30).fill(0.5) });
  larger.set('model.step', { shape: [1], data: Float32Array.of(3) });
  const options = {
    prefix: 'model.transformer.',
    embedding: 'model.embed.weight',
    output: 'model.head.weight',
  };
  const model = new Transformer({
    ...sizes,
    vocabSize: 23,
    numEncoderLayers: 3,
    numDecoderLayers: 2,
    finalNorm: true,
    tiedEmbeddings: false,
  });
  loadTorchState(model, larger, options);
  assert.is(model.output.linear?.weight.toArray()[17], 0.5);
  equalStates(toTorchState(model, options), without(larger, /step/));
  refuses(() => inferTorchConfig(larger), /prefix: "model.transformer."/);
  refuses(
    () => loadTorchState(model, larger, { ...options, embedding: 'tok.weight' }),
    /missing tok\.weight/,
  );
});

test('the final norm is saved only when it exists, and a model without one refuses it', () => {
  const post = new Transformer({
    ...sizes,
    vocabSize: 23,
    numEncoderLayers: 3,
    numDecoderLayers: 2,
    normPlacement: 'post',
  });
  assert.not.ok([...toTorchState(post).keys()].some((key) => /^(encoder|decoder)\.norm\./.test(key)));
  const before = toTorchState(post);
  refuses(() => loadTorchState(post, body()), /finalNorm: true/);
  equalStates(toTorchState(post), before);
  loadTorchState(post, without(body(), /^(encoder|decoder)\.norm\./));
  const pre = new Transformer({
    ...sizes,
    vocabSize: 23,
    numEncoderLayers: 3,
    numDecoderLayers: 2,
    normPlacement: 'pre',
  });
  refuses(() => loadTorchState(pre, toTorchState(post)), /finalNorm: false/);
});

test('double precision and half precision files load', () => {
  const model = new TransformerEncoderLayer(layer);
  const doubles: StateDict = new Map(
    [...below(body(), 'encoder.layers.0.')].map(([key, { shape, data }]) => [
      key,
      { shape, data: Float64Array.from(data) },
    ]),
  );
  loadTorchState(model, doubles);
  equalStates(toTorchState(model), below(body(), 'encoder.layers.0.'));
  assert.is(decodeSafetensors(file, 'state').tensors.get('encoder.norm.weight')?.dtype, 'F16');
});

test('what does not fit is refused with its name, and nothing is written', () => {
  const full = body();
  const changed = (key: string, shape: number[]): StateDict =>
    new Map([...full, [key, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }]]);
  refuses(() => inferTorchConfig(new Map()), /no Transformer/);
  refuses(
    () => inferTorchConfig(changed('encoder.layers.1.linear2.weight', [42, 30])),
    /encoder\.layers\.1\.linear2\.weight must have shape \[30, 42\], got \[42, 30\]/,
  );
  refuses(() => inferTorchConfig(changed('encoder.layers.0.linear1.weight', [42])), /two axes/);
  refuses(
    () => inferTorchConfig(changed('encoder.layers.0.self_attn.bias_k', [30])),
    /unexpected encoder\.layers\.0\.self_attn\.bias_k/,
  );
  refuses(
    () => inferTorchConfig(without(full, /layers\.1\./)),
    /missing encoder\.layers\.1\.self_attn\.in_proj_weight.* and 8 more/,
  );
  refuses(() => inferTorchConfig(without(full, /^decoder/)), /missing decoder\.layers\.0/);
  refuses(
    () => inferTorchConfig(without(full, /^decoder\.norm/)),
    /missing decoder\.norm\.weight, decoder\.norm\.bias/,
  );
  refuses(
    () => inferTorchConfig(without(full, /self_attn\.in_proj_bias/)),
    /missing encoder\.layers\.0\.self_attn\.in_proj_bias/,
  );
  refuses(() => fromTorchState(full, { causalLM: true }), /needs the state of a TransformerEncoder/);

  const model = new TransformerEncoder({ ...layer, numLayers: 2, finalNorm: true });
  const before = toTorchState(model);
  refuses(() => loadTorchState(model, full), /of kind transformer, the model needs kind encoder/);
  refuses(() => loadTorchState(model, below(full, 'encoder.')), /unexpected layers\.2/);
  const narrow = new TransformerEncoder({ ...layer, dModel: 20, numLayers: 3, finalNorm: true });
  refuses(
    () => loadTorchState(narrow, below(full, 'encoder.')),
    /must have shape \[60, 20\], got \[90, 30\]/,
  );
  equalStates(toTorchState(model), before);
  refuses(
    () => loadTorchSafetensors(model, file.subarray(0, 5000), { path: 'cut.safetensors' }),
    /cut\.safetensors/,
  );
});

test('models that PyTorch cannot express are refused', () => {
  refuses(
    () => toTorchState(new TransformerEncoderLayer({ ...layer, normPlacement: 'peri' })),
    /Peri-LN.*no counterpart/,
  );
  refuses(
    () => toTorchState(new TransformerEncoderLayer({ ...layer, norm: 'rms' })),
    /RMSNorm has no counterpart/,
  );
  for (const [options, message] of [
    [{ rotary: { maxSeqLen: 4 } }, /rotary positions has no counterpart/],
    [{ gatedFFN: true }, /linear3\.weight has no counterpart/],
    [{ bias: false }, /a norm without a bias or RMSNorm has no counterpart/],
  ] as const) {
    refuses(() => toTorchState(new TransformerEncoderLayer({ ...layer, ...options })), message);
  }
  assert.throws(() => toTorchState(new Linear(2, 3)), /have a counterpart in PyTorch/);
  assert.throws(
    () => toTorchState(new TransformerEncoderLayer(layer), { embedding: 'e' }),
    /has no embedding/,
  );
});

test.run();
