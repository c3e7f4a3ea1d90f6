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
  readonly #size: Size;
  data: HeatData | null = null;

  constructor(onPoint: (step: number, layer: number) => void) {
    const map = element('div', { class: 'map' }, this.canvas);
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
    this.data = data;
    const { rows, known, step, names, steps } = data;
    this.#rows.replaceChildren(...names.toReversed().map((name) => element('span', {}, name)));
    const ticks = [1, 10, 100, 1000, 10_000].filter((tick) => tick <= steps);
    this.#ticks.replaceChildren(
      ...ticks.map((tick) => {
        const made = element('span', {}, String(tick));
        made.style.left = `${100 * this.x(tick)}%`;
        return made;
      }),
    );
    const { width, height } = this.#size;
    if (width === 0) return;
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const context = this.canvas.getContext('2d');
    if (!context) return;
    const tokens = tokensNow();
    const high = this.canvas.height / rows.length;
    for (let column = 0; column < this.canvas.width; column++) {
      const at = Math.max(1, this.stepAt((column + 0.5) / this.canvas.width));
      if (at > known) break;
      for (const [layer, values] of rows.entries()) {
        const stop = normStop(values[at - 1]);
        if (stop === undefined) continue;
        context.fillStyle = tokens[`g${stop}`];
        const top = this.canvas.height - (layer + 1) * high;
        context.fillRect(column, top, 1, Math.max(1, high - ratio));
      }
    }
    if (step >= 1) {
      context.fillStyle = tokens.text;
      const middle = (this.x(step) + this.x(step + 1)) / 2;
      context.fillRect(
        Math.min(this.canvas.width - ratio, Math.round(middle * this.canvas.width)),
        0,
        ratio,
        this.canvas.height,
      );
    }
  }
}
