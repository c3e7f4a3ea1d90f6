/** A divisor that may be another one each time a recorded step is replayed. */
export class TokenCount {
  /** Targets that were not ignored, as the op counted them. */
  valid: number | null = null;

  /** @param divisor the divisor; without one it is the number of valid targets. */
  constructor(public divisor?: number) {}
}
