/**
 * @file Fine-tuning in the norms and the head alone (Tan et al. 2025, arXiv 2508.07577): which parameters those are,
 * how far they moved, the rescaling of their step, and the cycle of head and norms.
 */
import type { Parameter } from '../autograd/variable.js';
import { callback, checkOptions, integer } from '../checks.js';
import { brief, ConfigError, FormatError } from '../errors.js';
import { LayerNorm, type Module, RMSNorm, type StateDict } from '../nn/index.js';

/** Every norm's parameters by path: gamma `….weight` (d) and, in a LayerNorm, beta `….bias` (d). */
export function normParameters(model: Module): Map<string, Parameter> {
  const found = new Map<string, Parameter>();
  for (const [path, module] of model.namedModules()) {
    if (!(module instanceof LayerNorm || module instanceof RMSNorm)) continue;
    for (const [name, parameter] of module.namedParameters(path)) found.set(name, parameter);
  }
  return found;
}

/**
 * gamma' = gamma_S + lambda (gamma_T - gamma_S) in every norm; beta stays as tuned. `model` holds the tuned weights,
 * `source` is the state dict before. At lambda 0 and 1 the result is gamma_S and gamma_T to the bit. Apply it once:
 * a second call starts from what the first one left.
 * @throws FormatError when `source` lacks one of the norms, ConfigError when lambda is not a finite number.
 */
export function rescaleNorms(model: Module, source: StateDict, lambda: number): void {
  if (!Number.isFinite(lambda)) {
    throw new ConfigError(`lambda must be a finite number, got ${brief(lambda)}`, {
      op: 'rescaleNorms',
      actual: lambda,
    });
  }
  const gammas = [...normParameters(model)].filter(([, { role }]) => role === 'normWeight');
  const before = gammas.map(([path, gamma]) => sourceOf('rescaleNorms', source, path, gamma));
  gammas.forEach(([, gamma], n) => {
    const values = gamma.toArray();
    // Written as a weighted sum, which is exact at both ends.
    for (let i = 0; i < values.length; i++) values[i] = (1 - lambda) * before[n][i] + lambda * values[i];
    gamma.set(values);
  });
}

/**
 * Sum over the norms of the L2 distance of their parameters (gamma and beta together) from those of `source`.
 * @throws FormatError when `source` lacks one of the norms.
 */
export function normShift(model: Module, source: StateDict): number {
  const squares = new Map<string, number>();
  for (const [path, parameter] of normParameters(model)) {
    const before = sourceOf('normShift', source, path, parameter);
    const layer = path.slice(0, path.lastIndexOf('.'));
    const now = parameter.toArray();
    let sum = squares.get(layer) ?? 0;
    for (let i = 0; i < now.length; i++) sum += (now[i] - before[i]) * (now[i] - before[i]);
    squares.set(layer, sum);
  }
  let shift = 0;
  for (const square of squares.values()) shift += Math.sqrt(square);
  return shift;
}

/**
 * `cycles` times: trains the predictor with the norms frozen, then the norms with the predictor frozen; everything
 * else stays frozen throughout. `train` gets the cycle (from 0) and the part that is trainable, and builds its
 * optimizer anew, since an optimizer holds the parameters that were trainable when it was made. Afterwards norms and
 * predictor are both trainable.
 */
export async function cyclicTuning(
  model: Module,
  options: {
    /** How often both parts are trained. */
    cycles: number;
    /** Whether a path belongs to the predictor. */
    predictor: (path: string) => boolean;
    /** Trains the part that is not frozen. */
    train: (part: 'predictor' | 'norms', cycle: number) => void | Promise<void>;
  },
): Promise<void> {
  checkOptions('cyclicTuning', options, { cycles: integer(1), predictor: callback, train: callback });
  const { cycles, predictor, train } = options;
  const norms = normParameters(model);
  for (let cycle = 0; cycle < cycles; cycle++) {
    model.setTrainable((path) => predictor(path));
    await train('predictor', cycle);
    model.setTrainable((path) => norms.has(path) && !predictor(path));
    await train('norms', cycle);
  }
  model.setTrainable((path) => norms.has(path) || predictor(path));
}

function sourceOf(op: string, source: StateDict, path: string, parameter: Parameter): StateDictData {
  const entry = source.get(path);
  if (entry?.data.length === parameter.size) return entry.data;
  throw new FormatError(`the source has no ${path} of ${parameter.size} values`, {
    op,
    expected: parameter.size,
    actual: entry?.data.length,
    hint: 'pass the state dict the same model had before it was tuned',
  });
}

type StateDictData = StateDict extends Map<string, { data: infer D }> ? D : never;
