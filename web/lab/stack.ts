/**
 * @file A lane's model as its layers: the main line from the embedding up, as wide as what flows along it, the blocks
 * as branches with the norms where the placement has them, each filled by the norm of its gradient. Built once for a
 * model; a step changes fills, widths and numbers only.
 */
import type { LaneShape, RowLayout } from '../../src/lab/layout.js';
import type { NormPlacement } from '../../src/nn/placement-names.js';
import { svg } from '../figures/elements.js';
import { write } from './labels.js';
import { type DrawnNorms, drawnPlacements } from './norms.js';

const WIDTH = 206;
const STEM = 31;
const BLOCK_LEFT = 55;
const BLOCK_WIDTH = 49;
const GRADIENT_RIGHT = 159;
const NORM_RIGHT = 203;
const ROW = 17.3;
const GAP = 4;
const TOP = 30;
/** Width of the main line: so much, more for each doubling of the root of the stream, and never more than the last. */
const [THIN, DOUBLING, THICK] = [2, 3, 14];

const LOWEST = -4;
const STOPS = 19;

/** The stop of a gradient's norm on the fixed scale of the Lab: quarter decades from 1e-4 on; undefined for no number. */
export function normStop(value: number | undefined): number | undefined {
  if (value === undefined || !Number.isFinite(value)) return undefined;
  if (value <= 0) return 0;
  return Math.min(STOPS - 1, Math.max(0, Math.round(4 * (Math.log10(value) - LOWEST))));
}

/** A number in the room that the stack has. */
export function brief(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-5 || size >= 1e5) return value.toExponential(0).replace('e-', 'e−').replace('e+', 'e');
  if (size < 1e-3) return value.toFixed(5).replace(/0$/, '');
  if (size >= 99.5) return value.toFixed(0);
  return value.toPrecision(2);
}

export class LayerDrawing {
  readonly node: SVGSVGElement;
  readonly #layout: RowLayout;
  readonly #shape: LaneShape;
  readonly #fills: SVGRectElement[] = [];
  readonly #values: SVGTextElement[] = [];
  readonly #norms: SVGTextElement[] = [];
  readonly #groups: SVGGElement[] = [];
  readonly #stem: SVGPathElement;
  /** Bottom of each layer, and of the whole. */
  readonly #bases: number[] = [];
  readonly #bottom: number;

  /** @param onLayer is called with the number of the layer, from 0, that the reader points at */
  constructor(
    shape: LaneShape,
    layout: RowLayout,
    placement: NormPlacement,
    onLayer: (layer: number) => void,
  ) {
    this.#shape = shape;
    this.#layout = layout;
    const heights = shape.layers.map(({ blocks }) => blocks.length * ROW + GAP);
    const total = heights.reduce((sum, height) => sum + height, 0);
    this.#bottom = TOP + total;
    const height = this.#bottom + 24;
    this.node = svg('svg', { class: 'stack', viewBox: `0 0 ${WIDTH} ${height}`, role: 'img' });
    this.#stem = svg('path', { class: 'stem' });
    this.node.append(
      svg('text', { class: 'h r', x: GRADIENT_RIGHT, y: 12 }, 'gradient'),
      svg('text', { class: 'h r', x: NORM_RIGHT, y: 12 }, '‖x‖²/d'),
      this.#stem,
    );
    const drawn = drawnPlacements[placement];
    const count = { encoder: 0, decoder: 0 };
    for (const { stack } of shape.layers) count[stack]++;
    // As the maps name them, where there are two stacks.
    const isPair = count.decoder > 0;
    let base = this.#bottom;
    for (const [at, { stack, number, blocks }] of shape.layers.entries()) {
      this.#bases.push(base);
      const group = svg('g', { class: 'layer' });
      const high = heights[at];
      group.append(
        svg('rect', { class: 'hit', x: 3, y: base - high + 1, width: WIDTH - 6, height: high - 2, rx: 3 }),
        svg(
          'text',
          { class: 'n', x: 7, y: base - high / 2 + 4 },
          isPair ? `${stack[0]}${number}` : String(number),
        ),
      );
      for (const [row, kind] of blocks.entries()) {
        this.#block(
          group,
          base - row * ROW - ROW / 2 - GAP / 2,
          drawn.block(kind, number, count[stack]),
          row === blocks.length - 1,
        );
      }
      const norm = svg('text', { class: 'v', x: NORM_RIGHT, y: base - (blocks.length - 0.5) * ROW + 2 }, '–');
      this.#norms.push(norm);
      group.append(norm);
      if (stack === 'decoder' && number === 1) {
        group.append(svg('path', { class: 'divide', d: `M3 ${base}H${WIDTH - 3}` }));
      }
      group.addEventListener('pointerenter', () => onLayer(at));
      group.addEventListener('click', () => onLayer(at));
      this.node.append(group);
      this.#groups.push(group);
      base -= high;
    }
    if (drawn.last) this.node.append(bar(STEM - 10, TOP - 8, 20, 2.8));
    this.node.append(svg('text', { class: 'q', x: STEM + 10, y: this.#bottom + 18 }, 'embedding'));
    this.update(undefined, '');
  }

  #block(group: SVGGElement, y: number, norms: DrawnNorms, isLast: boolean): void {
    const [out, back] = [y + 3.4, y - 3.4];
    group.append(
      svg('path', {
        class: 'wire',
        d: `M${STEM} ${out + 3}Q${STEM} ${out} ${STEM + 4} ${out}H${BLOCK_LEFT}`,
      }),
      svg('path', { class: 'wire', d: `M${BLOCK_LEFT} ${back}H${STEM + 4}` }),
      svg('path', { class: 'tip', d: `M${STEM + 4} ${back}l5 -2.5v5z` }),
    );
    const fill = svg('rect', {
      class: 'blk',
      x: BLOCK_LEFT,
      y: y - 6,
      width: BLOCK_WIDTH,
      height: 12,
      rx: 2,
    });
    const value = svg('text', { class: isLast ? 'v' : 'v q', x: GRADIENT_RIGHT, y: y + 4 }, '–');
    group.append(
      fill,
      svg('circle', { class: 'add', cx: STEM, cy: back, r: 3.2 }),
      svg('path', { class: 'plus', d: `M${STEM - 2} ${back}h4M${STEM} ${back - 2}v4` }),
    );
    // A bar crosses the wire that it normalises.
    if (norms.main) group.append(bar(STEM - 9, back - 6.2, 18, 2.6));
    if (norms.before) group.append(bar(BLOCK_LEFT - 9, out - 3.4, 2.6, 6.8));
    if (norms.behind) group.append(bar(BLOCK_LEFT - 13, back - 3.4, 2.6, 6.8));
    if (norms.inside) {
      const inside = bar(BLOCK_LEFT + BLOCK_WIDTH / 2 - 1.3, y - 6, 2.6, 12);
      inside.classList.add('inside');
      group.append(inside);
    }
    group.append(value);
    this.#fills.push(fill);
    this.#values.push(value);
  }

  /** Shows a row; undefined is no number yet. */
  update(row: Float64Array | undefined, says: string): void {
    const { gradients, leaving } = this.#layout;
    for (const [at, fill] of this.#fills.entries()) {
      const value = row && Number.isFinite(row[0]) ? row[gradients + at] : undefined;
      const stop = normStop(value);
      set(fill, 'class', stop === undefined ? 'blk none' : `blk g${stop}`);
      write(this.#values[at], brief(value));
    }
    for (const [at, text] of this.#norms.entries()) write(text, brief(row?.[leaving + at]));
    set(this.#stem, 'd', this.#stemPath(row));
    set(this.node, 'aria-label', says);
  }

  /** Marks the layer looked at. */
  mark(layer: number | null): void {
    for (const [at, group] of this.#groups.entries()) group.classList.toggle('at', at === layer);
  }

  /** The main line: between two layers it goes from one width to the next; each stack begins anew. */
  #stemPath(row: Float64Array | undefined): string {
    const { leaving, entering } = this.#layout;
    let d = '';
    const piece = (from: number, to: number, low: number, high: number): void => {
      d += `M${STEM - low / 2} ${from}L${STEM - high / 2} ${to}H${STEM + high / 2}L${STEM + low / 2} ${from}Z`;
    };
    let below = stemWidth(row?.[entering]);
    piece(this.#bottom + 22, this.#bottom, below, below);
    for (const [at, { stack, number }] of this.#shape.layers.entries()) {
      if (stack === 'decoder' && number === 1) below = stemWidth(row?.[entering + 1]);
      const wide = stemWidth(row?.[leaving + at]);
      piece(this.#bases[at], this.#bases[at + 1] ?? TOP, below, wide);
      below = wide;
    }
    piece(TOP, TOP - 12, below, below);
    return d;
  }
}

/** What is as it was is left alone: every write costs the page a layout. */
export function set(node: Element, name: string, value: string): void {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

function stemWidth(value: number | undefined): number {
  if (value === undefined || !(value > 0)) return THIN;
  return Math.min(THICK, Math.max(THIN, THIN + DOUBLING * Math.log2(Math.sqrt(value))));
}

function bar(x: number, y: number, width: number, height: number): SVGElement {
  return svg('rect', { class: 'ln', x, y, width, height });
}
