/** @file The mean over several batches, each weighing by the targets that its loss counted. */
import { brief, ConfigError, DataError } from '../errors.js';

export class BatchMean {
  /** Targets of all batches; batches, where the loss counts none. */
  total = 0;
  readonly #op: string;
  #sum = 0;
  #unit = 0;
  #numBatches = 0;
  #counted = false;

  constructor(op: string) {
    this.#op = op;
  }

  /**
   * Takes a batch in, and says what its gradient weighs beside that of the first batch that counts (which is 1, so
   * that batches of equal counts are summed without rounding). `scale` turns the sum into the mean.
   * @throws ConfigError for a count that is no number >= 0, or that only some of the batches have.
   */
  weigh(count: number | undefined): number {
    if (count !== undefined && !(Number.isFinite(count) && count >= 0)) {
      throw new ConfigError(`the count of a loss must be a finite number >= 0, got ${brief(count)}`, {
        op: this.#op,
        expected: '>= 0',
        actual: count,
      });
    }
    const counted = count !== undefined;
    if (this.#numBatches++ > 0 && counted !== this.#counted) {
      throw new ConfigError('the loss of some batches has a count, that of others has none', {
        op: this.#op,
        hint: 'let loss() return a count always or never',
      });
    }
    this.#counted = counted;
    const weight = count ?? 1;
    this.total += weight;
    this.#unit ||= weight;
    return weight === 0 ? 0 : weight / this.#unit;
  }

  /** Whether the loss says how many targets counted. */
  get isCounted(): boolean {
    return this.#counted;
  }

  /** Adds a batch's sum over its targets: its mean times its count. */
  add(sum: number): void {
    this.#sum += sum;
  }

  /** What the weighted sum of the gradients is multiplied by. */
  get scale(): number {
    return this.#unit / this.total;
  }

  /** @throws DataError when there was no batch, or nothing in them counted. */
  value(): number {
    if (this.total > 0) return this.#sum / this.total;
    if (this.#numBatches === 0)
      throw new DataError('there is no batch', { op: this.#op, expected: 'at least one' });
    throw new DataError('every target is ignored', { op: this.#op, hint: 'the batches hold padding only' });
  }
}
