/** What is no model, or not a whole one, or asks for more than it is, is refused with one class of error. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CheckpointError, ConfigError, MemoryError } from '../../src/errors.js';
import { encodeSafetensors, loadModel, saveModel } from '../../src/io/index.js';
import { CausalLM } from '../../src/nn/index.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { currentRuntime, withRuntime } from '../../src/runtime/runtime.js';
import { trainBPE } from '../../src/text/index.js';
import { asyncRefusal } from '../support.js';
import { bpe, chars, labels, optionsOf, rewritten, sealed, trainedModel } from './model-setup.js';

const test = suite('io/model-refusals');
await init();

const PATH = 'shared/a.safetensors';
const model = trainedModel('causalLM', optionsOf.causalLM);
const classifier = trainedModel('textClassifier', optionsOf.textClassifier);
const bytes = saveModel(model, { tokenizer: bpe, recipe: { steps: 1 }, step: 3 });
const classified = saveModel(classifier, { tokenizer: bpe, labels });
const config = { ...model.config };
const json = JSON.stringify;

async function refused(file: Uint8Array, pattern: RegExp, label = String(pattern)): Promise<CheckpointError> {
  const before = currentRuntime().memory().persistentInUse;
  const error = await asyncRefusal(loadModel(file, { path: PATH }));
  assert.instance(error, CheckpointError, `${label}: ${error}`);
  assert.match(error.message, pattern, `${label}: ${error.message}`);
  assert.is(error.path, PATH, label);
  assert.not.match(error.message, '\n');
  // A model of these files takes 10 KB; what a hostile one asks for would take much more.
  const taken = currentRuntime().memory().persistentInUse - before;
  assert.ok(taken < 100_000, `${label}: ${taken} bytes were taken`);
  return error;
}

test('damaged, truncated, appended, another format, newer', async () => {
  for (const [at, length] of [[bytes.length - 1], [bytes.length - 5000], [200], [5], [0]].map(([n]) => [
    n,
    n,
  ])) {
    await refused(bytes.subarray(0, at), /truncated|only \d bytes/, `cut at ${length}`);
  }
  await refused(
    Uint8Array.from([...bytes, 0]),
    /the model has something appended: \d+ bytes expected, \d+ found/,
  );
  for (const at of [60, 900, bytes.length - 9]) {
    const damaged = bytes.slice();
    damaged[at] ^= 1;
    await refused(
      damaged,
      /damaged|not a readable model|not a Prenorm|no SHA-256|version/,
      `damaged at ${at}`,
    );
  }
  await refused(
    rewritten(bytes, { version: '2' }),
    /the model has version 2, this Prenorm reads up to version 1 .*update/,
  );
  await refused(rewritten(bytes, { version: 'x' }), /unknown model version "x"/);
  await refused(rewritten(bytes, { format: 'pt' }), /a safetensors file, but not a Prenorm model/);
  await refused(encodeSafetensors(model.stateDict()), /not a Prenorm model .*loadStateDict/);
  await refused(new TextEncoder().encode('{"a": 1} is no such file'), /not a readable model/);
  const changed = Buffer.from(bytes);
  changed.write('"steps\\":9', changed.indexOf('"steps\\":1'));
  await refused(Uint8Array.from(changed), /the model is damaged: its SHA-256 does not match/);
});

test('a tokenizer that is not of the model', async () => {
  const other = json(trainBPE(['other words, other merges'], { vocabSize: 262 }).toJSON());
  await refused(rewritten(bytes, { tokenizer: other }), /the tokenizer has 262 ids, the model 270/);
  await refused(
    rewritten(bytes, { tokenizer: json(chars.toJSON()) }),
    /the tokenizer has \d+ ids, the model 270/,
  );
  await refused(rewritten(bytes, { spareIds: '3' }), /the tokenizer has 270 ids, the model 270/);
  await refused(
    rewritten(bytes, { tokenizer: '{"format":"prenorm-tokenizer"}' }),
    /the tokenizer is refused.*missing/,
  );
  await refused(rewritten(bytes, { tokenizer: '[1,2]' }), /the tokenizer is refused/);
  await refused(rewritten(bytes, { tokenizer: undefined }), /has no valid "tokenizer"/);
  const vit = trainedModel('visionTransformer', optionsOf.visionTransformer);
  await refused(rewritten(saveModel(vit), { tokenizer: json(bpe.toJSON()) }), /the model reads no tokens/);
});

test('labels that are not one for each class', async () => {
  const cases: [unknown, RegExp][] = [
    [['no', 'yes'], /2 labels for 3 classes/],
    [[], /0 labels for 3 classes/],
    [['no', 'yes', 1], /labels must be a list of strings/],
    [{ 0: 'no' }, /labels must be a list of strings/],
    ['abc', /labels must be a list of strings/],
    [['no', 'yes', 'no'], /the labels are not all different/],
  ];
  for (const [value, pattern] of cases)
    await refused(rewritten(classified, { labels: json(value) }), pattern);
  await refused(rewritten(bytes, { labels: json(labels) }), /the model has no classes/);
});

test('shapes and names that are not those of the configuration', async () => {
  const cases: [object, RegExp][] = [
    [{ dFF: 11 }, /do not belong to the configuration.*linear1/],
    [{ numLayers: 1 }, /do not belong to the configuration.*unexpected/],
    [{ numHeads: 3 }, /the configuration is refused.*multiple of numHeads/],
    [{ tiedEmbeddings: false }, /asks for \d+ values at least|do not belong/],
    [{ norm: 'rms' }, /do not belong/],
    [{ nonsense: 1 }, /the configuration is refused.*unknown key "nonsense"/],
    [{ normPlacement: 'none' }, /the configuration is refused.*normPlacement/],
    [{ dModel: '8' }, /the configuration is refused.*dModel/],
  ];
  for (const [change, pattern] of cases)
    await refused(rewritten(bytes, { config: json({ ...config, ...change }) }), pattern, json(change));
  await refused(rewritten(bytes, { kind: 'transformer' }), /asks for|do not belong/);
  await refused(rewritten(bytes, { kind: 'constructor' }), /there is no kind of model "constructor"/);
  await refused(rewritten(bytes, { kind: undefined }), /there is no kind of model null/);
  await refused(
    rewritten(bytes, {}, (map) => map.delete('encoder.norm.weight')),
    /do not belong.*missing encoder\.norm\.weight/,
  );
  await refused(
    rewritten(bytes, {}, (map) => map.set('more', { dtype: 'F32', shape: [1], data: Float32Array.of(1) })),
    /do not belong.*unexpected more/,
  );
  await refused(
    rewritten(bytes, {}, (map) => {
      const entry = map.get('encoder.norm.weight');
      map.set('encoder.norm.weight', { dtype: 'I32', shape: entry?.shape ?? [], data: new Int32Array(8) });
    }),
    /tensor "encoder\.norm\.weight" does not hold floats/,
  );
});

test('a configuration that asks for more than the file has is refused before anything is made', async () => {
  const huge: object[] = [
    { dModel: 1e6 },
    { dModel: 1e6, numHeads: 1, numKVHeads: 1, dFF: 1 },
    { dFF: 1e9 },
    { vocabSize: 1e9 },
    { numLayers: 4096 },
    { maxSeqLen: 1e7, positions: 'learned' },
    { maxSeqLen: 8e6 },
    { maxSeqLen: 2 ** 53 - 1 },
  ];
  for (const change of huge) {
    const file = rewritten(bytes, { tokenizer: 'null', config: json({ ...config, ...change }) });
    const begun = performance.now();
    await refused(file, /it asks for \d+ values|more tensors than|sinusoids|exceeds/, json(change));
    assert.ok(performance.now() - begun < 1000, `${json(change)} took ${performance.now() - begun} ms`);
  }
  const classes = { ...classifier.config, numClasses: 1e8 };
  await refused(rewritten(classified, { config: json(classes), labels: 'null' }), /it asks for \d+ values/);
  const segments = { ...classifier.config, numSegments: 1e8 };
  await refused(rewritten(classified, { config: json(segments) }), /it asks for \d+ values/);
  const vit = trainedModel('visionTransformer', optionsOf.visionTransformer);
  const patches = { ...vit.config, imageSize: 1e6, patchSize: 1e6 };
  await refused(rewritten(saveModel(vit), { config: json(patches) }), /it asks for \d+ values/);
});

test('hostile metadata', async () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  for (const key of ['config', 'tokenizer', 'labels', 'recipe', 'training']) {
    for (const value of [
      deep,
      '',
      '{',
      '{"a":1,"a":2}',
      undefined,
      `${'{"a":'.repeat(70)}1${'}'.repeat(70)}`,
    ]) {
      await refused(
        rewritten(bytes, { [key]: value }),
        /has no valid|refused/,
        `${key}: ${String(value).slice(0, 20)}`,
      );
    }
  }
  for (const value of ['null', '[]', '3', '"x"'])
    await refused(rewritten(bytes, { config: value }), /the configuration must be an object/);
  for (const value of ['[]', '3', '"x"'])
    await refused(rewritten(bytes, { recipe: value }), /the recipe must be an object or null/);
  for (const step of ['-1', '1.5', '"3"', '1e99'])
    await refused(
      rewritten(bytes, { training: `{"step":${step},"dataSha256":null}` }),
      /the number of steps/,
    );
  await refused(rewritten(bytes, { training: '{"step":1,"dataSha256":[1]}' }), /the hash of the data/);
  await refused(
    rewritten(bytes, { config: `{"__proto__":{"dModel":8},${json(config).slice(1)}` }),
    /unknown key/,
  );
  const twice = Buffer.from(
    encodeSafetensors(model.stateDict(), { format: 'prenorm-model', sha256: '0'.repeat(64) }),
  );
  await refused(sealed(Uint8Array.from(twice)), /unknown model version undefined/);
});

test('another kind than asked for, no source, no runtime', async () => {
  const error = await asyncRefusal(loadModel(bytes, { kind: 'transformer' }));
  assert.instance(error, CheckpointError);
  assert.match(error.message, /the model is a causalLM, a transformer is wanted/);
  for (const source of [null, 3, {}, [1, 2], undefined]) {
    assert.instance(await asyncRefusal(loadModel(source as never)), ConfigError);
  }
  assert.match((await asyncRefusal(loadModel(new URL('https://example.org/m')))).message, /await fetch/);
  const missing = new Response('not found', { status: 404 });
  const answer = await asyncRefusal(loadModel(missing));
  assert.instance(answer, CheckpointError);
  assert.match(answer.message, /the server answered 404/);
});

test('paths that lead nowhere', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-model-'));
  try {
    mkdirSync(join(folder, 'empty'));
    writeFileSync(join(folder, 'notes.txt'), 'no model');
    for (const [name, pattern] of [
      ['none.safetensors', /there is no such file/],
      ['empty', /no run in this folder/],
      ['notes.txt/x', /cannot be read: ENOTDIR/],
      ['notes.txt', /not a readable model/],
    ] as const) {
      const error = await asyncRefusal(loadModel(join(folder, name)));
      assert.instance(error, CheckpointError, name);
      assert.match(error.message, pattern);
      assert.ok(error.message.includes(folder), error.message);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a runtime that is too small says so, and is as it was', async () => {
  const large = new CausalLM({ vocabSize: 20_000, dModel: 64, numHeads: 1, numLayers: 1 });
  const file = saveModel(large);
  const small = await createRuntime({ maxMemory: 2 ** 22 });
  const error = await asyncRefusal(withRuntime(small, () => loadModel(file)));
  assert.instance(error, MemoryError);
});

test('what does not belong together is not saved', () => {
  const cases: [() => unknown, RegExp][] = [
    [() => saveModel(model, { tokenizer: chars }), /the model has 270 ids, the tokenizer \d+/],
    [
      () => saveModel(trainedModel('causalLM', { ...config, vocabSize: 269 }), { tokenizer: bpe }),
      /the model has 269 ids/,
    ],
    [
      () => saveModel(model, { tokenizer: { vocabSize: 270, toJSON: () => ({}) } as never }),
      /a Tokenizer, a CharTokenizer or a PretrainedTokenizer/,
    ],
    [() => saveModel(model, { labels }), /has no classes/],
    [() => saveModel(classifier, { labels: ['a'] }), /1 labels for 3 classes/],
    [() => saveModel(classifier, { labels: ['a', 'a', 'b'] }), /not all different/],
    [() => saveModel(model, { recipe: [] }), /recipe must be an object/],
    [() => saveModel(model, { step: -1 }), /step must be/],
    [() => saveModel(model.encoder as never), /one of the library/],
    [() => saveModel(model.stateDict() as never), /one of the library/],
    [() => saveModel(new (class extends CausalLM {})(config)), /no class on top/],
    [
      () => saveModel(trainedModel('causalLM', { ...config, maxSeqLen: 2 ** 20 })),
      /sinusoids.*lower maxSeqLen/,
    ],
  ];
  for (const [run, pattern] of cases) {
    let error: unknown;
    try {
      run();
    } catch (thrown) {
      error = thrown;
    }
    assert.instance(error, ConfigError, String(pattern));
    assert.match((error as Error).message, pattern);
  }
  assert.throws(
    () => saveModel(model, { recipe: { weights: new Uint8Array(3) } }),
    /recipe\.weights is a buffer/,
  );
});

test.run();
