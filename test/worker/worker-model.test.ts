/** A model in a worker (Node's here): the bits and the errors of the library, and nothing computed that nobody reads. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { classify } from '../../src/classify/index.js';
import { CheckpointError, ConfigError, DataError, EnvironmentError } from '../../src/errors.js';
import { generate, logProbabilities, translate } from '../../src/generate/index.js';
import { loadModel, saveModel } from '../../src/io/index.js';
import { init } from '../../src/runtime/init.js';
import { WorkerModel } from '../../src/worker/index.js';
import { bpe, labels, optionsOf, rewritten, trainedModel } from '../io/model-setup.js';
import { asyncRefusal } from '../support.js';

const test = suite('worker model');
await init();

const lm = trainedModel('causalLM', { ...optionsOf.causalLM, dropout: 0.3 }).eval();
const translator = trainedModel('transformer', optionsOf.transformer).eval();
const classifier = trainedModel('textClassifier', optionsOf.textClassifier).eval();
const bytes = saveModel(lm, { tokenizer: bpe });

const open: WorkerModel[] = [];
function start(source: ConstructorParameters<typeof WorkerModel>[0] = bytes): WorkerModel {
  const model = new WorkerModel(source);
  open.push(model);
  return model;
}
test.after.each(() => {
  for (const model of open.splice(0)) model.close();
});

async function whole<T, R>(text: AsyncGenerator<T, R, undefined>): Promise<{ pieces: T[]; result: R }> {
  const pieces: T[] = [];
  for (;;) {
    const { done, value } = await text.next();
    if (done) return { pieces, result: value };
    pieces.push(value);
  }
}

test('says what it is, and leaves the bytes where they are', async () => {
  const length = bytes.length;
  const ready = await start().ready;
  assert.is(ready.kind, 'causalLM');
  assert.equal(ready.config, lm.config);
  assert.equal(ready.tokenizer, bpe.toJSON());
  assert.is(ready.parameters, lm.numParameters());
  assert.is(ready.capabilities.simd, 'strict');
  assert.is(bytes.length, length);
});

test('in 16 bits it computes as the rounded model here does', async () => {
  const model = new WorkerModel(bytes, { dtype: 'bf16' });
  open.push(model);
  const batch = { ids: Int32Array.of(5, 6, 7, 8), batchSize: 1, seqLen: 4 };
  const { values } = await model.logits(batch);
  const { model: rounded } = await loadModel(bytes, { dtype: 'bf16' });
  assert.equal([...values], [...rounded.forward(batch as never).toArray()]);
  assert.not.equal([...values], [...lm.forward(batch).toArray()]);
  assert.throws(() => new WorkerModel(bytes, { dtype: 'f32' as never }), /WorkerModel: dtype must be .*f16/);
});

test('continues texts as the library does, one and several, past the context', async () => {
  const model = start();
  const cases = [
    { maxNewTokens: 60, seed: 4 },
    { maxNewTokens: 12, temperature: 0 },
    { maxNewTokens: 30, seed: 2, topK: 20, topP: 0.9, minP: 0.01, repetitionPenalty: 1.2, stop: ['zz'] },
  ];
  for (const options of cases) {
    assert.equal(
      await whole(model.generate('a model', options)),
      await whole(generate(lm, bpe, 'a model', options)),
    );
  }
  const prompts = ['a model', 'its'];
  const seeds = { maxNewTokens: 9, seed: [1, 2] };
  assert.equal(await whole(model.generate(prompts, seeds)), await whole(generate(lm, bpe, prompts, seeds)));
  const ids = Int32Array.of(5, 6);
  assert.equal(await whole(model.generate(ids)), await whole(generate(lm, bpe, ids)));
});

test('two texts at a time are what each is alone', async () => {
  const model = start();
  const [a, b] = await Promise.all([
    whole(model.generate('a', { maxNewTokens: 20, seed: 1 })),
    whole(model.generate('b', { maxNewTokens: 20, seed: 2 })),
  ]);
  assert.equal(a, await whole(generate(lm, bpe, 'a', { maxNewTokens: 20, seed: 1 })));
  assert.equal(b, await whole(generate(lm, bpe, 'b', { maxNewTokens: 20, seed: 2 })));
});

test('who stops reading stops the work; a signal ends the text with its reason', async () => {
  const model = start();
  let pieces = 0;
  for await (const _ of model.generate('a model', { maxNewTokens: 1_000_000 })) if (++pieces === 3) break;
  // The worker is free at once: a text of a million tokens would take it minutes.
  const begun = performance.now();
  await model.logProbabilities('its labels');
  assert.ok(performance.now() - begun < 2000);

  const controller = new AbortController();
  const text = model.generate('a model', { maxNewTokens: 1_000_000, signal: controller.signal });
  await text.next();
  controller.abort();
  const { result } = await whole(text);
  assert.is(result.reason, 'aborted');
  const aborted = await whole(model.generate('a', { signal: AbortSignal.abort() }));
  assert.is(aborted.result.reason, 'aborted');
  assert.equal(aborted.pieces, []);
});

test('log-probabilities, translations and classes as the library gives them', async () => {
  assert.equal(
    await start().logProbabilities('a model, its'),
    await logProbabilities(lm, bpe, 'a model, its'),
  );
  const translating = start(saveModel(translator, { tokenizer: bpe }));
  const sentences = ['a model', '', 'its labels go'];
  for (const options of [{}, { beamSize: 3, nBest: 2, lengthPenalty: 0.6 }])
    assert.equal(
      await translating.translate(sentences, options),
      await translate(translator, bpe, sentences, options),
    );
  const pair = ['a model', 'its'] as const;
  assert.equal(await translating.logProbabilities(pair), await logProbabilities(translator, bpe, pair));
  const judging = start(saveModel(classifier, { tokenizer: bpe, labels }));
  const texts = ['a model', ['its', 'labels']] as const;
  assert.equal(await judging.classify(texts), classify(classifier, bpe, labels, texts));
});

test('a translation is aborted', async () => {
  const model = start(saveModel(translator, { tokenizer: bpe }));
  const controller = new AbortController();
  const work = model.translate(Array(200).fill('a model, its'), { signal: controller.signal, batchSize: 1 });
  setTimeout(() => controller.abort(), 60);
  const error = await work.then(
    () => null,
    (reason) => reason,
  );
  assert.is(error?.name, 'AbortError');
  assert.is((await model.translate(['a'])).length, 1);
});

test('errors cross as what they are', async () => {
  const damaged = bytes.slice();
  damaged[damaged.length - 5] ^= 1;
  const refused = await asyncRefusal(start(damaged).ready);
  assert.instance(refused, CheckpointError);
  assert.match(refused.message, /damaged/);
  const huge = rewritten(bytes, { config: JSON.stringify({ ...lm.config, dModel: 1e6 }) });
  assert.match((await asyncRefusal(start(huge).ready)).message, /it asks for \d+ values/);
  const model = start();
  const cases: [() => Promise<unknown>, new (m: string) => Error, RegExp][] = [
    [() => model.generate('a', { topP: 3 }).next(), ConfigError, /topP/],
    [() => model.generate('').next(), DataError, /the prompt is empty/],
    [
      () => model.generate('a', { stopp: 'x' } as never).next(),
      ConfigError,
      /unknown key "stopp".*did you mean/,
    ],
    [
      () => model.generate('a', { stop: (() => 'x') as never }).next(),
      ConfigError,
      /options\.stop is a function/,
    ],
    [() => model.generate('a', { signal: 3 as never }).next(), ConfigError, /signal must be an AbortSignal/],
    [() => model.translate(['a']), ConfigError, /only a Transformer translates/],
    [() => model.classify(['a']), ConfigError, /the model must be a TextClassifier, got a causalLM/],
    [() => model.logProbabilities('a'), DataError, /at least two/],
  ];
  for (const [work, kind, pattern] of cases) {
    const error = await asyncRefusal(work());
    assert.instance(error, kind, String(pattern));
    assert.match(error.message, pattern);
  }
  const again = await whole(model.generate('a', { maxNewTokens: 3, temperature: 0 }));
  assert.is(again.result.ids.length, 3);
  const none = start(saveModel(lm));
  assert.instance(await asyncRefusal(none.generate('a').next()), ConfigError);
  assert.equal((await whole(none.generate([5, 6], { maxNewTokens: 4 }))).pieces.length, 4);
});

test('options that cannot be, sources that are none, and what comes after close', async () => {
  assert.throws(() => new WorkerModel(bytes, { threads: 2 } as never), /WorkerModel: unknown key "threads"/);
  assert.throws(
    () => new WorkerModel(bytes, { runtime: { worker: (() => '') as never } }),
    /cannot go to a worker/,
  );
  assert.instance(await asyncRefusal(start(3 as never).ready), ConfigError);
  assert.instance(await asyncRefusal(start('/nowhere/model.safetensors').ready), CheckpointError);
  const nowhere = new WorkerModel(bytes, { worker: new URL('file:///nowhere.js') });
  const failed = await asyncRefusal(nowhere.ready);
  assert.instance(failed, EnvironmentError);
  assert.match((failed as Error).message, /^WorkerModel: the model's worker failed: /);
  const model = start();
  const text = model.generate('a', { maxNewTokens: 1_000_000 });
  await text.next();
  model.close();
  const error = await text.next().catch((reason: Error) => reason);
  assert.is((error as Error).name, 'AbortError');
});

test.run();
