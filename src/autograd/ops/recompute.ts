/**
 * @file A part of a forward of which only its inputs and outputs are kept: the backward computes it again (Chen et al.
 * 2016, arXiv 1604.06174). The same kernels see the same values in the same order, and dropout draws the same masks, so
 * no bit of a gradient changes.
 */
import type { Runtime } from '../../runtime/runtime.js';
import type { Shape } from '../../tensor/shape.js';
import { isGradEnabled, record, withGrad } from '../tape.js';
import { result, Variable } from '../variable.js';

/** What is computed of `inputs`. Of other variables it may use parameters, and constants. */
export type Part = (inputs: readonly Variable[]) => readonly Variable[];

/**
 * `part(inputs)`, without what its ops keep for their backward.
 * @param shapes those of the results
 */
export function recompute(
  inputs: readonly Variable[],
  shapes: readonly Shape[],
  part: Part,
): readonly Variable[] {
  if (!isGradEnabled()) return part(inputs);
  const { runtime } = inputs[0];
  const { kernels } = runtime;
  const counter = runtime.draws.counter(runtime);
  const outputs = shapes.map((shape) => result(runtime, shape));
  // With its graph, which says whether a gradient is wanted, and lets a NaN be traced to its op.
  const flows = inFrame(runtime, () => {
    const made = part(inputs.map(leafOf));
    for (const [i, { ptr, size }] of made.entries()) kernels.copyForward(outputs[i].ptr, ptr, size);
    return made.some((output) => output.requiresGrad);
  });
  record(
    'recompute',
    inputs,
    outputs,
    (ctx) => {
      // An output's gradient is used up when those of the inputs are there, so one of them may have its place.
      const free = outputs.flatMap(({ size }, i) => (ctx.dout(i) ? { size, ptr: ctx.dout(i) } : []));
      const homes = inputs.map((input) => {
        if (!ctx.wants(input) || ctx.arrived(input)) return 0;
        const i = free.findIndex(({ size }) => size === input.size);
        return i < 0 ? runtime.allocate(input.size) : free.splice(i, 1)[0].ptr;
      });
      const arrivals = inFrame(runtime, () => {
        const leaves = inputs.map(leafOf);
        // Ops add to what has arrived from elsewhere, in the order in which they would have without all this.
        for (const [i, leaf] of leaves.entries()) leaf.gradPtr = ctx.arrived(inputs[i]);
        const made = withGrad(true, () => runtime.draws.at(counter, () => part(leaves)));
        for (const [i, output] of made.entries()) {
          if (!ctx.dout(i)) continue;
          // Ops may write into it, or hand it on.
          output.gradPtr = runtime.allocate(output.size);
          kernels.copyForward(output.gradPtr, ctx.dout(i), output.size);
        }
        ctx.again(made);
        return leaves.map(({ gradPtr, size }, i) => {
          if (homes[i] && gradPtr) kernels.copyForward(homes[i], gradPtr, size);
          return gradPtr;
        });
      });
      for (const [i, input] of inputs.entries()) {
        if (homes[i] && arrivals[i]) ctx.pass(input, homes[i], true);
      }
    },
    flows,
  );
  return outputs;
}

/** The same values, with a gradient of their own and no history. */
function leafOf({ storage, shape, offset, requiresGrad }: Variable): Variable {
  return new Variable(storage, shape, offset, requiresGrad);
}

/** All that `fn` allocates is gone at its end. */
function inFrame<T>({ arena }: Runtime, fn: () => T): T {
  const frame = arena.push();
  try {
    return fn();
  } finally {
    arena.pop(frame);
  }
}
