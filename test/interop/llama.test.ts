/** @file Llama, SmolLM2 and Qwen2 from folders and back: against scripts/make-pretrained-goldens.py. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { lmStepper, sample } from '../../src/generate/index.js';
import { fromPretrained, toPretrained } from '../../src/interop/index.js';
import { CausalLM, type ModelConfig, type ModelOptions } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { asyncRefusal, refusal, smallLM } from '../support.js';
import {
  checkKeys,
  checkNumbers,
  checkRoundTrip,
  filesOf,
  goldenOf,
  lmLogits,
  parsed,
  type Tensors,
  tensorsOf,
  withConfig,
  withTensors,
} from './folders.js';

const test = suite('interop/llama');
await init();

interface Golden {
  ids: number[];
  logits: number[];
  prompt: number[];
  greedy: number[];
}

/** The folders and what is particular about each. */
const FOLDERS = {
  llama: 'linear scaling, one key for all heads, biases of the attention',
  llama3: 'llama3 scaling, bfloat16, tied',
  smollm2: 'float16, tied, shared keys',
  qwen2: 'biases of queries, keys and values, two files',
};

for (const [name, about] of Object.entries(FOLDERS)) {
  const golden = goldenOf<Golden>(name);

  test(`${name} (${about}): logits are those of the formulas, in f32 and in double precision`, async () => {
    const { model, family } = await checkNumbers(name, golden.logits, lmLogits(golden.ids));
    assert.instance(model, CausalLM);
    assert.is(family, parsed(filesOf(name)['config.json']).model_type);
    assert.is(model.training, false);
  });

  test(`${name}: greedy choice, step by step with a cache, gives the tokens of the formulas`, async () => {
    const { model } = await fromPretrained(filesOf(name));
    const options = { prompt: Int32Array.from(golden.prompt), length: 20, seed: 1, topK: 1 };
    const text = sample(lmStepper(model as CausalLM, 1), options);
    assert.equal(Array.from(text).slice(-20), golden.greedy);
  });

  test(`${name}: goes out and comes back with the same bits, keys and configuration`, async () => {
    const { model, config } = await fromPretrained(filesOf(name));
    const written = await checkRoundTrip(model, lmLogits(golden.ids));
    checkKeys(name, written);
    const [before, after] = [tensorsOf(filesOf(name)), tensorsOf(written)];
    for (const [key, { shape, data }] of before)
      assert.equal([after.get(key)?.shape, after.get(key)?.data], [shape, data], key);
    const more = [...after.keys()].filter((key) => !before.has(key));
    assert.equal(more, config.tie_word_embeddings ? ['lm_head.weight'] : []);
    const now = parsed(written.get('config.json'));
    for (const key of Object.keys(now)) {
      if (key === 'torch_dtype') assert.is(now[key], 'float32');
      else if (key !== 'rope_scaling') assert.equal(now[key], config[key], key);
    }
  });
}

test('a model made here and trained goes out as the family that has its parts', async () => {
  const parts = {
    ...{ positions: 'rotary', norm: 'rms', gatedFFN: true, activation: 'silu', embeddingScale: 1 },
    ...{ numKVHeads: 2, eps: 1e-6 },
  } as const satisfies Partial<ModelOptions>;
  const cases: [Partial<ModelOptions>, string][] = [
    [{ bias: false, tiedEmbeddings: false }, 'llama'],
    [{ bias: true, ropeScaling: { type: 'linear', factor: 3 } }, 'llama'],
    [{ bias: 'attention' }, 'llama'],
    [{ bias: 'ffn', ropeTheta: 77 }, 'llama'],
    [{ bias: 'qkv', dropout: 0.1, attentionDropout: 0.2 }, 'qwen2'],
  ];
  for (const [options, family] of cases) {
    const model = smallLM({ ...parts, ...options, seed: 8 }).eval();
    const written = await checkRoundTrip(model, lmLogits([3, 1, 4, 1, 5]));
    assert.is(parsed(written.get('config.json')).model_type, family);
    const back = (await fromPretrained(written)).model.config as ModelConfig;
    const { dropout: _, init: __, seed: ___, finalNorm: ____, ...own } = model.config;
    for (const [key, value] of Object.entries(own)) assert.equal(back[key as 'eps'], value, key);
  }
});

test('a model that no family has is refused with what each would need', () => {
  const error = refusal(() => toPretrained(smallLM({ positions: 'rotary' })));
  assert.is(error.code, 'CONFIG');
  assert.match(error.message, 'GPT-2 has positions "learned", the model "rotary"');
  assert.match(error.message, 'Llama has norm "rms", the model "layer"');
  assert.match(error.message, 'Qwen2 has norm "rms", the model "layer"');
});

test('rope_parameters of version 5 say the same', async () => {
  const { logits, ids } = goldenOf<Golden>('llama3');
  const { rope_scaling: scaling, rope_theta: theta } = parsed(filesOf('llama3')['config.json']);
  const changes = { rope_scaling: undefined, rope_theta: undefined };
  const parameters = { ...(scaling as object), rope_theta: theta };
  const { model } = await fromPretrained(withConfig('llama3', { ...changes, rope_parameters: parameters }));
  const own = lmLogits(ids)(model);
  assert.ok(logits.every((value, i) => Math.abs(value - own[i]) < 1e-4));
});

test('what config.json says is done, known to mean nothing, or refused by name', async () => {
  const loaded = async (name: string, changes: object) =>
    (await fromPretrained(withConfig(name, changes))).model.config as ModelConfig;
  assert.is((await loaded('smollm2', { hidden_act: 'gelu' })).activation, 'gelu');
  assert.is((await loaded('smollm2', { attention_dropout: 0.25 })).attentionDropout, 0.25);
  assert.is((await loaded('qwen2', { layer_types: ['full_attention', 'full_attention'] })).bias, 'qkv');
  assert.equal((await loaded('llama', { rope_scaling: { rope_type: 'default' } })).ropeScaling, null);
  const llama3 = parsed(filesOf('llama3')['config.json']).rope_scaling as object;
  const refused: [string, object, RegExp][] = [
    [
      'llama',
      { rope_scaling: { rope_type: 'yarn', factor: 4 } },
      /rope_type must be one of default, linear, llama3/,
    ],
    [
      'llama',
      { rope_scaling: { type: 'dynamic', factor: 4 } },
      /type must be one of default, linear, llama3/,
    ],
    ['llama', { rope_scaling: { type: 'linear' } }, /factor must be a finite number > 0, got nothing/],
    [
      'llama',
      { rope_scaling: { type: 'linear', factor: 2, beta_fast: 3 } },
      /has beta_fast, which is not known/,
    ],
    [
      'llama',
      { rope_scaling: { type: 'linear', factor: -2 } },
      /rope_scaling: factor must be a finite number > 0/,
    ],
    ['llama', { rope_scaling: { type: 'linear', rope_type: 'llama3', factor: 2 } }, /type must be "llama3"/],
    ['llama', { rope_scaling: 'linear' }, /rope_scaling must be an object/],
    [
      'llama3',
      { rope_scaling: { ...llama3, high_freq_factor: 0.5 } },
      /high_freq_factor must be above low_freq_factor 1, got 0.5/,
    ],
    ['llama3', { rope_parameters: { rope_type: 'default' } }, /rope_scaling must be null/],
    ['llama3', { head_dim: 4 }, /head_dim must be 8, got 4/],
    ['llama3', { num_key_value_heads: 1 }, /k_proj.weight must have shape \[8, 16\], got \[16, 16\]/],
    [
      'llama3',
      { num_key_value_heads: 3 },
      /num_key_value_heads must be a divisor of num_attention_heads 2, got 3/,
    ],
    ['llama3', { attention_bias: true }, /missing model.layers.0.self_attn.q_proj.bias/],
    ['llama', { attention_bias: false }, /unexpected tensor "model.layers.0.self_attn.q_proj.bias"/],
    ['llama3', { mlp_bias: true }, /missing model.layers.0.mlp.gate_proj.bias/],
    ['llama3', { tie_word_embeddings: false }, /missing lm_head.weight/],
    ['llama3', { rope_interleaved: true }, /rope_interleaved must be false/],
    ['llama3', { hidden_act: 'mish' }, /hidden_act must be one of gelu/],
    ['llama3', { sliding_window: 4096 }, /config.json has sliding_window, which is not known here/],
    [
      'llama3',
      { architectures: ['LlamaForSequenceClassification'] },
      /architectures must be .*LlamaForCausalLM/,
    ],
    ['llama3', { partial_rotary_factor: 0.5 }, /partial_rotary_factor must be 1/],
    [
      'llama3',
      { max_position_embeddings: 1e9 },
      /max_position_embeddings must be a whole number from 1 to 131072 \(each is 8 angles.*lower it/,
    ],
    ['qwen2', { use_sliding_window: true }, /use_sliding_window must be false/],
    ['qwen2', { layer_types: ['full_attention', 'sliding_attention'] }, /layer_types must be/],
    [
      'qwen2',
      { num_key_value_heads: undefined },
      /num_key_value_heads must be a divisor of num_attention_heads 4, where nothing means 32, got nothing/,
    ],
  ];
  for (const [name, changes, message] of refused) {
    const error = await asyncRefusal(fromPretrained(withConfig(name, changes)));
    assert.match(error.message, message);
    assert.ok(error.code === 'CONFIG' || error.code === 'FORMAT', error.message);
  }
});

test('tensors that are missing, too many or of another kind are one error with file and name', async () => {
  const key = 'model.layers.1.self_attn.k_proj.weight';
  const entry = (dtype: string, data: Int8Array | Float64Array, shape: number[]) => ({ dtype, data, shape });
  const refused: [(tensors: Tensors) => void, RegExp][] = [
    [(t) => t.delete(key), /missing model.layers.1.self_attn.k_proj.weight/],
    [
      (t) => t.set(key, entry('I8', new Int8Array(128), [8, 16])),
      /k_proj.weight" is I8; weights are read from/,
    ],
    [
      (t) => t.set(key, entry('F64', new Float64Array(128), [8, 16])),
      /k_proj.weight" is F64.*\(in Python: model\.float\(\)/,
    ],
    [
      (t) => t.set(key, entry('F32', new Float32Array(128) as never, [16, 8])),
      /must have shape \[8, 16\], got \[16, 8\]/,
    ],
    [
      (t) =>
        t.set('model.layers.2.mlp.up_proj.weight', entry('F32', new Float32Array(320) as never, [20, 16])),
      /unexpected tensor "model.layers.2.mlp.up_proj.weight"/,
    ],
  ];
  for (const [change, message] of refused) {
    const error = await asyncRefusal(fromPretrained(withTensors('smollm2', change)));
    assert.match(error.message, message);
    assert.is(error.code, 'FORMAT');
  }
});

test('files without a head, with buffers of older versions, and with the tied table twice are read', async () => {
  const { logits, ids } = goldenOf<Golden>('smollm2');
  const close = async (files: Record<string, Uint8Array>) => {
    const own = lmLogits(ids)((await fromPretrained(files)).model);
    assert.ok(logits.every((value, i) => Math.abs(value - own[i]) < 1e-4));
  };
  const bare = withTensors(
    'smollm2',
    (tensors) => {
      for (const [name, value] of [...tensors]) {
        tensors.delete(name);
        tensors.set(name.replace('model.', ''), value);
      }
    },
    { architectures: ['LlamaModel'] },
  );
  await close(bare);
  const table = 'model.embed_tokens.weight';
  const old = withTensors('smollm2', (tensors) => {
    const buffer = { dtype: 'F32', shape: [2], data: new Float32Array(2) };
    tensors.set('model.layers.0.self_attn.rotary_emb.inv_freq', buffer);
    tensors.set('lm_head.weight', tensors.get(table) as never);
  });
  await close(old);
});

test.run();
