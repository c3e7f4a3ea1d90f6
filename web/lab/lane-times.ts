/** @file When each step of a lane was heard of, and what that says of its speed. */

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
    while (from < this.#steps && this.#seconds[from + 1] === this.#seconds[from]) from++;
    const passed = now - this.#seconds[from];
    return passed < 0.2 ? null : (this.#steps - from) / passed;
  }

  /** Steps a second at each step, from step 1 on; NaN where nothing was measured. */
  perStep(): Float64Array {
    const found = new Float64Array(Math.max(0, this.#steps)).fill(Number.NaN);
    let from = 0;
    while (from < this.#steps && this.#seconds[from + 1] === this.#seconds[from]) from++;
    while (from < this.#steps) {
      let to = from + 1;
      while (to < this.#steps && this.#seconds[to + 1] === this.#seconds[to]) to++;
      found.fill((to - from) / Math.max(1e-3, this.#seconds[to] - this.#seconds[from]), from, to);
      from = to;
    }
    return found;
  }
}
