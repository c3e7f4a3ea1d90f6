/** @file y = x Wᵀ + b with an optional activation, the workhorse: three matrix products per training step. */
import { anything, checkOptions, oneOf, optional, type Rules } from '../../checks.js';
import { formatShape, ShapeError } from '../../errors.js';
import { record } from '../tape.js';
import { readMatrix, requireDType, result, runtimeOf, type Variable } from '../variable.js';
import { addChunkSums, allocateChunkSums } from './chunk-sums.js';
import { packedRows } from './packed-weights.js';

/** What follows a linear layer; `gelu` is the exact form with erf, `geluTanh` GPT-2's approximation. */
export type Activation = 'none' | 'relu' | 'gelu' | 'geluTanh' | 'silu';

/** All activations but none. */
export const activations = ['relu', 'gelu', 'geluTanh', 'silu'] as const;

/** What follows the product, and how much of the weight takes part in it. */
export interface LinearOptions {
  /** Applied to every element of the result; `gelu` is the exact form with erf, `geluTanh` GPT-2's. Default `none`. */
  activation?: Activation;
  /** Use only rows [from, to) of weight and bias: a part of a packed projection. Default: all. */
  rows?: readonly [number, number];
}

const rules: Rules<LinearOptions> = {
  activation: optional(oneOf('none', ...activations)),
  rows: optional(anything),
};

/**
 * x · weightᵀ + bias, and an activation behind it if asked for: x (…, in), weight (out, in), bias (out) or null;
 * result (…, out). The weight may be a frozen one in f16 or bf16.
 * @throws ShapeError when the inner sizes do not agree.
 */
export function linear(
  x: Variable,
  weight: Variable,
  bias: Variable | null,
  options: LinearOptions = {},
): Variable {
  checkOptions('linear', options, rules);
  requireDType('linear', 'x', x, 'f32');
  const { format, ptr } = readMatrix('linear', 'weight', weight);
  const [from, to] = options.rows ?? [0, weight.shape[0]];
  const inner = weight.shape[1];
  const outer = to - from;
  if (weight.rank !== 2 || x.shape[x.rank - 1] !== inner) {
    throw new ShapeError(
      `weight must have shape [out, ${x.shape[x.rank - 1]}], got ${formatShape(weight.shape)} (x is ${formatShape(x.shape)})`,
      {
        op: 'linear',
        expected: x.shape[x.rank - 1],
        actual: inner,
      },
    );
  }
  if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= weight.shape[0])) {
    throw new ShapeError(`rows ${from}..${to} do not lie in weight ${formatShape(weight.shape)}`, {
      op: 'linear',
      expected: [0, weight.shape[0]],
      actual: [from, to],
    });
  }
  if (bias && (bias.rank !== 1 || bias.shape[0] !== weight.shape[0])) {
    throw new ShapeError(`bias must have shape [${weight.shape[0]}], got ${formatShape(bias.shape)}`, {
      op: 'linear',
      expected: weight.shape[0],
      actual: bias.shape,
    });
  }
  const activation = options.activation ?? 'none';
  const runtime = runtimeOf('linear', x, weight, bias);
  const { kernels } = runtime;
  const work = runtime.workspace(kernels.gemmWorkspaceBytes());
  const rows = x.size / inner;
  const shape = [...x.shape.slice(0, -1), outer];
  const y = result(runtime, shape);
  const partial = outer !== weight.shape[0];
  const pw = ptr + from * inner * (format ? 2 : 4);
  const [px, pb, py] = [x.ptr, bias ? bias.ptr + from * 4 : 0, y.ptr];

  // The gradients of these need what the activation was applied to, so that is kept.
  const pre = activation === 'none' || activation === 'relu' ? 0 : runtime.allocate(y.size);
  const fused = activation === 'gelu' && pb !== 0;
  const product = fused || !pre ? py : pre;
  // x Wᵀ, then bias and activation in one pass over it.
  const packed = packedRows(weight, rows, from);
  if (packed) kernels.int12GemmPacked(product, px, packed, rows, outer, inner, inner, outer, work);
  else if (format)
    kernels.sgemmHalf(product, px, pw, rows, outer, inner, inner, inner, outer, 1, 0, work, format);
  else kernels.sgemm(product, px, pw, rows, outer, inner, inner, inner, outer, 0, 1, 0, work);
  if (fused) kernels.biasGeluForward(py, pre, py, pb, rows, outer);
  else if (pre) {
    if (pb) kernels.biasForward(pre, pre, pb, rows, outer);
    if (activation === 'gelu') kernels.geluForward(py, pre, y.size);
    else if (activation === 'silu') kernels.siluForward(py, pre, y.size);
    else kernels.geluTanhForward(py, pre, y.size);
  } else if (pb && activation === 'relu') kernels.biasReluForward(py, py, pb, rows, outer);
  else if (pb) kernels.biasForward(py, py, pb, rows, outer);
  else if (activation === 'relu') kernels.reluForward(py, py, y.size);

  record('linear', bias ? [x, weight, bias] : [x, weight], [y], (ctx) => {
    const dy = ctx.dout();
    const wantsBias = ctx.wants(bias);
    let biasSums = 0;
    if (activation !== 'none') {
      // dout belongs to this op alone, so the activation's gradient is taken in place; the bias's share with it.
      if (activation === 'silu') kernels.siluBackward(dy, dy, pre, y.size);
      else if (activation === 'geluTanh') kernels.geluTanhBackward(dy, dy, pre, y.size);
      else if (wantsBias) {
        biasSums = allocateChunkSums(runtime, rows, outer);
        if (activation === 'relu') kernels.biasReluBackward(dy, biasSums, dy, py, rows, outer);
        else kernels.biasGeluBackward(dy, biasSums, dy, pre, rows, outer);
      } else if (activation === 'relu') kernels.reluBackward(dy, dy, py, y.size);
      else kernels.geluBackward(dy, dy, pre, y.size);
    }
    if (ctx.wants(x)) {
      // dx = dy W
      ctx.accumulate(x, (dx, acc) => {
        if (format)
          kernels.sgemmHalf(dx, dy, pw, rows, inner, outer, outer, inner, inner, 0, acc, work, format);
        else kernels.sgemm(dx, dy, pw, rows, inner, outer, outer, inner, inner, 0, 0, acc, work);
      });
    }
    if (ctx.wants(weight)) {
      // dW = dyᵀ x
      const product = (dw: number, acc: number) =>
        kernels.sgemm(
          dw + from * inner * 4,
          dy,
          px,
          outer,
          inner,
          rows,
          outer,
          inner,
          inner,
          1,
          0,
          acc,
          work,
        );
      if (partial) ctx.addTo(weight, (dw) => product(dw, 1));
      else ctx.accumulate(weight, product);
    }
    if (bias && wantsBias) {
      if (biasSums) addChunkSums(ctx, bias, biasSums, rows, outer, from);
      else if (partial) ctx.addTo(bias, (db) => kernels.sumRows(db + from * 4, dy, rows, outer, outer, 1));
      else ctx.accumulate(bias, (db, acc) => kernels.sumRows(db, dy, rows, outer, outer, acc));
    }
  });
  return y;
}
