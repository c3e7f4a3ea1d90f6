/** Memory stays flat: what a step takes is known before it, and no step leaves anything behind. */
import { closeSync, openSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { added, openThings, soak } from '../../scripts/soak.mjs';
import { noGrad, scope } from '../../src/autograd/index.js';
import { type NormPlacement, normPlacements, placements } from '../../src/nn/index.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { currentRuntime, withRuntime } from '../../src/runtime/runtime.js';
import { plan } from '../../src/train/index.js';
import { languageModel, pairBatches, textWindows, translationTrainer, translator } from './setup.js';

const test = suite('memory');
test.before(async () => {
  await init();
});

test('plan() tells the high-water mark of the arena exactly', async () => {
  const cases = [
    () => ({ model: translator(), batch: pairBatches(40, 200).next() }),
    () => ({ model: translator({ normPlacement: 'post', numLayers: 3 }), batch: pairBatches(3).next() }),
    () => ({
      model: languageModel({ normPlacement: 'peri', norm: 'rms', activation: 'gelu', tiedEmbeddings: false }),
      batch: textWindows(7).next(),
    }),
  ];
  for (const make of cases) {
    const runtime = await createRuntime();
    withRuntime(runtime, () => {
      const { model, batch } = make();
      const before = model.stateDict();
      runtime.arena.resetHighWater();
      const { activations, parameters } = plan(model as never, batch as never);
      assert.is(parameters, model.numParameters() * 4);
      assert.is(runtime.memory().arenaHighWater, 0, 'planning takes no arena');
      assert.equal(model.stateDict(), before);
      const trainer = translationTrainer(
        { accumulate: 1, data: { ...fixed(batch) } as never },
        model as never,
      );
      trainer.trainStep();
      trainer.trainStep();
      assert.is(runtime.memory().arenaHighWater, activations);
      assert.is(runtime.memory().arenaInUse, 0);
    });
  }
});

test('where nothing is recorded a layer leaves its result alone: the same bits, in the room of one', async () => {
  const runtime = await createRuntime();
  withRuntime(runtime, () => {
    const { ids, batchSize, seqLen } = textWindows(8).next();
    const taken = (numLayers: number, normPlacement: NormPlacement): number => {
      const model = languageModel({ numLayers, normPlacement }).eval();
      const wanted = scope(() => [...model.forward({ ids, batchSize, seqLen }).toArray()]);
      runtime.arena.resetHighWater();
      const found = noGrad(() => [...model.forward({ ids, batchSize, seqLen }).toArray()]);
      assert.equal(found, wanted, normPlacement);
      return runtime.memory().arenaHighWater;
    };
    const outputs = 6 * ids.length * 8 * 4;
    for (const placement of normPlacements) {
      const [two, eight] = [taken(2, placement), taken(8, placement)];
      if (!placements[placement].secondStream)
        assert.ok(eight - two <= outputs + 1024, `${placement}: ${two}, ${eight}`);
    }
  });
});

test('a backward takes the room of the gradients of one layer, whatever the depth', () => {
  const batch = textWindows(8).next();
  const taken = (numLayers: number): number => plan(languageModel({ numLayers }), batch).activations;
  const forward = (numLayers: number): number => {
    const { arena } = currentRuntime();
    arena.resetHighWater();
    const before = arena.inUse;
    scope(() => languageModel({ numLayers }).loss(batch));
    return arena.highWater - before;
  };
  const [step, kept] = [taken(10) - taken(6), forward(10) - forward(6)];
  assert.ok(step <= 1.1 * kept, `four layers more: ${step} in a step, ${kept} of it in the forward`);
});

function fixed<B>(batch: B) {
  return { next: () => batch, state: () => ({ epoch: 0, batch: 0 }), restore() {} };
}

test('nothing grows between step 500 and step 5,000 with varying batch shapes', async () => {
  const collect = (globalThis as { gc?: () => void }).gc;
  const runtime = await createRuntime();
  await withRuntime(runtime, async () => {
    const trainer = translationTrainer({
      steps: 5000,
      accumulate: 1,
      validation: [pairBatches().next()],
      evalEvery: 100,
    });
    const shapes = new Set<string>();
    const next = trainer.options.data.next.bind(trainer.options.data);
    trainer.options.data.next = () => {
      const batch = next();
      shapes.add(`${batch.batchSize} ${batch.sourceLen} ${batch.targetLen}`);
      return batch;
    };
    const look = () => {
      for (let i = 0; i < 3; i++) collect?.();
      return { ...runtime.memory(), heap: process.memoryUsage().heapUsed };
    };
    let at500 = look();
    while (trainer.step < 5000) {
      trainer.trainStep();
      if (trainer.step % 500 === 0) trainer.evaluate();
      if (trainer.step === 500) at500 = look();
      // What has to leave the event loop (finalizers) gets the chance to.
      if (trainer.step % 250 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const { heap, ...at5000 } = look();
    const { heap: before, ...expected } = at500;
    assert.ok(shapes.size >= 8, `${shapes.size} shapes`);
    assert.equal(at5000, expected);
    assert.is(at5000.arenaInUse, 0);
    if (collect) assert.ok(heap - before < 1e6, `${heap - before} bytes more`);
    else console.log('skipped: heap growth needs node --expose-gc');
  });
});

test('a run with evaluation, checkpoints, listeners and restores leaves nothing open', async () => {
  const lines: string[] = [];
  const problems = await soak({ steps: 500, warmUp: 300, log: (line) => lines.push(line) });
  assert.equal(problems, [], lines.join('\n'));
  assert.ok(lines.length >= 4);
});

test('what is left open is seen, what is closed meanwhile is not', async () => {
  const before = openThings();
  const file = openSync(new URL(import.meta.url), 'r');
  const listener = () => {};
  process.on('SIGUSR2', listener);
  try {
    const after = openThings();
    if (process.platform === 'linux')
      assert.ok(added(before.files, after.files).some((f) => f.endsWith('memory.test.ts')));
    assert.equal(added(before.listeners, after.listeners), ['SIGUSR2']);
    assert.equal(added(after.files, before.files), []);
  } finally {
    closeSync(file);
    process.off('SIGUSR2', listener);
  }
  assert.equal(added(['a', 'b'], ['b', 'b']), ['b']);
});

test.run();
