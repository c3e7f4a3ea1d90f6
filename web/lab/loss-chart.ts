/**
 * @file The loss of all lanes in one chart, with what a model knows that knows nothing, or only how often each letter
 * comes. Its axis of steps is the scrubber.
 */

import type { LaneHistory } from '../../src/lab/history.js';
import { element } from '../figures/elements.js';
import { Chart, type ChartLine } from './chart.js';
import { type Label, Labels, write } from './labels.js';
import type { LaneLook } from './looks.js';
import type { Run } from './run.js';

/** Steps over which a line's mean goes. */
const WINDOW = 9;
/** Beyond this share of the steps the names of lines stand in front of the cursor, not behind it. */
const BEHIND = 0.62;
/** Pixels. */
const NARROW = 480;

export interface Extra {
  /** Lines beside those of the run: a reader's guess, what was recorded. */
  lines(): readonly ChartLine[];
}

export class LossChart {
  readonly chart = new Chart('loss', () => this.#again?.());
  readonly scrub = element('input', { type: 'range', min: 0, value: 0, step: 1, 'aria-label': 'Step shown' });
  /** Lines of others, drawn behind those of the run. */
  extra: Extra | null = null;
  readonly #ends = element('div', { class: 'ends', 'aria-hidden': 'true' });
  readonly #ticks = element('div', { class: 'steps', 'aria-hidden': 'true' });
  readonly #marks = new Labels(this.#ticks);
  readonly #names: { node: HTMLElement; badge: HTMLElement; name: HTMLElement; value: HTMLElement }[] = [];
  #again: (() => void) | null = null;
  readonly #means = new WeakMap<LaneHistory, TrailingMean>();
  readonly #back = element('button', { type: 'button', class: 'back', hidden: true }, 'Back to live');
  readonly #title = element('span', { class: 'ytitle', 'aria-hidden': 'true' });

  constructor(place: HTMLElement, onStep: (step: number | null) => void) {
    this.chart.node.append(this.#title, this.#ends);
    const bar = element('div', { class: 'scrub' }, this.scrub, this.#ticks, this.#back);
    place.append(this.chart.node, bar);
    this.chart.node.setAttribute('role', 'img');
    this.scrub.addEventListener('input', () => onStep(Number(this.scrub.value)));
    this.#back.addEventListener('click', () => onStep(null));
    this.chart.node.addEventListener('pointerdown', (event) => this.#drag(event, onStep));
  }

  /** Dragging over the chart is dragging the scrubber. */
  #drag(event: PointerEvent, onStep: (step: number | null) => void): void {
    if (event.button !== 0 || !this.chart.data || event.defaultPrevented) return;
    const { node } = this.chart;
    const [low, high] = this.chart.data.xRange;
    const go = ({ clientX }: PointerEvent): void => {
      const { left, width } = node.getBoundingClientRect();
      onStep(Math.round(low + Math.min(1, Math.max(0, (clientX - left) / width)) * (high - low)));
    };
    node.setPointerCapture(event.pointerId);
    node.addEventListener('pointermove', go);
    const end = (): void => node.removeEventListener('pointermove', go);
    node.addEventListener('pointerup', end, { once: true });
    node.addEventListener('pointercancel', end, { once: true });
    go(event);
  }

  draw(run: Run, looks: readonly LaneLook[], token: string): void {
    // Where names and levels stand depends on the size.
    this.#again = () => this.draw(run, looks, token);
    const { steps } = run.lab;
    const { step } = run;
    const references = run.lanes.find(({ history }) => history)?.history?.beginning.references;
    const top = references ? references.nothing + 0.9 : 6;
    const bottom = references ? Math.max(0, references.frequencies - 1.6) : 0;
    const lines: ChartLine[] = [];
    let lowest = bottom;
    for (const [at, { history }] of run.lanes.entries()) {
      if (!history) continue;
      const losses = history.series(history.layout.loss);
      const { token: color, dash } = looks[at];
      const mean = this.#meanOf(history).upTo(losses);
      const least = Math.max(0, Math.floor(2 * this.#meanOf(history).least) / 2);
      if (least < lowest) lowest = least;
      lines.push({
        label: run.lanes[at].name,
        token: color,
        width: 1,
        alpha: 0.28,
        values: losses,
        first: 1,
        grows: true,
      });
      lines.push({ label: run.lanes[at].name, token: color, dash, values: mean, first: 1, grows: true });
    }
    write(this.#title, `loss, nats per ${token === 'letter' ? 'character' : 'token'}`);
    this.chart.show({
      xRange: [0, steps],
      yRange: [lowest, top],
      yScale: 'linear',
      lines: [...(this.extra?.lines() ?? []), ...lines],
      levels: references
        ? [
            {
              label: `knows nothing ${references.nothing.toFixed(2)}`,
              value: references.nothing,
              kind: 'reference',
            },
            {
              label: `${token} frequencies ${references.frequencies.toFixed(2)}`,
              value: references.frequencies,
              kind: 'reference',
            },
          ]
        : [],
      cursor: step,
      // Where the names of the lines do not stand.
      ...this.#levelsAt(step / steps),
    });
    this.#drawEnds(run, looks);
    this.#drawAxis(run);
    this.chart.node.setAttribute('aria-label', this.#says(run));
  }

  /** A narrow chart has no room for both at its right. */
  #levelsAt(share: number): { levelsAt?: number } {
    if (share > BEHIND) return { levelsAt: 0.28 };
    return this.chart.size.width < NARROW && share > 0.3 ? { levelsAt: 0.04 } : {};
  }

  #meanOf(history: LaneHistory): TrailingMean {
    const known = this.#means.get(history);
    if (known) return known;
    const made = new TrailingMean(WINDOW);
    this.#means.set(history, made);
    return made;
  }

  /** The names of the lines at the cursor, pushed apart until none covers another. */
  #drawEnds(run: Run, looks: readonly LaneLook[]): void {
    const { height } = this.chart.size;
    const { step } = run;
    const found = run.lanes.flatMap(({ name, history }, at) => {
      const loss = history?.loss(step, WINDOW);
      return loss === undefined ? [] : [{ at, name, loss, y: this.chart.y(loss) * height }];
    });
    found.sort((a, b) => a.y - b.y || a.at - b.at);
    const gap = 17;
    for (let pass = 0; pass < 2; pass++) {
      let least = gap / 2;
      for (const one of found) {
        one.y = Math.max(one.y, least);
        least = one.y + gap;
      }
      let most = height - gap / 2;
      for (const one of found.toReversed()) {
        one.y = Math.min(one.y, most);
        most = one.y - gap;
      }
    }
    const share = this.chart.x(step);
    for (const [at, { name, loss, y, at: lane }] of found.entries()) {
      this.#names[at] ??= this.#nameTag();
      const { node, badge, name: label, value } = this.#names[at];
      write(badge, String(lane + 1));
      write(label, name);
      write(value, loss.toFixed(2));
      badge.style.background = value.style.color = `var(--${looks[lane].token})`;
      node.style.top = `${((100 * y) / height).toFixed(2)}%`;
      node.style.left = share <= BEHIND ? `calc(${(100 * share).toFixed(2)}% + 14px)` : '';
      node.style.right = share <= BEHIND ? '' : `calc(${(100 * (1 - share)).toFixed(2)}% + 14px)`;
    }
    for (const { node } of this.#names.splice(found.length)) node.remove();
  }

  #nameTag(): { node: HTMLElement; badge: HTMLElement; name: HTMLElement; value: HTMLElement } {
    const badge = element('i', { class: 'badge' });
    const name = element('span', { class: 'nm' });
    const value = element('b');
    const node = element('span', { class: 'end' }, badge, name, ' ', value);
    this.#ends.append(node);
    return { node, badge, name, value };
  }

  #drawAxis(run: Run): void {
    const { steps } = run.lab;
    const { step, newest } = run;
    this.scrub.max = String(steps);
    if (Number(this.scrub.value) !== step) this.scrub.value = String(step);
    this.scrub.setAttribute('aria-valuetext', `Step ${step}${run.isLive ? ', the newest' : ` of ${newest}`}`);
    this.scrub.style.setProperty('--done', `${(100 * newest) / steps}%`);
    this.#back.hidden = run.isLive;
    const quarters = [0, 1, 2, 3, 4].map((part) => Math.round((part * steps) / 4));
    const near = (at: number) => Math.abs(at - step) / steps < 0.06;
    this.#marks.show([
      ...[...new Set(quarters)]
        .filter((at) => !near(at))
        .map((at) => tickAt(at, steps, at === steps ? `${steps} steps` : String(at), '')),
      tickAt(step, steps, step === steps ? `${steps} steps` : String(step), 'at'),
    ]);
  }

  #says(run: Run): string {
    const parts = run.lanes.map(({ name, history }) => {
      const loss = history?.loss(run.step, WINDOW);
      return `${name} ${loss === undefined ? 'not started' : loss.toFixed(2)}`;
    });
    return `Training loss, step ${run.step} of ${run.lab.steps}. ${parts.join('. ')}.`;
  }
}

/** The mean of each value and those before it, as the loss of a lane is shown; values only ever come behind. */
class TrailingMean {
  least = Number.POSITIVE_INFINITY;
  readonly #window: number;
  #values = new Float64Array(64);
  #known = 0;
  #sum = 0;

  constructor(window: number) {
    this.#window = window;
  }

  upTo(values: Float64Array): Float64Array {
    if (values.length > this.#values.length) {
      const longer = new Float64Array(2 * values.length);
      longer.set(this.#values.subarray(0, this.#known));
      this.#values = longer;
    }
    for (; this.#known < values.length; this.#known++) {
      const at = this.#known;
      this.#sum += values[at] - (at >= this.#window ? values[at - this.#window] : 0);
      const mean = this.#sum / Math.min(this.#window, at + 1);
      this.#values[at] = mean;
      if (mean < this.least) this.least = mean;
    }
    return this.#values.subarray(0, values.length);
  }
}

function tickAt(at: number, steps: number, text: string, className: string): Label {
  const edge = at === 0 ? ' first' : at === steps ? ' last' : '';
  return { className: `${className}${edge}`, text, style: { left: `${(100 * at) / steps}%` } };
}
