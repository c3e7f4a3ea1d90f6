/**
 * @file Lines over steps on a canvas: the loss of all lanes, and every instrument that is a line. Of lines that only grow
 * what has been drawn stays on a canvas of its own, and each drawing adds the new steps: it costs the same at step 10,000
 * as at step 10.
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
  /** Values are only ever added: what is drawn of it stays. */
  grows?: boolean;
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
  /** The lines as far as they are drawn, without anything that moves. */
  readonly #lines = element('canvas', {});
  /** What they were drawn for, and how far each is. */
  #drawn: { key: string; lines: Drawn[] } = { key: '', lines: [] };
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
    this.#grid(context, width, height, tokens);
    for (const line of data.lines)
      if (!line.grows) this.#addLine(context, line, undrawn(), [width, height], tokens);
    const growing = data.lines.filter(({ grows }) => grows);
    if (growing.length > 0) {
      this.#grow(data, growing, [wide, high, ratio], tokens);
      context.drawImage(this.#lines, 0, 0, width, height);
    }
    this.#drawnWith = tokens;
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

  /** Draws what the lines have grown by, or all of them where they are no longer what was drawn. */
  #grow(
    { xRange, yRange, yScale }: ChartData,
    lines: readonly ChartLine[],
    [wide, high, ratio]: readonly [number, number, number],
    tokens: Tokens,
  ): void {
    const canvas = this.#lines;
    const context = canvas.getContext('2d');
    if (!context) return;
    const looks = lines.map(({ values: _, places, ...look }) => [look, places !== undefined]);
    const key = JSON.stringify([wide, high, xRange, yRange, yScale, looks]);
    const isSame =
      key === this.#drawn.key &&
      tokens === this.#drawnWith &&
      lines.every((line, at) => goesOn(line, this.#drawn.lines[at]));
    if (!isSame) {
      [canvas.width, canvas.height] = [wide, high];
      this.#drawn = { key, lines: lines.map(undrawn) };
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const { width, height } = this.size;
    for (const [at, line] of lines.entries())
      this.#addLine(context, line, this.#drawn.lines[at], [width, height], tokens);
  }

  #addLine(
    context: CanvasRenderingContext2D,
    { token, dash = [], width: thick = 2.25, alpha = 1, values, first, every = 1, places, dots }: ChartLine,
    drawn: Drawn,
    [width, height]: readonly [number, number],
    tokens: Tokens,
  ): void {
    if (drawn.count === values.length) return;
    context.strokeStyle = tokens[token];
    context.fillStyle = tokens[token];
    context.globalAlpha = alpha;
    context.lineWidth = thick;
    context.lineJoin = 'round';
    context.setLineDash([...dash]);
    context.lineDashOffset = drawn.length;
    const begin = places ? 0 : Math.max(0, Math.floor(((this.data?.xRange[0] ?? 0) - first) / every));
    const from = Math.max(drawn.count, begin);
    // More points than pixels would be drawn over each other.
    const stride = Math.max(1, Math.floor((values.length - from) / (2 * width)));
    const path = new Path2D();
    let before = drawn.at;
    if (before) path.moveTo(...before);
    for (let at = from; at < values.length; at += stride) {
      const value = values[at];
      if (!Number.isFinite(value)) {
        before = null;
        continue;
      }
      const x = this.x(places ? places[at] : first + at * every) * width;
      const y = this.y(value) * height;
      if (dots) dot(context, [x, y], dots, tokens);
      if (before) {
        path.lineTo(x, y);
        drawn.length += Math.hypot(x - before[0], y - before[1]);
      } else path.moveTo(x, y);
      before = [x, y];
    }
    context.stroke(path);
    context.setLineDash([]);
    context.globalAlpha = 1;
    drawn.at = before;
    drawn.count = values.length;
    drawn.ends = [values[0], values[values.length - 1]];
  }
}

/** How far a line is drawn: values, the first and the last of them, pixels along it, and where it ends; null in a gap. */
interface Drawn {
  count: number;
  ends: readonly (number | undefined)[];
  length: number;
  at: [number, number] | null;
}

const undrawn = (): Drawn => ({ count: 0, ends: [], length: 0, at: null });

/** Whether a line is the one that was drawn, perhaps longer. */
function goesOn({ values }: ChartLine, { count, ends: [first, last] }: Drawn): boolean {
  if (count === 0) return true;
  return values.length >= count && Object.is(values[0], first) && Object.is(values[count - 1], last);
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
