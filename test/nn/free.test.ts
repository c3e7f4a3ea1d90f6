/** Memory given back on purpose, and what a full one says: models and trainers made in a synchronous loop. */
import { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noGrad } from '../../src/autograd/index.js';
import { MemoryError } from '../../src/errors.js';
import { CausalLM, TextClassifier } from '../../src/nn/index.js';
import { Adam } from '../../src/optim/index.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { Trainer } from '../../src/train/index.js';
import { refusal } from '../support.js';
import { languageModel, textWindows } from '../train/setup.js';

const test = suite('nn: free');
await init();

const LIMIT = 24 << 20;
const small = () => createRuntime({ maxMemory: LIMIT });
/** 3.3 MB of parameters. */
const large = () => new CausalLM({ vocabSize: 50, dModel: 128, numHeads: 2, numLayers: 4, maxSeqLen: 8 });

test('models of a loop that are freed, or leave a block with using, need the memory of one', async () => {
  const runtime = await small();
  withRuntime(runtime, () => {
    for (let i = 0; i < 40; i++) large().free();
    for (let i = 0; i < 40; i++) {
      const model = large();
      model[Symbol.dispose]();
    }
  });
  assert.is(runtime.heap.models, 0);
  assert.ok(runtime.memory().bufferBytes < LIMIT / 2);
});

test('tables that are no parameters go back with the model', async () => {
  const runtime = await small();
  withRuntime(runtime, () => {
    const before = runtime.memory().persistentInUse;
    large().free();
    assert.is(runtime.memory().persistentInUse, before);
    const config = { vocabSize: 9, dModel: 8, numHeads: 2, numLayers: 1, maxSeqLen: 8, numClasses: 2 };
    new TextClassifier({ ...config, classWeights: [1, 2] }).free();
    assert.is(runtime.memory().persistentInUse, before);
  });
});

test('tables of positions, which models of one size may share, stay flat over 200 models of a synchronous loop', async () => {
  const runtime = await small();
  withRuntime(runtime, () => {
    for (const positions of ['sinusoidal', 'rotary', 'learned'] as const) {
      let before: number | undefined;
      for (let i = 0; i < 200; i++) {
        const seqLen = 64 + (i % 5) * 32;
        const config = { vocabSize: 9, dModel: 64, numHeads: 2, numLayers: 1, maxSeqLen: seqLen, positions };
        const [model, twin] = [new CausalLM(config), new CausalLM(config)];
        const batch = { ids: new Int32Array(seqLen), batchSize: 1, seqLen };
        noGrad(() => model.forward(batch));
        runtime.endStep();
        model.free();
        model.free();
        // What is shared stays for who still has it.
        noGrad(() => twin.forward(batch));
        runtime.endStep();
        twin.free();
        before ??= runtime.memory().persistentInUse;
        assert.is(runtime.memory().persistentInUse, before, `${positions}, model ${i}`);
      }
    }
  });
});

test('trainers that are freed give optimizer and recorded steps back, too', async () => {
  const runtime = await small();
  withRuntime(runtime, () => {
    let before: number | undefined;
    for (let i = 0; i < 30; i++) {
      const model = languageModel({ dModel: 64 });
      const data = textWindows();
      const optimizer = new Adam(model.parameters(), { lr: 0.01 });
      const trainer = new Trainer({ model, data, optimizer, steps: 9 });
      for (let step = 0; step < 4; step++) trainer.trainStep();
      trainer.free();
      before ??= runtime.memory().persistentInUse;
      assert.is(runtime.memory().persistentInUse, before);
    }
  });
});

test('models that are only dropped fill the memory, and the message says what to do', async () => {
  const runtime = await small();
  const error = withRuntime(runtime, () =>
    refusal(() => {
      for (let i = 0; i < 40; i++) large();
    }),
  );
  assert.instance(error, MemoryError);
  assert.match(error.message, /\d models are alive: free\(\) those that are done, or let a turn pass/);
  // With one model it is the step that is too large.
  const alone = await small();
  const one = withRuntime(alone, () => {
    const model = large();
    return refusal(() => noGrad(() => model.runtime().allocate(LIMIT)));
  });
  assert.match(one.message, /use a smaller batch/);
  // The advice helps.
  for (let i = 0; i < 40; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 1));
    withRuntime(runtime, large);
  }
});

test('what was freed is refused, never read or overwritten', async () => {
  const runtime = await createRuntime();
  withRuntime(runtime, () => {
    const model = languageModel();
    const data = textWindows();
    const optimizer = new Adam(model.parameters(), { lr: 0.01 });
    const trainer = new Trainer({ model, data, optimizer, steps: 9 });
    for (let step = 0; step < 4; step++) trainer.trainStep(); // recorded by now
    model.free();
    model.free();
    const other = languageModel({ seed: 8 });
    const before = other.parameters().map((parameter) => parameter.toArray());
    for (const use of [
      () => trainer.trainStep(),
      () => optimizer.step(),
      () => trainer.save(),
      () => model.stateDict(),
      () => model.loadStateDict(other.stateDict()),
      () => trainer.evaluate([data.next()]),
    ]) {
      const error = refusal(use);
      assert.instance(error, MemoryError);
      assert.match(error.message, /freed when its step ended, or by free\(\)/);
    }
    assert.equal(
      other.parameters().map((parameter) => parameter.toArray()),
      before,
    );
    optimizer.free();
    assert.instance(
      refusal(() => optimizer.step()),
      MemoryError,
    );
  });
});

test('a model in a model counts once', async () => {
  const runtime = await createRuntime();
  withRuntime(runtime, () => {
    const inner = languageModel();
    class Outer extends CausalLM {
      inner = inner;
    }
    const outer = new Outer({ vocabSize: 20, dModel: 8, numHeads: 2, numLayers: 1, maxSeqLen: 8 });
    outer.assignPaths();
    assert.is(runtime.heap.models, 1);
    outer.free();
    assert.is(runtime.heap.models, 0);
  });
});

test('the threads of a runtime that is dropped end', async () => {
  const { terminate } = Worker.prototype;
  let ended = 0;
  Worker.prototype.terminate = function () {
    ended++;
    return terminate.call(this);
  };
  try {
    await (async () => {
      const runtime = await createRuntime({ threads: 2 });
      assert.is(runtime.threads, 2);
      withRuntime(runtime, () => {
        const model = large();
        noGrad(() => model.forward({ ids: new Int32Array(8), batchSize: 1, seqLen: 8 }));
      });
    })();
    for (let i = 0; i < 100 && ended === 0; i++) {
      globalThis.gc?.();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.is(ended, 1);
  } finally {
    Worker.prototype.terminate = terminate;
  }
});

test.run();
