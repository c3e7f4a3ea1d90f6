/** @file Masked pairs: shares, labels, shapes, and that an epoch depends on (texts, options, epoch) alone. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  evaluationMaskedPairs,
  type MaskedPairBatch,
  MaskedPairBatches,
  type MaskedPairOptions,
  type MaskedTexts,
} from '../../src/data/index.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { RandomStream } from '../../src/random.js';
import { close, refusal } from '../support.js';

const test = suite('data/masked-pairs');

const marks = { padId: 0, clsId: 1, sepId: 2, maskId: 3000, firstId: 3, endId: 3000 };
const options: MaskedPairOptions = { marks, seed: 4, maxLen: 32, maxTokens: 256, lengthMultiple: 8 };

const random = new RandomStream(1, 'test:sentences');
/** Sentence n of 3 to 20 tokens, the first of which is 3 + n and occurs nowhere else. */
const sentences = Array.from({ length: 120 }, (_, n) =>
  Int32Array.from({ length: 3 + random.nextInt(18) }, (_, i) =>
    i === 0 ? 3 + n : 200 + random.nextInt(2000),
  ),
);
const texts: MaskedTexts = {
  documents: [sentences.slice(0, 70), sentences.slice(70, 100)],
  pairs: Array.from({ length: 10 }, (_, i) => [sentences[100 + 2 * i], sentences[101 + 2 * i]] as const),
};
const ROWS = 69 + 29 + 10;

/** The rows of a batch with the masked tokens put back. */
function restored(batch: MaskedPairBatch): { first: number[]; second: number[]; label: number }[] {
  const ids = batch.ids.slice();
  batch.masked.forEach((at, i) => {
    if (at >= 0) ids[at] = batch.targets[i];
  });
  return Array.from({ length: batch.batchSize }, (_, b) => {
    const row = [...ids.subarray(b * batch.seqLen, b * batch.seqLen + batch.lengths[b])];
    assert.is(row[0], marks.clsId);
    assert.is(row[row.length - 1], marks.sepId);
    const end = row.indexOf(marks.sepId);
    return { first: row.slice(1, end), second: row.slice(end + 1, -1), label: batch.nextSentence[b] };
  });
}

function epochOf(data: MaskedPairBatches): MaskedPairBatch[] {
  return Array.from({ length: data.numBatches }, () => data.next());
}

test('every row once an epoch, whole or cut to fit, with the label it has', () => {
  const wide = { ...options, maxLen: 64 };
  const data = new MaskedPairBatches(texts, wide);
  const labels = new Map([-1, 0, 1].map((label) => [label, 0]));
  for (let epoch = 0; epoch < 10; epoch++) {
    const rows = epochOf(data).flatMap(restored);
    assert.is(rows.length, ROWS);
    assert.is(new Set(rows.map(({ first }) => first[0])).size, ROWS);
    for (const { first, second, label } of rows) {
      labels.set(label, (labels.get(label) ?? 0) + 1);
      const n = first[0] - 3;
      assert.equal(first, [...sentences[n]]);
      assert.equal(second, [...sentences[second[0] - 3]]);
      if (label === 0) assert.is.not(second[0] - 3, n + 1);
      else assert.is(second[0] - 3, n + 1);
      assert.is(label === -1, n >= 100);
      assert.is.not(second[0], first[0]);
    }
  }
  assert.is(labels.get(-1), 100);
  // 980 fair draws: four standard deviations are 63.
  assert.ok(Math.abs((labels.get(1) as number) - 490) < 63, `${labels.get(1)} of 980 follow`);
});

test('15 % are to be predicted: 80 % masked, 10 % random, 10 % kept, marks never', () => {
  const data = new MaskedPairBatches(texts, { ...options, maxLen: 64 });
  let [tokens, masked, kept, other] = [0, 0, 0, 0];
  for (let i = 0; i < 200; i++) {
    const batch = data.next();
    const places = [...batch.masked].filter((at) => at >= 0);
    assert.is(places.length, batch.tokens);
    assert.is(new Set(places).size, places.length);
    for (let b = 0; b < batch.batchSize; b++) {
      const text = batch.lengths[b] - 3;
      const here = places.filter((at) => at >= b * batch.seqLen && at < b * batch.seqLen + batch.lengths[b]);
      assert.is(here.length, Math.max(1, Math.round(0.15 * text)));
      tokens += here.length;
    }
    for (const [k, at] of batch.masked.entries()) {
      if (at < 0) {
        assert.is(batch.targets[k], -1);
        continue;
      }
      assert.ok(batch.targets[k] >= marks.firstId && batch.targets[k] < marks.endId);
      if (batch.ids[at] === marks.maskId) masked++;
      else if (batch.ids[at] === batch.targets[k]) kept++;
      else other++;
    }
  }
  assert.is(masked + kept + other, tokens);
  const [share, keptShare] = [masked / tokens, kept / tokens];
  close(share, 0.8, 4 * Math.sqrt(0.16 / tokens), 'masked');
  close(keptShare, 0.1, 4 * Math.sqrt(0.09 / tokens) + 1 / 3000, 'kept');
});

test('batches keep to the bounds, and the number of places depends on the shape alone', () => {
  const data = new MaskedPairBatches(texts, options);
  const places = new Map<string, number>();
  for (let i = 0; i < 100; i++) {
    const { batchSize, seqLen, ids, segments, lengths, masked } = data.next();
    assert.ok(batchSize * seqLen <= 256 && seqLen <= 32 && seqLen % 8 === 0);
    assert.is(ids.length, batchSize * seqLen);
    assert.is(segments.length, ids.length);
    const shape = `${batchSize},${seqLen}`;
    assert.is(masked.length, places.get(shape) ?? masked.length, shape);
    places.set(shape, masked.length);
    for (let b = 0; b < batchSize; b++) {
      const end = ids.indexOf(marks.sepId, b * seqLen) - b * seqLen;
      for (let t = 0; t < lengths[b]; t++) assert.is(segments[b * seqLen + t], t > end ? 1 : 0);
      for (let t = lengths[b]; t < seqLen; t++) assert.is(ids[b * seqLen + t], marks.padId);
    }
  }
  assert.ok(places.size > 1);
});

test('the longer segment gives way first', () => {
  const one = (a: number, b: number, maxLen: number) => {
    const pair = [new Int32Array(a).fill(7), new Int32Array(b).fill(8)] as const;
    const [batch] = evaluationMaskedPairs(
      { documents: [], pairs: [pair] },
      { ...options, maxLen, maxTokens: 99 },
    );
    const [{ first, second }] = restored(batch);
    return [first.length, second.length];
  };
  assert.equal(one(20, 4, 16), [9, 4]);
  assert.equal(one(4, 20, 16), [4, 9]);
  assert.equal(one(20, 20, 16), [7, 6]);
  assert.equal(one(6, 7, 16), [6, 7]);
  assert.equal(one(30, 30, 5), [1, 1]);
});

test('an epoch depends on its number alone: a cursor resumes it, another seed or epoch differs', () => {
  const data = new MaskedPairBatches(texts, options);
  const first = epochOf(data);
  const cursor = data.state();
  assert.equal(cursor, { epoch: 1, batch: 0 });
  const second = epochOf(data);
  assert.is.not(JSON.stringify(second), JSON.stringify(first));
  const again = new MaskedPairBatches(texts, options);
  again.restore({ epoch: 1, batch: 3 });
  assert.equal(again.next(), second[3]);
  again.restore({ epoch: 0, batch: 0 });
  assert.equal(epochOf(again), first);
  assert.is.not(
    JSON.stringify(epochOf(new MaskedPairBatches(texts, { ...options, seed: 5 }))),
    JSON.stringify(first),
  );
  assert.instance(
    refusal(() => again.restore({ epoch: 0, batch: 999 })),
    DataError,
  );
  assert.is(again.next().batchSize, second[0].batchSize);
});

test('evaluation is every row once, always the same', () => {
  const all = [...evaluationMaskedPairs(texts, options)];
  assert.equal(all, [...evaluationMaskedPairs(texts, options)]);
  assert.is(
    all.reduce((n, { batchSize }) => n + batchSize, 0),
    ROWS,
  );
  assert.ok(all.every(({ seqLen }, i) => i === 0 || seqLen >= all[i - 1].seqLen));
});

test('a document of one sentence is a row of one segment; two sentences have nothing to be exchanged for', () => {
  const one = [...evaluationMaskedPairs({ documents: [[sentences[0]]] }, options)];
  assert.equal([...one[0].nextSentence], [-1]);
  assert.is(one[0].lengths[0], sentences[0].length + 2);
  const two = new MaskedPairBatches({ documents: [sentences.slice(0, 2)] }, { ...options, maxLen: 64 });
  for (let i = 0; i < 20; i++) assert.equal([...two.next().nextSentence], [1]);
});

test('what does not fit is refused', () => {
  const make = (change: object, of: MaskedTexts = texts) =>
    refusal(() => new MaskedPairBatches(of, { ...options, ...change } as MaskedPairOptions));
  for (const [change, message] of [
    [{ maxTokens: undefined }, /batchSize or maxTokens/],
    [{ maxTokens: 31 }, /maxTokens/],
    [{ maxLen: 4 }, /maxLen/],
    [{ maskedShare: 0 }, /maskedShare/],
    [{ marks: { ...marks, endId: 3 } }, /endId/],
    [{ marks: { ...marks, maskId: -1 } }, /maskId/],
    [{ maxToken: 3 }, /did you mean "maxTokens"/],
  ] as const) {
    const error = make(change);
    assert.instance(error, ConfigError);
    assert.match(error.message, message);
  }
  assert.instance(make({}, { documents: [] }), DataError);
  assert.match(make({}, { documents: [[new Int32Array(0)]] }).message, /sentence 1 of document 1 is empty/);
  assert.match(
    make({}, { documents: [], pairs: [[sentences[0], new Int32Array(0)]] }).message,
    /pair 1 has an empty side/,
  );
});

test.run();
