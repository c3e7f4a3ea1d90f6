import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { integers, type KernelHarness, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/attention row');

interface Case {
  batch: number;
  heads: number;
  kvHeads: number;
  dHead: number;
  /** Of each row. */
  keys: number[];
  /** Where keys lie: a sequence for every key, one for every row, or the row's own. */
  pages: 'key' | 'row' | 'none';
}

const CAPACITY = 200;
const SEQUENCES = 5;

/** Operands of one call; every row has its own count of keys. */
function operands(h: KernelHarness, { batch, heads, kvHeads, dHead, keys, pages }: Case) {
  const width = kvHeads * dHead;
  const stride = heads * dHead + 2 * width;
  const kv = h.input('kv', numbers(SEQUENCES * CAPACITY * 2 * width, 1));
  const q = h.input('q', numbers(batch * stride, 2));
  const counts = h.ints('counts', keys);
  const table =
    pages === 'none'
      ? 0
      : h.ints('pages', integers(pages === 'key' ? batch * CAPACITY : batch, 3, 0, SEQUENCES));
  const out = h.output('out', batch * (heads * dHead + 3));
  const workspace = h.workspace(h.kernels.attentionWorkspaceBytes(dHead));
  const step = pages === 'key' ? CAPACITY : 1;
  return { kv, q, counts, table, out, workspace, stride, strideOut: heads * dHead + 3, width, step };
}

const EACH: Case[] = [];
for (const dHead of [1, 3, 4, 5, 8, 16, 20, 64])
  for (const pages of ['none', 'row', 'key'] as const)
    EACH.push({ batch: 4, heads: 2, kvHeads: 2, dHead, keys: [1, 3, 64, 65], pages });
for (const kvHeads of [1, 2, 4])
  EACH.push({ batch: 5, heads: 4, kvHeads, dHead: 6, keys: [0, 2, 63, 130, 200], pages: 'key' });

for (const [build, h] of await loadBuilds()) {
  test(`${build}: one query per row over keys that lie anywhere`, () => {
    for (const c of EACH) {
      h.reset();
      const o = operands(h, c);
      h.run(
        'attentionRows',
        [
          ...([o.out, o.q, o.kv, o.counts, o.table, 0, c.batch, c.heads, c.kvHeads, c.dHead] as const),
          ...([o.stride, o.strideOut, CAPACITY, 1, 0, o.step, c.pages === 'key' ? 1 : 0] as const),
          ...([0.3, o.workspace] as const),
        ],
        { rtol: 2e-5, atol: 2e-6 },
      );
    }
  });

  test(`${build}: the bits of attention over the same keys, and of a row alone`, () => {
    for (const dHead of [1, 5, 16, 20, 64]) {
      for (const keys of [1, 2, 63, 64, 65, 127, 128, 129, 200]) {
        h.reset();
        const c: Case = { batch: 3, heads: 4, kvHeads: 2, dHead, keys: [keys - 1], pages: 'none' };
        const o = operands(h, c);
        const whole = h.output('whole', c.batch * o.strideOut);
        const [top, inverse] = ['top', 'inverse'].map((name) => h.output(name, c.batch * c.heads));
        h.runWasm('attentionForward', [
          ...([whole, top, inverse, o.q, o.kv, o.kv + o.width * 4, 0, c.batch, c.heads, c.kvHeads] as const),
          ...([1, keys, dHead, o.stride, 2 * o.width, 2 * o.width, o.strideOut, CAPACITY, 1] as const),
          ...([keys - 1, 0.3, 0, 0, 0, 0, 0, o.workspace] as const),
        ]);
        const rows = (out: number, q: number, first: number, batch: number): void =>
          h.runWasm('attentionRows', [
            ...([out, q, o.kv, o.counts, 0, first, batch, c.heads, c.kvHeads, dHead] as const),
            // What the keys are one more than lies in memory once, for all rows.
            ...([o.stride, o.strideOut, CAPACITY, 0, 1, 0, 0, 0.3, o.workspace] as const),
          ]);
        rows(o.out, o.q, 0, c.batch);
        const expected = h.bits(whole, c.batch * o.strideOut);
        assert.equal(h.bits(o.out, c.batch * o.strideOut), expected, `${dHead} ${keys}`);
        new Float32Array(h.memory.buffer, o.out, o.strideOut * 2).fill(777.25);
        rows(o.out + o.strideOut * 4, o.q + o.stride * 4, 1, 1);
        rows(o.out, o.q, 0, 1);
        assert.equal(h.bits(o.out, c.batch * o.strideOut), expected, `${dHead} ${keys}, row by row`);
      }
    }
  });

  test(`${build}: new keys and values go to their place in every sequence`, () => {
    for (const [c, width] of [
      [3, 2],
      [8, 8],
      [0, 5],
    ]) {
      h.reset();
      const [batch, cols, capacity] = [3, c + width + 1, 6];
      const kv = h.input('kv', numbers((batch + 1) * capacity * width, 1));
      const x = h.input('x', numbers(batch * cols, 2));
      const place = h.ints('place', [4]);
      h.run('appendTokens', [kv, x, place, batch, cols, c, width, capacity]);
    }
  });

  test(`${build}: the greatest of a row, greatest first, of equal ones the first`, () => {
    for (const cols of [1, 3, 4, 5, 17, 100, 1001]) {
      for (const count of [1, 2, 4, 10].filter((n) => n <= cols)) {
        for (const values of [
          numbers(3 * cols, cols),
          integers(3 * cols, cols, -3, 3),
          new Array(3 * cols).fill(2),
        ]) {
          h.reset();
          const x = h.input('x', values);
          const [best, ids] = [h.output('values', 3 * count), h.intOutput('ids', 3 * count)];
          h.run('greatestRows', [best, ids, x, 3, cols, count]);
        }
      }
    }
  });

  test(`${build}: -Infinity is least and a NaN is never preferred`, () => {
    h.reset();
    const x = h.input('x', [-Infinity, 1, Number.NaN, -Infinity, 0, Number.NaN, 5, -Infinity, 2]);
    const [best, ids] = [h.output('values', 4), h.intOutput('ids', 4)];
    h.runWasm('greatestRows', [best, ids, x, 1, 9, 2]);
    assert.equal([...h.bits(ids, 2)], [6, 8]);
  });
}

test.run();
