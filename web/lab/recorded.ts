/** @file Recorded figures beside the live run: a list to choose from, and the figure of the run that is open. */
import { isLocked, type LockName } from '../../src/lab/configuration.js';
import { decodeLab } from '../../src/lab/link.js';
import { button, element } from '../figures/elements.js';
import type { FigureData } from '../figures/index.js';
import { niceStep, tick } from '../figures/numbers.js';
import { Chart, type ChartData, type ChartLine } from './chart.js';
import { command, recorded } from './generated/recorded.js';
import { numbersTable } from './panel.js';
import { type Preset, presetOf, presets } from './presets.js';
import type { LabView } from './view.js';

/** What a preset changes. */
const CHANGED: readonly LockName[] = ['all', 'lanes', 'task', 'steps'];
const DASHES = [[], [9, 3], [2.5, 2.5], [8, 3, 2, 3], [14, 4], [5, 2], [6, 2, 2, 2, 2, 2]];
/** Recorded lines are grey: colours are those of lanes that train. */
const GREYS = ['text', 'quiet', 'edge'];

export class RecordedFigures {
  readonly #view: LabView;
  readonly #card = element('section', { class: 'card recorded', 'aria-labelledby': 'recorded-title' });
  readonly #dialog = element('dialog', { class: 'presets', 'aria-labelledby': 'presets-title' });
  #open: Preset | null = null;
  #chart: Chart | null = null;

  /** @param place takes the card; it stands beside the chart of the live run */
  constructor(place: HTMLElement, opener: HTMLButtonElement, view: LabView) {
    this.#view = view;
    this.#card.hidden = true;
    place.after(this.#card);
    document.body.append(this.#dialog);
    opener.addEventListener('click', () => this.#choose());
  }

  /** The figure that stands on the page. */
  get shown(): FigureData | null {
    return this.#open && recorded[this.#open.figure];
  }

  /** Shows the figure of the configuration that is open, if it is one of the list. */
  draw(): void {
    const preset = presetOf(this.#view.lab);
    if (preset === this.#open) {
      this.#chart?.refresh();
      return;
    }
    this.#open = preset;
    this.#chart?.destroy();
    this.#chart = null;
    this.#card.hidden = preset === null;
    if (!preset) return;
    const figure = recorded[preset.figure];
    this.#chart = new Chart('recordedlines');
    const { node } = this.#chart;
    node.setAttribute('role', 'img');
    node.setAttribute('aria-label', `${figure.title}. Its numbers are in the table below.`);
    this.#card.replaceChildren(
      element('h2', { id: 'recorded-title' }, 'Recorded, not live'),
      element('p', {}, element('b', {}, figure.title), ` ${figure.yLabel} by ${figure.xLabel}.`),
      node,
      legend(figure),
      element('p', {}, preset.look),
      element('p', { class: 'quiet' }, `${preset.differs} Recorded by “${command}”.`),
      element('details', {}, element('summary', {}, 'Numbers'), numbers(figure)),
    );
    this.#chart.show(chartOf(figure));
    node.append(...lettersOf(figure, this.#chart));
  }

  #choose(): void {
    const { lab } = this.#view;
    const may = !CHANGED.some((lock) => isLocked(lab, lock));
    this.#dialog.replaceChildren(
      element('h2', { id: 'presets-title' }, 'Figures of the papers'),
      element(
        'p',
        {},
        may
          ? 'Each opens the recorded figure and, beside it, a run of the same comparison that trains here.'
          : 'The maker of this link has locked what it trains, so its figures cannot be opened here.',
      ),
      element(
        'ul',
        {},
        ...presets.map((preset) => {
          const open = button(preset.name, '', () => {
            this.#dialog.close();
            this.#view.change(decodeLab(preset.link));
          });
          open.disabled = !may;
          return element('li', {}, open, element('p', { class: 'quiet' }, preset.look));
        }),
      ),
      button('Close', ' the list', () => this.#dialog.close()),
    );
    this.#dialog.showModal();
  }
}

function chartOf({ series, levels, yScale }: FigureData): ChartData {
  const xs = series.flatMap(({ x }) => x);
  const ys = [
    ...series.flatMap(({ y }) => y.filter((value) => value !== null)),
    ...(levels ?? []).map(({ y }) => y),
  ] as number[];
  const [low, high] = [Math.min(...ys), Math.max(...ys)];
  const room = (high - low) / 20;
  const xRange: [number, number] = [Math.min(...xs), Math.max(...xs)];
  const every = niceStep((xRange[1] - xRange[0]) / 6);
  const ticks = [];
  for (let at = Math.ceil(xRange[0] / every) * every; at <= xRange[1]; at += every)
    ticks.push({ at, text: tick(at) });
  return {
    xRange,
    yRange: yScale === 'log' ? [low / 1.1, high * 1.1] : [low - room, high + room],
    yScale,
    lines: series.map(lineOf),
    levels: (levels ?? []).map(({ label, y }) => ({ label, value: y, kind: 'reference' })),
    cursor: null,
    xTicks: ticks,
  };
}

function lineOf({ label, x, y }: FigureData['series'][number], at: number): ChartLine {
  const values = Float64Array.from(y, (value) => value ?? Number.NaN);
  return { label, ...lookOf(at), width: 1.75, values, first: 0, places: x };
}

function lookOf(at: number): { token: string; dash: readonly number[] } {
  return { token: GREYS[at % GREYS.length], dash: DASHES[at % DASHES.length] };
}

function letter(at: number): string {
  return String.fromCharCode(97 + at);
}

/** A letter at the end of each line, in two columns where ends lie together. */
function lettersOf({ series }: FigureData, chart: Chart): HTMLElement[] {
  return series.flatMap(({ x, y }, at) => {
    const last = y.findLastIndex((value) => value !== null);
    if (last < 0) return [];
    // Not all at the very end: every other letter stands a little before it.
    const place = Math.max(0, last - Math.round(((at % 3) * y.length) / 9));
    const made = element('span', { class: 'letter', 'aria-hidden': 'true' }, letter(at));
    made.style.left = `${100 * chart.x(x[place])}%`;
    made.style.top = `${100 * chart.y(y[place] ?? (y[last] as number))}%`;
    return [made];
  });
}

function legend({ series }: FigureData): HTMLElement {
  return element(
    'ol',
    { class: 'letters' },
    ...series.map(({ label }, at) => element('li', {}, element('b', {}, letter(at)), ` ${label}`)),
  );
}

function numbers({ series, xLabel }: FigureData): HTMLElement {
  const [{ x }] = series;
  const rows = x.map((at) => [
    String(at),
    ...series.map((one) => {
      const place = one.x.indexOf(at);
      return place < 0 || one.y[place] === null ? '' : String(one.y[place]);
    }),
  ]);
  return numbersTable([xLabel, ...series.map((_, at) => letter(at))], rows);
}
