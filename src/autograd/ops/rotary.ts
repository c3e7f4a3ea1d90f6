/** @file Rotary positions (Su et al. 2021): pairs of components turned by an angle that grows with the position. */
import { checkOptions, integer, optional, type Rules } from '../../checks.js';
import { formatShape, ShapeError } from '../../errors.js';
import { record } from '../tape.js';
import { requireDType, result, runtimeOf, type Variable } from '../variable.js';

/** Which components are turned, and where the first row stands. */
export interface RotaryOptions {
  /** Heads at the front of every row that are turned; what lies behind them is copied. */
  numHeads: number;
  /** Position of the first row of every sequence. Default 0. */
  start?: number;
}

const rules: Rules<RotaryOptions> = { numHeads: integer(1), start: optional(integer(0)) };

/**
 * x (B, T, C) with its first heads turned to their positions, in the half-split layout: components i and i + dHead/2 are a
 * pair. table (positions, dHead), a constant: a position's dHead/2 cosines, then its sines (`rotaryTable`).
 * @throws ShapeError when the heads are wider than x, dHead is odd, or the table ends before the last position
 */
export function rotary(x: Variable, table: Variable, options: RotaryOptions): Variable {
  checkOptions('rotary', options, rules);
  requireDType('rotary', 'x', x, 'f32');
  requireDType('rotary', 'table', table, 'f32');
  const { numHeads, start = 0 } = options;
  const [positions, dHead] = table.shape;
  const [, length, cols] = x.shape;
  if (
    x.rank !== 3 ||
    table.rank !== 2 ||
    dHead % 2 ||
    numHeads * dHead > cols ||
    start + length > positions
  ) {
    throw new ShapeError(
      `${numHeads} heads from position ${start} on: x ${formatShape(x.shape)}, table ${formatShape(table.shape)}`,
      { op: 'rotary', expected: '(B, T, C) and (positions, an even width)', actual: [x.shape, table.shape] },
    );
  }
  const runtime = runtimeOf('rotary', x, table);
  const out = result(runtime, x.shape);
  const angles = table.ptr;
  const turn = (to: number, from: number, back: number): void =>
    runtime.kernels.rotaryForward(
      to,
      from,
      angles,
      x.size / cols,
      cols,
      numHeads,
      dHead,
      length,
      start,
      0,
      back,
    );
  turn(out.ptr, x.ptr, 0);
  record('rotary', [x], [out], (ctx) => {
    if (ctx.wants(x)) ctx.overwrite(x, (dx) => turn(dx, ctx.dout(), 1));
  });
  return out;
}
