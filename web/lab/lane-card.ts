/** @file The card of a lane: its name, which is its menu, its loss, how it does, its layers, what it writes. */
import type { LaneConfiguration } from '../../src/lab/configuration.js';
import type { Snapshot } from '../../src/lab/layout.js';
import { button, element, svg } from '../figures/elements.js';
import { write } from './labels.js';
import type { LaneLook } from './looks.js';
import type { RunLane } from './run.js';
import { LayerDrawing } from './stack.js';
import { statusOf } from './status.js';

export interface CardActions {
  onMenu(lane: number): void;
  onLayer(lane: number, layer: number): void;
  onReopen(lane: number): void;
}

export class LaneCard {
  readonly node: HTMLElement;
  readonly #at: number;
  readonly #lane: LaneConfiguration;
  readonly #actions: CardActions;
  readonly #loss = element('b', {}, '–');
  readonly #status = element('span', { class: 'status' }, 'not started');
  readonly #says = element('p', { class: 'says' });
  readonly #place = element('div', { class: 'stack-place' });
  readonly #lost = element('p', { class: 'lost', hidden: true });
  #drawing: LayerDrawing | null = null;
  #written: Snapshot | undefined;

  constructor(at: number, lane: LaneConfiguration, name: string, look: LaneLook, actions: CardActions) {
    this.#at = at;
    this.#lane = lane;
    this.#actions = actions;
    const badge = element('i', { class: 'badge', 'aria-hidden': 'true' }, String(at + 1));
    badge.style.background = `var(--${look.token})`;
    const line = svg('path', { d: 'M0 2H400', 'stroke-dasharray': look.dash.join(' ') });
    line.style.stroke = `var(--${look.token})`;
    const [first, ...rest] = name.split(/(?=, )/);
    const menu = element(
      'button',
      {
        type: 'button',
        class: 'name',
        'aria-haspopup': 'dialog',
        title: 'Rename, copy, change or remove this lane',
      },
      first,
      element('span', { class: 'variant' }, rest.join('')),
      element('i', { 'aria-hidden': 'true' }, ' ▾'),
    );
    menu.addEventListener('click', () => actions.onMenu(at));
    this.node = element(
      'article',
      { class: 'lane', id: `lane-${at + 1}`, 'aria-labelledby': `lane-name-${at + 1}`, tabindex: -1 },
      svg('svg', { class: 'rule', 'aria-hidden': 'true' }, line),
      element('div', { class: 'lane-head' }, badge, element('h3', { id: `lane-name-${at + 1}` }, menu)),
      element('p', { class: 'score' }, this.#loss, ' ', this.#status),
      this.#lost,
      this.#place,
      this.#says,
    );
  }

  /** Shows a step. */
  update(lane: RunLane, step: number, steps: number, token: string): void {
    const { history } = lane;
    if (history && !this.#drawing) {
      const { layout, beginning } = history;
      this.#drawing = new LayerDrawing(beginning.shape, layout, this.#lane.placement, (layer) =>
        this.#actions.onLayer(this.#at, layer),
      );
      this.#place.replaceChildren(this.#drawing.node);
    }
    const shown = Math.min(step, history?.steps ?? 0);
    const row = history?.row(shown);
    const loss = history?.loss(shown);
    write(this.#loss, loss === undefined ? '–' : loss.toFixed(2));
    const { text, isBad } = statusOf(lane, shown, steps, token);
    write(this.#status, text);
    this.#status.classList.toggle('flat', isBad);
    this.#drawing?.update(row, this.#description(lane, row));
    const snapshot = history?.snapshotAt(step);
    const [written] = snapshot?.texts ?? [];
    if (snapshot !== this.#written) {
      this.#written = snapshot;
      this.#says.replaceChildren(
        ...(written
          ? [
              element('span', {}, `writes, step ${snapshot?.step}: `),
              written.text.trim() === '' ? '(nothing)' : written.text,
            ]
          : []),
      );
    }
    this.#lost.hidden = lane.lost === null;
    if (lane.lost !== null && this.#lost.childElementCount === 0) {
      this.#lost.replaceChildren(
        `Lane ${this.#at + 1} stopped at step ${history?.steps ?? 0}. The others go on. `,
        element('small', {}, lane.lost),
        button('Restart lane', ` ${this.#at + 1}`, () => this.#actions.onReopen(this.#at)),
      );
    }
    if (lane.lost === null) this.#lost.replaceChildren();
  }

  mark(layer: number | null): void {
    this.#drawing?.mark(layer);
  }

  #description({ name, history }: RunLane, row: Float64Array | undefined): string {
    if (!history) return `${name}: not started`;
    const { layout, beginning } = history;
    const { layers } = beginning.shape;
    const where = {
      main: 'norms on the main line after every addition',
      other: 'norms as its placement has them',
    };
    const norms = ['post', 'deepnorm', 'admin', 'b2t', 'residual'].includes(this.#lane.placement)
      ? where.main
      : this.#lane.placement === 'pre'
        ? 'a norm on every branch, before the block'
        : where.other;
    if (!row || !Number.isFinite(row[0])) return `${name}: ${layers.length} layers, ${norms}.`;
    const ends = [layers[0].blocks.length - 1, layout.blocks - 1].map((block) =>
      row[layout.gradients + block].toPrecision(2),
    );
    return `${name}: ${norms}. Gradient ${ends[0]} in layer 1, ${ends[1]} in the last.`;
  }
}
