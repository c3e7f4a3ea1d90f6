/** @file Layer norm of rows far from 0 (mean 1e4, std 1), where a one-pass variance would lose everything. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { addLayerNorm, layerNorm } from '../../src/autograd/ops/index.js';
import { noGrad } from '../../src/autograd/tape.js';
import { tensor } from '../../src/autograd/variable.js';
import { init } from '../../src/runtime/init.js';
import { numbers } from '../kernels/harness.js';

const test = suite('parity/layernorm-offset');
await init();

/** Rows of mean 1e4 and standard deviation 1, in f32: neighbours lie 1e-3 apart there. */
function rowsFarOut(rows: number, cols: number): Float32Array {
  const uniform = numbers(rows * cols * 4, 42, -1, 1);
  return Float32Array.from({ length: rows * cols }, (_, i) => {
    const sum = uniform[4 * i] + uniform[4 * i + 1] + uniform[4 * i + 2] + uniform[4 * i + 3];
    return 1e4 + sum * Math.sqrt(3 / 4);
  });
}

/** The same norm of the same f32 values in double precision. */
function expected(x: Float32Array, cols: number, weight: Float32Array, bias: Float32Array): Float64Array {
  const out = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += cols) {
    const row = Float64Array.from(x.subarray(start, start + cols));
    const mean = row.reduce((a, b) => a + b, 0) / cols;
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / cols;
    row.forEach((value, j) => {
      out[start + j] = ((value - mean) / Math.sqrt(variance + 1e-5)) * weight[j] + bias[j];
    });
  }
  return out;
}

for (const cols of [7, 30, 64, 128, 512, 1000]) {
  test(`rows of ${cols}: at most 1e-5 from float64`, () => {
    const rows = 40;
    const x = rowsFarOut(rows, cols);
    const weight = new Float32Array(cols).fill(1);
    const bias = new Float32Array(cols);
    const out = noGrad(() =>
      layerNorm(tensor(x, { shape: [rows, cols] }), tensor(weight), tensor(bias)),
    ).toArray();
    const error = largest(out, expected(x, cols, weight, bias));
    if (process.env.PRENORM_PARITY_REPORT)
      console.log(`layerNorm, ${cols} columns: ${error.toExponential(1)}`);
    assert.ok(error <= 1e-5, `error ${error}`);
  });
}

test('a residual that brings the offset', () => {
  const [rows, cols] = [24, 96];
  const far = rowsFarOut(rows, cols);
  const x = numbers(rows * cols, 7, -0.5, 0.5);
  // The sum as the kernel sees it: rounded to f32.
  const sum = Float32Array.from(x, (value, i) => value + far[i]);
  const weight = numbers(cols, 8, 0.5, 1.5);
  const bias = numbers(cols, 9, -1, 1);
  const out = noGrad(
    () =>
      addLayerNorm(tensor(x, { shape: [rows, cols] }), tensor(weight), tensor(bias), {
        residual: tensor(far, { shape: [rows, cols] }),
      }).out,
  ).toArray();
  assert.ok(largest(out, expected(sum, cols, weight, bias)) <= 1e-5);
});

function largest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let error = 0;
  for (let i = 0; i < a.length; i++) error = Math.max(error, Math.abs(a[i] - b[i]));
  return error;
}

test.run();
