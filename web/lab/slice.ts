/** @file One number of each layer at a step: filled now, hollow at the beginning, dashed what theory says. */
import { element, svg } from '../figures/elements.js';
import { type Label, Labels } from './labels.js';
import { brief, set } from './stack.js';

export interface SliceData {
  token: string;
  /** By layer, from the lowest. */
  now: readonly number[];
  first: readonly number[];
  /** Lines of theory, each by layer. */
  theory: readonly (readonly number[])[];
  range: readonly [number, number];
  /** Layers, from the lowest, where no map beside it names them. */
  names?: readonly string[];
  scale: 'log' | 'linear';
}

export class Slice {
  readonly node: HTMLElement;
  readonly #grid = svg('path', { class: 'grid' });
  readonly #line = svg('path', { class: 'nowline' });
  readonly #plot = svg(
    'svg',
    { viewBox: '0 0 100 100', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    this.#grid,
    this.#line,
  );
  readonly #theory: SVGPathElement[] = [];
  #token = '';
  readonly #dots = element('div', { 'aria-hidden': 'true' });
  readonly #ticks = element('div', { class: 'xs', 'aria-hidden': 'true' });
  readonly #rows = element('div', { class: 'rows', 'aria-hidden': 'true' });
  readonly #written = {
    dots: new Labels(this.#dots, 'i'),
    ticks: new Labels(this.#ticks),
    rows: new Labels(this.#rows),
  };

  constructor() {
    this.node = element(
      'div',
      { class: 'slicebox' },
      this.#rows,
      element('div', { class: 'slice' }, this.#plot, this.#dots),
      this.#ticks,
    );
  }

  show({ token, now, first, theory, range: [low, high], scale, names }: SliceData): void {
    this.#rows.hidden = names === undefined;
    this.#written.rows.show((names ?? []).toReversed().map((text) => ({ className: '', text, style: {} })));
    const place = scale === 'log' ? Math.log : (value: number) => value;
    const x = (value: number): number => {
      const share = (place(value) - place(low)) / (place(high) - place(low));
      return 100 * Math.min(1, Math.max(0, share));
    };
    const count = now.length;
    const y = (layer: number): number => 100 * (1 - (layer + 0.5) / count);
    const path = (values: readonly number[]): string => {
      let d = '';
      for (const [layer, value] of values.entries()) {
        if (Number.isFinite(value)) d += `${d === '' ? 'M' : 'L'}${x(value)} ${y(layer)}`;
      }
      return d;
    };
    const ticks = ticksOf(low, high, scale);
    set(this.#grid, 'd', ticks.map((tick) => `M${x(tick)} 0V100`).join(''));
    set(this.#line, 'd', path(now));
    if (token !== this.#token) this.#line.style.stroke = `var(--${token})`;
    this.#token = token;
    for (const [at, values] of theory.entries()) {
      if (!this.#theory[at]) {
        this.#theory[at] = svg('path', { class: 'theory' });
        this.#line.before(this.#theory[at]);
      }
      set(this.#theory[at], 'd', path(values));
    }
    for (const path of this.#theory.splice(theory.length)) path.remove();
    const dot = (className: string, value: number, layer: number): Label[] => {
      if (!Number.isFinite(value)) return [];
      const style = { left: `${x(value)}%`, top: `${y(layer)}%` };
      return [
        { className, style: className === 'dot' ? { ...style, background: `var(--${token})` } : style },
      ];
    };
    this.#written.dots.show([
      ...first.flatMap((value, layer) => dot('dot o', value, layer)),
      ...now.flatMap((value, layer) => dot('dot', value, layer)),
    ]);
    this.#written.ticks.show(
      ticks.map((tick) => ({
        className: '',
        text: scale === 'log' ? power(tick) : brief(tick),
        style: { left: `${x(tick)}%` },
      })),
    );
  }
}

function ticksOf(low: number, high: number, scale: 'log' | 'linear'): number[] {
  if (scale === 'linear') return [low, (low + high) / 2, high];
  const found: number[] = [];
  const every = Math.log10(high / low) > 3 ? 2 : 1;
  for (let exponent = Math.ceil(Math.log10(low)); exponent <= Math.log10(high); exponent++)
    if (exponent % every === 0) found.push(Number(`1e${exponent}`));
  return found;
}

const RAISED: Readonly<Record<string, string>> = {
  '-': '⁻',
  0: '⁰',
  1: '¹',
  2: '²',
  3: '³',
  4: '⁴',
  5: '⁵',
  6: '⁶',
};

function power(value: number): string {
  const exponent = Math.round(Math.log10(value));
  if (exponent === 0) return '1';
  if (exponent === 1) return '10';
  return `10${[...String(exponent)].map((digit) => RAISED[digit] ?? digit).join('')}`;
}
