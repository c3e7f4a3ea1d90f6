/** @file Finds where a NaN or an infinity came from: a second forward pass that looks at every module's output. */
import { noGrad } from '../autograd/tape.js';
import { Variable } from '../autograd/variable.js';
import { NumericError } from '../errors.js';
import type { Module } from './module.js';

/** Number of elements of `x` that are NaN or infinite. */
export function countNonFinite(x: Variable): number {
  return noGrad(() => {
    const out = x.runtime.allocate(1);
    x.runtime.kernels.countNonFinite(out, x.ptr, x.size);
    return x.runtime.heap.readInts(out, 1)[0];
  }, x.runtime);
}

/**
 * Runs `forward` and throws a NumericError that names the first parameter or module with a value that is not
 * finite. Returns when all is well. Costs one pass; call it after a bad loss, not at every step.
 */
export function locateNonFinite(model: Module, forward: () => unknown): void {
  for (const [path, parameter] of model.namedParameters()) {
    const bad = countNonFinite(parameter);
    if (bad > 0) refuse(path, 'parameter', bad, parameter);
  }
  const modules = [...model.namedModules()] as [string, Module & Record<string, unknown>][];
  const methods = ['forward', 'forwardSum', 'forwardCross'];
  for (const [path, module] of modules) {
    for (const method of methods) {
      const original = module[method];
      if (typeof original !== 'function') continue;
      // Children return before their parents, so the first complaint is the innermost, earliest module.
      module[method] = (...args: unknown[]) => {
        const output = original.apply(module, args);
        if (output instanceof Variable) {
          const bad = countNonFinite(output);
          if (bad > 0) refuse(path || 'model', 'output', bad, output);
        }
        return output;
      };
    }
  }
  try {
    noGrad(forward);
  } finally {
    for (const [, module] of modules) for (const method of methods) delete module[method];
  }
}

function refuse(path: string, what: string, bad: number, x: Variable): never {
  throw new NumericError(`${bad} of ${x.size} values of its ${what} are NaN or infinite`, {
    path,
    expected: 'finite values',
    actual: bad,
    hint: 'lower the learning rate, add warm-up, or use normPlacement "pre"',
  });
}
