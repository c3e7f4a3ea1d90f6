/** The trainer in a worker (Node's here): the same bits as in this thread, whatever is asked in between. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluationTextWindows, TextWindows } from '../../src/data/index.js';
import { CheckpointError, ConfigError, DataError, EnvironmentError, NumericError } from '../../src/errors.js';
import { decodeSafetensors, loadModel } from '../../src/io/index.js';
import { CausalLM } from '../../src/nn/index.js';
import { AdamW, makeSchedule } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { trainChars } from '../../src/text/index.js';
import { Trainer } from '../../src/train/index.js';
import { WorkerTrainer, type WorkerTrainerOptions } from '../../src/worker/index.js';

const test = suite('worker trainer');
const text = 'In the beginning was the word, and the word was with the others. '.repeat(40);
const model = { dModel: 16, numHeads: 2, numLayers: 1, dropout: 0.1, maxSeqLen: 16 } as const;
const schedule = { kind: 'inverseSqrt', maxLr: 0.01, warmupSteps: 5 } as const;

const config = (more: Partial<WorkerTrainerOptions> = {}): WorkerTrainerOptions => ({
  model: { kind: 'causalLM', ...model },
  optimizer: { kind: 'adamw' },
  schedule,
  data: { kind: 'text', text, batchSize: 4, seqLen: 16 },
  steps: 30,
  seed: 3,
  ...more,
});

const open: WorkerTrainer[] = [];
function start(more: Partial<WorkerTrainerOptions> = {}): WorkerTrainer {
  const trainer = new WorkerTrainer(config(more));
  open.push(trainer);
  return trainer;
}
test.after.each(() => {
  for (const trainer of open.splice(0)) trainer.close();
});

async function rejection(work: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof work === 'function' ? work() : work);
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

async function finish(trainer: WorkerTrainer): Promise<string> {
  for await (const _ of trainer.run());
  return trainer.hash();
}

let expected = '';
let expectedNll = 0;
test.before(async () => {
  const runtime = await init();
  runtime.manualSeed(3);
  const tokenizer = trainChars(text);
  const ids = tokenizer.encode(text);
  const cut = ids.length - Math.floor(ids.length * 0.1);
  const lm = new CausalLM({ seed: 3, ...model, vocabSize: tokenizer.vocabSize });
  const trainer = new Trainer({
    model: lm,
    data: new TextWindows(ids.subarray(0, cut), { batchSize: 4, seqLen: 16, seed: 3 }),
    validation: [...evaluationTextWindows(ids.subarray(cut), { batchSize: 4, seqLen: 16 })],
    optimizer: new AdamW(lm.parameters(), { lr: schedule.maxLr }),
    schedule: makeSchedule(schedule),
    steps: 30,
  });
  for await (const _ of trainer.run());
  expected = trainer.hash();
  expectedNll = trainer.evaluate();
});

test('a snapshot has the model as one file, with all it takes but the text it was trained on', async () => {
  // Far from its end: the worker may be some steps ahead of who reads them.
  const trainer = start({ steps: 100_000 });
  for await (const { step } of trainer.run()) if (step === 4) break;
  const { step, model: file, weights, best, tokenizer } = await trainer.snapshot();
  assert.is(best, null, 'nothing was evaluated yet');
  const loaded = await loadModel(file, { kind: 'causalLM' });
  assert.is(loaded.step, step);
  assert.equal(loaded.tokenizer?.toJSON(), tokenizer);
  for (const [name, { data }] of decodeSafetensors(weights, 'weights').tensors)
    assert.equal(loaded.model.stateDict().get(name)?.data, data, name);
  assert.equal(loaded.recipe?.data, { kind: 'text', batchSize: 4, seqLen: 16 });
  assert.not(Buffer.from(file).includes('In the beginning'));
  const whole = start();
  for await (const _ of whole.run());
  const last = await whole.snapshot();
  assert.is((await loadModel(last.model)).step, last.best?.step);
  await loadModel(last.checkpoint, { kind: 'causalLM' });
});

test('gives the bits of this thread, and every step in order', async () => {
  const trainer = start();
  const ready = await trainer.ready;
  assert.is(ready.capabilities.simd, 'strict');
  assert.is(ready.vocabSize, trainChars(text).vocabSize);
  const steps: number[] = [];
  let validNll: number | undefined;
  for await (const metrics of trainer.run()) {
    steps.push(metrics.step);
    validNll = metrics.validNll;
  }
  assert.equal(
    steps,
    Array.from({ length: 30 }, (_, i) => i + 1),
  );
  assert.is(validNll, expectedNll);
  assert.is(await trainer.evaluate(), expectedNll);
  assert.is(await trainer.hash(), expected);
});

test('pauses, is looked at, generates and goes on with the same bits', async () => {
  const trainer = start();
  let asked = false;
  for await (const { step } of trainer.run()) {
    if (step < 5 || asked) continue;
    asked = true;
    const at = (await trainer.pause()).step;
    const { text: drawn, ids } = await trainer.generate({ prompt: 'In the', length: 50, seed: 1 });
    assert.is(ids.length, 50);
    assert.is(drawn?.length, 50);
    assert.equal((await trainer.generate({ prompt: 'In the', length: 50, seed: 1 })).text, drawn);
    // What `generate` of the library refuses is refused here, in the same words.
    for (const [wrong, says] of [
      [{ topq: 1 }, 'generate: unknown key "topq"'],
      [{ topP: 1.5 }, 'generate: topP must be a number above 0, at most 1, got 1.5'],
      [{ maxNewTokens: 5 }, 'generate: length is the older name of maxNewTokens'],
      [{ length: 2.5 }, 'generate: length must be a whole number from 0 to 100000, got 2.5'],
      [{ length: 1e6 }, 'generate: length must be a whole number from 0 to 100000'],
      [{ temperature: -1 }, 'generate: temperature must be a finite number >= 0, got -1'],
      [{ topK: -1 }, 'generate: topK must be'],
      [{ seed: -1 }, 'generate: seed must be'],
      [{ prompt: '' }, 'generate: the prompt is empty'],
      [{ prompt: [1e6] }, 'generate: the prompt[0] must be a whole number from 0 to'],
    ] as const) {
      const options = { prompt: 'In the', length: 5, ...wrong } as Parameters<typeof trainer.generate>[0];
      const error = (await rejection(() => trainer.generate(options))) as Error;
      assert.ok(error.message.startsWith(says), error.message);
    }
    const snapshot = await trainer.snapshot();
    assert.is(snapshot.step, at, 'it did not pause');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.is((await trainer.snapshot()).step, snapshot.step);
    assert.ok(decodeSafetensors(snapshot.weights, 'weights').tensors.has('embedding.tokens.weight'));
    await trainer.resume();
  }
  assert.ok(asked);
  assert.is(await trainer.hash(), expected);
});

test('cancel ends the run with an AbortError and a checkpoint; run() again goes on', async () => {
  const saved: number[] = [];
  const trainer = start({ onCheckpoint: (_, step) => void saved.push(step) });
  await trainer.pause(); // it stands after its first step, or a fast worker is done before it hears of the cancel
  const error = await rejection(async () => {
    for await (const { step } of trainer.run()) if (step === 1) void trainer.cancel();
  });
  assert.is((error as Error).name, 'AbortError');
  assert.equal(saved, [1]);
  assert.is((await trainer.snapshot()).step, 1);
  await trainer.resume();
  assert.is(await finish(trainer), expected);
});

test('a signal cancels, and one that is aborted refuses to begin', async () => {
  const controller = new AbortController();
  const trainer = start({ signal: controller.signal });
  await trainer.pause();
  const error = await rejection(async () => {
    for await (const { step } of trainer.run()) if (step === 1) controller.abort();
  });
  assert.is((error as Error).name, 'AbortError');
  assert.is(((await rejection(finish(trainer))) as Error).name, 'AbortError');
});

test('breaking out stops the worker; run() again goes on', async () => {
  const trainer = start();
  for await (const { step } of trainer.run()) if (step === 3) break;
  const { step } = await trainer.snapshot();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.is((await trainer.snapshot()).step, step);
  assert.is(await finish(trainer), expected);
});

test('a checkpoint goes on in another worker, bit for bit', async () => {
  let checkpoint: Uint8Array | undefined;
  const first = start({
    checkpointEvery: 10,
    onCheckpoint: (bytes, step) => {
      if (step === 10) checkpoint = bytes;
    },
  });
  for await (const { step } of first.run()) if (step === 14) break;
  const shared = new Uint8Array(new SharedArrayBuffer(checkpoint?.length ?? 0));
  shared.set(checkpoint as Uint8Array);
  const second = start();
  const restored = await second.restore(shared);
  assert.is(restored?.step, 10);
  assert.is(restored?.losses.length, 10);
  assert.is(await finish(second), expected);
});

test('a slow reader makes training wait instead of filling memory', async () => {
  const trainer = start({ steps: 5000, model: { kind: 'causalLM', ...model, dModel: 8 } });
  let read = 0;
  for await (const { step } of trainer.run()) {
    read = step;
    if (step === 3) {
      let before = -1;
      for (let now = 0; now !== before; ) {
        before = now;
        await new Promise((resolve) => setTimeout(resolve, 200));
        now = (await trainer.snapshot()).step;
      }
      assert.ok(before <= 600, `the worker is at step ${before}`);
      assert.ok(before >= 200, `the worker is at step ${before}`);
    }
    if (step === 700) break;
  }
  assert.is(read, 700);
});

test('errors keep their class, message and fields', async () => {
  const unknown = await rejection(start({ stepz: 3 } as never).ready);
  assert.instance(unknown, ConfigError);
  assert.match((unknown as Error).message, 'did you mean "steps"?');
  const named = await rejection(start({ data: 'kjv' as never }).ready);
  assert.instance(named, ConfigError);
  assert.match((named as Error).message, /WorkerTrainer: data must be an object .* data\.source, got "kjv"/);
  const old = await rejection(start({ dataset: { kind: 'text', text } } as never).ready);
  assert.match((old as Error).message, 'the key "dataset" of version 0.1 is data now');
  const missing = await rejection(start({ data: undefined as never }).ready);
  assert.match((missing as Error).message, 'data must be an object with a kind, got nothing');
  const short = await rejection(
    start({ data: { kind: 'text', text: 'ab', batchSize: 4, seqLen: 16 } }).ready,
  );
  assert.instance(short, DataError);
  assert.is((short as DataError).code, 'DATA');
  assert.is((short as DataError).expected, 65);
  const exploding = start({ schedule: { kind: 'constant', maxLr: 1e30 }, optimizer: { kind: 'sgd' } });
  const numeric = await rejection(finish(exploding));
  assert.instance(numeric, NumericError);
  assert.type((numeric as NumericError).step, 'number');
  const trainer = start();
  const damaged = await rejection(trainer.restore(new Uint8Array(100)));
  assert.instance(damaged, CheckpointError);
  assert.is(await finish(trainer), expected);
});

test('a checkpoint that cannot be kept is an event, and training goes on', async () => {
  const trainer = start({
    checkpointEvery: 10,
    onCheckpoint: (_, step) => {
      if (step === 10) throw new CheckpointError('no room', { expected: 5 });
    },
  });
  const events: unknown[] = [];
  trainer.on('checkpointFailed', ({ step, error, savedStep }) =>
    events.push([step, error.message, error.expected, savedStep]),
  );
  trainer.on('checkpoint', ({ step }) => events.push(step));
  assert.is(await finish(trainer), expected);
  assert.equal(events, [[10, 'no room', 5, null], 20, 30, 30]);
});

test('what cannot cross is refused by name', async () => {
  const closure = (() => 0) as never;
  const error = await rejection(() => start({ schedule: { kind: 'constant', maxLr: closure } }));
  assert.instance(error, ConfigError);
  assert.match((error as Error).message, 'options.schedule.maxLr is a function');
});

test('data comes from a module, bytes move', async () => {
  const trainer = start({
    model: { kind: 'causalLM', ...model, vocabSize: 11 },
    data: {
      kind: 'module',
      url: new URL('./dataset-module.mjs', import.meta.url),
      options: { batchSize: 2, seqLen: 8 },
    },
  });
  let last = Number.NaN;
  for await (const { loss } of trainer.run()) last = loss;
  assert.ok(last < 2, String(last));
  const missing = await rejection(
    start({ data: { kind: 'module', url: 'file:///nowhere.mjs' }, model: { kind: 'causalLM', ...model } })
      .ready,
  );
  assert.instance(missing, DataError);

  const bytes = new TextEncoder().encode(text);
  assert.is(await finish(start({ data: { kind: 'text', text: bytes, batchSize: 4, seqLen: 16 } })), expected);
  assert.is(bytes.length, 0, 'the buffer was copied');
});

test('another schedule than the checkpoint has is refused, and taken on purpose', async () => {
  const first = start();
  await finish(first);
  const { checkpoint } = await first.snapshot();
  const longer = () => start({ schedule: { ...schedule, warmupSteps: 6 }, steps: 40 });
  const error = await rejection(longer().restore(checkpoint));
  assert.instance(error, CheckpointError);
  assert.match((error as Error).message, "schedule: 'new'");
  const trainer = longer();
  assert.is((await trainer.restore(checkpoint, { schedule: 'new' }))?.step, 30);
  await finish(trainer);
  assert.is(trainer.step, 40);
  const wrong = await rejection(longer().restore(checkpoint, { schedul: 'new' } as never));
  assert.match((wrong as Error).message, 'did you mean "schedule"?');
});

test('a buffer that has moved away is refused by name; two views of one buffer are copied', async () => {
  const bytes = new TextEncoder().encode(text);
  const data = { kind: 'text', text: bytes, batchSize: 4, seqLen: 16 } as const;
  await start({ data }).ready;
  const error = await rejection(() => start({ data }));
  assert.instance(error, ConfigError);
  assert.match((error as Error).message, 'data.text is empty: its buffer has moved');
  const ids = Int32Array.from({ length: 200 }, (_, i) => i % 11);
  const trainer = start({
    model: { kind: 'causalLM', ...model, vocabSize: 11 },
    data: { kind: 'tokens', ids, validation: new Int32Array(ids.buffer), batchSize: 2, seqLen: 16 },
  });
  assert.is((await trainer.ready).tokens, 200);
});

test('a worker that cannot be loaded, or ends, is an EnvironmentError', async () => {
  const lost = await rejection(start({ worker: new URL('./no-such-file.js', import.meta.url) }).ready);
  assert.instance(lost, EnvironmentError);
  assert.match((lost as Error).message, 'say where it lies');
  const trainer = start();
  await trainer.ready;
  trainer.close();
  assert.is(((await rejection(trainer.hash())) as Error).name, 'AbortError');
});

test('bytes in UTF-16 are a text with a byte order mark, and refused by name without one', async () => {
  const of = (bytes: Uint8Array) => start({ data: { kind: 'text', text: bytes, batchSize: 4, seqLen: 16 } });
  const marked = new Uint8Array(Buffer.from(`\ufeff${text}`, 'utf16le'));
  const bare = marked.slice(2); // the bytes of the other one go to the worker
  assert.is(await finish(of(marked)), expected);
  const error = await rejection(of(bare).ready);
  assert.instance(error, DataError);
  assert.match(
    (error as Error).message,
    /data\.text: the text looks like UTF-16LE without a byte order mark/,
  );
});

test.run();
