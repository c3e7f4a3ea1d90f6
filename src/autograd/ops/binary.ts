/** @file add, sub, mul, div with NumPy broadcasting: operands are brought to one shape, then one kernel runs. */
import { checkValue, number } from '../../checks.js';
import { formatShape, ShapeError } from '../../errors.js';
import { withRuntime } from '../../runtime/runtime.js';
import { broadcastShapes, sameShape } from '../../tensor/shape.js';
import { record } from '../tape.js';
import { requireDType, result, runtimeOf, tensor, type Variable } from '../variable.js';
import { broadcastTo } from './layout.js';

/** Brings both operands to their common shape; numbers become scalars. */
function align(op: string, a: Variable | number, b: Variable | number): [Variable, Variable] {
  const x = typeof a === 'number' ? constant(a, b) : a;
  const y = typeof b === 'number' ? constant(b, a) : b;
  requireDType(op, 'the first operand', x, 'f32');
  requireDType(op, 'the second operand', y, 'f32');
  if (sameShape(x.shape, y.shape)) return [x, y];
  const shape = broadcastShapes(op, x.shape, y.shape);
  return [
    sameShape(x.shape, shape) ? x : broadcastTo(x, shape),
    sameShape(y.shape, shape) ? y : broadcastTo(y, shape),
  ];
}

/** A scalar in the runtime of the other operand. */
function constant(value: number, other: Variable | number): Variable {
  return typeof other === 'number' ? tensor(value) : withRuntime(other.runtime, () => tensor(value));
}

/** a + b, elementwise */
export function add(a: Variable | number, b: Variable | number): Variable {
  const [x, y] = align('add', a, b);
  const { kernels } = runtimeOf('add', x, y);
  const out = result(x.runtime, x.shape);
  kernels.addForward(out.ptr, x.ptr, y.ptr, x.size);
  record('add', [x, y], [out], (ctx) => {
    // The second operand gets a copy first; then the first may own the buffer.
    if (ctx.wants(y)) ctx.pass(y, ctx.dout(), !ctx.wants(x));
    if (ctx.wants(x)) ctx.pass(x, ctx.dout(), x !== y);
  });
  return out;
}

/** a - b, elementwise */
export function sub(a: Variable | number, b: Variable | number): Variable {
  const [x, y] = align('sub', a, b);
  const { kernels } = runtimeOf('sub', x, y);
  const out = result(x.runtime, x.shape);
  kernels.subForward(out.ptr, x.ptr, y.ptr, x.size);
  record('sub', [x, y], [out], (ctx) => {
    if (ctx.wants(y)) ctx.overwrite(y, (dy) => kernels.scaleForward(dy, ctx.dout(), -1, y.size));
    if (ctx.wants(x)) ctx.pass(x, ctx.dout(), true);
  });
  return out;
}

/** a · b, elementwise */
export function mul(a: Variable | number, b: Variable | number): Variable {
  const [x, y] = align('mul', a, b);
  const { kernels } = runtimeOf('mul', x, y);
  const out = result(x.runtime, x.shape);
  kernels.mulForward(out.ptr, x.ptr, y.ptr, x.size);
  const [px, py] = [x.ptr, y.ptr];
  record('mul', [x, y], [out], (ctx) => {
    if (ctx.wants(x)) ctx.overwrite(x, (dx) => kernels.mulForward(dx, ctx.dout(), py, x.size));
    if (ctx.wants(y)) ctx.overwrite(y, (dy) => kernels.mulForward(dy, ctx.dout(), px, y.size));
  });
  return out;
}

/** a / b, elementwise */
export function div(a: Variable | number, b: Variable | number): Variable {
  const [x, y] = align('div', a, b);
  const { kernels } = runtimeOf('div', x, y);
  const out = result(x.runtime, x.shape);
  kernels.divForward(out.ptr, x.ptr, y.ptr, x.size);
  const [po, py] = [out.ptr, y.ptr];
  record('div', [x, y], [out], (ctx) => {
    if (ctx.wants(x)) ctx.overwrite(x, (dx) => kernels.divForward(dx, ctx.dout(), py, x.size));
    if (ctx.wants(y)) {
      // d(a/b)/db = -(a/b)/b
      ctx.overwrite(y, (dy) => {
        kernels.mulForward(dy, ctx.dout(), po, y.size);
        kernels.divForward(dy, dy, py, y.size);
        kernels.scaleForward(dy, dy, -1, y.size);
      });
    }
  });
  return out;
}

/** alpha · x for a plain number; cheaper than `mul` with a tensor. */
export function scale(x: Variable, alpha: number): Variable {
  requireDType('scale', 'x', x, 'f32');
  checkValue('scale', 'alpha', alpha, number);
  const { kernels } = x.runtime;
  const out = result(x.runtime, x.shape);
  kernels.scaleForward(out.ptr, x.ptr, alpha, x.size);
  record('scale', [x], [out], (ctx) => {
    if (ctx.wants(x)) ctx.overwrite(x, (dx) => kernels.scaleForward(dx, ctx.dout(), alpha, x.size));
  });
  return out;
}

/** x + alpha for a plain number. */
export function addScalar(x: Variable, alpha: number): Variable {
  requireDType('addScalar', 'x', x, 'f32');
  checkValue('addScalar', 'alpha', alpha, number);
  const { kernels } = x.runtime;
  const out = result(x.runtime, x.shape);
  kernels.addScalarForward(out.ptr, x.ptr, alpha, x.size);
  record('addScalar', [x], [out], (ctx) => {
    if (ctx.wants(x)) ctx.pass(x, ctx.dout(), true);
  });
  return out;
}

/** Elementwise choice: `a` where `condition` (i32) is not 0, else `b`. Shapes must agree. */
export function where(condition: Variable, a: Variable, b: Variable): Variable {
  requireDType('where', 'condition', condition, 'i32');
  requireDType('where', 'a', a, 'f32');
  requireDType('where', 'b', b, 'f32');
  for (const operand of [a, b]) {
    if (!sameShape(operand.shape, condition.shape)) {
      throw new ShapeError(
        `condition is ${formatShape(condition.shape)}, operand ${formatShape(operand.shape)}`,
        {
          op: 'where',
          expected: condition.shape,
          actual: operand.shape,
          hint: 'use broadcastTo() first',
        },
      );
    }
  }
  const runtime = runtimeOf('where', condition, a, b);
  const { kernels } = runtime;
  const out = result(runtime, a.shape);
  const pc = condition.ptr;
  kernels.whereForward(out.ptr, pc, a.ptr, b.ptr, a.size);
  record('where', [a, b], [out], (ctx) => {
    const zeros = runtime.allocate(a.size);
    kernels.fill(zeros, 0, a.size);
    if (ctx.wants(a)) ctx.overwrite(a, (da) => kernels.whereForward(da, pc, ctx.dout(), zeros, a.size));
    if (ctx.wants(b)) ctx.overwrite(b, (db) => kernels.whereForward(db, pc, zeros, ctx.dout(), b.size));
  });
  return out;
}
