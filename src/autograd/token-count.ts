/** Where a loss reports how many targets it counted: when it is computed, and each time a recorded step is replayed. */
export class TokenCount {
  /** Targets that were not ignored, as the op counted them last; null before. */
  valid: number | null = null;
  /** Losses that report here. With more than one, `valid` is the number of none of them. */
  numLosses = 0;
}
