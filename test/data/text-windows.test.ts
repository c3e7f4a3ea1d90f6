import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { evaluationTextWindows, type LmBatch, TextWindows } from '../../src/data/text-windows.js';
import { ConfigError, DataError } from '../../src/errors.js';

/** A text whose ids are their own positions. */
const text = (length: number) => Int32Array.from({ length }, (_, i) => i);

function takeEpoch(windows: TextWindows): LmBatch[] {
  const { epoch } = windows.state();
  const taken: LmBatch[] = [];
  while (windows.state().epoch === epoch) taken.push(windows.next());
  return taken;
}

const starts = (batches: LmBatch[]) =>
  batches.flatMap(({ ids, batchSize, seqLen }) =>
    Array.from({ length: batchSize }, (_, b) => ids[b * seqLen]),
  );

test('windows are full, in range, apart, and predict the next token', () => {
  const windows = new TextWindows(text(1000), { batchSize: 4, seqLen: 16, seed: 3 });
  for (let epoch = 0; epoch < 5; epoch++) {
    const batches = takeEpoch(windows);
    assert.is(batches.length, 15);
    for (const { ids, targets, tokens, batchSize, seqLen } of batches) {
      assert.is(batchSize, 4);
      assert.is(seqLen, 16);
      assert.is(tokens, 64);
      for (let i = 0; i < 64; i++) {
        assert.is(targets[i], ids[i] + 1);
        if (i % 16 > 0) assert.is(ids[i], ids[i - 1] + 1);
      }
      assert.ok(Math.max(...targets) < 1000);
    }
    const sorted = starts(batches).sort((a, b) => a - b);
    assert.is(new Set(sorted).size, 60);
    for (const start of sorted) assert.is((start - sorted[0]) % 16, 0);
  }
});

test('epochs differ in order and offset; equal seeds agree', () => {
  const options = { batchSize: 4, seqLen: 16, seed: 3 };
  const windows = new TextWindows(text(1000), options);
  const epochs = [0, 1, 2, 3].map(() => starts(takeEpoch(windows)));
  assert.ok(new Set(epochs.map(([start]) => start % 16)).size > 1);
  const again = new TextWindows(text(1000), options);
  assert.equal(
    [0, 1, 2, 3].map(() => starts(takeEpoch(again))),
    epochs,
  );
  const other = new TextWindows(text(1000), { ...options, seed: 4 });
  assert.not.equal(starts(takeEpoch(other)), epochs[0]);
});

test('the smallest text that gives a batch works', () => {
  const windows = new TextWindows(text(9), { batchSize: 2, seqLen: 4, seed: 0 });
  for (let epoch = 0; epoch < 4; epoch++) {
    const [batch] = takeEpoch(windows);
    assert.equal(starts([batch]).sort(), [0, 4]);
  }
  const one = new TextWindows(text(2), { batchSize: 1, seqLen: 1, seed: 0 }).next();
  assert.equal([...one.ids, ...one.targets], [0, 1]);
});

test('a cursor resumes exactly', () => {
  const options = { batchSize: 3, seqLen: 7, seed: 5 };
  const windows = new TextWindows(text(300), options);
  for (let i = 0; i < 40; i++) {
    const resumed = new TextWindows(text(300), options);
    resumed.restore(JSON.parse(JSON.stringify(windows.state())));
    assert.equal(resumed.state(), windows.state());
    assert.equal(resumed.next(), windows.next());
  }
  assert.ok(windows.state().epoch > 1);
  assert.throws(() => windows.restore({ epoch: 0, batch: 99 }), /which has \d+/);
});

test('evaluation predicts every token but the first exactly once, in order', () => {
  for (const length of [2, 3, 32, 33, 34, 64, 65, 66, 100]) {
    const batches = [...evaluationTextWindows(text(length), { batchSize: 2, seqLen: 16 })];
    const predicted = batches.flatMap(({ targets }) => [...targets].filter((id) => id !== -1));
    assert.equal(
      predicted,
      Array.from({ length: length - 1 }, (_, i) => i + 1),
    );
    assert.is(
      batches.reduce((sum, { tokens }) => sum + tokens, 0),
      length - 1,
    );
    for (const { ids, targets } of batches) {
      for (let i = 0; i < ids.length; i++) assert.is(targets[i], targets[i] === -1 ? -1 : ids[i] + 1);
    }
  }
});

test('short texts and wrong options are refused', () => {
  const refused = (run: () => unknown, type: typeof DataError | typeof ConfigError, pattern: RegExp) =>
    assert.throws(run, (error: unknown) => error instanceof type && pattern.test((error as Error).message));
  const options = { batchSize: 2, seqLen: 4, seed: 0 };
  for (const length of [0, 1, 8]) {
    refused(
      () => new TextWindows(text(length), options),
      DataError,
      /too short: \d tokens give \d windows of 4/,
    );
  }
  refused(() => [...evaluationTextWindows(text(1), { batchSize: 1, seqLen: 4 })], DataError, /two tokens/);
  refused(() => new TextWindows(text(99), { ...options, seqLen: 0 }), ConfigError, /seqLen/);
  refused(
    () => new TextWindows(text(99), { ...options, seqlen: 4 } as never),
    ConfigError,
    /did you mean "seqLen"/,
  );
});

test.run();
