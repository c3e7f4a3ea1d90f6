import { checkValue, optional, positive } from '../checks.js';

/** The divisor of a loss, which may be another one each time a recorded step is replayed. */
export class TokenCount {
  /** Targets that were not ignored, as the op counted them. */
  valid: number | null = null;

  /** @param divisor the divisor; without one it is the number of valid targets. */
  constructor(public divisor?: number) {
    checkValue('TokenCount', 'divisor', divisor, optional(positive));
  }

  /** What a loss over `valid` targets is divided by. */
  divisorFor(valid: number): number {
    return this.divisor ?? valid;
  }

  /** Divisor of a second loss of the same step, whose mean is to weigh as much as this loss's valid share. */
  sibling(): TokenCount {
    const first = this;
    return new (class extends TokenCount {
      override divisorFor(valid: number): number {
        const tokens = first.valid as number;
        return (valid * first.divisorFor(tokens)) / tokens;
      }
    })();
  }
}
