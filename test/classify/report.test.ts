/** classificationReport: the numbers by hand, sets of labels, and the text for people. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { classificationReport, describeReport } from '../../src/classify/index.js';
import { DataError } from '../../src/errors.js';
import { refusal } from '../support.js';

const test = suite('classify: report');

test('accuracy, precision, recall, F1 and confusion, by hand', () => {
  const truth = ['a', 'a', 'a', 'b', 'b', 'c'];
  const predicted = ['a', 'a', 'b', 'b', 'a', 'a'];
  const report = classificationReport(truth, predicted, ['a', 'b', 'c', 'never']);
  assert.is(report.count, 6);
  assert.is(report.accuracy, 3 / 6);
  assert.equal(report.confusion, [
    [2, 1, 0, 0],
    [1, 1, 0, 0],
    [1, 0, 0, 0],
    [0, 0, 0, 0],
  ]);
  const [a, b, c, never] = report.classes;
  assert.equal(a, { label: 'a', precision: 2 / 4, recall: 2 / 3, f1: 4 / 7, support: 3, predicted: 4 });
  assert.equal([b.precision, b.recall, b.f1], [1 / 2, 1 / 2, 1 / 2]);
  assert.equal([c.precision, c.recall, c.f1], [0, 0, 0]);
  assert.equal([never.f1, never.support], [0, 0]);
  assert.is(report.macroF1, (4 / 7 + 1 / 2 + 0) / 3, 'what nowhere occurs is left out');
});

test('sets of labels: right as a whole, scored by class', () => {
  const report = classificationReport([['a', 'b'], [], ['b']], [['b', 'a'], ['a'], []], ['a', 'b']);
  assert.is(report.accuracy, 1 / 3);
  assert.is(report.confusion, null);
  assert.equal(
    report.classes.map(({ precision, recall }) => [precision, recall]),
    [
      [1 / 2, 1],
      [1, 1 / 2],
    ],
  );
});

test('what cannot be compared is refused', () => {
  const refusals: [() => unknown, RegExp][] = [
    [() => classificationReport([], [], ['a']), /0 labels that are right/],
    [() => classificationReport(['a'], [], ['a']), /1 labels that are right, 0 predictions/],
    [() => classificationReport(['a'], ['b'], ['a']), /predicted\[0\] has the label "b"/],
    [() => classificationReport(['a', ['a']], ['a', 'a'], ['a']), /truth\[1\] is/],
  ];
  for (const [run, message] of refusals) {
    const error = refusal(run);
    assert.instance(error, DataError);
    assert.match(error.message, message);
  }
});

test('no line is wider than asked for, whatever the classes are called and however many there are', () => {
  for (const [count, name] of [
    [2, 'ham'],
    [6, 'a label of many words that goes on and on'],
    [12, 'class'],
    [60, 'K'],
  ] as const) {
    const labels = Array.from({ length: count }, (_, i) => `${name} ${i}`);
    const truth = Array.from({ length: 300 }, (_, i) => labels[i % count]);
    const predicted = truth.map((label, i) => (i % 7 === 0 ? labels[(i * 3) % count] : label));
    const report = classificationReport(truth, predicted, labels);
    for (const columns of [40, 60, 80, 120]) {
      const lines = describeReport(report, { columns }).split('\n');
      assert.ok(Math.max(...lines.map((line) => [...line].length)) <= columns, lines.join('\n'));
      const facts = columns < 60 ? lines.slice(0, 2).join(', ') : lines[0];
      assert.match(facts, /^accuracy [01]\.\d{4}, macro F1 [01]\.\d{4}, 300 texts$/);
      assert.ok(lines.length > count + 4);
    }
  }
  const small = classificationReport(['ham', 'spam', 'ham'], ['ham', 'ham', 'ham'], ['ham', 'spam']);
  assert.is(
    describeReport(small),
    [
      'accuracy 0.6667, macro F1 0.4000, 3 texts',
      '',
      'class precision    recall        F1   texts',
      'ham      0.6667    1.0000    0.8000       2',
      'spam     0.0000    0.0000    0.0000       1',
      '',
      'rows: what is right; columns: what was predicted',
      '       ham  spam',
      'ham      2     0',
      'spam     1     0',
    ].join('\n'),
  );
});

test.run();
