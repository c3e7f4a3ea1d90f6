/** @file Reading a plot: the cursor stands on values, led by the pointer or by keys; zoom by keys. */
import type uPlot from 'uplot';
import type { FigureData, Stage } from './drawing.js';
import { element } from './elements.js';
import type { Legend } from './legend.js';
import type { LineData } from './line-data.js';
import type { Look } from './look.js';
import { sample } from './marks.js';
import { isNumber, show } from './numbers.js';
import type { Tokens } from './theme.js';

/** More lines than these, and the tooltip names those nearest to the pointer. */
const MOST_TOLD = 5;

/** What is read. */
export interface Plotted {
  readonly figure: FigureData;
  readonly data: LineData;
  readonly looks: readonly Look[];
  readonly plot: uPlot | undefined;
  readonly hidden: ReadonlySet<number>;
  readonly whole: readonly [number, number];
  readonly host: HTMLElement;
  readonly legend: Legend;
  readonly stage: Stage;
  highlight(series: number | null): void;
  reset(): void;
}

export class LineCursor {
  readonly #lines: Plotted;
  /** Series that the keys read; -1 for all. */
  #current = -1;
  /** Colour behind the lines. */
  #ground = '';

  constructor(lines: Plotted) {
    this.#lines = lines;
    lines.host.addEventListener('keydown', (event) => this.#steer(event));
    lines.host.addEventListener('blur', () => this.#leave());
  }

  options(tokens: Tokens): uPlot.Cursor {
    this.#ground = tokens.surface;
    return {
      y: false,
      drag: { x: true, y: false, dist: 6 },
      // On the lines, not on what lies behind them.
      points: {
        size: (_, column) => (this.#isFront(column) ? 9 : 0),
        width: (_, column) => (this.#isFront(column) ? 2 : 0),
        fill: tokens.surface,
      },
      // The cursor stands on values, never between them.
      move: (plot, left, top) => {
        const { xs } = this.#lines.data;
        if (left < 0 || xs.length === 0) return [left, top];
        return [plot.valToPos(xs[plot.posToIdx(left)] ?? xs[0], 'x'), top];
      },
    };
  }

  #isFront(column: number): boolean {
    return this.#lines.data.front.includes(column);
  }

  /** Legend and tooltip tell what stands under the cursor. */
  follow(): void {
    const { plot, data, figure, looks, hidden, legend, stage } = this.#lines;
    const { idx, left = -1, top = -1 } = plot?.cursor ?? {};
    const at = left >= 0 && typeof idx === 'number' ? idx : undefined;
    const x = at === undefined ? undefined : data.xs[at];
    legend.read(
      x,
      figure.series.map((_, series) =>
        at === undefined ? undefined : data.columns[data.front[series] - 1][at],
      ),
    );
    if (!plot || at === undefined) {
      stage.tooltip.hide();
      return;
    }
    const told = figure.series.flatMap(({ label }, series) => {
      const value = data.columns[data.front[series] - 1][at];
      if (hidden.has(series) || !isNumber(value)) return [];
      return [{ series, label, value, distance: Math.abs(plot.valToPos(value, 'y') - top) }];
    });
    const nearest = told.toSorted((a, b) => a.distance - b.distance).slice(0, MOST_TOLD);
    const chosen = told.filter((one) => nearest.includes(one)).sort((a, b) => b.value - a.value);
    if (chosen.length === 0) {
      stage.tooltip.hide();
      return;
    }
    const over = plot.over.getBoundingClientRect();
    const place = stage.place.getBoundingClientRect();
    const lines = chosen.map(({ series, label, value }) => {
      const look = data.windows[series] > 1 ? { ...looks[series], shape: undefined } : looks[series];
      return element('span', {}, sample(look, this.#ground), `${label} `, element('b', {}, show(value)));
    });
    stage.tooltip.show(over.left - place.left + left, over.top - place.top + top, [
      `${figure.xLabel} ${show(x)}`,
      ...lines,
    ]);
  }

  #steer(event: KeyboardEvent): void {
    const { plot, data, stage } = this.#lines;
    const { xs } = data;
    if (!plot || xs.length === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const { min, max } = plot.scales.x;
    const from = Math.max(
      0,
      xs.findIndex((x) => x >= (min ?? x)),
    );
    const to = Math.max(
      from,
      xs.findLastIndex((x) => x <= (max ?? x)),
    );
    const started = (plot.cursor.left ?? -1) >= 0 && typeof plot.cursor.idx === 'number';
    const here = started ? (plot.cursor.idx as number) : from;
    const step = event.shiftKey ? 10 : 1;
    let at = here;
    switch (event.key) {
      case 'ArrowRight':
        at = started ? here + step : from;
        break;
      case 'ArrowLeft':
        at = started ? here - step : to;
        break;
      case 'Home':
        at = from;
        break;
      case 'End':
        at = to;
        break;
      case 'ArrowDown':
      case 'ArrowUp':
        this.#next(event.key === 'ArrowDown' ? 1 : -1);
        break;
      case '+':
      case '=':
      case '-':
        event.preventDefault();
        this.#zoom(xs[here], event.key === '-' ? 2 : 0.5);
        return;
      case 'Escape':
        this.#leave();
        return;
      case '0':
        this.#lines.reset();
        return;
      default:
        return;
    }
    event.preventDefault();
    at = Math.min(to, Math.max(from, at));
    plot.setCursor({ left: plot.valToPos(xs[at], 'x'), top: this.#height(plot, at) });
    stage.say(this.#spoken(at));
  }

  /** Where the line that is read stands, for the tooltip. */
  #height(plot: uPlot, at: number): number {
    const { data } = this.#lines;
    const value = this.#current < 0 ? undefined : data.columns[data.front[this.#current] - 1][at];
    return isNumber(value) ? plot.valToPos(value, 'y') : plot.over.clientHeight / 2;
  }

  /** Half or twice the width, about the value that is read. */
  #zoom(middle: number, by: number): void {
    const { plot, figure, whole } = this.#lines;
    const { min, max } = plot?.scales.x ?? {};
    if (!plot || min == null || max == null) return;
    const isLog = figure.xScale === 'log';
    const place = isLog ? Math.log : (x: number) => x;
    const value = isLog ? Math.exp : (x: number) => x;
    const around = (end: number) => value(place(middle) + (place(end) - place(middle)) * by);
    const [low, high] = [Math.max(whole[0], around(min)), Math.min(whole[1], around(max))];
    if (high > low) plot.setScale('x', { min: low, max: high });
  }

  /** The next visible series, or all of them after the last. */
  #next(by: number): void {
    const { figure, hidden } = this.#lines;
    const stops = [-1, ...figure.series.keys()].filter((at) => !hidden.has(at));
    this.#read(stops[(stops.indexOf(this.#current) + by + stops.length) % stops.length] ?? -1);
  }

  #read(series: number): void {
    this.#current = series;
    this.#lines.legend.mark(series);
    this.#lines.highlight(series < 0 ? null : series);
  }

  #spoken(at: number): string {
    const { figure, data, hidden } = this.#lines;
    const values = figure.series.flatMap(({ label }, series) => {
      const value = data.columns[data.front[series] - 1][at];
      if (hidden.has(series) || (this.#current >= 0 && this.#current !== series) || !isNumber(value))
        return [];
      return [`${label} ${show(value)}`];
    });
    return `${figure.xLabel} ${show(data.xs[at])}: ${values.join('; ') || 'no value'}`;
  }

  #leave(): void {
    this.#lines.plot?.setCursor({ left: -10, top: -10 });
    if (this.#current >= 0) this.#read(-1);
  }
}
