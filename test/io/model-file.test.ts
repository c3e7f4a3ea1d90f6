/** One file is a model: what is saved comes back, here and in another process, and equal models give equal bytes. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as inference from '../../src/inference.js';
import { decodeSafetensors, loadModel, saveModel } from '../../src/io/index.js';
import { type ModelKind, normPlacements } from '../../src/nn/index.js';
import { modelClasses } from '../../src/nn/model-kinds.js';
import { normKinds } from '../../src/nn/norms.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { CharTokenizer, Tokenizer } from '../../src/text/index.js';
import { VERSION } from '../../src/version.js';
import { bits } from '../support.js';
import { bpe, chars, labels, logits, optionsOf, trainedModel } from './model-setup.js';

const test = suite('io/model-file');
const runtime = await init();

const kinds = Object.entries(optionsOf) as [ModelKind, object][];
const recipe = { model: { kind: 'causalLM', dModel: 8 }, steps: 3, data: { kind: 'text', source: 'a.txt' } };

test('every kind of model comes back with its weights, configuration, tokenizer and labels', async () => {
  assert.equal(
    kinds.map(([kind]) => modelClasses[kind]),
    [...new Set(Object.values(modelClasses))],
  );
  for (const [kind, options] of kinds) {
    const model = trainedModel(kind, options);
    const hasText = kind !== 'visionTransformer';
    const hasClasses = 'numClasses' in options;
    const bytes = saveModel(model, {
      ...(hasText ? { tokenizer: bpe } : {}),
      ...(hasClasses ? { labels } : {}),
      recipe,
      step: 7,
    });
    const loaded = await loadModel(bytes, { kind });
    assert.is(loaded.kind, kind);
    assert.instance(loaded.model, modelClasses[kind]);
    assert.equal(loaded.config, model.config);
    assert.equal(loaded.labels, hasClasses ? labels : null);
    assert.equal(loaded.recipe, recipe);
    assert.is(loaded.step, 7);
    assert.is(loaded.dataHash, null);
    assert.is(loaded.version, VERSION);
    assert.not(loaded.model.training);
    if (hasText) assert.equal(loaded.tokenizer?.toJSON(), bpe.toJSON());
    else assert.is(loaded.tokenizer, null);
    assert.is(bits(logits(loaded.model)), bits(logits(model)), kind);
    assert.equal(saveModel(loaded.model, optionsFrom(loaded)), bytes, kind);
  }
});

function optionsFrom({
  tokenizer,
  labels: names,
  recipe: made,
  step,
}: Awaited<ReturnType<typeof loadModel>>) {
  return { tokenizer, labels: names, recipe: made, step: step ?? undefined };
}

test('every placement, norm and position comes back', async () => {
  const base = optionsOf.transformer;
  const variants: object[] = [
    ...normPlacements.map((normPlacement) => ({ normPlacement, tiedEmbeddings: false })),
    ...normKinds.map((norm) => ({ norm, positions: 'learned', embeddingNorm: true, activation: 'gelu' })),
    { qkNorm: 'layer', dropout: 0.5, embeddingScale: 0.5, numEncoderLayers: 1, numDecoderLayers: 3 },
  ];
  for (const variant of variants) {
    const model = trainedModel('transformer', { ...base, ...variant });
    model.eval();
    const loaded = await loadModel(saveModel(model, { tokenizer: bpe }));
    assert.is(bits(logits(loaded.model)), bits(logits(model)), JSON.stringify(variant));
  }
});

test('both tokenizers come back, and a vocabulary with spare ids where that is meant', async () => {
  const text = 'its labels, and \u{1f600} what nobody knows';
  for (const tokenizer of [bpe, chars]) {
    const model = trainedModel('causalLM', { ...optionsOf.causalLM, vocabSize: tokenizer.vocabSize });
    const loaded = await loadModel(saveModel(model, { tokenizer }));
    assert.instance(loaded.tokenizer, tokenizer === bpe ? Tokenizer : CharTokenizer);
    assert.equal(loaded.tokenizer?.encode(text), tokenizer.encode(text));
  }
  const roomy = trainedModel('causalLM', { ...optionsOf.causalLM, vocabSize: bpe.vocabSize + 5 });
  assert.throws(
    () => saveModel(roomy, { tokenizer: bpe }),
    /the model has \d+ ids, the tokenizer 270 .*spareIds/,
  );
  const loaded = await loadModel(saveModel(roomy, { tokenizer: bpe, spareIds: true }));
  assert.is(loaded.tokenizer?.vocabSize, bpe.vocabSize);
});

test('the weights lie in the file under their names, for any reader of safetensors', () => {
  const model = trainedModel('causalLM', optionsOf.causalLM);
  const { tensors, metadata } = decodeSafetensors(saveModel(model, { tokenizer: bpe }), 'model');
  const state = model.stateDict();
  assert.equal([...tensors.keys()].sort(), [...state.keys()].sort());
  for (const [name, { shape, data }] of state) {
    assert.equal(tensors.get(name)?.shape, [...shape]);
    assert.equal(tensors.get(name)?.data, data);
  }
  assert.is(metadata.format, 'prenorm-model');
  assert.is(metadata.version, '1');
  assert.is(metadata.kind, 'causalLM');
  assert.is(metadata.prenorm, VERSION);
  assert.equal(JSON.parse(metadata.config), model.config);
});

test('the SHA-256 is that of the file with zeros in its place', () => {
  const bytes = Buffer.from(saveModel(trainedModel('causalLM', optionsOf.causalLM)));
  const at = bytes.indexOf('"sha256":"') + 10;
  const stored = bytes.toString('latin1', at, at + 64);
  bytes.fill('0', at, at + 64);
  assert.is(createHash('sha256').update(bytes).digest('hex'), stored);
});

test('a model on the kernels for inference gives the same bits', async () => {
  const model = trainedModel('causalLM', optionsOf.causalLM);
  const bytes = saveModel(model, { tokenizer: bpe });
  const forward = await inference.createRuntime();
  const loading = withRuntime(forward, () => inference.loadModel(bytes));
  // Which runtime is current is asked when it is called, not when the promise is waited for.
  const loaded = await loading;
  assert.is(loaded.model.runtime(), forward);
  assert.is(bits(withRuntime(forward, () => logits(loaded.model))), bits(logits(model)));
});

test('bytes may come as a buffer, a Blob, a Response, a path or the URL of a file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-model-'));
  try {
    const model = trainedModel('causalLM', optionsOf.causalLM);
    const bytes = saveModel(model, { tokenizer: bpe });
    const path = join(folder, 'a model.safetensors');
    writeFileSync(path, bytes);
    const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
    shared.set(bytes);
    const sources = [
      bytes,
      bytes.buffer,
      new Blob([bytes]),
      new Response(bytes),
      path,
      pathToFileURL(path),
      shared,
    ];
    for (const source of sources) {
      const loaded = await loadModel(source);
      assert.is(bits(logits(loaded.model)), bits(logits(model)));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('another process loads what this one saved, and computes the same', () => {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-model-'));
  try {
    const model = trainedModel('causalLM', optionsOf.causalLM);
    writeFileSync(join(folder, 'model.safetensors'), saveModel(model, { tokenizer: bpe, recipe }));
    const program = `
      import { init, loadModel } from '${pathToFileURL('dist/inference.js').href}';
      await init();
      const { model, tokenizer, config } = await loadModel(${JSON.stringify(join(folder, 'model.safetensors'))});
      const x = model.forward({ ids: Int32Array.of(5, 9, 7, 12, 8, 6), batchSize: 2, seqLen: 3 }).toArray();
      console.log(Buffer.from(x.buffer, x.byteOffset, x.byteLength).toString('hex'));
      console.log(tokenizer.decode(tokenizer.encode('its labels')), config.dModel);`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    assert.equal(output.trim().split('\n'), [bits(logits(model)), 'its labels 8']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('loading again and again takes no more memory', async () => {
  const bytes = saveModel(trainedModel('causalLM', optionsOf.causalLM), { tokenizer: bpe });
  const own = await createRuntime();
  let most = 0;
  for (let i = 0; i < 300; i++) {
    await withRuntime(own, () => loadModel(bytes));
    if (i % 20 === 19) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (i === 99) most = own.memory().persistentInUse;
  }
  assert.ok(own.memory().persistentInUse <= 2 * most, `${own.memory().persistentInUse} bytes after ${most}`);
});

test('the version in the file is that of the package', () => {
  assert.is(VERSION, JSON.parse(readFileSync('package.json', 'utf8')).version);
  assert.ok(runtime);
});

test('a path and the URL of a file are read by a Node without process.getBuiltinModule', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'prenorm-old-node-'));
  const { getBuiltinModule } = process;
  try {
    const path = join(folder, 'model.safetensors');
    writeFileSync(
      path,
      saveModel(
        trainedModel('causalLM', { vocabSize: 9, dModel: 16, numHeads: 2, numLayers: 1, maxSeqLen: 8 }),
        { step: 7 },
      ),
    );
    process.getBuiltinModule = undefined as never;
    for (const source of [path, pathToFileURL(path)]) assert.is((await loadModel(source)).step, 7);
  } finally {
    process.getBuiltinModule = getBuiltinModule;
    rmSync(folder, { recursive: true });
  }
});

test('of absolute names of files in a recipe, the file has what they end in', async () => {
  const [[kind, options]] = kinds;
  const model = trainedModel(kind, options);
  const names: [string, string][] = [
    ['/home/ada/texts/days.tsv', 'days.tsv'],
    ['/home/ada/texts/', 'texts'],
    ['~/days.tsv', 'days.tsv'],
    ['C:\\Users\\ada\\days.tsv', 'days.tsv'],
    ['c:/Users/ada/days.tsv', 'days.tsv'],
    ['\\\\server\\ada\\days.tsv', 'days.tsv'],
    ['file:///home/ada/days.mjs', 'days.mjs'],
    ['/', '.'],
    ['texts/days.tsv', 'texts/days.tsv'],
    ['../days.tsv', '../days.tsv'],
    ['kjv', 'kjv'],
    ['https://example.org/a/days.mjs', 'https://example.org/a/days.mjs'],
  ];
  for (const [name, stays] of names) {
    const own = (at: string) => ({
      weights: at,
      data: { kind: 'text', source: at, url: at, validation: 0.2 },
      tokenizer: { kind: 'saved', path: at },
      steps: 3,
    });
    const given = own(name);
    const { recipe: loaded } = await loadModel(saveModel(model, { recipe: given }));
    assert.equal(loaded, own(stays));
    assert.equal(given, own(name));
  }
});

test.run();
