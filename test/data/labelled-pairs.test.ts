/** @file Labelled pairs: the file format, and batches for a classifier. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  evaluationLabelledPairs,
  type LabelledBatch,
  LabelledPairBatches,
  parseLabelledPairs,
} from '../../src/data/index.js';
import { DataError } from '../../src/errors.js';
import { RandomStream } from '../../src/random.js';
import { refusal } from '../support.js';

const test = suite('data/labelled-pairs');

test('three columns a line; classes are sorted, and another part keeps them', () => {
  const train = parseLabelledPairs('\uFEFFa b\tc\tyes\r\nd\te\tno\r\n\n', 'train.tsv');
  assert.equal(train, {
    pairs: [
      { first: 'a b', second: 'c', label: 1 },
      { first: 'd', second: 'e', label: 0 },
    ],
    classes: ['no', 'yes'],
  });
  const dev = parseLabelledPairs('x\ty\tyes\n', 'dev.tsv', train.classes);
  assert.equal(dev, { pairs: [{ first: 'x', second: 'y', label: 1 }], classes: ['no', 'yes'] });
});

test('what is wrong is named with file and line', () => {
  for (const [text, message] of [
    ['', /train\.tsv: no labelled pairs/],
    ['a\tb\t1\na\tb\n', /train\.tsv:2: line with 2 columns, a labelled pair has 3/],
    ['a\tb\t1\t2\n', /train\.tsv:1: line with 4 columns/],
    ['a\t \t1\n', /train\.tsv:1: the second text is empty/],
    ['a\tb\t\n', /the label is empty/],
  ] as const) {
    const error = refusal(() => parseLabelledPairs(text, 'train.tsv'));
    assert.instance(error, DataError);
    assert.match(error.message, message);
  }
  const error = refusal(() => parseLabelledPairs('a\tb\t2', 'dev.tsv', ['0', '1']));
  assert.match(error.message, /dev\.tsv:1: the label "2" does not occur in the training part/);
});

const random = new RandomStream(3, 'test:labelled');
const pairs = Array.from({ length: 50 }, (_, n) => ({
  first: Int32Array.from({ length: 1 + random.nextInt(12) }, () => 100 + n),
  second: Int32Array.from({ length: 1 + random.nextInt(12) }, () => 200 + n),
  label: n % 3,
}));
const options = { marks: { padId: 0, clsId: 1, sepId: 2 }, maxLen: 20, batchSize: 8, lengthMultiple: 4 };

/** Which pairs a batch holds; checks that rows are whole. */
function indices({ ids, labels, lengths, batchSize, seqLen, tokens }: LabelledBatch): number[] {
  assert.is(tokens, batchSize);
  assert.ok(batchSize <= 8 && seqLen <= 20);
  return Array.from({ length: batchSize }, (_, b) => {
    const n = ids[b * seqLen + 1] - 100;
    assert.is(labels[b], pairs[n].label);
    assert.is(lengths[b], Math.min(20, pairs[n].first.length + pairs[n].second.length + 3));
    assert.is(ids[b * seqLen + lengths[b] - 2], 200 + n);
    return n;
  });
}

test('every pair once an epoch, in another order each time; a cursor resumes it', () => {
  const data = new LabelledPairBatches(pairs, { ...options, seed: 1 });
  const epoch = () => Array.from({ length: data.numBatches }, () => data.next());
  const [first, second] = [epoch(), epoch()];
  for (const batches of [first, second]) {
    assert.equal(
      batches.flatMap(indices).sort((a, b) => a - b),
      pairs.map((_, i) => i),
    );
  }
  assert.is.not(JSON.stringify(first), JSON.stringify(second));
  const again = new LabelledPairBatches(pairs, { ...options, seed: 1 });
  again.restore({ epoch: 1, batch: 2 });
  assert.equal(again.next(), second[2]);
});

test('evaluation is every pair once, by length', () => {
  const found = [...evaluationLabelledPairs(pairs, options)].flatMap(indices);
  assert.equal(
    [...found].sort((a, b) => a - b),
    pairs.map((_, i) => i),
  );
  assert.match(refusal(() => [...evaluationLabelledPairs([], options)]).message, /no labelled pairs/);
  const empty = [{ first: Int32Array.of(5), second: new Int32Array(0), label: 0 }];
  assert.match(
    refusal(() => new LabelledPairBatches(empty, { ...options, seed: 0 })).message,
    /pair 1 has an empty text/,
  );
});

test.run();
