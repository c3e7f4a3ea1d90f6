import { existsSync, readFileSync, statSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadDigits, loadKjv, loadUiDeEn } from '../../src/data/embedded.js';
import type { Pair } from '../../src/data/pairs.js';
import { sha256 } from '../../src/io/sha256.js';

const root = new URL('../../', import.meta.url);
const hashOf = (text: string) => sha256(new TextEncoder().encode(text));
const asTsv = (pairs: Pair[]) => pairs.map((pair) => `${pair.join('\t')}\n`).join('');

const HASHES = {
  train: '23f62381af2757f40e08bf21c29eddeedb75ad803911acfa3b8c1ed54bc5be28',
  valid: '318ae6aeccf298c532e99e8b2ade6c4e3949202210bd49c6b1cc04a7b4501871',
  test: '211e52a743b34cfbb082a08dffe60634b05c38131e256bf8b2605bc2a444b5c7',
  kjv: 'adfbecffae4c389c6bf341f7803e42ff2df75035069be926d1cb8d56691a0f0b',
  digits: '7f0181676c031ab585ca89b1b14d19e90896800661256b6780964b4c0e1dcfca',
};

test('the sentence pairs are the ones of data/ui-de-en, in its split', async () => {
  const { train, valid, test } = await loadUiDeEn();
  assert.equal([train.length, valid.length, test.length], [3697, 450, 450]);
  assert.is(hashOf(asTsv(train)), HASHES.train);
  assert.is(hashOf(asTsv(valid)), HASHES.valid);
  assert.is(hashOf(asTsv(test)), HASHES.test);
  assert.equal(train[0], ['Schnelle Vorschläge sind deaktiviert', 'Quick suggestions are disabled']);
});

test('no sentence of either side stands in two splits', async () => {
  const { train, valid, test } = await loadUiDeEn();
  for (const side of [0, 1]) {
    const sentences = [...train, ...valid, ...test].map((pair) => pair[side].toLowerCase());
    assert.is(new Set(sentences).size, sentences.length);
  }
});

test('the public text is Genesis 1 to 37, one verse a line, ASCII', async () => {
  const text = await loadKjv();
  assert.is(hashOf(text), HASHES.kjv);
  assert.ok(text.startsWith('In the beginning God created the heaven and the earth.\n'));
  assert.is(text.trimEnd().split('\n').length, 1120);
  assert.ok([...text].every((character) => character === '\n' || (character >= ' ' && character <= '~')));
});

test('the digits are 1797 images in 0..1, right side up, with labels', async () => {
  const { images, labels } = await loadDigits();
  assert.is(images.length, 1797 * 64);
  assert.is(labels.length, 1797);
  // The first image, a zero, as the dataset's description prints it.
  const zero = [
    [0, 0, 5, 13, 9, 1, 0, 0],
    [0, 0, 13, 15, 10, 15, 5, 0],
    [0, 3, 15, 2, 0, 11, 8, 0],
    [0, 4, 12, 0, 0, 8, 8, 0],
    [0, 5, 8, 0, 0, 9, 8, 0],
    [0, 4, 11, 0, 1, 12, 7, 0],
    [0, 2, 14, 5, 10, 12, 0, 0],
    [0, 0, 6, 13, 10, 0, 0, 0],
  ];
  assert.equal(
    Array.from(images.subarray(0, 64), (value) => value * 16),
    zero.flat(),
  );
  assert.equal([...labels.subarray(0, 12)], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]);
  const counts = new Array(10).fill(0);
  for (const label of labels) counts[label]++;
  assert.equal(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
  const content = gunzipSync(readFileSync(new URL('data/digits/digits.bin.gz', root)));
  assert.is(sha256(content), HASHES.digits);
  let stored = 0;
  for (let i = 0; i < 1797 * 64; i++) stored += content[i];
  assert.is(images.reduce((a, b) => a + b) * 16, stored);
});

test('loading twice gives independent values', async () => {
  const first = await loadDigits();
  first.images.fill(-1);
  assert.is((await loadDigits()).images[2], 5 / 16);
});

test('together the modules stay below 300 KB, base64 included, and name their licences', () => {
  let bytes = 0;
  for (const name of ['ui-de-en', 'kjv', 'digits']) {
    const url = new URL(`src/data/generated/${name}.ts`, root);
    assert.ok(existsSync(url), `${name}.ts is missing: run node scripts/embed-data.mjs`);
    bytes += statSync(url).size;
    assert.match(readFileSync(url, 'utf8').slice(0, 600), /Microsoft|Chip Chapin|scikit-learn/);
  }
  assert.ok(bytes < 300_000, `${bytes} bytes`);
  const notice = readFileSync(new URL('NOTICE', root), 'utf8');
  for (const owner of [
    'Microsoft Corporation',
    'CodinGame',
    'Chip Chapin',
    'scikit-learn developers',
    'Unicode, Inc.',
  ]) {
    assert.match(notice, owner);
  }
});

test.run();
