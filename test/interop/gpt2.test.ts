/** @file GPT-2 from a folder and back: against scripts/make-pretrained-goldens.py, and against what is wrong with a folder. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noGrad } from '../../src/autograd/index.js';
import { lmStepper, sample } from '../../src/generate/index.js';
import { fromPretrained, type PretrainedFile, toPretrained } from '../../src/interop/index.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/index.js';
import { CausalLM } from '../../src/nn/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { asyncRefusal, bits, close, smallLM } from '../support.js';
import { checkKeys } from './folders.js';

const test = suite('interop/gpt2');
await init();

const folder = new URL('../fixtures/pretrained/gpt2/', import.meta.url);
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(new URL(name, folder)));
const config = JSON.parse(readFileSync(new URL('config.json', folder), 'utf8')) as Record<string, unknown>;
const golden = JSON.parse(readFileSync(new URL('golden.json', folder), 'utf8')) as {
  ids: number[];
  logits: number[];
  prompt: number[];
  greedy: number[];
};
const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const files = (changes: Record<string, PretrainedFile> = {}): Record<string, PretrainedFile> => ({
  'config.json': json(config),
  'model.safetensors': bytesOf('model.safetensors'),
  ...changes,
});
const withConfig = (changes: object) => files({ 'config.json': json({ ...config, ...changes }) });
/** The folder with other tensors. */
function withTensors(change: (tensors: ReturnType<typeof decodeSafetensors>['tensors']) => void) {
  const { tensors } = decodeSafetensors(bytesOf('model.safetensors'));
  change(tensors);
  return files({ 'model.safetensors': encodeSafetensors(tensors) });
}
const logitsOf = (model: unknown): ArrayLike<number> => {
  const batch = { ids: Int32Array.from(golden.ids), batchSize: 1, seqLen: golden.ids.length };
  return noGrad(() => (model as CausalLM).forward(batch)).toArray();
};
const expected = Math.max(...golden.logits.map(Math.abs));

test('logits are those of the formulas, in f32 and in double precision', async () => {
  const { model, family } = await fromPretrained(fileURLToPath(folder));
  assert.is(family, 'gpt2');
  assert.instance(model, CausalLM);
  assert.is(model.training, false);
  golden.logits.forEach((value, i) => {
    close(logitsOf(model)[i], value, 1e-5 * expected, `logit ${i}`);
  });
  const exact = createReferenceRuntime();
  const double = await withRuntime(exact, () => fromPretrained(folder));
  const logits = withRuntime(exact, () => logitsOf(double.model));
  golden.logits.forEach((value, i) => {
    close(logits[i], value, 1e-12 * expected, `logit ${i} in double precision`);
  });
});

test('greedy choice, step by step with a cache, gives the tokens of the formulas', async () => {
  const { model } = await fromPretrained(files());
  const options = { prompt: Int32Array.from(golden.prompt), length: 20, seed: 1, topK: 1 };
  const text = sample(lmStepper(model as CausalLM, 1), options);
  assert.equal(Array.from(text).slice(-20), golden.greedy);
});

test('every source gives the same bits', async () => {
  const { model } = await fromPretrained(fileURLToPath(folder));
  const all = bits(logitsOf(model));
  const blobs = Object.entries(files()).map(([name, bytes]) => new File([bytes as BlobPart], name));
  const asked: string[] = [];
  for (const source of [
    folder,
    files(),
    new Map(Object.entries(files())),
    blobs,
    async (name: string) => {
      asked.push(name);
      return name in files() ? new Response(files()[name] as BodyInit) : new Response(null, { status: 404 });
    },
  ]) {
    assert.is(bits(logitsOf((await fromPretrained(source)).model)), all);
  }
  assert.equal(asked, ['config.json', 'model.safetensors.index.json', 'model.safetensors']);
});

test('what is written is read back with the same bits, in one file and in several', async () => {
  const { model } = await fromPretrained(files(), { dropout: 0, attentionDropout: 0 });
  const all = bits(logitsOf(model));
  const whole = toPretrained(model);
  assert.equal([...whole.keys()], ['config.json', 'model.safetensors']);
  const sharded = toPretrained(model, { maxShardBytes: 6000 });
  assert.ok(sharded.size > 3 && sharded.has('model.safetensors.index.json'));
  for (const written of [whole, sharded])
    assert.is(bits(logitsOf((await fromPretrained(written)).model)), all);
  checkKeys('gpt2', whole);
  const { tensors } = decodeSafetensors(whole.get('model.safetensors') as Uint8Array);
  const before = decodeSafetensors(bytesOf('model.safetensors')).tensors;
  for (const [name, { shape, data }] of before) {
    assert.equal([tensors.get(name)?.shape, tensors.get(name)?.data], [shape, data], name);
  }
  assert.equal(
    [...tensors.keys()].filter((name) => !before.has(name)),
    ['lm_head.weight'],
  );
});

test('a model made here goes out and comes back with the same bits', async () => {
  for (const tiedEmbeddings of [true, false]) {
    const options = {
      positions: 'learned',
      embeddingScale: 1,
      activation: 'geluTanh',
      tiedEmbeddings,
    } as const;
    const model = smallLM({ ...options, seed: 8 }).eval();
    const back = await fromPretrained(toPretrained(model));
    assert.is(bits(logitsOf(back.model)), bits(logitsOf(model)));
  }
});

test('options are checked and overrule the dropout of the folder', async () => {
  const { model } = await fromPretrained(withConfig({ embd_pdrop: 0.3 }), {
    dropout: 0.2,
    attentionDropout: 0,
  });
  const { dropout, attentionDropout } = model.config;
  assert.equal([dropout, attentionDropout], [0.2, 0]);
  for (const options of [{ dropout: 1 }, { attentionDropout: '0' }, { dropOut: 0 }, null]) {
    const error = await asyncRefusal(fromPretrained(files(), options as object));
    assert.equal([error.code, error.op], ['CONFIG', 'fromPretrained']);
  }
});

test('what config.json says is done, known to mean nothing, or refused by name', async () => {
  const loaded = async (changes: object) => (await fromPretrained(withConfig(changes))).model.config;
  assert.is((await loaded({ activation_function: 'relu' })).activation, 'relu');
  assert.is((await loaded({ n_ctx: 24, summary_type: 'mean' })).dropout, 0.1);
  const refused: [object, RegExp][] = [
    [{ n_ctx: 12 }, /n_ctx must be 24, got 12/],
    [{ scale_attn_by_inverse_layer_idx: true }, /scale_attn_by_inverse_layer_idx must be false/],
    [{ activation_function: 'mish' }, /activation_function must be one of gelu,.*got "mish"/],
    [{ n_head: '3' }, /config\.json: n_head must be a divisor of n_embd 12, got "3"/],
    [{ n_head: 5 }, /n_head must be a divisor of n_embd 12, got 5/],
    [{ n_head: 0 }, /n_head must be a divisor of n_embd 12, got 0/],
    [{ embd_pdrop: 0.2 }, /embd_pdrop must be resid_pdrop/],
    [{ rotary: true }, /config.json has rotary, which is not known here/],
    [{ model_type: 'gptj' }, /model_type is "gptj"; known here are gpt2, llama, qwen2, bert, vit/],
    [
      { n_layer: 1e9 },
      /n_layer must be a whole number from 1 to 7 \(the files hold 28 tensors\), got 1000000000/,
    ],
    [{ n_layer: 900 }, /n_layer must be a whole number from 1 to 7/],
    [{ vocab_size: 1e12 }, /vocab_size must be a whole number from 1 to \d+ \(the files hold \d+ values\)/],
    [{ vocab_size: 1e6 }, /config\.json: it asks for 12\d+ values at least.*the vocabulary of 1000000 by 12/],
  ];
  for (const [changes, message] of refused) {
    const error = await asyncRefusal(fromPretrained(withConfig(changes)));
    assert.match(error.message, message);
  }
});

test('files that are damaged, missing, foreign or lead elsewhere are one typed error with file and tensor', async () => {
  const good = bytesOf('model.safetensors');
  const long = new Uint8Array(good.length + 1);
  long.set(good);
  const huge = good.slice();
  huge[4] = 0x7f;
  const index = (map: unknown) => files({ 'model.safetensors.index.json': json({ weight_map: map }) });
  const without = (name: string) => {
    const { [name]: _, ...rest } = files();
    return rest;
  };
  const refused: [Record<string, PretrainedFile>, RegExp][] = [
    [without('config.json'), /there is no config.json/],
    [without('model.safetensors'), /there is no model.safetensors/],
    [
      { ...without('model.safetensors'), 'pytorch_model.bin': good },
      /pytorch_model.bin: a pickle.*write it as model.safetensors/,
    ],
    [files({ 'model.safetensors': good.subarray(0, good.length - 4) }), /truncated/],
    [files({ 'model.safetensors': good.subarray(0, 100) }), /truncated/],
    [files({ 'model.safetensors': long }), /longer than its header says/],
    [files({ 'model.safetensors': huge }), /a header of/],
    [files({ 'config.json': json([1]) }), /a JSON object is wanted/],
    [index({ 'transformer.wte.weight': '../model.safetensors' }), /is no name of a file in the folder/],
    [index({ 'transformer.wte.weight': 'a/b' }), /is no name of a file in the folder/],
    [index({ 'transformer.wte.weight': 'other.safetensors' }), /there is no other.safetensors/],
    [index({ 'transformer.wte.weight': 'model.safetensors' }), /its index says undefined/],
    [withTensors((t) => t.delete('transformer.h.1.ln_2.bias')), /missing transformer.h.1.ln_2.bias/],
    [
      withTensors((t) => t.set('transformer.x', { dtype: 'F32', shape: [1], data: new Float32Array(1) })),
      /unexpected tensor "transformer.x"/,
    ],
    [
      withTensors((t) =>
        t.set('transformer.ln_f.bias', { dtype: 'F32', shape: [6, 2], data: new Float32Array(12) }),
      ),
      /transformer.ln_f.bias must have shape \[12\], got \[6, 2\]/,
    ],
    [
      withTensors((t) =>
        t.set('transformer.ln_f.bias', { dtype: 'I32', shape: [12], data: new Int32Array(12) }),
      ),
      /is I32; weights are read from F32, F16, BF16/,
    ],
  ];
  for (const [source, message] of refused) {
    const error = await asyncRefusal(fromPretrained(source));
    assert.match(error.message, message);
    assert.is(error.code, 'FORMAT', error.message);
  }
  assert.is((await asyncRefusal(fromPretrained(3 as never))).code, 'CONFIG');
  assert.is((await asyncRefusal(fromPretrained(new URL('https://example.org/gpt2')))).code, 'CONFIG');
});

test('models that GPT-2 cannot express are refused', () => {
  for (const options of [
    { positions: 'sinusoidal' },
    { normPlacement: 'post' },
    { gatedFFN: true },
  ] as const) {
    assert.throws(
      () => toPretrained(smallLM({ positions: 'learned', embeddingScale: 1, ...options })),
      /GPT-2 has/,
    );
  }
});

test.run();
