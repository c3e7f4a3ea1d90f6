import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  evaluationPairBatches,
  type PairBatch,
  PairBatches,
  type PairBatchOptions,
  type TokenPair,
  tokenBatches,
} from '../../src/data/batches.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { RandomStream } from '../../src/random.js';

const marks = { padId: 0, bosId: 1, eosId: 2 };
const options: PairBatchOptions = { maxTokens: 200, seed: 7, ...marks };

/** Pairs of random lengths 1 to 24 whose first source token tells the pair. */
function randomPairs(count: number): TokenPair[] {
  const random = new RandomStream(1, 'test');
  return Array.from({ length: count }, (_, i) => {
    const source = new Int32Array(1 + random.nextInt(24)).fill(5);
    source[0] = 100 + i;
    return {
      source,
      target: Int32Array.from({ length: 1 + random.nextInt(24) }, () => 3 + random.nextInt(90)),
    };
  });
}

/** The batches of the present epoch, checked against the pairs they are made of. */
function takeEpoch(batches: PairBatches, pairs: TokenPair[]): PairBatch[] {
  const { epoch } = batches.state();
  const taken: PairBatch[] = [];
  while (batches.state().epoch === epoch) taken.push(batches.next());
  for (const batch of taken) checkBatch(batch, pairs);
  return taken;
}

function checkBatch(batch: PairBatch, pairs: TokenPair[]): void {
  const { batchSize, sourceLen, targetLen } = batch;
  assert.is(batch.source.length, batchSize * sourceLen);
  assert.is(batch.targetInput.length, batchSize * targetLen);
  assert.is(batch.targetOutput.length, batchSize * targetLen);
  let tokens = 0;
  for (let b = 0; b < batchSize; b++) {
    const { source, target } = pairs[batch.indices[b]];
    const row = <T>(values: T, length: number) =>
      Array.from((values as Int32Array).subarray(b * length, (b + 1) * length));
    const padded = (values: number[], length: number, pad: number) => [
      ...values,
      ...new Array(length - values.length).fill(pad),
    ];
    assert.equal(row(batch.source, sourceLen), padded([...source], sourceLen, marks.padId));
    assert.equal(row(batch.targetInput, targetLen), padded([marks.bosId, ...target], targetLen, marks.padId));
    assert.equal(row(batch.targetOutput, targetLen), padded([...target, marks.eosId], targetLen, -1));
    assert.is(batch.sourceLengths[b], source.length);
    assert.is(batch.targetLengths[b], target.length + 1);
    tokens += target.length + 1;
  }
  assert.is(batch.tokens, tokens);
}

const seen = (batches: PairBatch[]) => batches.flatMap((batch) => [...batch.indices]);
const sorted = (values: number[]) => [...values].sort((a, b) => a - b);

test('a batch is exactly padded, marked and counted', () => {
  const pairs = [
    { source: Int32Array.of(11, 12, 13), target: Int32Array.of(21) },
    { source: Int32Array.of(14), target: Int32Array.of(22, 23) },
  ];
  const [batch] = evaluationPairBatches(pairs, { maxTokens: 100, ...marks });
  assert.is(batch.batchSize, 2);
  assert.is(batch.sourceLen, 3);
  assert.is(batch.targetLen, 3);
  assert.equal([...batch.source], [11, 12, 13, 14, 0, 0]);
  assert.equal([...batch.sourceLengths], [3, 1]);
  assert.equal([...batch.targetInput], [1, 21, 0, 1, 22, 23]);
  assert.equal([...batch.targetOutput], [21, 2, -1, 22, 23, 2]);
  assert.equal([...batch.targetLengths], [2, 3]);
  assert.is(batch.tokens, 5);
  assert.equal([...batch.indices], [0, 1]);
});

test('every pair comes once an epoch, in batches of at most maxTokens', () => {
  const pairs = randomPairs(301);
  const all = pairs.map((_, i) => i);
  for (const extra of [
    {},
    { sortWindow: 1 },
    { sortWindow: 50 },
    { sortWindow: 1000 },
    { lengthMultiple: 8 },
  ]) {
    const batches = new PairBatches(pairs, { ...options, ...extra });
    for (let epoch = 0; epoch < 3; epoch++) {
      const taken = takeEpoch(batches, pairs);
      assert.equal(sorted(seen(taken)), all);
      for (const batch of taken) {
        assert.ok(batch.batchSize * (batch.sourceLen + batch.targetLen) <= options.maxTokens);
      }
    }
    assert.equal(batches.state(), { epoch: 3, batch: 0 });
  }
});

test('sorting by length pads less than a plain shuffle', () => {
  const pairs = randomPairs(500);
  const padded = (sortWindow: number) =>
    takeEpoch(new PairBatches(pairs, { ...options, sortWindow }), pairs).reduce(
      (sum, batch) => sum + batch.source.length + batch.targetInput.length,
      0,
    );
  assert.ok(padded(500) < padded(50));
  assert.ok(padded(50) < padded(1));
});

test('epochs differ, seeds differ, and equal seeds agree', () => {
  const pairs = randomPairs(200);
  const first = tokenBatches(pairs, options, 0);
  assert.equal(tokenBatches(pairs, options, 0), first);
  assert.not.equal(tokenBatches(pairs, options, 1), first);
  assert.not.equal(tokenBatches(pairs, { ...options, seed: 8 }, 0), first);
  assert.equal(
    takeEpoch(new PairBatches(pairs, options), pairs).map((batch) => [...batch.indices]),
    first,
  );
});

test('the order of an epoch is pinned', () => {
  const pairs = Array.from({ length: 6 }, (_, i) => ({
    source: new Int32Array(i + 1).fill(9),
    target: new Int32Array(6 - i).fill(9),
  }));
  assert.equal(tokenBatches(pairs, { ...options, maxTokens: 20 }, 0), [
    [5, 4],
    [1, 0],
    [3, 2],
  ]);
});

test('a cursor resumes exactly, from any batch and across epochs', () => {
  const pairs = randomPairs(60);
  const whole = new PairBatches(pairs, options);
  const cursors = [];
  const expected = [];
  for (let i = 0; i < 3 * whole.numBatches; i++) {
    cursors.push(JSON.parse(JSON.stringify(whole.state())));
    expected.push(whole.next());
  }
  assert.ok(cursors.some(({ epoch }) => epoch > 1));
  for (let i = 0; i < cursors.length; i++) {
    const resumed = new PairBatches(pairs, options);
    resumed.restore(cursors[i]);
    assert.equal(resumed.state(), cursors[i]);
    for (let k = i; k < Math.min(i + 3, expected.length); k++) assert.equal(resumed.next(), expected[k]);
  }
});

test('a cursor that does not fit is refused and leaves the position', () => {
  const batches = new PairBatches(randomPairs(60), options);
  batches.next();
  const before = batches.state();
  const refused = [{ epoch: 0, batch: 10_000 }, { epoch: -1, batch: 0 }, { epoch: 0.5, batch: 0 }, null, {}];
  for (const cursor of refused) {
    assert.throws(
      () => batches.restore(cursor as never),
      (error: unknown) => error instanceof DataError,
    );
  }
  assert.equal(batches.state(), before);
});

test('a pair that is too long is an error naming its number, or dropped on request', () => {
  const pairs = randomPairs(5);
  pairs[2] = { source: new Int32Array(30).fill(5), target: Int32Array.of(4) };
  pairs[4] = { source: Int32Array.of(4), target: new Int32Array(25).fill(5) };
  assert.throws(
    () => new PairBatches(pairs, { ...options, maxLen: 25 }),
    (error: unknown) =>
      error instanceof DataError && /pair 3: source has 30 tokens, maxLen is 25/.test(error.message),
  );
  assert.throws(
    () => new PairBatches(pairs.slice(3), { ...options, maxLen: 25 }),
    /pair 2: target \(with its end mark\) has 26 tokens, maxLen is 25/,
  );
  assert.throws(
    () => new PairBatches(pairs, { ...options, maxTokens: 20 }),
    /pair \d needs \d+ tokens, maxTokens is 20/,
  );
  const batches = new PairBatches(pairs, { ...options, maxLen: 25, onTooLong: 'drop' });
  assert.is(batches.numDropped, 2);
  assert.equal(sorted(seen(takeEpoch(batches, pairs))), [0, 1, 3]);
  assert.throws(
    () => new PairBatches(pairs.slice(2, 3), { ...options, maxLen: 25, onTooLong: 'drop' }),
    /all 1 pairs are too long/,
  );
});

test('rounding lengths up never goes beyond maxLen', () => {
  const pairs = [{ source: new Int32Array(18).fill(5), target: new Int32Array(8).fill(6) }];
  const [batch] = evaluationPairBatches(pairs, { maxTokens: 100, ...marks, lengthMultiple: 8, maxLen: 20 });
  assert.is(batch.sourceLen, 20);
  assert.is(batch.targetLen, 16);
  checkBatch(batch, pairs);
});

test('evaluation gives every pair once, in the same order every time', () => {
  const pairs = randomPairs(77);
  const run = () => [...evaluationPairBatches(pairs, { maxTokens: 150, ...marks })];
  const batches = run();
  for (const batch of batches) checkBatch(batch, pairs);
  assert.equal(
    sorted(seen(batches)),
    pairs.map((_, i) => i),
  );
  assert.equal(run(), batches);
});

test('empty corpora, empty sequences and wrong options are refused', () => {
  const pairs = randomPairs(3);
  assert.throws(() => new PairBatches([], options), /no sentence pairs/);
  assert.throws(() => [...evaluationPairBatches([], { maxTokens: 9, ...marks })], /no sentence pairs/);
  const empty = new Int32Array(0);
  assert.throws(
    () => new PairBatches([...pairs, { source: empty, target: pairs[0].target }], options),
    /pair 4 has an empty source/,
  );
  assert.throws(
    () => new PairBatches([{ source: pairs[0].source, target: empty }], options),
    /pair 1 has an empty target/,
  );
  const wrong = [
    { maxTokens: 0 },
    { maxTokens: Number.NaN },
    { maxTokens: undefined },
    { seed: -1 },
    { padId: 1.5 },
    { sortWindow: 0 },
    { maxLen: Infinity },
    { lengthMultiple: '8' },
    { onTooLong: 'ignore' },
    { maxToken: 5 },
  ];
  for (const extra of wrong) {
    assert.throws(
      () => new PairBatches(pairs, { ...options, ...extra } as never),
      (error: unknown) => error instanceof ConfigError,
      JSON.stringify(extra),
    );
  }
});

test.run();
