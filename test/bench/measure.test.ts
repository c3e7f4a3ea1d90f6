/** The measuring code runs and measures what it says; nothing here depends on how fast anything is. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { KernelTimers } from '../../src/bench/kernel-timers.js';
import { products } from '../../src/bench/measure-kernels.js';
import { lmBatch, lmShapes, lmStep, translationStep } from '../../src/bench/models.js';
import { MultiplyAddCounter } from '../../src/bench/multiply-adds.js';
import { loadPeak } from '../../src/bench/peak.js';
import { inTurns, intervalOf, leastDisturbed, sample, timed, untilNarrow } from '../../src/bench/timing.js';
import { createRuntime, init } from '../../src/runtime/init.js';

const test = suite('bench: measuring');
const mini = { numLayers: 1, dModel: 8, numHeads: 2, dFF: 16, seqLen: 6, batchSize: 2, vocabSize: 11 };

test.before(async () => {
  await init();
});

test('the peak loop counts 96 FLOPs a turn, and copies what it is told', async () => {
  const peak = await loadPeak('strict');
  assert.is(peak.flops % 96, 0);
  peak.run();
  peak.copy(200_000); // more than the memory has at first
});

test('a sample repeats its work, items take turns', async () => {
  const order: string[] = [];
  const item = (name: string, repeats: number) => ({ run: () => void order.push(name), repeats });
  assert.ok(sample(item('a', 3)) >= 0);
  // A disturbed sample is taken again.
  assert.is(order.splice(0).length % 3, 0);
  const items = [item('a', 1), item('b', 2)];
  const { times, conditions } = await inTurns([{ items, judged: () => [1] }], { rounds: 2, mostRounds: 9 });
  assert.equal(
    order.filter((name, i) => name !== order[i - 1]),
    ['a', 'b', 'a', 'b'],
  );
  assert.ok(conditions.load >= 0);
  assert.equal(
    times[0].map((list) => list.length),
    [2, 2],
  );
  let calls = 0;
  const { repeats } = timed(() => void calls++, 5, 1);
  assert.ok(calls > 0 && Number.isInteger(repeats) && repeats > 0);
});

test('work of one thread is measured in processor time, work of several by the wall', () => {
  const now = { wall: 0, cpu: 0 };
  const clocks = { wall: () => now.wall, cpu: () => now.cpu };
  const run = () => {
    now.wall += 100;
    now.cpu += 99;
  };
  assert.is(sample({ run, repeats: 2 }, clocks), 99);
  assert.is(sample({ run, repeats: 2, clock: 'processor' }, clocks), 99);
  assert.is(sample({ run, repeats: 2, clock: 'wall' }, clocks), 100);
});

test('rounds go on until every number stands still, of each on its own, and no further than the most', async () => {
  const counts = { still: 0, late: 0, never: 0 };
  // Nine values of 100, then two that differ: the quartiles of many equal ones do not see them.
  const late = () => [counts.late++ < 2 ? counts.late * 50 : 100, 7];
  await untilNarrow([() => [++counts.still && 5], late, async () => [++counts.never % 2 ? 1 : 2]], {
    rounds: 3,
    mostRounds: 20,
  });
  assert.is(counts.still, 3);
  assert.ok(counts.late > 3 && counts.late < 20, `${counts.late} rounds`);
  assert.is(counts.never, 20);
});

test('the interval of a median', () => {
  assert.is(intervalOf([4, 4, 4]), 0);
  // 1.57 x 2 / sqrt(4) / 10.
  assert.ok(Math.abs(intervalOf([8, 9.333333333333334, 10.666666666666666, 12]) - 0.157) < 1e-9);
  assert.is(intervalOf([-1, 0, 1]), Number.POSITIVE_INFINITY);
});

test('of several attempts the least disturbed one counts', () => {
  /** Each attempt takes `[wall, cpu]` milliseconds; gives how many there were and which one counted. */
  const attempts = (...spans: [wall: number, cpu: number][]) => {
    const now = { wall: 0, cpu: 0 };
    let tried = 0;
    const counted = leastDisturbed(
      () => {
        now.wall += spans[tried]![0];
        now.cpu += spans[tried]![1];
        return ++tried;
      },
      { wall: () => now.wall, cpu: () => now.cpu },
    );
    return { tried, counted };
  };
  assert.equal(attempts([30, 29]), { tried: 1, counted: 1 });
  assert.equal(attempts([30, 10], [30, 29], [30, 30]), { tried: 2, counted: 2 });
  assert.equal(attempts([30, 10], [30, 25], [30, 20]), { tried: 3, counted: 2 });
  assert.equal(attempts([30, 10], [30, 5], [30, 8]), { tried: 3, counted: 1 });
  // A long sample is not taken a third time.
  assert.equal(attempts([200, 100], [200, 150], [200, 200]), { tried: 2, counted: 2 });
});

test('kernel timers name every kernel of a step and change no bit of it', async () => {
  const plain = lmStep(await createRuntime(), mini);
  const runtime = await createRuntime();
  const timers = new KernelTimers(runtime);
  const timedStep = lmStep(runtime, mini);
  timers.reset();
  for (let i = 0; i < 3; i++) assert.is(timedStep.run(), plain.run());
  const totals = timers.totals();
  const calls = Object.fromEntries(totals.map(({ name, calls }) => [name, calls]));
  assert.is(calls.adamStep, 3);
  assert.is(calls.crossEntropyRows, 3);
  assert.ok(totals.every(({ ms }) => ms >= 0));
  assert.ok(timers.cost() >= 0);
  timers.reset();
  assert.equal(timers.totals(), []);
});

test('multiply-adds are counted from the calls, and those of products are int12 there', async () => {
  const counted = async (arithmetic: 'strict' | 'int12', shape = mini) => {
    const runtime = await createRuntime({ arithmetic, threads: 1 });
    const counter = new MultiplyAddCounter(runtime);
    const step = lmStep(runtime, shape);
    step.run();
    const first = counter.take();
    step.run();
    assert.equal(counter.take(), first, 'eager and replayed steps count alike');
    return { ...first, flops: step.flops };
  };
  const [floats, int12] = [await counted('strict'), await counted('int12')];
  assert.is(floats.int12, 0);
  assert.is(int12.all, floats.all);
  // Scores and weighted values of 2 windows of 6 tokens: 21 pairs each, width 8, forward 2 and backward 5 products.
  assert.is(int12.all - int12.int12, 2 * 21 * 8 * 7);
  // Three products a weight, as the model's own count says; what attention multiplies comes on top of neither.
  assert.is(int12.int12, 3 * 12 * (4 * 64 + 2 * 128 + 8 * 11));
});

test('a step repeats its batch, learns, and knows its FLOPs', async () => {
  const step = lmStep(await createRuntime(), mini);
  const losses = Array.from({ length: 20 }, () => step.run());
  assert.ok(losses[19] < losses[0]);
  // 12 tokens through 4 d^2 + 2 d dFF and the logits, and half of the attention.
  assert.is(step.flops, 6 * (12 * (4 * 64 + 2 * 128) + 2 * 36 * 8 + 12 * 8 * 11));
});

test('the translation step goes through padded batches in a cycle', async () => {
  const step = await translationStep(await createRuntime());
  assert.ok(step.cycle > 1 && step.flops > 1e6);
  assert.ok(Number.isFinite(step.run()));
});

test('batches hold tokens of the vocabulary, each target the next token', () => {
  for (const shape of Object.values(lmShapes)) {
    const { ids, targets, seqLen } = lmBatch(shape);
    assert.ok(ids.every((id) => id >= 0 && id < shape.vocabSize));
    assert.is(targets[0], ids[1]);
    assert.is(targets[seqLen - 2], ids[seqLen - 1]);
    assert.ok(new Set(ids).size > shape.vocabSize / 4);
  }
});

test('the table of products has every size and form once', () => {
  const names = products(false).map(({ form, m, n, k }) => `${form} ${m} ${n} ${k}`);
  assert.is(new Set(names).size, names.length);
  for (const size of [256, 512, 1024]) {
    for (const form of ['NN', 'NT', 'TN']) assert.ok(names.includes(`${form} ${size} ${size} ${size}`));
  }
});

test.run();
