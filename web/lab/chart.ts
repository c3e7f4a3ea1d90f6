/**
 * @file Lines over steps on a canvas: the loss of all lanes, and every instrument that is a line. It is drawn whole
 * each time, from the numbers of the history; a point for each pixel is enough.
 */
import { element } from '../figures/elements.js';
import { niceStep, tick } from '../figures/numbers.js';
import type { Tokens } from '../figures/theme.js';
import { type Label, Labels } from './labels.js';
import { Size, tokens as tokensNow } from './measures.js';

export interface ChartLine {
  label: string;
  /** Name of a token, or of several lines of one lane the same. */
  token: string;
  dash?: readonly number[];
  width?: number;
  alpha?: number;
  /** Values from `first` on; NaN leaves a gap. */
  values: ArrayLike<number>;
  first: number;
  /** Steps between two values. Default 1. */
  every?: number;
  /** Where the values are, in place of `first` and `every`. */
  places?: readonly number[];
  /** A dot in place of a line: a value alone, at a step. */
  dots?: 'filled' | 'hollow';
}

export interface ChartLevel {
  label: string;
  value: number;
  /** Theory is dashed, a reference dotted. */
  kind: 'reference' | 'theory';
}

export interface ChartData {
  xRange: readonly [number, number];
  yRange: readonly [number, number];
  yScale: 'linear' | 'log';
  lines: readonly ChartLine[];
  levels: readonly ChartLevel[];
  /** The step looked at; none where the x axis is not steps. */
  cursor: number | null;
  /** Where the names of levels stand, as a share of the width; at the right end where nothing is said. */
  levelsAt?: number;
  xTicks?: readonly { at: number; text: string }[];
}

export class Chart {
  readonly node: HTMLElement;
  readonly canvas = element('canvas', { 'aria-hidden': 'true' });
  data: ChartData | null = null;
  readonly #labels = element('div', { class: 'chart-labels', 'aria-hidden': 'true' });
  readonly #written = new Labels(this.#labels);
  #drawnWith: Tokens | null = null;
  readonly size: Size;

  /** @param resized is called when it has another size; where nothing is said it draws what it shows */
  constructor(className: string, resized = (): void => this.draw()) {
    this.node = element('div', { class: `lines ${className}` }, this.canvas, this.#labels);
    this.size = new Size(this.node, resized);
  }

  show(data: ChartData): void {
    this.data = data;
    this.draw();
  }

  destroy(): void {
    this.size.stop();
  }

  /** Draws what it shows once more, where colours are others now. */
  refresh(): void {
    if (this.#drawnWith !== tokensNow()) this.draw();
  }

  /** Where a step is, as a share of the width. */
  x(step: number): number {
    const [low, high] = this.data?.xRange ?? [0, 1];
    return (step - low) / (high - low || 1);
  }

  /** Where a value is, as a share of the height from the top; values beyond the range are at its edge. */
  y(value: number): number {
    const { yRange, yScale } = this.data ?? { yRange: [0, 1], yScale: 'linear' };
    const place = yScale === 'log' ? Math.log : (number: number) => number;
    const [low, high] = yRange;
    const share = (place(value) - place(low)) / (place(high) - place(low) || 1);
    return 1 - Math.min(1.02, Math.max(-0.02, share));
  }

  draw(): void {
    const { data, canvas } = this;
    const { width, height } = this.size;
    if (!data || width === 0 || height === 0) return;
    const ratio = Math.min(3, window.devicePixelRatio || 1);
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    const context = canvas.getContext('2d');
    if (!context) return;
    // A canvas that gets a size, even the one it has, gets new memory.
    if (canvas.width !== wide) canvas.width = wide;
    if (canvas.height !== high) canvas.height = high;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const tokens = tokensNow();
    this.#drawnWith = tokens;
    this.#grid(context, width, height, tokens);
    for (const line of data.lines) this.#line(context, line, width, height, tokens);
    if (data.cursor !== null) {
      context.strokeStyle = tokens.text;
      context.lineWidth = 1;
      context.setLineDash([]);
      const x = Math.round(this.x(data.cursor) * width) + 0.5;
      straight(context, x, 0, x, height);
    }
  }

  #grid(context: CanvasRenderingContext2D, width: number, height: number, tokens: Tokens): void {
    const data = this.data as ChartData;
    const labels: Label[] = [];
    context.lineWidth = 1;
    context.strokeStyle = tokens.grid;
    for (const value of yTicks(data, height)) {
      const y = this.y(value) * height;
      straight(context, 0, Math.round(y) + 0.5, width, Math.round(y) + 0.5);
      const style = { right: '100%', top: `${(100 * y) / height}%` };
      labels.push({ className: 'ytick', text: tick(value), style });
    }
    for (const { at, text } of data.xTicks ?? []) {
      const x = this.x(at) * width;
      labels.push({ className: 'xtick', text, style: { left: `${(100 * x) / width}%`, top: '100%' } });
    }
    const place: Label['style'] =
      data.levelsAt === undefined ? { right: '0' } : { left: `${100 * data.levelsAt}%` };
    for (const { label, value, kind } of data.levels) {
      if (!Number.isFinite(value)) continue;
      const y = this.y(value);
      context.strokeStyle = tokens[kind === 'theory' ? 'text' : 'quiet'];
      context.setLineDash(kind === 'theory' ? [5, 3] : [1, 3]);
      straight(context, 0, Math.round(y * height) + 0.5, width, Math.round(y * height) + 0.5);
      context.setLineDash([]);
      labels.push({ className: `level ${kind}`, text: label, style: { ...place, top: `${100 * y}%` } });
    }
    this.#written.show(labels);
  }

  #line(
    context: CanvasRenderingContext2D,
    { token, dash = [], width: thick = 2.25, alpha = 1, values, first, every = 1, places, dots }: ChartLine,
    width: number,
    height: number,
    tokens: Tokens,
  ): void {
    context.strokeStyle = tokens[token];
    context.fillStyle = tokens[token];
    context.globalAlpha = alpha;
    context.lineWidth = thick;
    context.lineJoin = 'round';
    context.setLineDash([...dash]);
    const from = places ? 0 : Math.max(0, Math.floor((this.data?.xRange[0] ?? 0) - first) / every);
    // More points than pixels would be drawn over each other.
    const stride = Math.max(1, Math.floor((values.length - from) / (2 * width)));
    const path = new Path2D();
    let isDown = false;
    for (let at = Math.floor(from); at < values.length; at += stride) {
      const value = values[at];
      if (!Number.isFinite(value)) {
        isDown = false;
        continue;
      }
      const x = this.x(places ? places[at] : first + at * every) * width;
      const y = this.y(value) * height;
      if (dots) dot(context, [x, y], dots, tokens);
      if (isDown) path.lineTo(x, y);
      else path.moveTo(x, y);
      isDown = true;
    }
    context.stroke(path);
    context.setLineDash([]);
    context.globalAlpha = 1;
  }
}

function straight(
  context: CanvasRenderingContext2D,
  fromX: number,
  fromY: number,
  toX: number,
  toY: number,
): void {
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
}

function dot(
  context: CanvasRenderingContext2D,
  [x, y]: readonly [number, number],
  kind: 'filled' | 'hollow',
  tokens: Tokens,
): void {
  context.beginPath();
  context.arc(x, y, 3.2, 0, 2 * Math.PI);
  if (kind === 'filled') context.fill();
  else {
    const { fillStyle } = context;
    context.fillStyle = tokens.surface;
    context.fill();
    context.stroke();
    context.fillStyle = fillStyle;
  }
}

function yTicks({ yRange: [low, high], yScale }: ChartData, height: number): number[] {
  const most = Math.max(2, Math.floor(height / 36));
  if (yScale === 'log') {
    const decades = Math.log10(high / low);
    const every = Math.max(1, Math.ceil(decades / most));
    const found: number[] = [];
    for (let power = Math.ceil(Math.log10(low) - 1e-9); power <= Math.log10(high) + 1e-9; power++)
      if (power % every === 0) found.push(Number(`1e${power}`));
    return found.length > 1 ? found : [...found, Number(low.toPrecision(2)), Number(high.toPrecision(2))];
  }
  const step = niceStep((high - low) / most);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.max(0, Math.floor(high / step + 1e-9) - first + 1) }, (_, at) =>
    Number(((first + at) * step).toPrecision(12)),
  );
}
