/**
 * @file The nearest matrix with orthonormal rows or columns, roughly: the Newton-Schulz iteration of Muon (Jordan et al.
 * 2024, "Muon: An optimizer for hidden layers in neural networks"), as products on the kernels.
 *
 * With G = U S V' the iteration X <- a X + b (X X') X + c (X X')² X leaves U and V alone and moves every singular value by
 * the polynomial a s + b s³ + c s⁵. Its coefficients make small values grow as fast as possible, at the price that they do
 * not end at 1: what comes out is U S' V' with S' between 0.5 and 1.5 (the authors' comment), for values that were not
 * nearly 0 beside the largest. X X' is symmetric and of the shorter side, so a tall matrix is multiplied from the right.
 */
import type { Ptr } from '../runtime/kernels.js';
import type { Runtime } from '../runtime/runtime.js';

const [A, B, C] = [3.4445, -4.775, 2.0315];
/** Added to the norm that a matrix is divided by; the published value. */
const EPS = 1e-7;

/** Elements of `work` that a matrix needs: two squares of the shorter side, one of its own size, two numbers. */
export function newtonSchulzWork(rows: number, cols: number): number {
  const side = Math.min(rows, cols);
  return 2 * side * side + rows * cols + 2;
}

/**
 * Orthogonalizes a matrix in place and multiplies it by `scale`.
 * @param x (rows, cols), row-major
 * @param work `newtonSchulzWork(rows, cols)` elements
 */
export function orthogonalize(
  runtime: Runtime,
  x: Ptr,
  [rows, cols]: readonly [number, number],
  { steps, scale, work }: { steps: number; scale: number; work: Ptr },
): void {
  const { kernels } = runtime;
  const workspace = runtime.workspace(kernels.gemmWorkspaceBytes());
  const size = rows * cols;
  const wide = rows <= cols;
  const side = Math.min(rows, cols);
  const square = side * side;
  const gram = work;
  const poly = work + 4 * square;
  const [norm, one] = [poly + 4 * (square + size), poly + 4 * (square + size) + 4];
  let from = x;
  let to = poly + 4 * square;

  // X = G / (||G|| + eps): no singular value is above 1.
  kernels.sumSquares(norm, x, size);
  kernels.sqrtForward(norm, norm, 1);
  kernels.addScalarForward(norm, norm, EPS, 1);
  kernels.fill(one, 1, 1);
  kernels.divForward(norm, one, norm, 1);
  kernels.scaleByForward(x, x, norm, size);

  for (let i = 0; i < steps; i++) {
    // gram = X X' (wide) or X' X (tall), (side, side).
    const inner = wide ? cols : rows;
    const [left, right] = wide ? [0, 1] : [1, 0];
    kernels.sgemm(gram, from, from, side, side, inner, cols, cols, side, left, right, 0, workspace);
    // poly = b gram + c gram²
    kernels.sgemm(poly, gram, gram, side, side, side, side, side, side, 0, 0, 0, workspace);
    kernels.scaleForward(poly, poly, C, square);
    kernels.scaleForward(gram, gram, B, square);
    kernels.addInto(poly, gram, square);
    // to = a X + poly X, or a X + X poly
    kernels.scaleForward(to, from, A, size);
    if (wide) kernels.sgemm(to, poly, from, rows, cols, side, side, cols, cols, 0, 0, 1, workspace);
    else kernels.sgemm(to, from, poly, rows, cols, side, cols, side, cols, 0, 0, 1, workspace);
    [from, to] = [to, from];
  }
  kernels.scaleForward(x, from, scale, size);
}
