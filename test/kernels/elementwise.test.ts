import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { integers, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/elementwise');
const builds = await loadBuilds();
const SIZES = [0, 1, 3, 4, 5, 7, 8, 9, 19, 101];
const SPECIAL = [Number.NaN, Infinity, -Infinity, 0, -0, 1e38, -1e38, 1e-40, 88.9, -88.9, 1];

/** Unary kernels with their range, tolerance and whether special values match the reference. */
const UNARY = [
  ['reluForward', -3, 3, 0],
  ['geluForward', -6, 6, 2e-7],
  ['expForward', -80, 80, 1e-7],
  ['logForward', 1e-3, 50, 1e-7],
  ['tanhForward', -9, 9, 2e-7],
  ['erfForward', -4, 4, 1.2e-7],
  ['sinForward', -20, 20, 1e-7],
  ['cosForward', -20, 20, 1e-7],
  ['sqrtForward', 0, 9, 1e-7],
  ['sigmoidForward', -30, 30, 2e-7],
  ['absForward', -3, 3, 0],
  ['siluForward', -30, 30, 2e-7],
  ['geluTanhForward', -6, 6, 3e-7],
] as const;

const BINARY = [
  ['addForward', 1e-7],
  ['subForward', 1e-7],
  ['mulForward', 1e-7],
  ['divForward', 1e-7],
  ['reluBackward', 0],
  ['geluBackward', 4e-7],
  ['tanhBackward', 3e-7],
  ['sigmoidBackward', 3e-7],
  ['siluBackward', 3e-7],
  ['geluTanhBackward', 1e-6],
] as const;

for (const [build, h] of builds) {
  test(`${build}: unary kernels agree with the reference at all sizes, also in place`, () => {
    for (const [name, low, high, bound] of UNARY) {
      for (const n of SIZES) {
        h.reset();
        const x = h.input('x', numbers(n, 1, low, high));
        h.run(name, [h.output('out', n), x, n], { rtol: bound, atol: bound });
        h.run(name, [x, x, n], { rtol: bound, atol: bound });
      }
    }
  });

  test(`${build}: binary kernels agree with the reference at all sizes, also in place`, () => {
    for (const [name, bound] of BINARY) {
      for (const n of SIZES) {
        h.reset();
        const a = h.input('a', numbers(n, 1));
        const b = h.input('b', numbers(n, 2, 0.1, 3));
        const tolerance = { rtol: bound, atol: bound };
        h.run(name, [h.output('out', n), a, b, n], tolerance);
        h.run(name, [a, a, b, n], { rtol: bound, atol: 2 * bound });
        h.run(name, [b, h.input('c', numbers(n, 3)), b, n], tolerance);
      }
    }
  });

  test(`${build}: special values come out as in the reference`, () => {
    const n = SPECIAL.length;
    for (const [name] of UNARY) {
      // sin and cos have their own domain, see math.test.ts; exp flushes subnormal results.
      if (name === 'sinForward' || name === 'cosForward') continue;
      h.reset();
      // SiLU multiplies what exp flushes.
      const atol = name === 'siluForward' ? 4e-37 : 2e-38;
      h.run(name, [h.output('out', n), h.input('x', SPECIAL), n], { rtol: 2e-7, atol });
    }
    for (const name of ['addForward', 'subForward', 'mulForward', 'divForward', 'reluBackward'] as const) {
      h.reset();
      const a = h.input('a', SPECIAL);
      const b = h.input('b', SPECIAL.toReversed());
      h.run(name, [h.output('out', n), a, b, n], { rtol: 1e-7, atol: 1e-44 });
    }
  });

  test(`${build}: scalars, fills, copies and selections agree with the reference`, () => {
    for (const n of SIZES) {
      h.reset();
      const x = h.input('x', numbers(n, 4));
      const out = h.output('out', n);
      const alpha = Math.fround(1.7);
      h.run('scaleForward', [out, x, alpha, n], { rtol: 1e-7 });
      h.run('addScalarForward', [out, x, alpha, n], { rtol: 1e-7, atol: 1e-7 });
      h.run('scaleByForward', [out, x, h.input('scale', [-0.3]), n], { rtol: 1e-7 });
      h.run('addScaledInto', [out, x, h.input('factor', [1.7]), n], { rtol: 1e-6, atol: 1e-6 });
      h.run('copyForward', [out, x, n]);
      h.run('fill', [out, alpha, n]);
      h.run('addInto', [out, x, n], { rtol: 1e-7, atol: 2e-7 });
      const cond = h.ints('cond', integers(n, 5, -1, 2));
      h.run('whereForward', [h.output('chosen', n), cond, x, out, n], { rtol: 1e-7, atol: 2e-7 });
    }
  });
}

test('debug and release builds give the same bits', () => {
  const bits = builds.map(([, h]) => {
    h.reset();
    const x = h.input('x', numbers(101, 6, -5, 5));
    const out = h.output('out', 101);
    return UNARY.map(([name]) => {
      h.runWasm(name, [out, x, 101]);
      return [...h.bits(out, 101)].join();
    });
  });
  assert.equal(bits[0], bits[bits.length - 1]);
});

test.run();
