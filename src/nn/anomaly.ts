/**
 * @file Finds where a NaN or an infinity came from: the step is computed a second time, and every module's output,
 * then every op's, is looked at. Costs nothing while all is well.
 */
import { countNonFinite as countAt } from '../autograd/ops/in-place.js';
import { scope, tapePosition, watchBackward } from '../autograd/tape.js';
import { type TapeNode, Variable } from '../autograd/variable.js';
import { NumericError, type NumericFields } from '../errors.js';
import type { Module } from './module.js';

/** What is known about the step besides the place: its number and the gradient norms before it. */
export type AnomalyContext = Pick<NumericFields, 'step' | 'gradNorms' | 'layerGradNorms'>;

/** Number of elements of `x` that are NaN or infinite. */
export function countNonFinite(x: Variable): number {
  // Kernels would take what is stored in 16 bits for something else.
  if (x.dtype !== 'f32') return x.toArray().filter((value) => !Number.isFinite(value)).length;
  return countAt(x.runtime, x.ptr, x.size);
}

/**
 * Runs `forward` and throws a NumericError that names the first parameter, or the module and the op, with a value
 * that is not finite. Returns when all is well. Costs one pass; call it after a bad loss, not at every step.
 */
export function locateNonFinite(model: Module, forward: () => unknown, context: AnomalyContext = {}): void {
  checkParameters(model, context);
  watched(model, context, () => {
    scope(() => {
      const result = forward();
      // A loss may be made outside every module.
      const loss = result instanceof Variable ? result : (result as { loss?: unknown } | null)?.loss;
      if (loss instanceof Variable) checkOutput('loss', loss, context);
    }, model.runtime());
  });
}

/**
 * Runs `step`, which computes a loss and its `backward()`, and throws a NumericError that names the op whose
 * backward was the first to make a gradient that is not finite, and the module the op belongs to.
 */
export function locateNonFiniteGradient(model: Module, step: () => void, context: AnomalyContext = {}): void {
  watched(model, context, (ranges) => {
    watchBackward((node) => {
      for (const input of node.inputs) {
        if (input.gradPtr === 0 || !input.requiresGrad) continue;
        const bad = countAt(input.runtime, input.gradPtr, input.size);
        if (bad > 0)
          refuse(ownerOf(node, input, ranges), 'gradient', bad, input.size, context, `${node.op}, backward`);
      }
    }, step);
  });
}

interface Range {
  path: string;
  from: number;
  to: number;
}

/** The innermost module that made `node`, or the parameter it works on. */
function ownerOf(node: TapeNode, input: Variable, ranges: readonly Range[]): string {
  const path = (input as { path?: string }).path;
  if (path) return path;
  let best: Range | undefined;
  for (const range of ranges) {
    if (node.sequence < range.from || node.sequence >= range.to) continue;
    if (!best || range.to - range.from < best.to - best.from) best = range;
  }
  return best?.path || 'model';
}

/** Runs `run` while every module's output is checked; tells which tape positions each module made. */
function watched<T>(model: Module, context: AnomalyContext, run: (ranges: Range[]) => T): T {
  const modules = [...model.namedModules()] as [string, Module & Record<string, unknown>][];
  const methods = ['forward', 'forwardSum', 'forwardCross'];
  const ranges: Range[] = [];
  for (const [path, module] of modules) {
    for (const method of methods) {
      const original = module[method];
      if (typeof original !== 'function') continue;
      // Children return before their parents, so the first complaint is the innermost, earliest module.
      module[method] = (...args: unknown[]) => {
        const from = tapePosition();
        const output = original.apply(module, args);
        ranges.push({ path, from, to: tapePosition() });
        if (output instanceof Variable) checkOutput(path || 'model', output, context);
        return output;
      };
    }
  }
  try {
    return run(ranges);
  } finally {
    for (const [, module] of modules) for (const method of methods) delete module[method];
  }
}

function checkParameters(model: Module, context: AnomalyContext): void {
  for (const [path, parameter] of model.namedParameters()) {
    const bad = countNonFinite(parameter);
    if (bad > 0) refuse(path, 'parameter', bad, parameter.size, context);
  }
}

function checkOutput(path: string, output: Variable, context: AnomalyContext): void {
  const bad = countNonFinite(output);
  if (bad > 0) refuse(path, 'output', bad, output.size, context, firstBadOp(output));
}

/** The earliest op below `x` whose result is not finite. */
function firstBadOp(x: Variable): string | undefined {
  const seen = new Set<TapeNode>();
  const stack = x.node ? [x.node] : [];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    for (const { node: before } of node.inputs) if (before) stack.push(before);
  }
  const inOrder = [...seen].sort((a, b) => a.sequence - b.sequence);
  return inOrder.find(({ outputs }) => outputs.some((output) => countNonFinite(output) > 0))?.op;
}

function refuse(
  path: string,
  what: string,
  bad: number,
  size: number,
  context: AnomalyContext,
  op?: string,
): never {
  const { step, gradNorms } = context;
  const when = step === undefined ? '' : ` in step ${step}`;
  const where = op ? `, first in the op ${op}` : '';
  const before = gradNorms?.length
    ? `; gradient norms before: ${gradNorms.map((norm) => norm.toPrecision(3)).join(', ')}`
    : '';
  throw new NumericError(
    `${bad} of ${size} values of its ${what} are NaN or infinite${when}${where}${before}`,
    {
      ...context,
      op,
      path,
      expected: 'finite values',
      actual: bad,
      hint: 'lower the learning rate, add warm-up or clipNorm, or use normPlacement "pre"',
    },
  );
}
