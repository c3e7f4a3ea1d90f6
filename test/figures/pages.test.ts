/** @file The bundles of pages, as they were built: small, with their notice, free of what a page must not do. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { pageNames, uplotNotice } from '../../scripts/build-pages.mjs';

const names = pageNames();
const path = (file: string) => new URL(`../../dist/pages/${file}`, import.meta.url);
/** Scripts and styles lie packed. */
const read = (file: string) => gunzipSync(readFileSync(path(`${file}.gz`))).toString();

test('every page is built, with the notice of uPlot at its top', () => {
  assert.ok(names.includes('report') && !names.includes('conformance') && !names.includes('figures'));
  assert.match(uplotNotice(), /^uPlot 1\.6\.32\. Copyright \(c\) \d+ Leon Sorokin\. MIT License/);
  for (const name of names) {
    for (const kind of ['js', 'css'])
      assert.ok(read(`${name}.${kind}`).startsWith(`/*! ${uplotNotice()} */`), name);
  }
});

test('scripts evaluate no text, write no markup and open no connection', () => {
  const forbidden = [
    /\beval\(|new Function|\bimport\(/,
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write/,
    /\bfetch\(|XMLHttpRequest|WebSocket|EventSource|sendBeacon/,
  ];
  for (const name of names) {
    for (const pattern of forbidden) assert.not.match(read(`${name}.js`), pattern, name);
  }
});

test('styles load nothing', () => {
  for (const name of names) assert.not.match(read(`${name}.css`), /@import|url\(|@font-face/, name);
});

test('all pages together stay under 0.7 MB', () => {
  const bytes = names.flatMap((name) =>
    ['js', 'css'].map((kind) => Buffer.byteLength(read(`${name}.${kind}`))),
  );
  const sum = bytes.reduce((a, b) => a + b, 0);
  assert.ok(sum > 50_000 && sum < 700_000, `${sum} bytes`);
});

test.run();
