/**
 * @file Layers by steps on a canvas, each field filled by a number's place on the fixed scale of the Lab; steps go by
 * their logarithm, because most happens within the first fifteen. Beside it the layers at one step, and theory.
 */
import { element } from '../figures/elements.js';
import { Size, tokens as tokensNow } from './measures.js';
import { normStop } from './stack.js';

export interface HeatData {
  /** Values by layer, from the lowest, then by step, from step 1. */
  rows: readonly Float64Array[];
  /** Steps of the whole run, and those that are there. */
  steps: number;
  known: number;
  step: number;
  /** Layer numbers, from the lowest. */
  names: readonly string[];
  layer: number;
}

export class HeatMap {
  readonly node: HTMLElement;
  readonly canvas = element('canvas', { 'aria-hidden': 'true' });
  readonly #rows = element('div', { class: 'rows', 'aria-hidden': 'true' });
  readonly #ticks = element('div', { class: 'xs', 'aria-hidden': 'true' });
  readonly #cursor = element('i', { class: 'cursor', hidden: true });
  readonly #size: Size;
  /** What the columns painted so far were painted for, and the first that is not there yet. */
  #painted: { tokens: unknown; width: number; height: number; steps: number } | null = null;
  #column = 0;
  data: HeatData | null = null;

  constructor(onPoint: (step: number, layer: number) => void) {
    const map = element('div', { class: 'map' }, this.canvas, this.#cursor);
    this.node = element('div', { class: 'heat' }, this.#rows, map, this.#ticks);
    this.#size = new Size(map, () => this.data && this.show(this.data));
    map.addEventListener('click', ({ clientX, clientY }) => {
      if (!this.data) return;
      const { left, top, width, height } = map.getBoundingClientRect();
      const { rows, known } = this.data;
      const step = Math.min(known, Math.max(1, Math.round(this.stepAt((clientX - left) / width))));
      const layer = Math.min(rows.length - 1, Math.floor((1 - (clientY - top) / height) * rows.length));
      onPoint(step, Math.max(0, layer));
    });
  }

  stop(): void {
    this.#size.stop();
  }

  /** Where a step begins, as a share of the width. */
  x(step: number): number {
    const steps = this.data?.steps ?? 1;
    return Math.log(step) / Math.log(steps + 1);
  }

  stepAt(share: number): number {
    const steps = this.data?.steps ?? 1;
    return Math.floor(Math.exp(share * Math.log(steps + 1)));
  }

  show(data: HeatData): void {
    const { steps: before, names: namesBefore = [] } = this.data ?? {};
    this.data = data;
    const { step, names, steps } = data;
    if (names.join() !== namesBefore.join())
      this.#rows.replaceChildren(...names.toReversed().map((name) => element('span', {}, name)));
    if (steps !== before) {
      const ticks = [1, 10, 100, 1000, 10_000].filter((tick) => tick <= steps);
      this.#ticks.replaceChildren(
        ...ticks.map((tick) => {
          const made = element('span', {}, String(tick));
          made.style.left = `${100 * this.x(tick)}%`;
          return made;
        }),
      );
    }
    this.#cursor.hidden = step < 1;
    const left = `${(50 * (this.x(Math.max(1, step)) + this.x(Math.max(1, step) + 1))).toFixed(2)}%`;
    if (this.#cursor.style.left !== left) this.#cursor.style.left = left;
    this.#paint(data);
  }

  /** A column is as it is for good once its step is known: only those that are new are painted. */
  #paint({ rows, known, steps }: HeatData): void {
    if (this.#size.width === 0) return;
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    const [width, height] = [Math.round(this.#size.width * ratio), Math.round(this.#size.height * ratio)];
    const { canvas } = this;
    const context = canvas.getContext('2d');
    if (!context) return;
    const tokens = tokensNow();
    const { tokens: t, width: w, height: h, steps: s } = this.#painted ?? {};
    if (t !== tokens || w !== width || h !== height || s !== steps) {
      [canvas.width, canvas.height] = [width, height];
      this.#painted = { tokens, width, height, steps };
      this.#column = 0;
    }
    const high = height / rows.length;
    for (; this.#column < width; this.#column++) {
      const at = Math.max(1, this.stepAt((this.#column + 0.5) / width));
      if (at > known) break;
      for (const [layer, values] of rows.entries()) {
        const stop = normStop(values[at - 1]);
        if (stop === undefined) continue;
        context.fillStyle = tokens[`g${stop}`];
        context.fillRect(this.#column, height - (layer + 1) * high, 1, Math.max(1, high - ratio));
      }
    }
  }
}
