/** @file Folders that are refused: in the words of their own files, before anything large is read, with what to do. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromPretrained, type PretrainedFile, toPretrained } from '../../src/interop/index.js';
import { encodeSafetensors, saveModel } from '../../src/io/index.js';
import { MaskedLM } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { trainChars } from '../../src/text/index.js';
import { asyncRefusal, refusal, SMALL, smallLM, smallPair } from '../support.js';
import {
  type Files,
  filesOf,
  json,
  parsed,
  type Tensors,
  tensorsOf,
  withConfig,
  withTensors,
} from './folders.js';

const test = suite('interop/refusals');
await init();

const refused = (files: Record<string, PretrainedFile>) => asyncRefusal(fromPretrained(files));

/** Our names of what config.json calls otherwise. */
const OURS =
  /\b(numLayers|dModel|numHeads|numKVHeads|maxSeqLen|dFF|vocabSize|eps|ropeTheta|ropeScaling|numClasses|imageSize|patchSize|numSegments|channels)\b/;

test('sizes and numbers of config.json are refused by its own keys, with what to do', async () => {
  const cases: [folder: string, changes: object, says: RegExp][] = [
    ['llama', { rope_theta: 0 }, /rope_theta must be a finite number > 0, got 0/],
    ['llama', { hidden_size: 1e9 }, /hidden_size must be a whole number from 1 to \d+ \(the files hold/],
    ['llama', { hidden_size: 16.5 }, /hidden_size must be a whole number/],
    [
      'llama',
      { num_hidden_layers: 1e9 },
      /num_hidden_layers must be a whole number from 1 to \d+ \(the files hold/,
    ],
    [
      'llama',
      { num_attention_heads: 16 },
      /num_attention_heads must be a divisor of hidden_size 16 into even parts/,
    ],
    ['llama', { rms_norm_eps: 0 }, /rms_norm_eps must be a finite number > 0, got 0/],
    ['llama', { attention_dropout: 1 }, /attention_dropout must be a number in \[0, 1\), got 1/],
    ['llama', { intermediate_size: -1 }, /intermediate_size must be a whole number/],
    ['qwen2', { max_position_embeddings: 0 }, /max_position_embeddings must be a whole number/],
    ['gpt2', { n_embd: 1e9 }, /n_embd must be a whole number/],
    ['gpt2', { n_head: 0 }, /n_head must be a divisor of n_embd 12, got 0/],
    ['gpt2', { layer_norm_epsilon: 0 }, /layer_norm_epsilon must be a finite number > 0/],
    ['gpt2', { resid_pdrop: -0.1 }, /resid_pdrop must be a number in \[0, 1\)/],
    ['bert', { layer_norm_eps: 0 }, /layer_norm_eps must be a finite number > 0/],
    ['bert', { num_hidden_layers: 0 }, /num_hidden_layers must be a whole number/],
    ['bert', { num_attention_heads: 5 }, /num_attention_heads must be a divisor of hidden_size 12, got 5/],
    ['bert', { type_vocab_size: -1 }, /type_vocab_size must be a whole number from 0/],
    ['vit', { patch_size: 5 }, /patch_size must be a divisor of image_size 12, got 5/],
    ['vit', { image_size: [12, 8] }, /image_size must be one number, or two equal ones/],
    ['vit', { image_size: [1e9, 1e9] }, /image_size must be a whole number/],
    [
      'llama3',
      { architectures: ['LlamaModel'], tie_word_embeddings: false },
      /tie_word_embeddings must be true for LlamaModel, .*LlamaModel has no head; in Python/,
    ],
    [
      'gpt2',
      { architectures: ['GPT2Model'], tie_word_embeddings: false },
      /tie_word_embeddings must be true for GPT2Model/,
    ],
    ['vit', { id2label: {} }, /id2label must be names of one class at least/],
    ['vit', { num_channels: '3' }, /num_channels must be a whole number/],
    ['vit', { architectures: ['ViTModel'] }, /ViTModel has no head; in Python: .*ViTForImageClassification/],
  ];
  for (const [folder, changes, says] of cases) {
    const error = await refused(withConfig(folder, changes));
    assert.equal([error.code, error.path?.startsWith('model/config.json')], ['CONFIG', true], error.message);
    assert.match(error.message, says);
    assert.ok(error.hint, error.message);
    assert.not.match(error.message, OURS);
  }
  const { model } = await fromPretrained(withConfig('vit', { image_size: [12, 12], patch_size: [4, 4] }));
  assert.is(model.numParameters(), (await fromPretrained(filesOf('vit'))).model.numParameters());
});

test('whatever stands behind a key of config.json, it is taken, or refused without our names and with what to do', async () => {
  const values = [0, -1, 1.5, 7, 1e5, 1e9, 1e300, 'x', [], {}, true, null, [1, 2]];
  let refusals = 0;
  for (const folder of ['gpt2', 'llama3', 'qwen2', 'bert', 'bert-classifier', 'vit']) {
    for (const key of Object.keys(parsed(filesOf(folder)['config.json']))) {
      for (const value of values) {
        const files = withConfig(folder, { [key]: value });
        const error = await fromPretrained(files).then(
          ({ model }) => model.free(),
          (cause) => cause,
        );
        if (error === undefined) continue;
        const what = `${folder}, ${key} ${JSON.stringify(value)}: ${error.message}`;
        assert.ok(['CONFIG', 'FORMAT', 'DATA'].includes(error.code), what);
        assert.ok(error.hint !== undefined && !OURS.test(error.message), what);
        refusals++;
      }
    }
  }
  assert.ok(refusals > 500, `${refusals}`);
});

test('tensors of another family than config.json says are told by their own names', async () => {
  const bare = (files: Files, prefix: string): Files => {
    const tensors = [...tensorsOf(files)].map(([name, value]) => [name.replace(prefix, ''), value] as const);
    return { ...files, 'model.safetensors': encodeSafetensors(new Map(tensors)) };
  };
  const cases: [tensors: Files, config: string, says: RegExp][] = [
    [
      bare(filesOf('gpt2'), 'transformer.'),
      'llama',
      /are those of GPT-2, e\.g\. "(h\.|ln_f|wte|wpe)[^"]*"; config\.json says "llama"/,
    ],
    [filesOf('bert'), 'gpt2', /are those of BERT, .*says "gpt2"/],
    [filesOf('vit'), 'bert', /are those of ViT, .*says "bert"/],
    [filesOf('smollm2'), 'gpt2', /are those of Llama or Qwen2, .*says "gpt2"/],
  ];
  for (const [files, config, says] of cases) {
    const error = await refused({ ...files, 'config.json': filesOf(config)['config.json'] });
    assert.match(error.message, says);
    assert.equal([error.code, error.path], ['FORMAT', 'model.safetensors']);
    assert.not.match(error.message, /model\.transformer/);
  }
  // Where not all are of one family, nothing is said of families; names are those of the file.
  const odd = withTensors('gpt2', (tensors) => {
    for (const [name, value] of [...tensors]) {
      tensors.delete(name);
      tensors.set(name.replace('transformer.', ''), value);
    }
    tensors.set('h.0.extra', { dtype: 'F32', shape: [1], data: new Float32Array(1) });
  });
  assert.match((await refused(odd)).message, /unexpected tensor "h\.0\.extra"/);
  const lacking = withTensors('gpt2', (tensors) => {
    for (const [name, value] of [...tensors]) {
      tensors.delete(name);
      if (name !== 'transformer.ln_f.bias') tensors.set(name.replace('transformer.', ''), value);
    }
  });
  assert.match((await refused(lacking)).message, /missing ln_f\.bias \(config\.json asks for/);
});

test('of a file whose header is beyond the limit, or none, no more than its length and a byte is read', async () => {
  for (const [claimed, says] of [
    [99_999_999, /the header does not begin with "\{"/],
    [100_000_001, /a header of 100000001 bytes, at most 100000000/],
    [4_000_000_000, /a header of 4000000000 bytes, at most 100000000/],
    [2 ** 52, /a header of \d+ bytes, at most 100000000/],
  ] as const) {
    const first = new Uint8Array(9);
    new DataView(first.buffer).setBigUint64(0, BigInt(claimed), true);
    let read = 0;
    const sparse = {
      size: 5_000_000_000,
      slice: (begin: number, end: number) => {
        read += end - begin;
        return new Blob([first.slice(begin, end)]);
      },
      [Symbol.toStringTag]: 'Blob',
    };
    const error = await refused({ ...filesOf('gpt2'), 'model.safetensors': sparse as never });
    assert.match(error.message, says);
    assert.is(read, 18, 'its length and one byte, twice');
  }
});

test('values that are no numbers are refused on the way in and on the way out, with their tensor', async () => {
  for (const [value, said] of [
    [Number.NaN, 'NaN'],
    [Number.POSITIVE_INFINITY, 'Infinity'],
  ] as const) {
    for (const name of ['transformer.h.0.attn.c_attn.weight', 'transformer.ln_f.bias']) {
      const broken = withTensors('gpt2', (tensors: Tensors) => {
        (tensors.get(name)?.data as Float32Array)[5] = value;
      });
      const error = await refused(broken);
      assert.match(error.message, `model.safetensors: ${name} has ${said} as its value 5`);
      assert.equal([error.code, error.actual], ['FORMAT', value]);
    }
    const model = smallLM({ positions: 'learned', embeddingScale: 1 });
    const parameter = model.parameters()[2];
    parameter.storage.write(parameter.offset, [value]);
    const error = refusal(() => toPretrained(model));
    assert.equal([error.code, error.actual], ['NUMERIC', value]);
    assert.match(error.message, /its training has failed/);
  }
});

test('names of classes that stand twice are told apart, so that the model can be used and saved', async () => {
  const id2label = { 0: 'crane', 1: 'crane', 2: 'crane (1)', 3: 'heron', 4: 'crane' };
  const { model, labels } = await fromPretrained(withConfig('vit', { id2label, label2id: undefined }));
  assert.equal(labels, ['crane', 'crane (1) (1)', 'crane (1)', 'heron', 'crane (4)']);
  saveModel(model, { labels });
  const again = await fromPretrained(toPretrained(model, { labels }));
  assert.equal(again.labels, labels);
});

test('all that keeps a model from being written is one error, with what to train instead', () => {
  const tokenizer = trainChars('abcdefghijklmnopqrstuv');
  const model = smallLM({ activation: 'gelu', residualInit: 'gpt2' });
  const error = refusal(() => toPretrained(model, { tokenizer: tokenizer as never, labels: ['a'] }));
  assert.is(error.code, 'CONFIG');
  assert.match(
    error.message,
    /3 things are in the way: 1\. GPT-2 has positions "learned", the model "sinusoidal"; embeddingScale 1, the model "sqrt"\. Llama has/,
  );
  assert.match(error.message, /for GPT-2 train a model with \{"positions":"learned","embeddingScale":1\}/);
  assert.match(
    error.message,
    /2\. the tokenizer must be a Tokenizer or a PretrainedTokenizer.*a CharTokenizer has no form/,
  );
  assert.match(error.message, /3\. the model has no classes/);
  // What the error says is enough.
  const hint = /train a model with (\{.*?\})/.exec(error.message) as RegExpExecArray;
  assert.ok(toPretrained(smallLM({ activation: 'gelu', ...JSON.parse(hint[1]) })).has('config.json'));
  for (const [kind, made] of [
    ['llama', smallLM({ positions: 'rotary', gatedFFN: true, embeddingScale: 1 })],
    ['bert', new MaskedLM({ ...SMALL, activation: 'relu' })],
  ] as const) {
    const { message, hint: advice = '' } = refusal(() => toPretrained(made));
    const options = JSON.parse((/(\{.*?\})/.exec(advice) as RegExpExecArray)[1]) as object;
    const { seed: _, ...config } = made.config;
    const Kind = made.constructor as new (options: object) => typeof made;
    const { ropeTheta: __, ropeScaling: ___, ...plain } = config;
    const better = new Kind({ ...('positions' in options ? plain : config), ...options });
    const written = parsed(toPretrained(better).get('config.json'));
    assert.is(written.model_type, kind, message);
  }
  const { message } = refusal(() => toPretrained(smallPair()));
  assert.match(
    message,
    /no family of Hugging Face is known for a transformer, only for causalLM.*saveTorchSafetensors/,
  );
});

test('ids that end a text come from generation_config.json, or else from config.json', async () => {
  const tokenizers = await import('../../src/tokenizers/index.js');
  const { fixture } = await import('../tokenizers/fixture.js');
  const file = {
    'tokenizer.json': json(fixture('smollm2')),
    'tokenizer_config.json': json({ eos_token: '<|im_end|>' }),
  };
  const own = tokenizers.tokenizerFrom(file).eosId as number;
  const ids = (more: Files) => tokenizers.tokenizerFrom({ ...file, ...more }).eosIds;
  const ends = (value: unknown) => json({ eos_token_id: value });
  assert.equal(ids({}), [own]);
  assert.equal(ids({ 'config.json': ends([7, own, 9]) }), [own, 7, 9]);
  assert.equal(ids({ 'config.json': ends(7), 'generation_config.json': ends([8]) }), [own, 8]);
  assert.equal(ids({ 'config.json': ends(7), 'generation_config.json': json({ top_p: 0.5 }) }), [own, 7]);
  for (const wrong of ['7', -1, [1.5], {}])
    assert.match(
      refusal(() => ids({ 'config.json': ends(wrong) })).message,
      /config\.json\.eos_token_id: must be an id, or a list/,
    );
  const stored = tokenizers.PretrainedTokenizer.fromJSON(
    JSON.parse(JSON.stringify(tokenizers.tokenizerFrom({ ...file, 'config.json': ends([7, 9]) }))),
  );
  assert.equal(stored.eosIds, [own, 7, 9]);
});

test.run();
