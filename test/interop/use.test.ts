/** @file What models out of folders are used for, in this thread and in a worker: continued, classified, trained, saved. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noGrad } from '../../src/autograd/index.js';
import { classify } from '../../src/classify/index.js';
import { CachedLM } from '../../src/generate/cached-lm.js';
import { generate, generateText } from '../../src/generate/index.js';
import { LOGITS } from '../../src/generate/scores.js';
import { fromPretrained, toPretrained } from '../../src/interop/index.js';
import { loadModel, saveModel } from '../../src/io/index.js';
import {
  CausalLM,
  type LibraryModel,
  MaskedLM,
  type ModelOptions,
  TextClassifier,
  VisionTransformer,
} from '../../src/nn/index.js';
import { Adam } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { trainBPE } from '../../src/text/index.js';
import * as tokenizers from '../../src/tokenizers/index.js';
import { type Trainable, Trainer } from '../../src/train/index.js';
import { WorkerModel } from '../../src/worker/index.js';
import { bits, gaussians, SMALL } from '../support.js';
import { fixture, read } from '../tokenizers/fixture.js';
import { filesOf, goldenOf, json, lmLogits, parsed } from './folders.js';

const test = suite('interop/use');
await init();

const CAUSAL = ['gpt2', 'llama', 'llama3', 'smollm2', 'qwen2'] as const;
const goldenIds = (name: string) => goldenOf<{ prompt: number[]; greedy: number[]; ids: number[] }>(name);

const open: WorkerModel[] = [];
function inWorker(...saved: Parameters<typeof saveModel>): WorkerModel {
  const model = new WorkerModel(saveModel(...saved));
  open.push(model);
  return model;
}
test.after.each(() => {
  for (const model of open.splice(0)) model.close();
});

async function all<T>(text: AsyncGenerator<T>): Promise<T[]> {
  const pieces: T[] = [];
  for await (const piece of text) pieces.push(piece);
  return pieces;
}

for (const name of CAUSAL) {
  test(`${name}: generate gives the tokens of the formulas, here and in a worker`, async () => {
    const { prompt, greedy } = goldenIds(name);
    const { model } = await fromPretrained(filesOf(name));
    const worker = inWorker(model);
    const best = { temperature: 0, maxNewTokens: 20 };
    assert.equal(await all(generate(model, null, prompt, best)), greedy);
    assert.equal(await all(worker.generate(prompt as never, best)), greedy);
    const drawn = { seed: 5, topK: 6, maxNewTokens: 12 };
    const here = await all(generate(model, null, prompt, drawn));
    assert.equal(await all(worker.generate(prompt as never, drawn)), here);
  });

  test(`${name}: with keys and values kept, logits have the bits of the whole pass, however the text comes`, async () => {
    const { ids } = goldenIds(name);
    const model = (await fromPretrained(filesOf(name))).model as CausalLM;
    const { vocabSize } = model.config;
    const whole = noGrad(() => lmLogits(ids)(model)) as Float32Array;
    const cached = new CachedLM(model, 1);
    let at = 0;
    for (const count of [3, 1, 1, 2]) {
      const piece = Int32Array.from(ids.slice(at, at + count));
      at += count;
      const [logits] = cached.feed(piece, LOGITS);
      assert.is(bits(logits), bits(whole.slice((at - 1) * vocabSize, at * vocabSize)), `position ${at}`);
    }
    cached.release();
  });
}

/** Some steps of Adam on one batch, then through a folder: gives the model that comes back. */
async function trained<B>(model: LibraryModel & Trainable<B>, batch: B): Promise<LibraryModel> {
  const before = bits(model.parameters()[0].toArray());
  const trainer = new Trainer<B>({
    model,
    data: { next: () => batch, state: () => ({}), restore: () => {} } as never,
    optimizer: new Adam(model.parameters(), { lr: 1e-2 }),
    steps: 4,
  });
  for await (const _ of trainer.run());
  assert.is.not(bits(model.parameters()[0].toArray()), before, 'it has learnt something');
  const back = await fromPretrained(toPretrained(model, { maxShardBytes: 9000 }));
  const values = back.model.stateDict();
  for (const [key, parameter] of model.namedParameters())
    assert.is(bits(values.get(key)?.data as Float32Array), bits(parameter.toArray()), key);
  return back.model;
}

const llama = {
  positions: 'rotary',
  norm: 'rms',
  gatedFFN: true,
  activation: 'silu',
  embeddingScale: 1,
} as const;
const bert: Partial<ModelOptions> & { numSegments: number } = {
  ...{ normPlacement: 'post', positions: 'learned', embeddingNorm: true, embeddingScale: 1, numSegments: 2 },
  ...{ activation: 'gelu', dropout: 0.1 },
};

test('a causal model trained here is the same to the bit when its folder is read, whatever its family', async () => {
  const ids = Int32Array.of(3, 1, 4, 1, 5, 9, 2, 6);
  const batch = { ids, targets: Int32Array.of(1, 4, 1, 5, 2, 6, 5, 3), batchSize: 2, seqLen: 4 };
  for (const options of [
    { positions: 'learned', embeddingScale: 1, activation: 'geluTanh', dropout: 0.1 },
    { ...llama, numKVHeads: 2, bias: false },
    { ...llama, numKVHeads: 1, bias: 'qkv', tiedEmbeddings: false },
  ] as const) {
    const model = new CausalLM({ ...SMALL, ...options, seed: 6 });
    const back = await trained(model, batch);
    const run = lmLogits([3, 1, 4]);
    assert.is(bits(noGrad(() => run(back))), bits(noGrad(() => run(model.eval()))));
  }
});

test('a trained BERT classifier comes back, and classifies here and in a worker alike', async () => {
  const tokenizer = trainBPE(['one two three four five'], { vocabSize: 265 });
  const model = new TextClassifier({
    ...SMALL,
    ...bert,
    vocabSize: tokenizer.vocabSize,
    numClasses: 2,
    seed: 7,
  });
  const ids = Int32Array.of(1, 40, 41, 2, 1, 70, 71, 2);
  const labels = Int32Array.of(0, 1);
  const batch = { ids, segments: new Int32Array(8), labels, batchSize: 2, seqLen: 4 };
  const back = await trained(model, batch);
  const texts = ['one two', ['five', 'four'], 'three'] as const;
  const here = classify(back, tokenizer, ['no', 'yes'], texts);
  assert.equal(here, classify(model, tokenizer, ['no', 'yes'], texts));
  assert.equal(await inWorker(back, { tokenizer, labels: ['no', 'yes'] }).classify(texts), here);
});

test('a trained masked language model and a trained vision transformer come back', async () => {
  const masked = new MaskedLM({ ...SMALL, ...bert, nextSentence: true, seed: 8 });
  await trained(masked, {
    ids: Int32Array.of(3, 1, 4, 1, 5, 9, 2, 6),
    targets: Int32Array.of(-1, 2, -1, -1, 7, -1, -1, -1),
    segments: Int32Array.of(0, 0, 1, 1, 0, 1, 1, 1),
    nextSentence: Int32Array.of(1, 0),
    batchSize: 2,
    seqLen: 4,
  });
  const image = { dModel: 16, numHeads: 2, numLayers: 2, imageSize: 8, patchSize: 2, numClasses: 3 } as const;
  const vision = new VisionTransformer({ ...image, seed: 9 });
  await trained(vision, { images: gaussians(128, 3), labels: Int32Array.of(0, 2), batchSize: 2 });
});

test('models of every folder are saved as one file and loaded with the same bits, here and in a worker', async () => {
  for (const name of [...CAUSAL, 'bert', 'bert-classifier', 'vit']) {
    const { model, labels } = await fromPretrained(filesOf(name));
    const again = await loadModel(saveModel(model, { labels }));
    assert.equal(again.labels, labels);
    const values = again.model.stateDict();
    for (const [key, parameter] of model.namedParameters())
      assert.is(bits(values.get(key)?.data as Float32Array), bits(parameter.toArray()), `${name}, ${key}`);
    const ready = await inWorker(model, { labels }).ready;
    assert.equal([ready.kind, ready.config, ready.labels], [model.kind, model.config, labels]);
  }
});

test('images and masked tokens have their logits from a worker, too', async () => {
  const { model: vision } = await fromPretrained(filesOf('vit'));
  const { imageSize, channels } = (vision as VisionTransformer).config;
  const images = { images: gaussians(2 * imageSize * imageSize * channels, 3), batchSize: 2 };
  const { model: masked } = await fromPretrained(filesOf('bert'));
  const ids = Int32Array.of(3, 1, 4, 1, 5, 9, 2, 6);
  const words = { ids, segments: new Int32Array(8), batchSize: 2, seqLen: 4 };
  for (const [model, batch] of [
    [vision, images],
    [masked, words],
  ] as const) {
    const here = noGrad(() => model.forward(batch as never));
    const worker = inWorker(model);
    const { shape, values } = await worker.logits(batch);
    assert.equal([shape, bits(values)], [[...here.shape], bits(here.toArray())]);
    for (const wrong of [undefined, {}, { ...batch, batchSize: 3 }, { ...batch, ids: null, images: null }]) {
      const error = await worker.logits(wrong as never).catch((cause) => cause);
      assert.ok(['SHAPE', 'CONFIG', 'DATA'].includes(error.code), `${error.code}: ${error.message}`);
    }
    const closure = await worker.logits({ ...batch, batchSize: (() => 2) as never }).catch((cause) => cause);
    assert.match(closure.message, /batch\.batchSize is a function, which cannot go to a worker/);
  }
});

test('a folder that is read and written again has the same bytes in every file', async () => {
  const settings = { eos_token: '<|im_end|>', pad_token: '<|im_start|>', chat_template: '{{ messages }}' };
  const smol = read(fixture('smollm2'), settings);
  const marks = { cls_token: '[CLS]', sep_token: '[SEP]', pad_token: '[PAD]', mask_token: '[MASK]' };
  const words = read(fixture('bert-uncased'), marks);
  const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'one', 'two'].join('\n');
  const config = JSON.stringify({ mask_token: '[MASK]', model_max_length: 24 });
  const byFile = tokenizers.tokenizerFrom({ 'vocab.txt': vocabulary, 'tokenizer_config.json': config });
  const file = JSON.stringify(fixture('smollm2'));
  const generation = JSON.stringify({ eos_token_id: [7, 9] });
  const ending = tokenizers.tokenizerFrom({ 'tokenizer.json': file, 'generation_config.json': generation });
  for (const tokenizer of [trainBPE(['one two three'], { vocabSize: 265 }), smol, ending]) {
    const { vocabSize } = tokenizer;
    await checkStable(new CausalLM({ ...SMALL, ...llama, bias: 'qkv', vocabSize }), { tokenizer });
  }
  for (const tokenizer of [words, byFile]) {
    const { vocabSize } = tokenizer;
    await checkStable(new MaskedLM({ ...SMALL, ...bert, vocabSize, nextSentence: true }), { tokenizer });
    const judge = new TextClassifier({ ...SMALL, ...bert, vocabSize, numClasses: 2 });
    await checkStable(judge, { tokenizer, labels: ['no', 'yes'], maxShardBytes: 9000 });
  }
  for (const name of [...CAUSAL, 'bert', 'bert-classifier', 'vit']) {
    const { model, labels } = await fromPretrained(filesOf(name));
    await checkStable(model, { labels });
  }
});

async function checkStable(model: LibraryModel, options: Parameters<typeof toPretrained>[1]): Promise<void> {
  const first = toPretrained(model, options);
  const { model: again, tokenizer, labels } = await fromPretrained(first, { tokenizers });
  assert.is(tokenizer === null, options?.tokenizer === undefined);
  const second = toPretrained(again, { ...options, tokenizer, labels });
  assert.equal([...second.keys()], [...first.keys()]);
  for (const [name, bytes] of first) assert.is(text(second.get(name)), text(bytes), name);
}

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes as Uint8Array).toString('latin1');

test('whichever of several ids ends a text, here, in a worker, and from the folder that says so', async () => {
  const tokenizer = read(fixture('smollm2'), { eos_token: '<|im_end|>' });
  const { vocabSize } = tokenizer;
  const model = new CausalLM({ ...SMALL, ...llama, vocabSize, seed: 4 }).eval() as CausalLM;
  const best = { seed: 5, maxNewTokens: 8 };
  const { ids, reason } = await generateText(model, tokenizer, 'the end', best);
  assert.is(reason, 'length');
  const last = [...ids].find((id, i) => i > 0 && !ids.subarray(0, i).includes(id)) as number;
  const short = ids.subarray(0, ids.indexOf(last));
  const given = await generateText(model, tokenizer, 'the end', { ...best, eos: [3, last] });
  assert.equal([given.reason, given.ids], ['eos', short]);
  for (const eos of [[], null]) {
    const whole = await generateText(model, tokenizer, 'the end', { ...best, eos });
    assert.equal([whole.reason, whole.ids], ['length', ids]);
  }
  const files = toPretrained(model, { tokenizer });
  const config = parsed(files.get('config.json'));
  for (const changed of [
    { 'config.json': json({ ...config, eos_token_id: [3, last] }) },
    { 'generation_config.json': json({ eos_token_id: last, temperature: 0.1 }) },
  ]) {
    const folder = new Map([...files, ...Object.entries(changed)]) as typeof files;
    const loaded = await fromPretrained(folder, { tokenizers });
    const ended = await generateText(loaded.model, loaded.tokenizer, 'the end', best);
    assert.equal([ended.reason, ended.ids], ['eos', short]);
    const worker = inWorker(loaded.model, { tokenizer: loaded.tokenizer });
    const answer = worker.generate('the end', best);
    let there = await answer.next();
    while (!there.done) there = await answer.next();
    assert.equal([there.value.reason, there.value.ids], ['eos', short]);
  }
  assert.throws(
    () => generate(model, tokenizer, 'a', { eos: [vocabSize] }),
    /eos must be a whole number from 0/,
  );
});

test.run();
