/** Files that once crashed, hung, took gigabytes or were half loaded: found by the fuzz loop or by reading. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  CheckpointError,
  ConfigError,
  DataError,
  FormatError,
  MemoryError,
  type PrenormError,
} from '../../src/errors.js';
import { loadTorchState, toTorchState } from '../../src/interop/torch.js';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/io/checkpoint-file.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/safetensors.js';
import { parseJson, parseStrictJson } from '../../src/json.js';
import { CausalLM } from '../../src/nn/index.js';
import { Adam, constant, stepDecay } from '../../src/optim/index.js';
import { checkRecipe } from '../../src/recipe/index.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { currentRuntime, withRuntime } from '../../src/runtime/runtime.js';
import { Tokenizer, trainBPE } from '../../src/text/index.js';
import { Trainer } from '../../src/train/index.js';
import { decodeUtf8Strict } from '../../src/utf8.js';
import { lm } from '../cli/corpus.js';
import { refusal } from '../support.js';
import { languageModel, textWindows, translationTrainer } from '../train/setup.js';

const test = suite('untrusted files: regressions');
test.before(async () => {
  await init();
});

const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

function refused(run: () => unknown, kind: new (message: string) => PrenormError, pattern: RegExp): void {
  const error = refusal(run);
  assert.instance(error, kind);
  assert.match(error.message, pattern);
  assert.not.match(error.message, '\n');
  assert.ok(error.message.length < 2100, `${error.message.length} characters`);
}

test('brackets without end are refused before they become a gigabyte of lists', () => {
  const pattern = /nested deeper than 64 levels/;
  refused(() => parseStrictJson('['.repeat(5_000_000)), FormatError, pattern);
  refused(() => Tokenizer.fromJSON(deep(100_000)), FormatError, pattern);
  refused(() => parseJson(`{"task":${deep(100_000)}}`, 'c'), DataError, pattern);
  assert.equal(parseStrictJson(`"${'['.repeat(100)}"`), '['.repeat(100));
  assert.ok(parseStrictJson(deep(64)));
});

test('millions of parts are refused before they are made', () => {
  refused(() => parseStrictJson(`[${'{},'.repeat(20)}{}]`, 20), FormatError, /more than 20 objects/);
});

test('millions of different keys are refused before an engine takes them in, which took 20 s', () => {
  const keys = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `"k${from + i}":1`);
  const one = `{${keys(1_000_001).join(',')}}`;
  const many = `[${keys(1_000_001)
    .map((pair) => `{${pair}}`)
    .join(',')}]`;
  const begun = performance.now();
  for (const text of [one, many]) {
    refused(() => parseStrictJson(text), FormatError, /JSON of more than 1000000 keys/);
    refused(() => parseJson(text, 'c.json'), DataError, /c\.json: JSON of more than 1000000 keys/);
  }
  assert.ok(performance.now() - begun < 10_000, `${performance.now() - begun} ms`);
  assert.equal(parseStrictJson(`["${':'.repeat(1_000_001)}"]`), [':'.repeat(1_000_001)]);
});

test('keys that stand twice are refused in every file of JSON', () => {
  refused(
    () => parseJson('{"steps": 1, "steps": 2}', 'c.json'),
    DataError,
    /c\.json: the key "steps" stands twice/,
  );
  const tokenizer = JSON.stringify(trainBPE(['aaa bbb'], { vocabSize: 260 }));
  refused(
    () => Tokenizer.fromJSON(tokenizer.replace('{', '{"merges":[],')),
    FormatError,
    /"merges" stands twice/,
  );
  assert.equal(parseStrictJson('[{"a":1},{"a":"a","b":["a"]}]'), [{ a: 1 }, { a: 'a', b: ['a'] }]);
});

test('items that cannot become numbers are refused, not converted', () => {
  const good = trainBPE(['aaa bbb'], { vocabSize: 260 }).toJSON();
  const odd = { toString: 1, valueOf: 1 };
  refused(() => Tokenizer.fromJSON({ ...good, merges: [100, odd] }), FormatError, /got an object/);
  refused(() => Tokenizer.fromJSON({ ...good, merges: [100, [[5]]] }), FormatError, /got an array/);
  refused(() => constant({ maxLr: odd as never }), ConfigError, /maxLr must be .*got \{"toString":1/);
  refused(() => stepDecay({ maxLr: 1, steps: odd as never }), ConfigError, /steps must be a list/);
  const parameters = languageModel().parameters();
  refused(() => new Adam(parameters, { lr: 1, betas: [odd as never, 0.9] }), ConfigError, /beta/);
});

test('long keys, names and texts do not cost their length in messages or in time', () => {
  const long = 'x'.repeat(3_000_000);
  refused(() => checkRecipe({ ...lm, [long]: 1 }, 'c'), ConfigError, /unknown key "xxx/);
  refused(
    () => checkRecipe({ ...lm, data: { ...lm.data, kind: long } }, 'c'),
    ConfigError,
    /data\.kind must be/,
  );
  refused(() => checkRecipe({ ...lm, data: long }, 'c'), ConfigError, /data must be an object/);
  refused(
    () => checkRecipe({ ...lm, trainable: { long } }, 'c'),
    ConfigError,
    /trainable: unknown key "long"/,
  );
  refused(
    () => checkRecipe({ ...lm, trainable: { [long]: 1 } }, 'c'),
    ConfigError,
    /trainable: unknown key "xxx/,
  );
  const names = Array.from({ length: 200_000 }, (_, i) => `<${i}>`);
  const good = trainBPE(['aaa bbb'], { vocabSize: 260 }).toJSON();
  assert.is(Tokenizer.fromJSON({ ...good, specialTokens: names, merges: [] }).vocabSize, 200_256);
});

test('names out of files cannot break a line or move the cursor of a terminal', () => {
  const bytes = encodeSafetensors({ 'a\nb\u001b[2J': { shape: [1], data: new Float32Array(1) } });
  const state = new Map(decodeSafetensors(bytes, 'x').tensors);
  const { message } = refusal(() => languageModel().loadStateDict(state as never));
  assert.match(message, 'a\\u000ab\\u001b[2J');
});

test('a state with one layer of a large number is refused without a list of all before it', () => {
  const model = languageModel({ normPlacement: 'pre' });
  const state = toTorchState(model);
  const changed = new Map(
    [...state].map(([key, value]) => [key.replace('linear1.bias', 'linear1.bias'), value]),
  );
  const entry = state.get('layers.0.norm1.bias')!;
  changed.set('layers.999999999.norm1.bias', entry);
  refused(() => loadTorchState(model, changed), FormatError, /a layer 999999999, but only \d+ tensors/);
});

test('models beyond memory are refused before anything is made, and smaller work goes on', async () => {
  const runtime = await createRuntime({ maxMemory: 1 << 24 });
  withRuntime(runtime, () => {
    const before = runtime.memory();
    refused(
      () => languageModel({ dModel: 4096, numHeads: 4, dFF: 16384 }),
      MemoryError,
      /CausalLM: its parameters need 805634048 bytes, 805306368 of them for 1 layers of width 4096 and 16384; \d+ of 16777216 are free/,
    );
    refused(() => languageModel({ vocabSize: 1 << 23 }), MemoryError, /for the vocabulary of 8388608 by 8/);
    refused(
      () => languageModel({ numLayers: 1e9 }),
      ConfigError,
      /numLayers must be a whole number from 1 to 4096/,
    );
    refused(
      () => languageModel({ maxSeqLen: 1e9 }),
      ConfigError,
      /maxSeqLen 1000000000 times dModel 8 exceeds/,
    );
    assert.equal(runtime.memory(), before);
    assert.ok(translationTrainer().trainStep().loss > 0);
  });
});

test('a step cannot ask for more batches than a list holds', () => {
  const model = languageModel();
  const optimizer = new Adam(model.parameters(), { lr: 0.01 });
  const options = { model, data: textWindows(), optimizer, steps: 1, accumulate: 2 ** 33 };
  refused(() => new Trainer(options), ConfigError, /accumulate must be a whole number from 1 to 65536/);
});

test('a text longer than a string is refused before it is read', () => {
  refused(
    () => decodeUtf8Strict(new Uint8Array(536870889), 't.txt'),
    DataError,
    /t\.txt: a text of 536870889 bytes/,
  );
});

test('checkpoints with right checksums and wrong content are refused, and change nothing', () => {
  const trainer = translationTrainer();
  trainer.trainStep();
  const before = trainer.save();
  const content = decodeCheckpoint(before, 'own');
  const [weight] = [...content.tensors.keys()].filter((name) => name.startsWith('model.'));
  const [moment] = [...content.tensors.keys()].filter((name) => name.startsWith('optimizer.'));
  const withTensor = (name: string, change: object) =>
    encodeCheckpoint({
      ...content,
      tensors: new Map([...content.tensors, [name, { ...content.tensors.get(name)!, ...change }]]),
    });
  const { extra, rng } = content as unknown as { extra: { optimizer: object }; rng: object };
  const longs = (name: string) => new BigInt64Array(content.tensors.get(name)!.data.length);
  const cases: [Uint8Array, RegExp][] = [
    // Written halfway, then a TypeError.
    [withTensor(weight, { data: longs(weight) }), /does not hold floats/],
    [withTensor(moment, { data: longs(moment) }), /does not hold floats/],
    [withTensor('losses', { data: longs('losses') }), /not written by a Trainer/],
    // Accepted, and noticed at the next step.
    [encodeCheckpoint({ ...content, rng: { ...rng, seed: -1 } }), /not written by a Trainer/],
    [encodeCheckpoint({ ...content, step: 5 }), /not written by a Trainer/],
    [
      encodeCheckpoint({ ...content, extra: { optimizer: { ...extra.optimizer, lrs: ['x'] } } as never }),
      /not written by a Trainer/,
    ],
    [
      encodeCheckpoint({ ...content, extra: { optimizer: { ...extra.optimizer, step: 0.5 } } as never }),
      /not written by a Trainer/,
    ],
    // Was passed over.
    [
      encodeCheckpoint({
        ...content,
        tensors: new Map([...content.tensors, ['xmodel.w', content.tensors.get(moment)!]]),
      }),
      /unexpected tensor "xmodel\.w"/,
    ],
    // Became the prototype of the list of moments, and was not missed.
    [
      encodeCheckpoint({
        ...content,
        tensors: new Map([...content.tensors, ['optimizer.__proto__', content.tensors.get(moment)!]]),
      }),
      /does not fit: .*state of "adam"/,
    ],
  ];
  for (const [bytes, pattern] of cases) {
    refused(() => trainer.restore(bytes, 'r.ckpt'), CheckpointError, pattern);
    assert.is(Buffer.compare(trainer.save(), before), 0, String(pattern));
  }
  assert.is(currentRuntime().memory().arenaInUse, 0);
});

test('a configuration that could not be read back is not written', () => {
  let config: unknown = 1;
  for (let i = 0; i < 100; i++) config = [config];
  const trainer = translationTrainer({ config: { config } });
  refused(() => trainer.save(), CheckpointError, /nested deeper than 64 levels/);
});

test('sizes are whole numbers without a sign', () => {
  const json = new TextEncoder().encode('{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}');
  const bytes = new Uint8Array(8 + json.length);
  bytes[0] = json.length;
  bytes.set(json, 8);
  refused(() => decodeSafetensors(bytes, 'x'), FormatError, /tensor "a" has the shape/);
  const many = encodeSafetensors({ a: { shape: new Array(65).fill(1), data: new Float32Array(1) } });
  refused(() => decodeSafetensors(many, 'x'), FormatError, /tensor "a" has the shape/);
});

test('a width that is an object is refused before it is multiplied', () => {
  const odd = { toString: 1, valueOf: 1 } as never;
  refused(
    () => new CausalLM({ vocabSize: 5, dModel: odd }),
    ConfigError,
    /dModel must be a positive integer, got \{/,
  );
});

test.run();
