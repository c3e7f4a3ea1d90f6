/**
 * @file Lines over one x axis, drawn by uPlot: bands from low to high, levels, markers, the smoothed line in front of
 * the raw one; zoom by dragging or keys; values read with the pointer or the arrow keys.
 */
import './language.js';
import uPlot from 'uplot';
import type { Drawing, Drawn, FigureData, FigureView, Picture, Stage } from './drawing.js';
import { element } from './elements.js';
import { Legend } from './legend.js';
import { levelNames } from './level-names.js';
import { axes, scales } from './line-axes.js';
import { LineCursor, type Plotted } from './line-cursor.js';
import { isSameShape, type LineData, lineData } from './line-data.js';
import { drawLevelNames, drawLevels, drawMarkers } from './line-paint.js';
import { linePicture } from './line-picture.js';
import { type Look, looksOf } from './look.js';
import { isPrinting, readTokens, type Tokens } from './theme.js';

/** How much of a raw line's colour is left behind its smoothed one. */
const RAW_ALPHA = '48';
const BAND_ALPHA = '33';
const PAPER = { width: 640, height: 320 };

export function lines(stage: Stage): Drawing {
  return new Lines(stage);
}

class Lines implements Drawing, Plotted {
  figure: FigureData;
  data: LineData;
  looks: Look[] = [];
  plot: uPlot | undefined;
  readonly hidden = new Set<number>();
  readonly stage: Stage;
  readonly host: HTMLElement;
  readonly legend: Legend;
  readonly #cursor: LineCursor;
  readonly #resizing: ResizeObserver;
  /** Ticks of the x and the y axis as uPlot last laid them out. */
  readonly #ticks: { at: number; text: string }[][] = [[], []];
  #width = 0;

  constructor(stage: Stage) {
    this.stage = stage;
    this.figure = stage.figure;
    this.data = lineData(stage.figure);
    const { title, xLabel, yLabel } = stage.figure;
    this.host = element('div', {
      class: 'plot',
      tabindex: 0,
      role: 'application',
      'aria-roledescription': 'interactive plot',
      'aria-label': `${title}: ${yLabel} by ${xLabel}. Arrow keys read values, plus and minus zoom.`,
      'aria-describedby': stage.captionId,
    });
    this.legend = new Legend(this.figure, {
      onToggle: (at) => this.#toggle(at),
      onPoint: (at) => this.highlight(at),
    });
    stage.place.append(this.host, this.legend.node);
    this.#cursor = new LineCursor(this);
    this.paint();
    this.#resizing = new ResizeObserver(() => {
      // Only the width is ours to follow; the height is set from it.
      if (!this.plot || isPrinting() || this.host.clientWidth === this.#width) return;
      this.#width = this.host.clientWidth;
      this.plot.setSize(this.#size());
    });
    this.#resizing.observe(this.host);
  }

  /** All x of the data: what is shown before anyone zooms. */
  get whole(): readonly [number, number] {
    const { xs } = this.data;
    return this.figure.xRange ?? [xs[0] ?? 0, xs[xs.length - 1] ?? 1];
  }

  paint(): void {
    const zoom = this.plot && this.#isZoomed() ? this.plot.scales.x : undefined;
    this.plot?.destroy();
    const tokens = readTokens();
    this.looks = looksOf(this.figure.series, this.stage.palette, tokens);
    this.legend.paint(this.looks, tokens.surface, this.data.windows);
    this.plot = new uPlot(this.#options(tokens), this.#aligned(), this.host);
    if (zoom?.min != null && zoom.max != null) this.plot.setScale('x', { min: zoom.min, max: zoom.max });
  }

  update(figure: FigureData): boolean {
    if (figure.kind && figure.kind !== 'lines') return false;
    const data = lineData(figure);
    if (!isSameShape(this.figure, figure) || data.columns.length !== this.data.columns.length) return false;
    const zoom = this.#isZoomed() ? { ...this.plot?.scales.x } : undefined;
    this.figure = figure;
    this.data = data;
    this.legend.paint(this.looks, readTokens().surface, data.windows);
    this.plot?.setData(this.#aligned());
    if (zoom?.min != null && zoom.max != null) this.plot?.setScale('x', { min: zoom.min, max: zoom.max });
    return true;
  }

  /** Dims all lines but one; null ends that. */
  highlight(at: number | null): void {
    if (at !== null && this.hidden.has(at)) return;
    this.plot?.setSeries(at === null ? null : this.data.front[at], { focus: true });
  }

  reset(): void {
    const [min, max] = this.whole;
    this.plot?.setScale('x', { min, max });
  }

  view(): FigureView {
    const { min, max } = this.plot?.scales.x ?? {};
    const { series } = this.figure;
    return {
      hidden: [...this.hidden].map((at) => series[at].label),
      ...(this.#isZoomed() && min != null && max != null ? { zoom: [min, max] } : {}),
    };
  }

  restore({ hidden, zoom }: FigureView): void {
    for (const [at, { label }] of this.figure.series.entries()) {
      if (hidden.includes(label) === this.hidden.has(at)) continue;
      this.legend.press(at, this.#toggle(at));
    }
    if (zoom) this.plot?.setScale('x', { min: zoom[0], max: zoom[1] });
  }

  read(): Drawn {
    const columns = this.plot?.data ?? [];
    const series = this.figure.series.map(({ label }, at) => {
      const x: number[] = [];
      const y: (number | null)[] = [];
      const values = columns[this.data.raw[at] ?? this.data.front[at]] ?? [];
      for (const [index, value] of [...values].entries()) {
        if (value === undefined) continue;
        x.push(columns[0][index] as number);
        y.push(value);
      }
      return { label, x, y, shown: this.plot?.series[this.data.front[at]]?.show === true };
    });
    return { series, cells: [] };
  }

  pictures(tokens: Tokens): Picture[] {
    if (!this.plot) return [];
    const looks = looksOf(this.figure.series, this.stage.palette, tokens);
    return [linePicture(this.plot, this.figure, this.data, looks, this.hidden, this.#ticks, tokens)];
  }

  destroy(): void {
    this.#resizing.disconnect();
    this.plot?.destroy();
    this.plot = undefined;
    this.host.remove();
    this.legend.node.remove();
  }

  #aligned(): uPlot.AlignedData {
    return [this.data.xs, ...this.data.columns];
  }

  #isZoomed(): boolean {
    const { min, max } = this.plot?.scales.x ?? {};
    const [first, last] = this.whole;
    return min != null && max != null && (min > first || max < last);
  }

  #toggle(at: number): boolean {
    const shown = this.hidden.delete(at);
    if (!shown) this.hidden.add(at);
    const { front, raw, bands } = this.data;
    const columns = [front[at], raw[at], ...(bands[at] ?? [])];
    this.plot?.batch(() => {
      for (const column of columns) if (column !== undefined) this.plot?.setSeries(column, { show: shown });
    });
    return shown;
  }

  /** As wide as its place; as high as the legend beside it, within reason. */
  #size(): { width: number; height: number } {
    if (isPrinting()) return PAPER;
    const width = Math.max(200, this.host.clientWidth);
    const beside = this.legend.node.offsetLeft > this.host.offsetLeft ? this.legend.node.offsetHeight : 0;
    const height = this.stage.height ?? Math.max(240, Math.min(440, width * 0.56));
    return { width, height: Math.round(Math.min(520, Math.max(height, beside))) };
  }

  #series(): uPlot.Series[] {
    const { columns, front, raw, bands } = this.data;
    const made: uPlot.Series[] = [{}, ...columns.map(() => ({ points: { show: false } }))];
    for (const [at, { label }] of this.figure.series.entries()) {
      const { color, dash, width } = this.looks[at];
      const shared = { show: !this.hidden.has(at), points: { show: false } };
      made[front[at]] = { ...shared, label, stroke: color, width, dash: [...dash] };
      if (raw[at] !== undefined) made[raw[at]] = { ...shared, stroke: color + RAW_ALPHA, width: 1 };
      for (const edge of bands[at] ?? []) made[edge] = { ...shared, stroke: 'transparent', width: 0 };
    }
    return made;
  }

  #options(tokens: Tokens): uPlot.Options {
    const { figure, data } = this;
    return {
      ...this.#size(),
      series: this.#series(),
      bands: data.bands.flatMap((edges, at) =>
        edges ? [{ series: [edges[0], edges[1]], fill: this.looks[at].color + BAND_ALPHA }] : [],
      ),
      legend: { show: false },
      focus: { alpha: 0.25 },
      padding: [10, 14, 0, 0],
      cursor: this.#cursor.options(tokens),
      scales: scales(
        figure,
        () => this.data.xs,
        () => this.whole,
        () => this.plot?.height ?? this.#size().height,
      ),
      axes: axes(figure, tokens, () => this.data.xs, this.#ticks),
      hooks: {
        drawAxes: [(plot) => drawLevels(plot, this.figure, tokens)],
        draw: [(plot) => drawLevelNames(plot, levelNames(plot, this.figure, this.data, this.hidden), tokens)],
        drawSeries: [
          (plot, column) => {
            const at = this.data.front.indexOf(column);
            if (at >= 0 && this.data.windows[at] === 1) {
              drawMarkers(plot, column, at, this.looks[at], tokens.surface);
            }
          },
        ],
        setCursor: [() => this.#cursor.follow()],
        setScale: [(_, key) => key === 'x' && this.stage.onZoom(this.#isZoomed())],
      },
    };
  }
}
