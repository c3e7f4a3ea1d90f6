/**
 * @file Drawings made of cells: maps, bars, stacks. Each kind lays its cells out as vectors; here they get their place,
 * pointer, keys and read-back. They are laid out anew when the width changes, so that text keeps its size on a phone.
 */
import type { Drawing, Drawn, FigureData, Picture, Stage } from './drawing.js';
import { element } from './elements.js';
import type { Palette } from './look.js';
import { isPrinting, readTokens, type Tokens } from './theme.js';

/** Something with a number: a field of a map, a bar, a block of a layer. */
export interface Cell {
  node: SVGGraphicsElement;
  says: string;
  fill: string;
}

export interface Layout {
  pictures: Picture[];
  /** What the colours mean. */
  key?: Picture;
  /** Row by row. */
  cells: Cell[];
  /** Cells in a row. */
  columns: number;
  series?: Drawn['series'];
}

export type LayOut = (figure: FigureData, width: number, tokens: Tokens, palette: Palette) => Layout;

const PAPER_WIDTH = 640;

export function cells(stage: Stage, kind: FigureData['kind'], layOut: LayOut): Drawing {
  let { figure } = stage;
  let shown: Layout = { pictures: [], cells: [], columns: 1 };
  let at = -1;
  let width = 0;
  const host = element('div', {
    class: `chart ${kind}`,
    tabindex: 0,
    role: 'group',
    'aria-label': `${figure.title}. Arrow keys read values.`,
    'aria-describedby': stage.captionId,
  });
  stage.place.append(host);

  const room = () => (isPrinting() ? PAPER_WIDTH : Math.max(200, host.clientWidth));
  const paint = () => {
    width = host.clientWidth;
    shown = layOut(figure, room(), readTokens(), stage.palette);
    host.replaceChildren(...[...shown.pictures, ...(shown.key ? [shown.key] : [])].map(({ node }) => node));
    if (at >= 0) point(Math.min(at, shown.cells.length - 1), false);
  };

  const point = (next: number, aloud: boolean) => {
    shown.cells[at]?.node.classList.remove('current');
    at = next;
    const cell = shown.cells[at];
    if (!cell) {
      stage.tooltip.hide();
      return;
    }
    cell.node.classList.add('current');
    const box = cell.node.getBoundingClientRect();
    const place = stage.place.getBoundingClientRect();
    stage.tooltip.show(box.right - place.left - 8, box.top + box.height / 2 - place.top, [cell.says]);
    if (aloud) stage.say(cell.says);
  };

  host.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || shown.cells.length === 0) return;
    const { columns } = shown;
    const last = shown.cells.length - 1;
    const places: Record<string, number> = {
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      ArrowDown: at + columns,
      ArrowUp: at - columns,
    };
    let next: number;
    if (event.key === 'Escape') {
      point(-1, false);
      return;
    }
    if (event.key === 'Home') next = 0;
    else if (event.key === 'End') next = last;
    else if (Object.hasOwn(places, event.key)) {
      const place = places[event.key];
      // Down from the last row stays where it is, instead of going along the row.
      next = at < 0 ? 0 : place < 0 || place > last ? at : place;
    } else return;
    event.preventDefault();
    point(next, true);
  });
  host.addEventListener('blur', () => point(-1, false));
  host.addEventListener('pointerover', ({ target }) => {
    const over = shown.cells.findIndex(({ node }) => target instanceof Node && node.contains(target));
    if (over >= 0 && over !== at) point(over, false);
  });
  host.addEventListener('pointerleave', () => {
    if (document.activeElement !== host) point(-1, false);
  });

  paint();
  const resizing = new ResizeObserver(() => {
    if (!isPrinting() && host.clientWidth !== width) paint();
  });
  resizing.observe(host);
  return {
    paint,
    update(next) {
      if (next.kind !== kind && !(kind === 'heatmap' && next.heatmap)) return false;
      if (next.title !== figure.title) return false;
      figure = next;
      paint();
      return true;
    },
    pictures(tokens) {
      const { pictures, key } = layOut(figure, room(), tokens, stage.palette);
      return key ? [...pictures, key] : pictures;
    },
    read: () => ({
      series: shown.series ?? [],
      cells: shown.cells.map(({ says, node }) => ({
        says,
        fill: node.querySelector('.fill')?.getAttribute('fill') ?? '',
      })),
    }),
    destroy() {
      resizing.disconnect();
      host.remove();
    },
  };
}
