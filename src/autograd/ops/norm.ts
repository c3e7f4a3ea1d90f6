/**
 * @file Layer norm (Ba et al. 2016; paper eq. in section 2) and RMSNorm, each fused with the residual
 * addition that stands before it in most placements.
 */
import { anything, checkOptions, notNegative, optional } from '../../checks.js';
import { formatShape, ShapeError } from '../../errors.js';
import { sameShape } from '../../tensor/shape.js';
import { record } from '../tape.js';
import { requireDType, result, runtimeOf, type Variable } from '../variable.js';
import { addChunkSums, allocateChunkSums } from './chunk-sums.js';

/** What is added in front of a norm and inside it. */
export interface NormOptions {
  /** Added to the variance, of RMSNorm to the mean square. Default 1e-5. */
  eps?: number;
  /** Added to x before normalising: out = norm(x + residual). Default: nothing. */
  residual?: Variable | null;
}

function check(
  op: string,
  x: Variable,
  weight: Variable,
  bias: Variable | null,
  options: NormOptions,
): number {
  checkOptions(op, options, { eps: optional(notNegative), residual: optional(anything) });
  const { residual } = options;
  requireDType(op, 'x', x, 'f32');
  const width = x.shape[x.rank - 1];
  for (const [name, parameter] of [
    ['weight', weight],
    ['bias', bias],
  ] as const) {
    if (parameter && (parameter.rank !== 1 || parameter.shape[0] !== width)) {
      throw new ShapeError(
        `${name} must have shape [${width}], got ${formatShape(parameter.shape)} (x is ${formatShape(x.shape)})`,
        {
          op,
          expected: [width],
          actual: parameter.shape,
        },
      );
    }
  }
  if (residual && !sameShape(residual.shape, x.shape)) {
    throw new ShapeError(
      `residual must have the shape of x ${formatShape(x.shape)}, got ${formatShape(residual.shape)}`,
      {
        op,
        expected: x.shape,
        actual: residual.shape,
      },
    );
  }
  return width;
}

/** A norm fused with the addition in front of it. */
export interface NormResult {
  /** norm(x + residual) */
  out: Variable;
  /** x + residual (x itself without one): the residual stream, when the caller goes on with it. */
  sum: Variable;
}

/** Layer norm over the last axis; returns the normalised values and the sum they were made from. */
export function addLayerNorm(
  x: Variable,
  weight: Variable,
  bias: Variable | null,
  options: NormOptions = {},
): NormResult {
  const width = check('layerNorm', x, weight, bias, options);
  const residual = options.residual ?? null;
  const runtime = runtimeOf('layerNorm', x, weight, bias, residual);
  const { kernels } = runtime;
  const rows = x.size / width;
  const out = result(runtime, x.shape);
  const sum = residual ? result(runtime, x.shape) : x;
  const mean = runtime.allocate(rows);
  const rstd = runtime.allocate(rows);
  const [ph, pw] = [sum.ptr, weight.ptr];
  kernels.layerNormForward(
    out.ptr,
    residual ? ph : 0,
    mean,
    rstd,
    x.ptr,
    residual ? residual.ptr : 0,
    pw,
    bias ? bias.ptr : 0,
    rows,
    width,
    options.eps ?? 1e-5,
  );
  const inputs = [x, residual, weight, bias].filter((v): v is Variable => v !== null);
  record('layerNorm', inputs, residual ? [out, sum] : [out], (ctx) => {
    const dout = ctx.dout(0) || zeros(ctx.runtime, x.size);
    const dweights = ctx.wants(weight) ? allocateChunkSums(runtime, rows, width) : 0;
    const dbiases = ctx.wants(bias) ? allocateChunkSums(runtime, rows, width) : 0;
    const write = (dx: number, dsum: number): void => {
      kernels.layerNormBackward(dx, dweights, dbiases, dout, dsum, ph, mean, rstd, pw, rows, width);
      if (dweights) addChunkSums(ctx, weight, dweights, rows, width);
      if (bias && dbiases) addChunkSums(ctx, bias, dbiases, rows, width);
    };
    passBack(ctx, x, residual, write);
  });
  return { out, sum };
}

/** RMSNorm over the last axis (Zhang and Sennrich 2019): g ⊙ x / sqrt(mean(x²) + eps). */
export function addRmsNorm(x: Variable, weight: Variable, options: NormOptions = {}): NormResult {
  const width = check('rmsNorm', x, weight, null, options);
  const residual = options.residual ?? null;
  const runtime = runtimeOf('rmsNorm', x, weight, residual);
  const { kernels } = runtime;
  const rows = x.size / width;
  const out = result(runtime, x.shape);
  const sum = residual ? result(runtime, x.shape) : x;
  const rstd = runtime.allocate(rows);
  const [ph, pw] = [sum.ptr, weight.ptr];
  kernels.rmsNormForward(
    out.ptr,
    residual ? ph : 0,
    rstd,
    x.ptr,
    residual ? residual.ptr : 0,
    pw,
    rows,
    width,
    options.eps ?? 1e-5,
  );
  const inputs = residual ? [x, residual, weight] : [x, weight];
  record('rmsNorm', inputs, residual ? [out, sum] : [out], (ctx) => {
    const dout = ctx.dout(0) || zeros(ctx.runtime, x.size);
    const dweights = ctx.wants(weight) ? allocateChunkSums(runtime, rows, width) : 0;
    passBack(ctx, x, residual, (dx, dsum) => {
      kernels.rmsNormBackward(dx, dweights, dout, dsum, ph, rstd, pw, rows, width);
      if (dweights) addChunkSums(ctx, weight, dweights, rows, width);
    });
  });
  return { out, sum };
}

/** Layer norm over the last axis: x (…, C), weight (C), bias (C) or null; result (…, C). */
export const layerNorm = (
  x: Variable,
  weight: Variable,
  bias: Variable | null,
  options: NormOptions = {},
): Variable => addLayerNorm(x, weight, bias, options).out;

/** Root-mean-square norm over the last axis: x (…, C), weight (C); result (…, C). */
export const rmsNorm = (x: Variable, weight: Variable, options: NormOptions = {}): Variable =>
  addRmsNorm(x, weight, options).out;

type Ctx = import('../tape.js').BackwardContext;

/**
 * Both summands get the same gradient; it is computed once. `write` adds `dsum` to it: the gradient of the sum, or
 * of x itself where one has arrived (x goes on beside the norm in Pre-LN), which the result then replaces.
 */
function passBack(
  ctx: Ctx,
  x: Variable,
  residual: Variable | null,
  write: (dx: number, dsum: number) => void,
): void {
  const arrived = residual ? 0 : ctx.arrived(x);
  if (arrived) {
    write(arrived, arrived);
    return;
  }
  const dx = ctx.make(x.size);
  write(dx, residual ? ctx.dout(1) : 0);
  if (residual && ctx.wants(residual)) ctx.pass(residual, dx, !ctx.wants(x));
  if (ctx.wants(x)) ctx.pass(x, dx, x !== residual);
}

function zeros(runtime: Variable['runtime'], size: number): number {
  const ptr = runtime.allocate(size);
  runtime.kernels.fill(ptr, 0, size);
  return ptr;
}
