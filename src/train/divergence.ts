/** @file When a training counts as diverged: a rule for its end, and one while it runs. */
import { brief, ConfigError, checkKeys, DataError, NumericError } from '../errors.js';
import { log64 } from '../runtime/math.js';

/** How far above the uninformed loss is divergence, in nats. */
const MARGIN = 1;
/** Steps that are looked at while a training runs. */
const FEWEST = 50;
const MOST = 500;

/** What a training is measured against besides itself. */
export interface DivergenceOptions {
  /**
   * Loss of knowing nothing in nats, such as the logarithm of the number of classes. Default: the loss of step 1, which
   * is about that unless training began from trained weights.
   */
  uninformed?: number;
  /** The last validation loss in nats; one that is not finite is divergence too. Default 0, which says nothing. */
  validNll?: number;
}

/** The judgement and what it compared. */
export interface Divergence {
  diverged: boolean;
  /** Mean loss of the last tenth of the steps (rounded up). */
  lastLoss: number;
  /** One nat above the uninformed loss: a training that ends above it has diverged. */
  limit: number;
}

/**
 * Diverged is a training whose last tenth of steps has a mean loss more than 1 nat above the uninformed one (the paper's
 * runs are judged the same way, by NLL > U + 1), or no finite one. Overfitting is not divergence, so of the validation
 * loss it is only asked whether it is finite.
 * @param losses loss of each step, as `Trainer.losses`
 * @throws DataError without losses, ConfigError for an unknown key or an uninformed loss that is not finite.
 */
export function judgeDivergence(losses: ArrayLike<number>, options: DivergenceOptions = {}): Divergence {
  checkKeys('judgeDivergence', options, ['uninformed', 'validNll']);
  const { length } = losses;
  if (length === 0) throw new DataError('nothing was trained', { op: 'judgeDivergence', expected: 'losses' });
  const { uninformed = losses[0], validNll = 0 } = options;
  if (options.uninformed !== undefined && !Number.isFinite(options.uninformed)) {
    throw new ConfigError(`uninformed must be a finite number, got ${brief(options.uninformed)}`, {
      op: 'judgeDivergence',
      actual: options.uninformed,
    });
  }
  const count = Math.ceil(length / 10);
  let sum = 0;
  for (let i = length - count; i < length; i++) sum += losses[i];
  const lastLoss = sum / count;
  const limit = uninformed + MARGIN;
  // Written so that a NaN anywhere is divergence.
  return {
    diverged: !(lastLoss <= limit && Number.isFinite(lastLoss) && Number.isFinite(validNll)),
    lastLoss,
    limit,
  };
}

/**
 * The loss of a model that gives every class the same probability, in nats: the logarithm of `numClasses` or
 * `vocabSize` in its configuration. Undefined for a model that says neither.
 */
export function uninformedLoss(model: object): number | undefined {
  const { config = {} } = model as { config?: Record<string, unknown> };
  const { numClasses, vocabSize, nextSentence, multiLabel } = config;
  // Each of several labels is a yes or no of its own.
  const classes = multiLabel === true ? 2 : (numClasses ?? vocabSize);
  if (typeof classes !== 'number') return undefined;
  return log64(nextSentence === true ? classes * 2 : classes);
}

/**
 * What divergence is measured from, and whose loss that is: of knowing nothing, or of step 1 where it is larger or
 * nothing else is known.
 */
export function baseline(
  losses: ArrayLike<number>,
  uninformed: number | undefined,
): { loss: number; whose: 'step 1' | 'knowing nothing' } {
  const first = losses[0];
  // Written so that a NaN in step 1 is found.
  return uninformed !== undefined && uninformed >= first
    ? { loss: uninformed, whose: 'knowing nothing' }
    : { loss: first, whose: 'step 1' };
}

/**
 * Refuses to go on with a training that has diverged. Looked at are its last steps, a tenth of all but 50 at least and
 * 500 at most: more than half of them have a loss of more than 1 nat above the uninformed one, and it is not coming
 * down, the median of their later half being no lower than that of their earlier half. Medians instead of means, so that
 * no single spike, however high, counts as many steps.
 * @param uninformed the loss of knowing nothing, which step 1 has too unless training began from trained weights
 * @throws NumericError
 */
export function refuseDivergence(
  losses: ArrayLike<number>,
  steps: number,
  uninformed: number | undefined,
): void {
  const window = Math.min(MOST, Math.max(FEWEST, Math.ceil(steps / 10)));
  if (losses.length < window) return;
  const { loss, whose } = baseline(losses, uninformed);
  const limit = loss + MARGIN;
  const last = Array.from({ length: window }, (_, i) => losses[losses.length - window + i]);
  const above = last.reduce((count, loss) => (loss > limit ? count + 1 : count), 0);
  if (2 * above <= window) return;
  const half = Math.floor(window / 2);
  if (median(last.slice(half)) < median(last.slice(0, half))) return;
  throw new NumericError(
    `the training has diverged by step ${losses.length}: ${above} of its last ${window} steps have a loss above ${limit.toPrecision(4)}, 1 nat more than ${whose === 'step 1' ? 'that of step 1' : whose}, and it is not coming down`,
    {
      op: 'Trainer',
      expected: `<= ${limit}`,
      actual: losses[losses.length - 1],
      hint: 'lower the rate, warm up, or clip gradients',
    },
  );
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
