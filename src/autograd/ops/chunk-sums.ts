/**
 * @file Gradients of parameters that every row adds to (biases, norm weights). Kernels sum them over chunks of
 * CHUNK_ROWS rows, whoever computes the chunk; here the chunks' sums are added up in one fixed order.
 */
import { CHUNK_ROWS } from '../../runtime/generated/shared.js';
import type { Ptr } from '../../runtime/kernels.js';
import type { Runtime } from '../../runtime/runtime.js';
import type { BackwardContext } from '../tape.js';
import type { Variable } from '../variable.js';

/** Room for the sums over chunks of `rows` rows: (chunks, width). */
export function allocateChunkSums(runtime: Runtime, rows: number, width: number): Ptr {
  return runtime.allocate(Math.ceil(rows / CHUNK_ROWS) * width);
}

/** Adds the chunks' sums to the gradient of `parameter`, from its element `first` on. */
export function addChunkSums(
  ctx: BackwardContext,
  parameter: Variable,
  sums: Ptr,
  rows: number,
  width: number,
  first = 0,
): void {
  const chunks = Math.ceil(rows / CHUNK_ROWS);
  const { sumRows } = ctx.runtime.kernels;
  if (width === parameter.size) {
    ctx.accumulate(parameter, (d, acc) => sumRows(d, sums, chunks, width, width, acc));
  } else ctx.addTo(parameter, (d) => sumRows(d + first * 4, sums, chunks, width, width, 1));
}
