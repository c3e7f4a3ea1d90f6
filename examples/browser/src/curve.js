/** The losses of a run: each step's, smoothed, and on the text that is held out. */

/** The smoothed line is an average over the last few steps: few while it falls steeply, this many later on. */
const SMOOTHED_OVER = 30;

export class Curve {
  steps = [];
  losses = [];
  smoothed = [];
  held = [];
  #average = 0;

  /** @param points [step, loss] on the text that is held out, of steps that are among these */
  static from(losses, points = []) {
    const curve = new Curve();
    const held = new Map(points);
    for (const [i, loss] of losses.entries()) {
      curve.add({ step: i + 1, loss, validNll: held.get(i + 1) });
    }
    return curve;
  }

  add({ step, loss, validNll }) {
    this.#average += (loss - this.#average) / Math.min(SMOOTHED_OVER, 1 + this.length / 8);
    this.steps.push(step);
    this.losses.push(loss);
    this.smoothed.push(this.#average);
    this.held.push(validNll ?? null);
  }

  get length() {
    return this.steps.length;
  }

  /** [step, loss] of all points on the text that is held out. */
  heldPoints() {
    return this.steps.flatMap((step, i) => (this.held[i] === null ? [] : [[step, this.held[i]]]));
  }

  /** The newest of these at index `i` or before; null when there is none. */
  heldAt(i) {
    for (let at = i; at >= 0; at--) if (this.held[at] !== null) return this.held[at];
    return null;
  }

  /** Every step, for other programs. */
  csv() {
    const lines = this.steps.map((step, i) =>
      [step, this.losses[i], this.smoothed[i], this.held[i] ?? ''].join(','),
    );
    return ['step,loss,smoothed,unseen_text', ...lines, ''].join('\n');
  }
}
