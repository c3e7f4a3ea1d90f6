/**
 * @file What LoRA adds to a linear layer (Hu et al. 2021, arXiv 2106.09685): y + scale · (dropout(x) Aᵀ) Bᵀ. Only the product
 * with A, of rank width, is kept for the backward; what dropout makes of x is made again there, and y is added to in place.
 */
import { checkOptions, finite, integer, optional, type Rules, share, text } from '../../checks.js';
import { formatShape, ShapeError } from '../../errors.js';
import type { Frame } from '../../runtime/arena.js';
import type { Ptr } from '../../runtime/kernels.js';
import type { Runtime } from '../../runtime/runtime.js';
import { record } from '../tape.js';
import { requireDType, runtimeOf, Variable } from '../variable.js';
import { drawMask, NO_MASK } from './dropout.js';

/** How the product is added. */
export interface LowRankOptions {
  /** What it is multiplied by. */
  scale: number;
  /** The first column of y that it is added to. Default 0. */
  column?: number;
  /** Use only rows [from, to) of B. Default: all. */
  rows?: readonly [number, number];
  /** Share of the elements of x that is dropped, by another mask at every call. Default 0. */
  dropout?: number;
  /** Name of the call site, for its masks. Default ''. */
  stream?: string;
}

const rules: Rules<LowRankOptions> = {
  scale: finite,
  column: optional(integer(0)),
  rows: optional({ wanted: 'a pair of row numbers', holds: Array.isArray }),
  dropout: optional(share),
  stream: optional(text),
};

/** What dropout makes of x lives no longer than the call, so all calls of a frame use one place. */
const places = /* @__PURE__ */ new WeakMap<Frame, { ptr: Ptr; count: number }>();

function placeFor(runtime: Runtime, count: number): Ptr {
  const frame = runtime.currentFrame();
  let place = places.get(frame);
  if (!place || place.count < count) {
    place = { ptr: runtime.allocate(count), count };
    places.set(frame, place);
  }
  return place.ptr;
}

/**
 * y (…, out) with scale · (dropout(x) aᵀ) bᵀ added to some of its columns: x (…, in), a (rank, in), b (columns, rank). The
 * memory of y becomes that of the result: it must be what an op without an activation made for this call alone.
 * @throws ShapeError for sizes that do not agree
 */
export function addLowRank(
  y: Variable,
  x: Variable,
  a: Variable,
  b: Variable,
  options: LowRankOptions,
): Variable {
  const op = 'addLowRank';
  checkOptions(op, options, rules);
  for (const [name, tensor] of [
    ['y', y],
    ['x', x],
    ['a', a],
    ['b', b],
  ] as const)
    requireDType(op, name, tensor, 'f32');
  const { scale, column = 0, dropout = 0, stream = '' } = options;
  const [from, to] = options.rows ?? [0, b.shape[0]];
  const [rank, inner] = a.shape;
  const outer = y.shape[y.rank - 1];
  const width = to - from;
  const rows = x.size / inner;
  const fits =
    a.rank === 2 &&
    b.rank === 2 &&
    b.shape[1] === rank &&
    x.shape[x.rank - 1] === inner &&
    y.size === rows * outer &&
    from >= 0 &&
    from <= to &&
    to <= b.shape[0] &&
    column + width <= outer;
  if (!fits) {
    throw new ShapeError(
      `a ${formatShape(a.shape)} and rows ${from}..${to} of b ${formatShape(b.shape)} do not lead from x ${formatShape(x.shape)} to columns of y ${formatShape(y.shape)} from ${column} on`,
      { op, expected: [x.shape, y.shape], actual: [a.shape, b.shape] },
    );
  }
  const runtime = runtimeOf(op, y, x, a, b);
  const { kernels } = runtime;
  const work = runtime.workspace(kernels.gemmWorkspaceBytes());
  const [px, pa, pb, py] = [x.ptr, a.ptr, b.ptr + from * rank * 4, y.ptr + column * 4];
  const { threshold, rng, stream: id, call } = dropout > 0 ? drawMask(runtime, dropout, stream) : NO_MASK;
  const keep = 65536 / (65536 - threshold);
  /** x as A gets it. */
  const dropped = (): Ptr => {
    if (dropout === 0) return px;
    const place = placeFor(runtime, x.size);
    kernels.dropoutForward(place, px, 0, x.size, threshold, keep, rng, id, call);
    return place;
  };
  // h = scale · dropout(x) Aᵀ (rows, rank); y += h Bᵀ
  const h = runtime.allocate(rows * rank);
  kernels.sgemm(h, dropped(), pa, rows, rank, inner, inner, inner, rank, 0, 1, 0, work);
  kernels.scaleForward(h, h, scale, rows * rank);
  kernels.sgemm(py, h, pb, rows, width, rank, rank, rank, outer, 0, 1, 1, work);
  const out = new Variable(y.storage, y.shape, y.offset);

  record(op, [y, x, a, b], [out], (ctx) => {
    const dy = ctx.dout() + column * 4;
    if (ctx.wants(b)) {
      // dB = dyᵀ h
      const product = (db: Ptr, acc: number): void =>
        kernels.sgemm(db + from * rank * 4, dy, h, width, rank, rows, outer, rank, rank, 1, 0, acc, work);
      if (width === b.shape[0]) ctx.accumulate(b, product);
      else ctx.addTo(b, (db) => product(db, 1));
    }
    if (ctx.wants(a) || ctx.wants(x)) {
      // dh = scale · dy B (rows, rank)
      const dh = runtime.allocate(rows * rank);
      kernels.sgemm(dh, dy, pb, rows, rank, width, outer, rank, rank, 0, 0, 0, work);
      kernels.scaleForward(dh, dh, scale, rows * rank);
      if (ctx.wants(a)) {
        const input = dropped();
        // dA = dhᵀ dropout(x)
        ctx.accumulate(a, (da, acc) =>
          kernels.sgemm(da, dh, input, rank, inner, rows, rank, inner, inner, 1, 0, acc, work),
        );
      }
      if (ctx.wants(x)) {
        // dx = dh A, through the mask
        ctx.accumulate(x, (dx, acc) => {
          if (dropout === 0) {
            kernels.sgemm(dx, dh, pa, rows, inner, rank, rank, inner, inner, 0, 0, acc, work);
            return;
          }
          const place = acc ? placeFor(runtime, x.size) : dx;
          kernels.sgemm(place, dh, pa, rows, inner, rank, rank, inner, inner, 0, 0, 0, work);
          kernels.dropoutForward(place, place, 0, x.size, threshold, keep, rng, id, call);
          if (acc) kernels.addInto(dx, place, x.size);
        });
      }
    }
    if (ctx.wants(y)) ctx.pass(y, ctx.dout(), true);
  });
  return out;
}
