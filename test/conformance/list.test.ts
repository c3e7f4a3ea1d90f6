/** @file Since list 2 no item of the conformance run changes its hash: what was pinned then stands here. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pinned } from '../../src/conformance/pinned.js';
import { itemNames, LIST } from '../../src/conformance/run.js';

const test = suite('conformance: lists');
const released = JSON.parse(
  readFileSync(new URL('../fixtures/conformance-lists.json', import.meta.url), 'utf8'),
) as { list: number; total: string; items: Record<string, string> }[];

test('every item of every released list is still there, with its hash', () => {
  assert.ok(released.length > 0);
  for (const { list, items } of released) {
    for (const [name, hash] of Object.entries(items)) {
      assert.is(pinned.items[name], hash, `${name} of list ${list}`);
      assert.ok(itemNames.includes(name), `${name} of list ${list} is gone`);
    }
  }
});

test('the present list is the pinned one, and earlier totals mean equal bits', () => {
  assert.is(pinned.list, LIST);
  const own = released.find(({ list }) => list === LIST);
  if (own) assert.equal({ total: own.total, items: own.items }, { total: pinned.total, items: pinned.items });
  const earlier = released.filter(({ list }) => list < LIST).map(({ total }) => total);
  assert.equal([...pinned.earlier].sort(), earlier.sort());
});

test.run();
