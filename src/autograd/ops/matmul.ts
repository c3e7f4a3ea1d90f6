/** @file Matrix products: plain, batched, and with one shared right operand. */
import { checkOptions, flag, optional } from '../../checks.js';
import { formatShape, ShapeError } from '../../errors.js';
import { sizeOf } from '../../tensor/shape.js';
import { record } from '../tape.js';
import { requireDType, result, runtimeOf, type Variable } from '../variable.js';

/** Which operands are read transposed. */
export interface MatmulOptions {
  /** Use a with its last two axes swapped; nothing is copied. Default false. */
  transposeA?: boolean;
  /** The same of b. Default false. */
  transposeB?: boolean;
}

/**
 * a (…, m, k) times b (…, k, n); result (…, m, n). Leading axes agree, or b has none (then it is shared).
 * @throws ShapeError when the inner sizes or the leading axes do not agree.
 */
export function matmul(a: Variable, b: Variable, options: MatmulOptions = {}): Variable {
  checkOptions('matmul', options, { transposeA: optional(flag), transposeB: optional(flag) });
  requireDType('matmul', 'a', a, 'f32');
  requireDType('matmul', 'b', b, 'f32');
  const ta = options.transposeA ? 1 : 0;
  const tb = options.transposeB ? 1 : 0;
  const refuse = (): never => {
    throw new ShapeError(
      `cannot multiply ${formatShape(a.shape)}${ta ? 'ᵀ' : ''} by ${formatShape(b.shape)}${tb ? 'ᵀ' : ''}`,
      {
        op: 'matmul',
        expected: a.shape,
        actual: b.shape,
      },
    );
  };
  if (a.rank < 2 || b.rank < 2) refuse();
  const [rowsA, colsA] = a.shape.slice(-2);
  const [rowsB, colsB] = b.shape.slice(-2);
  const [m, k] = ta ? [colsA, rowsA] : [rowsA, colsA];
  const [kb, n] = tb ? [colsB, rowsB] : [rowsB, colsB];
  const lead = a.shape.slice(0, -2);
  const shared = b.rank === 2 && a.rank > 2;
  if (k !== kb) refuse();
  if (!shared && (b.rank !== a.rank || lead.some((size, i) => size !== b.shape[i]))) refuse();

  const runtime = runtimeOf('matmul', a, b);
  const { kernels } = runtime;
  const work = runtime.workspace(kernels.gemmWorkspaceBytes());
  const batch = sizeOf(lead);
  const y = result(runtime, [...lead, m, n]);
  const [sa, sb, sc] = [rowsA * colsA, shared ? 0 : rowsB * colsB, m * n];
  const [pa, pb] = [a.ptr, b.ptr];
  kernels.sgemmBatched(y.ptr, pa, pb, batch, sc, sa, sb, m, n, k, colsA, colsB, n, ta, tb, 0, work);

  record('matmul', [a, b], [y], (ctx) => {
    const dy = ctx.dout();
    // dA = dY Bᵀ (or its transpose B dYᵀ); dB = Aᵀ dY (or dYᵀ A).
    if (ctx.wants(a)) {
      ctx.accumulate(a, (da, acc) => {
        if (ta)
          kernels.sgemmBatched(da, pb, dy, batch, sa, sb, sc, k, m, n, colsB, n, colsA, tb, 1, acc, work);
        else
          kernels.sgemmBatched(da, dy, pb, batch, sa, sc, sb, m, k, n, n, colsB, colsA, 0, 1 - tb, acc, work);
      });
    }
    if (ctx.wants(b)) {
      const step = (db: number, i: number, count: number, acc: number) => {
        const [pai, dyi] = [pa + i * sa * 4, dy + i * sc * 4];
        if (tb)
          kernels.sgemmBatched(db, dyi, pai, count, sb, sc, sa, n, k, m, n, colsA, colsB, 1, ta, acc, work);
        else
          kernels.sgemmBatched(
            db,
            pai,
            dyi,
            count,
            sb,
            sa,
            sc,
            k,
            n,
            m,
            colsA,
            n,
            colsB,
            1 - ta,
            0,
            acc,
            work,
          );
      };
      ctx.accumulate(b, (db, acc) => {
        if (!shared) step(db, 0, batch, acc);
        else for (let i = 0; i < batch; i++) step(db, i, 1, i === 0 ? acc : 1);
      });
    }
  });
  return y;
}
