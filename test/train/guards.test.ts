/** What a trainer refuses and survives: numbers that explode, memory that does not suffice, disks that are full. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CrossEntropyResult, crossEntropy, customOp } from '../../src/autograd/ops/index.js';
import { tensor, type Variable } from '../../src/autograd/variable.js';
import type { LmBatch } from '../../src/data/index.js';
import { CheckpointError, MemoryError, NumericError } from '../../src/errors.js';
import { CausalLM, Module } from '../../src/nn/index.js';
import { Adam, SGD } from '../../src/optim/index.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { plan, Trainer } from '../../src/train/index.js';
import { refusal } from '../support.js';
import { bytesEqual, languageModel, pairBatches, textWindows, translationTrainer, VOCAB } from './setup.js';

const test = suite('trainer: guards');
test.before(async () => {
  await init();
});

test('an overflow names step, module and op, with the gradient norms before it', () => {
  // A replayed step writes its gradients before its loss is read: the layers' norms are known eagerly only.
  const trainer = translationTrainer({ clipNorm: undefined, replay: false });
  const norms = Array.from({ length: 3 }, () => trainer.trainStep().gradNorm);
  const weight = trainer.options.model
    .parameters()
    .find((p) => p.path === 'decoder.layers.0.linear1.weight')!;
  const good = weight.toArray();
  weight.set(good.map(() => 3e38));
  const before = trainer.save();
  const error = refusal(() => trainer.trainStep()) as NumericError;
  assert.instance(error, NumericError);
  assert.is(error.path, 'decoder.layers.0.linear1');
  assert.is(error.op, 'linear');
  assert.is(error.step, 4);
  assert.equal(error.gradNorms, norms);
  assert.match(error.message, /values of its output are NaN or infinite in step 4, first in the op linear/);
  assert.match(error.message, `gradient norms before: ${norms.map((n) => n.toPrecision(3)).join(', ')}`);
  const layers = error.layerGradNorms!;
  assert.equal(
    layers.map(({ path }) => path),
    ['embedding.tokens', 'encoder.layers.0', 'encoder.norm', 'decoder.layers.0', 'decoder.norm'],
  );
  // The squares of the parts add up to the square of the whole.
  const joint = Math.sqrt(layers.reduce((sum, { norm }) => sum + norm * norm, 0));
  assert.ok(Math.abs(joint - norms[2]) < 1e-5 * norms[2], `${joint} ${norms[2]}`);
  bytesEqual(trainer.save(), before);
  assert.is(trainer.options.optimizer.runtime.memory().arenaInUse, 0);
});

test('only the last eight norms are kept, and a restored run starts without', () => {
  const trainer = translationTrainer({ steps: 100 });
  for (let i = 0; i < 11; i++) trainer.trainStep();
  const saved = trainer.save();
  const weight = trainer.options.model.parameters()[0];
  weight.set(weight.toArray().fill(Number.POSITIVE_INFINITY));
  const error = refusal(() => trainer.trainStep()) as NumericError;
  assert.is(error.gradNorms?.length, 8);
  assert.is(error.path, 'embedding.tokens.weight');
  trainer.restore(saved);
  weight.set(weight.toArray().fill(Number.NaN));
  assert.equal((refusal(() => trainer.trainStep()) as NumericError).gradNorms, []);
  trainer.restore(saved);
  assert.is(trainer.trainStep().step, 12);
});

class Probe extends Module {
  broken = false;
  readonly #op = customOp({
    name: 'probe',
    forward: (x) => tensor(x.toArray(), { shape: x.shape }),
    backward: (dout) => {
      const values = dout.toArray();
      if (this.broken) values[3] = Number.NaN;
      return [tensor(values, { shape: dout.shape })];
    },
  });

  forward(x: Variable): Variable {
    return this.#op(x);
  }
}

class Probed extends CausalLM {
  readonly probe = new Probe();

  override loss(batch: LmBatch, options: object = {}): CrossEntropyResult {
    const { batchSize, seqLen } = batch;
    const targets = tensor(batch.targets, { shape: [batchSize, seqLen], dtype: 'i32' });
    return crossEntropy(this.probe.forward(this.forward(batch)), targets, options);
  }
}

test('a gradient that goes wrong names the op whose backward made it, and its module', () => {
  const model = new Probed({
    vocabSize: VOCAB,
    dModel: 8,
    numHeads: 2,
    numLayers: 1,
    maxSeqLen: 8,
    dropout: 0.1,
  });
  const make = (accumulate: number) =>
    new Trainer({
      model,
      data: textWindows(),
      optimizer: new Adam(model.parameters(), { lr: 0.01 }),
      steps: 9,
      accumulate,
    });
  for (const accumulate of [1, 3]) {
    const trainer = make(accumulate);
    trainer.trainStep();
    const before = trainer.save();
    model.probe.broken = true;
    const error = refusal(() => trainer.trainStep()) as NumericError;
    assert.is(error.op, 'probe, backward');
    assert.is(error.path, 'probe');
    assert.is(error.step, 2);
    assert.match(error.message, /1 of 640 values of its gradient are NaN or infinite in step 2/);
    bytesEqual(trainer.save(), before);
    model.probe.broken = false;
    trainer.trainStep();
  }
});

test('gradients whose squares exceed a float are told as that', () => {
  const model = new Probed({ vocabSize: VOCAB, dModel: 8, numHeads: 2, numLayers: 1, maxSeqLen: 8 });
  const loss = model.loss.bind(model);
  const huge = customOp({
    name: 'huge',
    forward: (x) => tensor(x.toArray(), { shape: x.shape }),
    backward: (dout) => [
      tensor(
        dout.toArray().map((v) => v * 1e25),
        { shape: dout.shape },
      ),
    ],
  });
  model.loss = (batch, options) => {
    const result = loss(batch, options);
    return { ...result, loss: huge(result.loss) };
  };
  const optimizer = new SGD(model.parameters(), { lr: 0.01 });
  const trainer = new Trainer({ model, data: textWindows(), optimizer, steps: 3 });
  const error = refusal(() => trainer.trainStep());
  assert.match(error.message, /the squared gradient norm of step 1 is beyond the largest float/);
});

test('a step that cannot fit is refused before it starts, and smaller ones go on', async () => {
  const runtime = await createRuntime({ maxMemory: 4 << 20 });
  withRuntime(runtime, () => {
    const model = languageModel({ maxSeqLen: 64 });
    const optimizer = new Adam(model.parameters(), { lr: 0.01 });
    let batchSize = 2;
    const data = {
      next(): LmBatch {
        const size = batchSize * 64;
        const ids = Int32Array.from({ length: size }, (_, i) => i % VOCAB);
        return { batchSize, seqLen: 64, ids, targets: ids, tokens: size };
      },
      state: () => ({ epoch: 0, batch: 0 }),
      restore() {},
    };
    const trainer = new Trainer({ model, data, optimizer, steps: 9 });
    trainer.trainStep();
    const before = trainer.save();
    const memory = runtime.memory();
    batchSize = 400;
    const planned = plan(model, data.next());
    assert.ok(planned.activations > 4 << 20);
    let computed = false;
    const forward = model.forward.bind(model);
    model.forward = (...args) => {
      computed ||= !runtime.planning;
      return forward(...args);
    };
    const error = refusal(() => trainer.trainStep());
    assert.instance(error, MemoryError);
    assert.not(computed, 'the step has started');
    assert.is(
      error.message,
      `Trainer: step 2 needs ${planned.peakBytes} bytes: ${planned.parameters} for parameters, ${planned.optimizer} for gradients and moments, ${planned.activations} for the activations of a batch with batchSize 400, seqLen 64, tokens 25600; the limit is 4194304 (use smaller batches with accumulate, recompute, shorter sequences, or raise init({ maxMemory }))`,
    );
    assert.is(error.expected, planned.peakBytes);
    bytesEqual(trainer.save(), before);
    assert.equal(runtime.memory(), memory);
    batchSize = 2;
    assert.is(trainer.trainStep().step, 2);
  });
});

test('a step that runs out of memory on its way says the same, and nothing is lost', async () => {
  const runtime = await createRuntime({ maxMemory: 4 << 20 });
  withRuntime(runtime, () => {
    const trainer = translationTrainer({ accumulate: 1 });
    trainer.trainStep();
    const before = trainer.save();
    // Somebody else takes the memory between the check and the step.
    const loss = trainer.options.model.loss.bind(trainer.options.model);
    const blocks: number[] = [];
    trainer.options.model.loss = (batch, options) => {
      if (!runtime.planning && blocks.length === 0) {
        for (;;) {
          try {
            blocks.push(runtime.allocate(1 << 14));
          } catch {
            break;
          }
        }
        // Down to the last bytes.
        for (let count = 1 << 13; count >= 16; count >>= 1) {
          try {
            runtime.allocate(count);
          } catch {}
        }
      }
      return loss(batch, options);
    };
    const error = refusal(() => trainer.trainStep());
    assert.instance(error, MemoryError);
    assert.match(
      error.message,
      /Trainer: step 2 needs \d+ bytes: .* for the activations of a batch with batchSize/,
    );
    assert.instance(error.cause, MemoryError);
    bytesEqual(trainer.save(), before);
    assert.is(runtime.memory().arenaInUse, 0);
    assert.is(trainer.trainStep().step, 2);
  });
});

test('a checkpoint that cannot be written is an event; the last one is an error', async () => {
  const full = new CheckpointError('cannot write the checkpoint: no space left', { path: 'x' });
  const written: number[] = [];
  const make = (steps: number, refuse: (step: number) => boolean) =>
    translationTrainer({
      steps,
      checkpointEvery: 2,
      onCheckpoint: (_, step) => {
        if (refuse(step)) throw full;
        written.push(step);
      },
    });
  const trainer = make(9, (step) => step === 4 || step === 6);
  const events: unknown[] = [];
  trainer.on('checkpointFailed', (event) => events.push(event));
  for await (const _ of trainer.run());
  assert.equal(written, [2, 8, 9]);
  assert.equal(events, [
    { step: 4, error: full, savedStep: 2 },
    { step: 6, error: full, savedStep: 2 },
  ]);
  const undisturbed = translationTrainer({ steps: 9 });
  for await (const _ of undisturbed.run());
  assert.is(trainer.hash(), undisturbed.hash());

  const last = make(4, (step) => step === 4);
  last.on('checkpointFailed', () => assert.unreachable());
  assert.is(await outcome(last), full);
  assert.is(last.step, 4);
  // Nobody listens: a failure that nobody hears of must not be passed over.
  const alone = make(4, (step) => step === 2);
  assert.is(await outcome(alone), full);
  // A bug in the callback is no full disk.
  const buggy = translationTrainer({
    checkpointEvery: 1,
    onCheckpoint: () => {
      throw new TypeError('bug');
    },
  });
  buggy.on('checkpointFailed', () => {});
  assert.instance(await outcome(buggy), TypeError);
});

async function outcome(trainer: Trainer<never> | ReturnType<typeof translationTrainer>): Promise<unknown> {
  try {
    for await (const _ of trainer.run());
  } catch (error) {
    return error;
  }
  return undefined;
}

test('listeners may remove themselves and others from within an event', async () => {
  const trainer = translationTrainer({ steps: 9 });
  const heard: string[] = [];
  const first = trainer.on('step', () => {
    heard.push('first');
    first();
  });
  trainer.on('step', () => heard.push('second'));
  for await (const { step } of trainer.run()) if (step === 2) break;
  assert.equal(heard, ['first', 'second', 'second']);
});

test('planning costs nothing while memory is plenty: one plan for a whole run', () => {
  const trainer = translationTrainer({ steps: 40, data: pairBatches() });
  const { runtime } = trainer.options.optimizer;
  const planOn = runtime.planOn.bind(runtime);
  let plans = 0;
  runtime.planOn = (...args) => {
    plans++;
    planOn(...args);
  };
  for (let i = 0; i < 40; i++) trainer.trainStep();
  assert.is(plans, 1);
});

test.run();
