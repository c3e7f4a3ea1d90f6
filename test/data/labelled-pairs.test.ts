/** @file Labelled pairs: the file format, and batches for a classifier. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  evaluationLabelledPairs,
  type LabelledBatch,
  LabelledPairBatches,
  parseLabelledPairs,
} from '../../src/data/index.js';
import { balancedWeights, parseLabelledTexts } from '../../src/data/labelled-pairs.js';
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

test('several labels: a separator in the column, an empty column is none, batches say of each class whether', () => {
  const options = { labelSeparator: ',' };
  const { texts, classes } = parseLabelledTexts('x\tb, a\ny\t\nz\tb,b\n', 'm.tsv', undefined, options);
  assert.equal(classes, ['a', 'b']);
  assert.equal(texts, [
    { text: 'x', label: 1, labels: [0, 1] },
    { text: 'y', label: -1, labels: [] },
    { text: 'z', label: 1, labels: [1] },
  ]);
  assert.equal(balancedWeights(texts, 2, true), [2, 1 / 2]);
  const rows = texts.map(({ label, labels }) => ({ first: Int32Array.of(5), label, labels }));
  const several = { marks: { padId: 0, clsId: 1, sepId: 2 }, maxLen: 5, batchSize: 8, numClasses: 2 };
  const [batch] = evaluationLabelledPairs(rows, several);
  assert.equal([...batch.labels], [1, 1, 0, 0, 0, 1]);
  assert.match(
    refusal(() => parseLabelledTexts('x\ta,,b', 'm.tsv', undefined, options)).message,
    /m\.tsv:1: .*empty label/,
  );
  assert.match(
    refusal(() => parseLabelledTexts('x\tc', 'v.tsv', classes, options)).message,
    /v\.tsv:1: the label "c"/,
  );
  const beyond = [{ ...rows[0], labels: [2] }];
  assert.match(refusal(() => [...evaluationLabelledPairs(beyond, several)]).message, /pair 1: labels/);
});

test('balanced weights: every class weighs the same in all, and the mean weight is 1', () => {
  const labels = [0, 0, 0, 1, 2, 2].map((label) => ({ label }));
  const weights = balancedWeights(labels, 3);
  assert.equal(weights, [6 / 9, 2, 1]);
  assert.ok(Math.abs(labels.reduce((sum, { label }) => sum + weights[label], 0) / 6 - 1) < 1e-12);
  assert.equal(balancedWeights([{ label: -1 }, { label: 0 }], 2), [1 / 2, 1]);
});

test.run();
