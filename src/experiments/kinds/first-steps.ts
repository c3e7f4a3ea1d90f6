/**
 * @file What a run may change in the first steps of its optimizer, to find out why a warm-up helps: which parameters it is
 * for, and by which statistic it could be replaced.
 */
import { backward } from '../../autograd/index.js';
import { checkOptions, flag, integer, optional, positive, type Rules } from '../../checks.js';
import { ConfigError } from '../../errors.js';
import type { AdamOptions, Optimizer } from '../../optim/index.js';
import { buildOptimizer, type OptimizerRecipe } from '../../recipe/index.js';
import { currentRuntime } from '../../runtime/runtime.js';
import type { TrainerOptions } from '../../train/index.js';

/** One of them at a time. */
export interface FirstSteps {
  /** Steps of linear warm-up that the first group of the optimizer has, and it alone. */
  warmFirstGroup?: number;
  /**
   * The second moment begins at the square of the gradient at initialisation, bias correction as ever (GI-Adam, Kalra and
   * Barkeshli 2024): the first updates are sqrt(1 - beta2) times Adam's.
   */
  secondMomentFromGradient?: boolean;
  /** Largest root mean square of a tensor's g / sqrt(v); beyond it the tensor's rate falls by as much (Shazeer and Stern 2018). */
  updateClip?: number;
}

const rules: Rules<FirstSteps> = {
  warmFirstGroup: optional(integer(1)),
  secondMomentFromGradient: optional(flag),
  updateClip: optional(positive),
};

/** @throws ConfigError for an unknown key, a value out of range, more than one of them, and an optimizer that is not Adam */
export function checkFirstSteps(op: string, given: FirstSteps, { kind, groups = [] }: OptimizerRecipe): void {
  checkOptions(`firstSteps of ${op}`, given, rules);
  const wrong =
    Object.keys(given).length !== 1
      ? 'one of them at a time'
      : kind !== 'adam'
        ? 'an optimizer of kind adam'
        : given.warmFirstGroup !== undefined && groups.length === 0
          ? 'an optimizer with groups'
          : undefined;
  if (wrong) throw new ConfigError(`firstSteps needs ${wrong}`, { op, expected: wrong, actual: given });
}

const adamOf = (recipe: OptimizerRecipe) => {
  const { betas = [0.9, 0.999], eps = 1e-8 } = recipe as AdamOptions;
  return { betas, eps };
};

/** The options of a trainer with these first steps. */
export function withFirstSteps<B>(
  options: TrainerOptions<B>,
  { warmFirstGroup, secondMomentFromGradient, updateClip }: FirstSteps,
  recipe: OptimizerRecipe,
): TrainerOptions<B> {
  if (warmFirstGroup) return { ...options, schedule: warmedGroup(options, warmFirstGroup) };
  if (secondMomentFromGradient) beginFromGradient(options, recipe);
  return updateClip ? { ...options, optimizer: clippedUpdates(options, recipe, updateClip) } : options;
}

/** The schedule, which sets the share of the first group before the trainer sets the rate. */
function warmedGroup<B>({ optimizer, schedule }: TrainerOptions<B>, steps: number): (step: number) => number {
  return (step) => {
    optimizer.groups[0].lrScale = Math.min(1, step / steps);
    return schedule ? schedule(step) : optimizer.lr;
  };
}

/** An update at rate 0 leaves the weights and makes (1 - beta2) g² of the second moment. */
function beginFromGradient<B>(options: TrainerOptions<B>, recipe: OptimizerRecipe): void {
  const { model, data, optimizer, labelSmoothing } = options;
  const { betas } = adamOf(recipe);
  const cursor = { ...data.state() };
  const rate = optimizer.lr;
  optimizer.zeroGrad();
  backward(model.loss(data.next(), { smoothing: labelSmoothing }).loss);
  currentRuntime().endStep();
  data.restore(cursor);
  optimizer.lr = 0;
  optimizer.step();
  const { buffers, ...state } = optimizer.stateDict();
  const v = Float32Array.from(buffers.v, (value) => value / (1 - betas[1]));
  optimizer.lr = rate;
  const lrs = optimizer.groups.map(({ lr }) => lr);
  optimizer.loadStateDict({
    ...state,
    step: 0,
    lrs,
    buffers: { m: new Float32Array(buffers.m.length), v },
  });
  optimizer.zeroGrad();
}

/** Adam over groups of one tensor each, whose rate falls where its update would be too large. */
function clippedUpdates<B>(
  { model, optimizer: plain, steps }: TrainerOptions<B>,
  recipe: OptimizerRecipe,
  clip: number,
): Optimizer {
  const { betas, eps } = adamOf(recipe);
  const module = model as unknown as Parameters<typeof buildOptimizer>[1];
  const groups = [...module.namedParameters()].map(([path]) => ({ match: path }));
  const optimizer = buildOptimizer({ optimizer: { ...recipe, lr: plain.lr, groups }, steps }, module);
  // Its gradients have been moved to the new one.
  plain.free();
  const moments = optimizer.groups.map(({ params: [p] }) => new Float64Array(p.size));
  const step = optimizer.step.bind(optimizer);
  let power = 1;
  optimizer.step = () => {
    power *= betas[1];
    optimizer.groups.forEach((group, at) => {
      const g = group.params[0].grad?.toArray() ?? [];
      const v = moments[at];
      let sum = 0;
      for (let i = 0; i < g.length; i++) {
        const square = g[i] * g[i];
        v[i] = betas[1] * v[i] + (1 - betas[1]) * square;
        sum += square / Math.max(v[i] / (1 - power), eps * eps);
      }
      group.lr /= Math.max(1, Math.sqrt(sum / v.length) / clip);
    });
    step();
  };
  return optimizer;
}
