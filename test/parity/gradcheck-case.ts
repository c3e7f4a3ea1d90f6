/** @file Cases for gradcheck: ops with inputs, and what makes the usual ones. */

import * as ops from '../../src/autograd/ops/index.js';
import { tensor, type Variable } from '../../src/autograd/variable.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { numbers } from '../kernels/harness.js';

export const runtime = createReferenceRuntime();

/** Largest step error of a case: central differences with step 1e-5 are good to about 1e-9. */
export const options = { epsilon: 1e-5, tolerance: 1e-6 };

/** A shape, and the range its values are drawn from. */
export type Input = readonly [shape: readonly number[], low?: number, high?: number];

export interface Case {
  label: string;
  inputs: Input[];
  run: (...inputs: Variable[]) => Variable;
}

export const c = (label: string, inputs: Input[], run: Case['run']): Case => ({ label, inputs, run });

export const ints = (values: number[], shape = [values.length]): Variable =>
  tensor(values, { shape, dtype: 'i32' });

/** A table for `rotary`: whatever numbers, a rotation or not. */
export const angles = (positions: number, dHead: number): Variable =>
  tensor(Array.from(numbers(positions * dHead, 77)), { shape: [positions, dHead] });

/** The cases of a function of one tensor. */
export const unary = (run: Case['run'], low = -2, high = 2): Case[] => [
  c('matrix', [[[3, 5], low, high]], run),
  c('one element', [[[1], low, high]], run),
  c('scalar', [[[], low, high]], run),
  c('three axes', [[[2, 3, 4], low, high]], run),
];

export const binary = (
  run: (a: Variable | number, b: Variable | number) => Variable,
  low = -2,
  high = 2,
): Case[] => [
  c(
    'equal shapes',
    [
      [[3, 4], low, high],
      [[3, 4], low, high],
    ],
    run,
  ),
  c(
    'row to matrix',
    [
      [[3, 4], low, high],
      [[4], low, high],
    ],
    run,
  ),
  c(
    'column and row',
    [
      [[3, 1], low, high],
      [[1, 4], low, high],
    ],
    run,
  ),
  c(
    'scalar to tensor',
    [
      [[], low, high],
      [[2, 3], low, high],
    ],
    run,
  ),
  c(
    'inner axis',
    [
      [[2, 1, 3], low, high],
      [[2, 4, 1], low, high],
    ],
    run,
  ),
  c('number on the right', [[[2, 3], low, high]], (x) => run(x, 1.5)),
  c('number on the left', [[[2, 3], low, high]], (x) => run(1.5, x)),
  c('an operand with itself', [[[2, 3], low, high]], (x) => run(x, x)),
  c('a result with its operand', [[[2, 3], low, high]], (x) => run(run(x, x), x)),
];

const norms = (
  op: (x: Variable, w: Variable, b: Variable, residual: Variable | null) => ops.NormResult,
  bias: boolean,
): Case[] => {
  const parameters: Input[] = bias ? [[[5], 0.5, 1.5], [[5]]] : [[[5], 0.5, 1.5]];
  return [
    c('without residual', [[[3, 5]], ...parameters], (x, w, b) => op(x, w, b, null).out),
    c('three axes', [[[2, 3, 5]], ...parameters], (x, w, b) => op(x, w, b, null).out),
    c('one row', [[[1, 5]], ...parameters], (x, w, b) => op(x, w, b, null).out),
    c('residual', [[[3, 5]], [[3, 5]], ...parameters], (x, r, w, b) => op(x, w, b, r).out),
    c('residual, both outputs', [[[3, 5]], [[3, 5]], ...parameters], (x, r, w, b) => {
      const { out, sum } = op(x, w, b, r);
      return ops.add(out, ops.mul(sum, sum));
    }),
    c('residual, the sum alone', [[[3, 5]], [[3, 5]], ...parameters], (x, r, w, b) =>
      ops.mul(op(x, w, b, r).sum, 0.7),
    ),
    c('residual is x', [[[3, 5]], ...parameters], (x, w, b) => op(x, w, b, x).out),
    c('no residual, the sum is x', [[[3, 5]], ...parameters], (x, w, b) => {
      const { out, sum } = op(x, w, b, null);
      return ops.mul(out, sum);
    }),
  ];
};

export const addLayerNorm = norms((x, w, b, residual) => ops.addLayerNorm(x, w, b, { residual }), true);
export const addRmsNorm = norms((x, w, _b, residual) => ops.addRmsNorm(x, w, { residual, eps: 1e-3 }), false);

export const masks: [string, Omit<ops.AttentionOptions, 'numHeads'>][] = [
  ['no mask', {}],
  ['causal', { causal: true }],
  ['lengths, one of them 0', { lengths: null }],
  ['causal with lengths', { causal: true, lengths: null }],
  ['dropout', { dropout: 0.4 }],
  ['causal with lengths and dropout', { causal: true, lengths: null, dropout: 0.25, stream: 'a' }],
];

/** Options with fresh lengths where a mask asks for some. */
export const masked = (
  mask: Omit<ops.AttentionOptions, 'numHeads'>,
  lengths: number[],
  numHeads = 2,
): ops.AttentionOptions => ({
  ...mask,
  numHeads,
  ...(mask.lengths === null ? { lengths: ints(lengths) } : {}),
});

export const reductions = (op: (x: Variable, options?: ops.ReduceOptions) => Variable): Case[] => [
  c('all', [[[3, 4]]], (x) => op(x)),
  c('scalar', [[[]]], (x) => op(x)),
  c('all, keepDim', [[[3, 4]]], (x) => op(x, { keepDim: true })),
  c('first axis', [[[3, 4]]], (x) => op(x, { axis: 0 })),
  c('last axis', [[[3, 4]]], (x) => op(x, { axis: -1 })),
  c('inner axis, keepDim', [[[2, 3, 4]]], (x) => op(x, { axis: 1, keepDim: true })),
];

export const linears = (activation: ops.Activation): Case[] => [
  c(`${activation}, bias`, [[[3, 4]], [[5, 4]], [[5]]], (x, w, b) => ops.linear(x, w, b, { activation })),
  c(`${activation}, no bias`, [[[3, 4]], [[5, 4]]], (x, w) => ops.linear(x, w, null, { activation })),
  c(`${activation}, three axes`, [[[2, 3, 4]], [[1, 4]], [[1]]], (x, w, b) =>
    ops.linear(x, w, b, { activation }),
  ),
  c(`${activation}, some rows`, [[[3, 4]], [[6, 4]], [[6]]], (x, w, b) =>
    ops.linear(x, w, b, { activation, rows: [2, 5] }),
  ),
  c(`${activation}, some rows, no bias`, [[[3, 4]], [[6, 4]]], (x, w) =>
    ops.linear(x, w, null, { activation, rows: [0, 2] }),
  ),
];

/** Every transposition of a product of sizes m 3, k 4, n 2. */
export const matmuls = (label: string, lead: number[], leadB: number[]): Case[] =>
  [false, true].flatMap((transposeA) =>
    [false, true].map((transposeB) =>
      c(
        `${label}${transposeA ? ', aᵀ' : ''}${transposeB ? ', bᵀ' : ''}`,
        [[[...lead, ...(transposeA ? [4, 3] : [3, 4])]], [[...leadB, ...(transposeB ? [2, 4] : [4, 2])]]],
        (a, b) => ops.matmul(a, b, { transposeA, transposeB }),
      ),
    ),
  );
