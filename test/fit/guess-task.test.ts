/** @file What a file is for: by its tabs, and refused where they do not say. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { guessTask } from '../../src/fit/index.js';
import { refusal } from '../support.js';

const test = suite('fit/guess-task');

const lines = (count: number, line: (i: number) => string): string =>
  `${Array.from({ length: count }, (_, i) => line(i)).join('\n')}\n`;

test('text without tabs is a text, and a few tables in it do not matter', () => {
  assert.is(guessTask('Once upon a time\n\nthere was\n', 'f').task, 'lm');
  assert.is(
    guessTask(
      lines(10, (i) => (i < 5 ? 'a\tb\tc' : 'plain')),
      'f',
    ).task,
    'lm',
  );
});

test('two columns with few values in the second are labelled texts, with many values pairs', () => {
  const labelled = guessTask(
    lines(40, (i) => `text ${i}\t${i % 4}`),
    'f',
  );
  assert.is(labelled.task, 'classify');
  assert.match(labelled.reason, '4 different values in 40 lines');
  const three = guessTask(
    lines(40, (i) => `text ${i}\tother\t${i % 4}`),
    'f',
  );
  assert.equal(three.task, 'classify');
  assert.match(three.reason, '4 different values in 40 lines');
  assert.is(
    guessTask(lines(40, (i) => `text ${i}\tTexte ${i >> 1 === 3 ? 0 : i}`).replace(/\n/g, '\r\n'), 'f').task,
    'translate',
  );
});

test('more labels than one for ten lines but fewer than half of them are refused, and so are lines of three columns', () => {
  for (const text of [lines(40, (i) => `text ${i}\t${i % 5}`), lines(40, (i) => `text ${i}\t${i % 20}`)]) {
    const error = refusal(() => guessTask(text, 'f.tsv'));
    assert.match(error.message, /^f\.tsv: .*labels or translations\? \(say what it is for with --task/);
    assert.is(error.code, 'CONFIG');
  }
  assert.match(
    refusal(() => guessTask('a\tb\na\tb\tc\na\tb\n', 'f')).message,
    'line 2 with text has 3 columns',
  );
});

test('a .csv file without tabs is refused, for it would be a running text otherwise', () => {
  const text = 'text,label\n"warm, and dry",good\nwet,bad\n';
  const error = refusal(() => guessTask(text, 'days.CSV'));
  assert.is(error.code, 'CONFIG');
  assert.match(error.message, /commas between are not read \(save it with tabs .*--task lm/);
  assert.is(guessTask(text, 'days.txt').task, 'lm');
  assert.is(guessTask('a\tb\nc\td\n', 'days.csv').task, 'translate');
});

test.run();
