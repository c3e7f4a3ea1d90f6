/** @file The instruments under the lanes: one at a time, chosen by tabs; each has its equation and its numbers. */
import { element } from '../figures/elements.js';
import { type InstrumentName, instrumentWords } from './instrument-words.js';
import type { Panel } from './panel.js';
import { makePanel } from './panels.js';
import type { LabView } from './view.js';

const names = Object.keys(instrumentWords) as InstrumentName[];
/** Between two tables of numbers while it trains. */
const NUMBERS_MS = 1000;

export class Instruments {
  shown: InstrumentName = 'gradients';
  readonly #view: LabView;
  readonly #tabs = element('div', { class: 'tabs', role: 'tablist', 'aria-label': 'Instrument' });
  readonly #place = element('div', { class: 'panel', role: 'tabpanel', id: 'panel', tabindex: 0 });
  readonly #note = element('p', { class: 'note' });
  readonly #equation = element(
    'details',
    { class: 'equation' },
    element('summary', {}, 'Equation'),
    element('div'),
  );
  readonly #numbers = element(
    'details',
    { class: 'numbers' },
    element('summary', {}, 'Numbers'),
    element('div'),
  );
  #panel: Panel | null = null;
  #panelOf: unknown = null;
  #numbersOf: Panel | null = null;
  #numbersAt = 0;

  constructor(place: HTMLElement, view: LabView) {
    this.#view = view;
    for (const name of names) {
      const tab = element(
        'button',
        { type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': 'panel' },
        instrumentWords[name].label,
      );
      tab.addEventListener('click', () => this.choose(name));
      this.#tabs.append(tab);
    }
    this.#tabs.addEventListener('keydown', (event) => this.#onKey(event));
    this.#numbers.addEventListener('toggle', () => this.draw());
    place.append(this.#tabs, this.#place, this.#note, this.#equation, this.#numbers);
    this.choose('gradients', false);
  }

  choose(name: InstrumentName, andDraw = true): void {
    this.shown = name;
    this.#panelOf = null;
    for (const tab of this.#tabs.querySelectorAll<HTMLButtonElement>('button')) {
      const chosen = tab.id === `tab-${name}`;
      tab.setAttribute('aria-selected', String(chosen));
      tab.tabIndex = chosen ? 0 : -1;
    }
    const { note, equation } = instrumentWords[name];
    this.#place.setAttribute('aria-labelledby', `tab-${name}`);
    this.#note.textContent = note;
    (this.#equation.lastElementChild as HTMLElement).replaceChildren(
      ...equation.map((line) => element('p', {}, line)),
    );
    if (andDraw) this.draw();
  }

  /** The next instrument, or the one before. */
  next(by: number): void {
    this.choose(names[(names.indexOf(this.shown) + by + names.length) % names.length]);
  }

  toggleNumbers(): void {
    this.#numbers.open = !this.#numbers.open;
  }

  draw(): void {
    const { run } = this.#view;
    if (!run || run.lanes.every(({ history }) => !history)) {
      this.#place.replaceChildren();
      this.#panelOf = null;
      return;
    }
    const ready = run.lanes.map(({ history }) => history);
    const key = `${this.shown} ${ready.map((history) => (history ? 1 : 0)).join('')}`;
    if (this.#panelOf !== run || this.#panel?.key !== key) {
      this.#panel?.destroy();
      this.#panel = makePanel(this.shown, this.#view, key);
      this.#panelOf = run;
      this.#place.replaceChildren(this.#panel.node);
    }
    this.#panel.draw();
    this.#drawNumbers(run.state === 'running' && run.isLive);
  }

  /** While it trains, once a second: a table that is made anew more often cannot be read, nor selected from. */
  #drawNumbers(isMoving: boolean): void {
    if (!this.#numbers.open || !this.#panel) {
      this.#numbersOf = null;
      return;
    }
    const now = performance.now();
    if (isMoving && this.#numbersOf === this.#panel && now - this.#numbersAt < NUMBERS_MS) return;
    this.#numbersOf = this.#panel;
    this.#numbersAt = now;
    (this.#numbers.lastElementChild as HTMLElement).replaceChildren(this.#panel.table());
  }

  #onKey(event: KeyboardEvent): void {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.next(by);
    document.getElementById(`tab-${this.shown}`)?.focus();
  }
}
