/** @file The legend of lines: what each line is, its value under the cursor, and a button that hides it. */
import type { FigureData } from './drawing.js';
import { element } from './elements.js';
import { LEVEL_DASH } from './line-paint.js';
import type { Look } from './look.js';
import { sample } from './marks.js';
import { show, type Value } from './numbers.js';

export interface LegendEvents {
  /** Hides or shows a line; says whether it is shown now. */
  onToggle(series: number): boolean;
  /** The pointer or the focus is on a line's entry; null when it left. */
  onPoint(series: number | null): void;
}

interface Entry {
  button: HTMLButtonElement;
  swatch: HTMLElement;
  note: HTMLElement;
  value: HTMLElement;
}

export class Legend {
  readonly node: HTMLElement;
  readonly #entries: Entry[];
  readonly #at = element('span', { class: 'at number' });
  readonly #head: HTMLElement;
  readonly #levels: HTMLElement[] = [];

  constructor({ series, levels = [], xLabel, title }: FigureData, { onToggle, onPoint }: LegendEvents) {
    const list = element('ul', { 'aria-label': `Lines of ${title}` });
    this.#entries = series.map(({ label }, at) => {
      const swatch = element('span', { class: 'swatch' });
      const note = element('span', { class: 'quiet' });
      const value = element('span', { class: 'value-at number' });
      const name = element('span', { class: 'name' }, label, note);
      const button = element('button', { type: 'button', 'aria-pressed': 'true' }, swatch, name, value);
      button.addEventListener('click', () => this.press(at, onToggle(at)));
      for (const type of ['mouseenter', 'focus']) button.addEventListener(type, () => onPoint(at));
      for (const type of ['mouseleave', 'blur']) button.addEventListener(type, () => onPoint(null));
      list.append(element('li', {}, button));
      return { button, swatch, note, value };
    });
    for (const { label, y } of levels) {
      const swatch = element('span', { class: 'swatch' });
      this.#levels.push(swatch);
      const name = element('span', { class: 'name' }, label);
      list.append(
        element('li', { class: 'level' }, swatch, name, element('span', { class: 'number' }, show(y))),
      );
    }
    this.#head = element('p', { class: 'legend-head idle' }, element('span', {}, xLabel), this.#at);
    this.node = element('div', { class: 'legend' }, this.#head, list);
  }

  /** Says of a line whether it is shown. */
  press(series: number, isShown: boolean): void {
    this.#entries[series].button.setAttribute('aria-pressed', String(isShown));
  }

  /** Swatches in the present colours; a smoothed line says over how many values. */
  paint(looks: readonly Look[], ground: string, windows: readonly number[]): void {
    for (const [at, { swatch, note }] of this.#entries.entries()) {
      swatch.replaceChildren(
        sample(windows[at] > 1 ? { ...looks[at], shape: undefined } : looks[at], ground),
      );
      note.textContent = windows[at] > 1 ? ` mean of ${windows[at]}` : '';
    }
    const level: Look = {
      color: 'currentColor',
      dash: LEVEL_DASH,
      shape: undefined,
      hollow: false,
      width: 1,
    };
    for (const swatch of this.#levels) swatch.replaceChildren(sample(level, ground));
  }

  /** The values under the cursor; without `x` there are none. */
  read(x: number | undefined, values: readonly Value[]): void {
    this.#head.classList.toggle('idle', x === undefined);
    this.#at.textContent = x === undefined ? '' : show(x);
    for (const [at, { value }] of this.#entries.entries()) {
      value.textContent = x === undefined ? '' : show(values[at]);
    }
  }

  /** Marks the line that the keys read; -1 for none. */
  mark(series: number): void {
    for (const [at, { button }] of this.#entries.entries()) button.classList.toggle('current', at === series);
  }
}
