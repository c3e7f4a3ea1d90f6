/** What LoRA adds to a linear layer: against plain loops around tile sizes, and its gradients in double precision. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { gradcheck } from '../../src/autograd/gradcheck.js';
import { dropout, linear, mul, sum } from '../../src/autograd/ops/index.js';
import { addLowRank } from '../../src/autograd/ops/low-rank.js';
import { backward } from '../../src/autograd/tape.js';
import { tensor, type Variable } from '../../src/autograd/variable.js';
import { ShapeError } from '../../src/errors.js';
import { init } from '../../src/runtime/init.js';
import { currentRuntime, withRuntime } from '../../src/runtime/runtime.js';
import { numbers } from '../kernels/harness.js';
import { runtime } from '../parity/gradcheck-case.js';
import { refusal } from '../support.js';

const test = suite('autograd: low rank');
test.before(async () => {
  await init();
});

const values = (shape: number[], seed: number): number[] =>
  [
    ...numbers(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
  ].map((x) => x * 0.5);
const leaf = (shape: number[], seed: number, requiresGrad = true): Variable =>
  tensor(values(shape, seed), { shape, requiresGrad });

/** y + scale (x aᵀ) bᵀ in columns from `column` on, in plain loops. */
function plain(
  y: number[],
  x: number[],
  a: number[],
  b: number[],
  n: {
    rows: number;
    inner: number;
    outer: number;
    rank: number;
    from: number;
    to: number;
    column: number;
    scale: number;
  },
): number[] {
  const out = [...y];
  for (let r = 0; r < n.rows; r++)
    for (let c = n.from; c < n.to; c++) {
      let added = 0;
      for (let k = 0; k < n.rank; k++) {
        let h = 0;
        for (let i = 0; i < n.inner; i++) h += x[r * n.inner + i] * a[k * n.inner + i];
        added += h * b[c * n.rank + k];
      }
      out[r * n.outer + n.column + c - n.from] += n.scale * added;
    }
  return out;
}

test('it is y + scale (x Aᵀ) Bᵀ, around the tiles of the product and for a part of B and y', () => {
  for (const rows of [1, 3, 4, 9])
    for (const inner of [1, 7, 8, 17])
      for (const [outer, from, to, column] of [
        [5, 0, 5, 0],
        [16, 0, 16, 0],
        [17, 3, 12, 4],
        [9, 2, 2, 9],
      ])
        for (const rank of [1, 2, 5]) {
          const width = Math.max(to, 1);
          const [y, x, a, b] = [
            [rows, outer],
            [rows, inner],
            [rank, inner],
            [width, rank],
          ].map((shape, i) => values(shape, i + rows));
          const made = addLowRank(
            // In memory of its own, which is written to.
            linear(
              tensor(y, { shape: [rows, outer] }),
              tensor(identity(outer), { shape: [outer, outer] }),
              null,
            ),
            tensor(x, { shape: [rows, inner] }),
            tensor(a, { shape: [rank, inner] }),
            tensor(b, { shape: [width, rank] }),
            { scale: 0.7, rows: [from, to], column },
          ).toArray();
          const wanted = plain(y, x, a, b, { rows, inner, outer, rank, from, to, column, scale: 0.7 });
          wanted.forEach((value, i) => {
            assert.ok(
              Math.abs(value - made[i]) < 1e-5,
              `${rows} ${inner} ${outer} ${rank}: ${value} ${made[i]}`,
            );
          });
        }
});

const identity = (n: number): number[] => Array.from({ length: n * n }, (_, i) => (i % (n + 1) ? 0 : 1));

test('gradients of x, A, B and of the matrix beside them are those of central differences', () => {
  withRuntime(runtime, () => {
    const weights = tensor(values([2, 3, 6], 9), { shape: [2, 3, 6] });
    for (const [name, options] of [
      ['all of y', { scale: 1.3 }],
      ['a part of B and y', { scale: 0.4, rows: [1, 4] as const, column: 2 }],
      ['with dropout', { scale: 1.3, dropout: 0.5, stream: 'here' }],
    ] as const) {
      const [x, w, a, b] = [leaf([2, 3, 5], 1), leaf([6, 5], 2), leaf([2, 5], 3), leaf([6, 2], 4)];
      const report = gradcheck(() => {
        // The same mask at every call.
        currentRuntime().setRandomPosition(3, 0);
        return sum(mul(weights, addLowRank(linear(x, w, null), x, a, b, options)));
      }, [x, w, a, b]);
      assert.ok(report, name);
    }
  });
});

test('with dropout, A gets what the op of that name makes of x; frozen matrices get no gradient', () => {
  const runtime = currentRuntime();
  const make = (): Variable[] => [leaf([6, 8], 1), leaf([5, 8], 2, false), leaf([2, 8], 3), leaf([5, 2], 4)];
  const [x, w, a, b] = make();
  runtime.setRandomPosition(1, 0);
  const y = addLowRank(linear(x, w, null), x, a, b, { scale: 2, dropout: 0.4, stream: 's' });
  const made = y.toArray();
  backward(sum(mul(y, y)));
  const [x2, w2, a2, b2] = make();
  runtime.setRandomPosition(1, 0);
  const dropped = dropout(x2, 0.4, 's');
  const [h, base] = [linear(dropped, a2, null), linear(x2, w2, null)];
  const whole = tensor([2]).toArray();
  assert.is(whole[0], 2);
  const wanted = linear(h, b2, null)
    .toArray()
    .map((value, i) => 2 * value + base.toArray()[i]);
  wanted.forEach((value, i) => {
    assert.ok(Math.abs(value - made[i]) < 1e-5);
  });
  assert.is(w.grad, null);
  for (const v of [x, a, b]) assert.ok(v.grad?.toArray().some((value) => value !== 0));
  runtime.endStep();
});

test('sizes that do not agree are refused by name', () => {
  const [y, x, a] = [leaf([3, 4], 1), leaf([3, 5], 2), leaf([2, 5], 3)];
  for (const [b, options] of [
    [leaf([5, 2], 4), { scale: 1 }],
    [leaf([4, 3], 4), { scale: 1 }],
    [leaf([4, 2], 4), { scale: 1, column: 1 }],
    [leaf([4, 2], 4), { scale: 1, rows: [2, 5] as const }],
  ] as const) {
    const error = refusal(() => addLowRank(y, x, a, b, options));
    assert.instance(error, ShapeError);
    assert.match(error.message, /^addLowRank: a \[2, 5\]/);
  }
  assert.match(
    refusal(() => addLowRank(y, x, a, a, { scale: Number.NaN })).message,
    /scale must be a finite number/,
  );
});

test.run();
