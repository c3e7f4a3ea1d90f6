/** @file When each step of a lane was heard of, and what that says of its speed. */

/** Seconds over which the speed of a step is measured, at least. */
const SPAN = 0.5;

export class LaneTimes {
  /** Seconds since the run began, by step from 0 on. Steps that came together have one time. */
  #seconds = new Float64Array(64);
  #steps = -1;

  /** Steps up to this are there now. */
  note(step: number, seconds: number): void {
    if (step <= this.#steps) return;
    if (step >= this.#seconds.length) {
      const longer = new Float64Array(2 * (step + 1));
      longer.set(this.#seconds);
      this.#seconds = longer;
    }
    this.#seconds.fill(seconds, this.#steps + 1, step + 1);
    this.#steps = step;
  }

  /** Steps a second over the last so many seconds; null before there is a measure. */
  speed(window: number): number | null {
    if (this.#steps < 1) return null;
    const now = this.#seconds[this.#steps];
    let from = this.#steps;
    while (from > 0 && this.#seconds[from - 1] > now - window) from--;
    // What came with the first of them came before its time.
    from = this.#lastOf(from);
    const passed = now - this.#seconds[from];
    return passed < 0.2 ? null : (this.#steps - from) / passed;
  }

  /**
   * Steps a second at each step, from step 1 on, over half a second at least: a busy page hears of several at once. NaN
   * where nothing was measured.
   */
  perStep(): Float64Array {
    const found = new Float64Array(Math.max(0, this.#steps)).fill(Number.NaN);
    const seconds = this.#seconds;
    let from = this.#lastOf(0);
    while (from < this.#steps) {
      let to = this.#lastOf(from + 1);
      while (to < this.#steps && seconds[to] - seconds[from] < SPAN) to = this.#lastOf(to + 1);
      const passed = seconds[to] - seconds[from];
      // What has just come may be too short to be measured.
      const speed = passed < SPAN / 4 && from > 0 ? found[from - 1] : (to - from) / Math.max(1e-3, passed);
      found.fill(speed, from, to);
      from = to;
    }
    return found;
  }

  /** The last step that came together with one. */
  #lastOf(step: number): number {
    let last = step;
    while (last < this.#steps && this.#seconds[last + 1] === this.#seconds[last]) last++;
    return last;
  }
}
