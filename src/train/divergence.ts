/** @file When a training counts as diverged: a rule for programs that have to say so at its end. */
import { brief, ConfigError, checkKeys, DataError } from '../errors.js';

/** What a training is measured against besides itself. */
export interface DivergenceOptions {
  /**
   * Loss of knowing nothing in nats, such as the logarithm of the number of classes. Default: the loss of step 1, which
   * is about that unless training began from trained weights.
   */
  uninformed?: number;
  /** The last validation loss; one that is not finite is divergence too. */
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
  const limit = uninformed + 1;
  // Written so that a NaN anywhere is divergence.
  return {
    diverged: !(lastLoss <= limit && Number.isFinite(lastLoss) && Number.isFinite(validNll)),
    lastLoss,
    limit,
  };
}
