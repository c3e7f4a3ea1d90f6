/** @file Texts and task of the pre-training experiment: what is held out, what the task holds, one's own folder. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { loadKjv, loadUiDeEn, type Pair } from '../../../src/data/index.js';
import { DataError } from '../../../src/errors.js';
import {
  type BertData,
  prepareBert,
  readBert,
  translationTask,
} from '../../../src/experiments/kinds/bert-data.js';
import { noFiles, type Sources } from '../../../src/recipe/index.js';
import { init } from '../../../src/runtime/init.js';
import { asyncRefusal, memorySources } from '../../support.js';

const test = suite('experiments/kinds/bert-data');
await init();

const data: BertData = {
  name: 'kjv+ui-de-en',
  vocabSize: 300,
  maxTokens: 256,
  maxLen: 32,
  taskPairs: 400,
  candidates: 5,
};
const prepare = async (of: BertData, sources: Sources = noFiles) =>
  prepareBert(of, await readBert(of, sources));

test('pre-training sees neither the task pairs nor the held-out verses', async () => {
  const ready = await prepare(data);
  const { train, valid } = await loadUiDeEn();
  const verses = (await loadKjv()).split('\n').filter((line) => line !== '').length;
  assert.is(ready.train.documents[0].length + ready.valid.documents[0].length, verses);
  assert.is(ready.valid.documents[0].length, Math.floor(verses / 10));
  assert.is(ready.train.pairs?.length, train.length - 400);
  assert.is(ready.valid.pairs?.length, 150);
  // Two examples of each of the 400 and of the dev part.
  assert.is(ready.learn.length + ready.choose.length, 800);
  assert.is(ready.choose.length, 160);
  assert.is(ready.dev.length, 2 * valid.length);
  assert.is(ready.majority, 0.5);
  assert.ok(ready.unigramNll > 4 && ready.unigramNll < Math.log(300));
  const again = await prepare(data);
  assert.equal(again.dev, ready.dev);
});

test('a wrong translation is another message, and more alike than a random one', () => {
  const english = ['open the file', 'open the folder', 'close window', 'undo', 'redo', 'show the log'];
  const pairs = english.map((text, i): Pair => [`nachricht ${i}`, text]);
  const task = translationTask(pairs, 'test', 30);
  assert.is(task.length, 12);
  for (let i = 0; i < 6; i++) {
    assert.equal(task[2 * i], { first: `nachricht ${i}`, second: english[i], label: 1 });
    assert.is(task[2 * i + 1].label, 0);
    assert.is(task[2 * i + 1].first, `nachricht ${i}`);
    assert.is.not(task[2 * i + 1].second, english[i]);
  }
  assert.is(task[1].second, 'open the folder');
  assert.is(task[3].second, 'open the file');
});

const files: Record<string, string> = {
  'own/text.txt': `${Array.from({ length: 10 }, (_, i) => `sentence ${i} of one`).join('\n')}\n\n\nshort\ndocument\r\n`,
  'own/pairs-train.tsv': 'a\tb\tyes\nc\td\tno\ne\tf\tyes\ng\th\tyes\ni\tj\tyes\n',
  'own/pairs-dev.tsv': 'k\tl\tno\nm\tn\tyes\no\tp\tyes\nq\tr\tyes\n',
};
const own = (changes: Record<string, string> = {}) =>
  prepare({ ...data, name: 'own' }, memorySources({ ...files, ...changes }));

test("one's own folder: documents, their last tenth held out, labelled pairs", async () => {
  const ready = await own();
  assert.equal(
    ready.train.documents.map(({ length }) => length),
    [9, 2],
  );
  assert.equal(
    ready.valid.documents.map(({ length }) => length),
    [1],
  );
  assert.equal(
    [...ready.learn, ...ready.choose].map(({ label }) => label),
    [1, 0, 1, 1, 1],
  );
  assert.is(ready.choose.length, 1);
  assert.is(ready.numClasses, 2);
  assert.is(ready.majority, 0.75);
});

test('a folder that does not do is refused by file and line', async () => {
  const label = await asyncRefusal(own({ 'own/pairs-dev.tsv': 'k\tl\tmaybe\n' }));
  assert.instance(label, DataError);
  assert.match(label.message, /own\/pairs-dev\.tsv:1: the label "maybe"/);
  assert.match(
    (await asyncRefusal(own({ 'own/text.txt': 'one\ntwo\n' }))).message,
    /own\/text\.txt: no document is long enough/,
  );
});

test.run();
