/**
 * @file Models as the layers they are made of: the main line from the embedding up, as wide as what flows along it; the
 * blocks of a layer as branches, filled by their number; the norms where the placement has them.
 */
import type { LayerStack } from '../../src/experiments/results.js';
import { type Cell, cells, type Layout } from './cells.js';
import type { Drawing, FigureData, Picture, Stage } from './drawing.js';
import { svg } from './elements.js';
import type { Palette } from './look.js';
import { round } from './marks.js';
import { isNumber, show, type Value } from './numbers.js';
import { ColorScale, hatched, scaleKey } from './scale.js';
import { shortened } from './text.js';
import type { Tokens } from './theme.js';

type Panel = LayerStack['panels'][number];

const SIZE = 11.5;
const WIDTH = 232;
const GAP = 20;
const BLOCK_ROW = 18;
/** Middle of the main line. */
const STEM = 36;
const BLOCK_LEFT = 66;
const BLOCK_WIDTH = 52;
const VALUE_RIGHT = 176;
/** Width of the main line: this, and as much more per doubling of the root of the stream. */
const THIN = 2;
const PER_DOUBLING = 3;
const THICK = 14;

export function layerStack(stage: Stage): Drawing {
  return cells(stage, 'stack', layOut);
}

function layOut({ stack }: FigureData, width: number, tokens: Tokens, palette: Palette): Layout {
  if (!stack) return { pictures: [], cells: [], columns: 1 };
  const { panels, valueLabel, streamLabel } = stack;
  const values = panels.flatMap(({ layers }) =>
    layers.flatMap(({ blocks }) => blocks.map(({ value }) => value)),
  );
  const scale = new ColorScale(values, 'log');
  const made: Cell[] = [];
  const pictures = panels.map((panel) => drawPanel(panel, stack, scale, tokens, palette, made));
  const missing = values.some((value) => scale.stop(value) === undefined);
  const width1 = streamLabel ? `; width of the main line: ${streamLabel}` : '';
  const label = `${valueLabel}, logarithmic${scale.hasZero ? ', 0 in the lowest colour' : ''}${panels.length > 1 ? ', one scale for all' : ''}${width1}`;
  const key = scaleKey(scale, label, width, tokens, missing ? 'no value' : undefined);
  return { pictures, key, cells: made, columns: 1 };
}

/** Where a placement has its norms: on the main line after an addition, on a branch before its block or behind it. */
function normsOf(
  placement: string,
): { main: boolean; before: boolean; behind: boolean; last: boolean } | undefined {
  switch (placement) {
    case 'post':
      return { main: true, before: false, behind: false, last: false };
    case 'pre':
      return { main: false, before: true, behind: false, last: true };
    case 'peri':
      return { main: false, before: true, behind: true, last: true };
    default:
      // Norms of other placements are not drawn rather than drawn wrong.
      return undefined;
  }
}

function stemWidth(stream: Value): number {
  if (!isNumber(stream) || stream <= 0) return THIN;
  return Math.min(THICK, Math.max(THIN, THIN + PER_DOUBLING * Math.log2(Math.sqrt(stream))));
}

function drawPanel(
  { label, placement, layers }: Panel,
  { valueLabel, streamLabel }: LayerStack,
  scale: ColorScale,
  tokens: Tokens,
  palette: Palette,
  made: Cell[],
): Picture {
  const norms = normsOf(placement);
  const most = Math.max(1, ...layers.map(({ blocks }) => blocks.length));
  const layerHeight = most * BLOCK_ROW + 4;
  const top = 52;
  const bottom = top + layers.length * layerHeight;
  const height = bottom + 30;
  const node = svg('svg', {
    ...{ width: WIDTH, height, viewBox: `0 0 ${WIDTH} ${height}`, role: 'img' },
    ...{
      'aria-label': `${label}: ${valueLabel}, ${layers.length} layers`,
      'font-size': SIZE,
      fill: tokens.text,
    },
  });
  node.append(
    svg('rect', { width: WIDTH, height: 3, fill: palette.color(placement, tokens) }),
    svg('text', { x: 2, y: 20, 'font-size': 14, 'font-weight': 600 }, shortened(label, WIDTH - 4, 14)),
    svg('text', { x: VALUE_RIGHT, y: 38, 'text-anchor': 'end', fill: tokens.quiet }, 'value'),
  );
  if (streamLabel) {
    const place = { x: WIDTH - 4, y: 38, 'text-anchor': 'end', fill: tokens.quiet };
    node.append(svg('text', place, shortened(streamLabel, WIDTH - VALUE_RIGHT - 12, SIZE)));
  }
  node.append(stem(layers, layerHeight, bottom, tokens));
  node.append(
    svg('text', { x: STEM + 12, y: bottom + 22, fill: tokens.quiet }, 'embedding'),
    ...(norms?.last ? [bar(STEM - 11, top - 8, 22, 3, tokens)] : []),
  );
  const rows: Cell[] = [];
  for (const [l, { blocks, stream }] of layers.entries()) {
    const base = bottom - l * layerHeight;
    node.append(
      svg('text', { x: 2, y: base - layerHeight / 2 + 4, fill: tokens.quiet }, String(l + 1)),
      ...blockRows(blocks, base, norms, scale, tokens, (group, block) => {
        const size = isNumber(stream) ? `; ${streamLabel ?? 'main line'} ${show(stream)}` : '';
        const stop = scale.stop(block.value);
        rows.push({
          node: group,
          says: `${label}, layer ${l + 1}, ${block.label}: ${isNumber(block.value) ? show(block.value) : 'no value'}${size}`,
          fill: stop === undefined ? '' : tokens[`g${stop}`],
        });
      }),
    );
    if (isNumber(stream)) {
      const y = base - blocks.length * BLOCK_ROW + 10;
      node.append(svg('text', { x: WIDTH - 4, y, 'text-anchor': 'end' }, show(stream)));
    }
  }
  // The keys go from the top down, as the eye does.
  made.push(...rows.reverse());
  return { node, width: WIDTH + GAP, height };
}

/** The main line; between two layers it goes from one width to the next. */
function stem(layers: Panel['layers'], layerHeight: number, bottom: number, tokens: Tokens): SVGElement {
  let d = '';
  let below = THIN;
  const piece = (from: number, to: number, low: number, high: number) => {
    d += `M${round(STEM - low / 2)} ${from}L${round(STEM - high / 2)} ${to}H${round(STEM + high / 2)}L${round(STEM + low / 2)} ${from}Z`;
  };
  piece(bottom + 26, bottom, THIN, THIN);
  for (const [l, { stream }] of layers.entries()) {
    const wide = stemWidth(stream);
    piece(bottom - l * layerHeight, bottom - (l + 1) * layerHeight, below, wide);
    below = wide;
  }
  const top = bottom - layers.length * layerHeight;
  piece(top, top - 12, below, below);
  return svg('path', { d, fill: tokens.stem });
}

/** The branches of a layer: off the main line, through a block, and added to it again. */
function blockRows(
  blocks: Panel['layers'][number]['blocks'],
  base: number,
  norms: ReturnType<typeof normsOf>,
  scale: ColorScale,
  tokens: Tokens,
  onBlock: (group: SVGGElement, block: Panel['layers'][number]['blocks'][number]) => void,
): SVGElement[] {
  return blocks.map((block, at) => {
    const y = base - at * BLOCK_ROW - 12;
    const group = svg('g', { class: 'cell' });
    const wire = { fill: 'none', stroke: tokens.stem, 'stroke-width': 1.2 };
    const [out, back] = [y + 3.5, y - 3.5];
    group.append(
      svg('rect', { x: 18, y: y - 8.5, width: WIDTH - 58, height: 17, fill: 'transparent' }),
      svg('path', { ...wire, d: `M${STEM} ${out + 3}Q${STEM} ${out} ${STEM + 4} ${out}H${BLOCK_LEFT}` }),
      svg('path', { ...wire, d: `M${BLOCK_LEFT} ${back}H${STEM + 4}` }),
      svg('path', { d: `M${STEM + 3.5} ${back}l5 -2.6v5.2z`, fill: tokens.stem }),
    );
    const stop = scale.stop(block.value);
    const [x, top, high] = [BLOCK_LEFT, y - 6.5, 13];
    if (stop === undefined) group.append(...hatched(x, top, BLOCK_WIDTH, high, tokens));
    else {
      const place = { x, y: top, width: BLOCK_WIDTH, height: high, rx: 2 };
      group.append(
        svg('rect', {
          ...place,
          class: 'fill',
          fill: tokens[`g${stop}`],
          stroke: tokens.edge,
          'stroke-width': 0.75,
        }),
      );
    }
    group.append(
      svg('circle', {
        cx: STEM,
        cy: back,
        r: 3.4,
        fill: tokens.surface,
        stroke: tokens.ink,
        'stroke-width': 0.9,
      }),
      svg('path', {
        d: `M${STEM - 2} ${back}h4M${STEM} ${back - 2}v4`,
        stroke: tokens.ink,
        'stroke-width': 0.9,
      }),
    );
    // A bar crosses the wire that it normalises.
    if (norms?.main) group.append(bar(STEM - 10, back - 7, 20, 2.6, tokens));
    if (norms?.before) group.append(bar(BLOCK_LEFT - 9, out - 3.5, 2.6, 7, tokens));
    if (norms?.behind) group.append(bar(BLOCK_LEFT - 14, back - 3.5, 2.6, 7, tokens));
    const text = isNumber(block.value) ? show(block.value) : '–';
    group.append(
      svg(
        'text',
        {
          x: VALUE_RIGHT,
          y: y + 4,
          'text-anchor': 'end',
          fill: at === blocks.length - 1 ? tokens.text : tokens.quiet,
        },
        text,
      ),
    );
    onBlock(group, block);
    return group;
  });
}

function bar(x: number, y: number, width: number, height: number, tokens: Tokens): SVGElement {
  return svg('rect', { x, y, width, height, fill: tokens.ink });
}
