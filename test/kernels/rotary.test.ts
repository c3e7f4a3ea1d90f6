import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type KernelHarness, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/rotary');
const builds = await loadBuilds();

interface Case {
  rows: number;
  heads: number;
  dHead: number;
  /** Columns behind the heads. */
  rest?: number;
  /** Rows per sequence. */
  length: number;
  start?: number;
  first?: number;
}

/** Runs the kernel against its reference; with `inPlace` over its own input. */
function run(h: KernelHarness, c: Case, back: number, inPlace = false): { out: number; size: number } {
  const { rows, heads, dHead, rest = 0, length, start = 0, first = 0 } = c;
  const cols = heads * dHead + rest;
  h.reset();
  const x = h.input('x', numbers(rows * cols, 1));
  const table = h.input('table', numbers((start + length) * dHead, 2));
  const out = inPlace ? x : h.output('out', rows * cols);
  h.run('rotaryForward', [out, x, table, rows, cols, heads, dHead, length, start, first, back], {
    atol: 2e-7,
    rtol: 2e-7,
  });
  return { out, size: rows * cols };
}

const CASES: Case[] = [
  { rows: 1, heads: 1, dHead: 2, length: 1 },
  { rows: 6, heads: 3, dHead: 6, length: 3, rest: 5 },
  { rows: 7, heads: 2, dHead: 8, length: 7, rest: 16, start: 4 },
  { rows: 10, heads: 5, dHead: 10, length: 5, first: 3 },
  { rows: 12, heads: 2, dHead: 64, length: 4, rest: 64, start: 9, first: 6 },
  { rows: 3, heads: 1, dHead: 30, length: 1, start: 100 },
  { rows: 0, heads: 2, dHead: 4, length: 3 },
];

for (const [build, h] of builds) {
  test(`${build}: it agrees with the reference both ways, also in place`, () => {
    for (const c of CASES) {
      for (const back of [0, 1]) {
        run(h, c, back);
        run(h, c, back, true);
      }
    }
  });

  test(`${build}: what lies behind the heads is copied bit for bit, and position 0 of true angles too`, () => {
    const [rows, cols, dHead] = [3, 11, 4];
    h.reset();
    const x = h.input('x', numbers(rows * cols, 1));
    const table = h.input('table', [1, 1, 0, 0]);
    const out = h.output('out', rows * cols);
    h.runWasm('rotaryForward', [out, x, table, rows, cols, 2, dHead, 1, 0, 0, 0]);
    assert.equal(h.bits(out, rows * cols), h.bits(x, rows * cols));
  });

  test(`${build}: a row's bits depend on its position alone, and back undoes forth`, () => {
    const [dHead, heads, length] = [6, 2, 5];
    const cols = dHead * heads;
    const angles = Array.from({ length: 9 * 3 }, (_, i) => i * 0.37);
    const values = Array.from({ length: 9 }, (_, t) => [
      ...[0, 1, 2].map((i) => Math.cos(angles[t * 3 + i])),
      ...[0, 1, 2].map((i) => Math.sin(angles[t * 3 + i])),
    ]).flat();
    h.reset();
    const table = h.input('table', values);
    const x = h.input('x', numbers(2 * length * cols, 1));
    const out = h.output('out', 2 * length * cols);
    h.runWasm('rotaryForward', [out, x, table, 2 * length, cols, heads, dHead, length, 3, 0, 0]);
    const whole = h.bits(out, 2 * length * cols);
    const one = h.output('one', cols);
    for (let row = 0; row < 2 * length; row++) {
      const from = x + row * cols * 4;
      h.runWasm('rotaryForward', [one, from, table, 1, cols, heads, dHead, 1, 3 + (row % length), 0, 0]);
      assert.equal(h.bits(one, cols), whole.slice(row * cols, (row + 1) * cols), `row ${row}`);
    }
    const again = h.output('again', 2 * length * cols);
    h.runWasm('rotaryForward', [again, out, table, 2 * length, cols, heads, dHead, length, 3, 0, 1]);
    const [before, after] = [h.floats(x, 2 * length * cols), h.floats(again, 2 * length * cols)];
    assert.ok(before.every((value, i) => Math.abs(value - after[i]) < 3e-7));
  });
}

test.run();
