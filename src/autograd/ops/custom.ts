/** @file A user's own op: forward and backward written with tensors, on the same tape as ours. */
import { callback, checkOptions, text } from '../../checks.js';
import { formatShape, ShapeError } from '../../errors.js';
import { checkShape, type Shape, sameShape, sizeOf } from '../../tensor/shape.js';
import { noGrad, record } from '../tape.js';
import { result, runtimeOf, tensor, Variable } from '../variable.js';

/** An op as a pair of functions on tensors. */
export interface CustomOp {
  /** Shown in error messages. */
  name: string;
  /** Computes the result from the inputs; what it does inside is not recorded. */
  forward: (...inputs: Variable[]) => Variable;
  /**
   * Gradients of the inputs (null for none) from the gradient of the result. `inputs` and `output` are the
   * tensors of the forward pass.
   */
  backward: (dout: Variable, saved: { inputs: Variable[]; output: Variable }) => (Variable | null)[];
}

/** Turns a pair of functions into a differentiable op. Check it with `gradcheck`. */
export function customOp(op: CustomOp): (...inputs: Variable[]) => Variable {
  checkOptions('customOp', op, { name: text, forward: callback, backward: callback });
  return (...inputs) => {
    const runtime = runtimeOf(op.name, ...inputs);
    const computed = noGrad(() => op.forward(...inputs.map((input) => input.detach())), runtime);
    const output = new Variable(computed.storage, computed.shape, computed.offset);
    record(op.name, inputs, [output], (ctx) => {
      const dout = result(runtime, output.shape);
      runtime.kernels.copyForward(dout.ptr, ctx.dout(), output.size);
      const grads = noGrad(
        () => op.backward(dout, { inputs: inputs.map((input) => input.detach()), output: output.detach() }),
        runtime,
      );
      inputs.forEach((input, i) => {
        const grad = grads[i];
        if (!grad || !ctx.wants(input)) return;
        if (!sameShape(grad.shape, input.shape)) {
          throw new ShapeError(
            `backward returned ${formatShape(grad.shape)} for input ${i} of shape ${formatShape(input.shape)}`,
            {
              op: op.name,
              expected: input.shape,
              actual: grad.shape,
            },
          );
        }
        ctx.pass(input, grad.ptr, false);
      });
    });
    return output;
  };
}

function filled(op: string, shape: Shape, value: number): Variable {
  checkShape(op, shape);
  return tensor(new Float32Array(sizeOf(shape)).fill(value), { shape });
}

/** Zeros of a shape, as a constant. */
export const zeros = (shape: Shape): Variable => filled('zeros', shape, 0);

/** Ones of a shape, as a constant. */
export const ones = (shape: Shape): Variable => filled('ones', shape, 1);
