/**
 * @file The line that a reader draws into the chart before the lanes train: with the pointer over the chart, or by
 * five numbers. It is a loss for each step.
 */
import type { ChartLine } from './chart.js';
import type { LossChart } from './loss-chart.js';

/** Losses that five numbers stand for lie at these shares of the steps. */
export const MARKS = [0, 0.25, 0.5, 0.75, 1];

export class Guess {
  /** One loss for each step from 0 on; NaN where nothing is drawn. */
  values = new Float64Array(0);
  /** Whether the pointer draws. */
  isOn = false;
  readonly #chart: LossChart;
  readonly #changed: () => void;
  #last: { step: number; loss: number } | null = null;

  constructor(chart: LossChart, changed: () => void) {
    this.#chart = chart;
    this.#changed = changed;
    const { node } = chart.chart;
    // Before the chart's own, for which dragging is scrubbing.
    node.addEventListener('pointerdown', (event) => this.#begin(event), { capture: true });
    node.addEventListener('pointermove', (event) => this.#go(event));
    for (const name of ['pointerup', 'pointercancel']) node.addEventListener(name, () => this.#end());
    chart.extra = { lines: () => this.lines() };
  }

  /** Makes room for a run of this length; what was drawn for another is gone. */
  fit(steps: number): void {
    if (this.values.length !== steps + 1) this.values = new Float64Array(steps + 1).fill(Number.NaN);
  }

  erase(): void {
    this.values.fill(Number.NaN);
    this.#changed();
  }

  /** Whether it goes from near the first step to near the last. */
  get isWhole(): boolean {
    const { values } = this;
    const near = Math.ceil(values.length / 10);
    const some = (part: Float64Array) => part.some((value) => !Number.isNaN(value));
    return values.length > 0 && some(values.subarray(0, near)) && some(values.subarray(-near));
  }

  /** The loss drawn for a step, or for the nearest step before it; null where there is none. */
  at(step: number): number | null {
    for (let at = Math.min(step, this.values.length - 1); at >= 0; at--)
      if (!Number.isNaN(this.values[at])) return this.values[at];
    return null;
  }

  /** Sets the line by a loss at each of the marks. */
  setMarks(losses: readonly number[]): void {
    const last = this.values.length - 1;
    for (let piece = 1; piece < MARKS.length; piece++) {
      const from = Math.round(MARKS[piece - 1] * last);
      const to = Math.round(MARKS[piece] * last);
      this.#draw({ step: from, loss: losses[piece - 1] }, { step: to, loss: losses[piece] });
    }
    this.#changed();
  }

  lines(): ChartLine[] {
    if (!this.values.some((value) => !Number.isNaN(value))) return [];
    const line = { label: 'your line', token: 'quiet', values: this.values, first: 0 };
    return [
      { ...line, width: 7, alpha: 0.3 },
      { ...line, width: 1.5 },
    ];
  }

  #begin(event: PointerEvent): void {
    if (!this.isOn || event.button !== 0 || !this.#chart.chart.data) return;
    event.preventDefault();
    event.stopPropagation();
    this.#chart.chart.node.setPointerCapture(event.pointerId);
    this.#last = this.#place(event);
    this.#draw(this.#last, this.#last);
    this.#changed();
  }

  #go(event: PointerEvent): void {
    if (!this.#last) return;
    const next = this.#place(event);
    this.#draw(this.#last, next);
    this.#last = next;
    this.#changed();
  }

  #end(): void {
    this.#last = null;
  }

  #place({ clientX, clientY }: PointerEvent): { step: number; loss: number } {
    const { chart } = this.#chart;
    const { left, top, width, height } = chart.node.getBoundingClientRect();
    const [lowX, highX] = chart.data?.xRange ?? [0, 1];
    const [lowY, highY] = chart.data?.yRange ?? [0, 1];
    const share = (value: number) => Math.min(1, Math.max(0, value));
    return {
      step: Math.round(lowX + share((clientX - left) / width) * (highX - lowX)),
      loss: highY - share((clientY - top) / height) * (highY - lowY),
    };
  }

  /** Steps that a fast pointer jumped over lie on the straight between. */
  #draw(from: { step: number; loss: number }, to: { step: number; loss: number }): void {
    const [low, high] = from.step <= to.step ? [from, to] : [to, from];
    for (let step = low.step; step <= high.step; step++) {
      const share = high.step === low.step ? 1 : (step - low.step) / (high.step - low.step);
      this.values[step] = low.loss + share * (high.loss - low.loss);
    }
    this.values[to.step] = to.loss;
  }
}
