/** @file Markers of lines, on a canvas and as SVG, and the piece of line that a legend shows. */
import { svg } from './elements.js';

export type Shape = 'circle' | 'square' | 'triangle' | 'diamond' | 'down' | 'cross';

export interface Look {
  color: string;
  dash: readonly number[];
  shape: Shape | undefined;
  hollow: boolean;
  /** In CSS pixels. */
  width: number;
}

/** Corners for a radius of 1; a circle has none. */
const OUTLINES: Record<Shape, readonly (readonly number[])[]> = {
  circle: points(''),
  square: points('-0.88,-0.88 0.88,-0.88 0.88,0.88 -0.88,0.88'),
  triangle: points('0,-1.15 1.1,0.8 -1.1,0.8'),
  diamond: points('0,-1.25 1.25,0 0,1.25 -1.25,0'),
  down: points('0,1.15 1.1,-0.8 -1.1,-0.8'),
  cross: points(
    '-0.35,-1 0.35,-1 0.35,-0.35 1,-0.35 1,0.35 0.35,0.35 0.35,1 -0.35,1 -0.35,0.35 -1,0.35 -1,-0.35 -0.35,-0.35',
  ),
};

export const SHAPES = Object.keys(OUTLINES) as Shape[];
/** In CSS pixels. */
export const RADIUS = 4;

function points(text: string): number[][] {
  return text.split(' ').flatMap((pair) => (pair ? [pair.split(',').map(Number)] : []));
}

/** The outline as a path of the canvas. */
export function trace(path: CanvasRenderingContext2D, shape: Shape, x: number, y: number, r: number): void {
  const outline = OUTLINES[shape];
  if (outline.length === 0) {
    path.arc(x, y, r, 0, 2 * Math.PI);
    return;
  }
  outline.forEach(([dx, dy], index) => {
    if (index === 0) path.moveTo(x + dx * r, y + dy * r);
    else path.lineTo(x + dx * r, y + dy * r);
  });
  path.closePath();
}

/** The marker of a look; none where it has no shape. */
export function mark(look: Look, ground: string, x: number, y: number): SVGElement | undefined {
  const { shape, hollow, color } = look;
  if (!shape) return undefined;
  const paint = { fill: hollow ? ground : color, stroke: color, 'stroke-width': 1.75 };
  const outline = OUTLINES[shape];
  if (outline.length === 0) return svg('circle', { cx: round(x), cy: round(y), r: RADIUS, ...paint });
  const corners = outline.map(([dx, dy]) => `${round(x + dx * RADIUS)},${round(y + dy * RADIUS)}`);
  return svg('polygon', { points: corners.join(' '), ...paint });
}

/** A piece of line as it is drawn in the plot, 40 by 14. */
export function sample(look: Look, ground: string): SVGSVGElement {
  const line = svg('line', {
    ...{ x1: 1, x2: 39, y1: 7, y2: 7 },
    stroke: look.color,
    'stroke-width': look.width,
    'stroke-dasharray': look.dash.length ? look.dash.map((part) => part * 0.8).join(' ') : undefined,
  });
  const marker = mark(look, ground, 20, 7);
  return svg(
    'svg',
    { width: 40, height: 14, viewBox: '0 0 40 14', 'aria-hidden': 'true' },
    line,
    ...(marker ? [marker] : []),
  );
}

/** To hundredths of a pixel. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
