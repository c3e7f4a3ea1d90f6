/** @file Figures as files: vectors and pixels, in the colours of paper whatever the screen shows. */
import type { FigureData, Picture } from './drawing.js';
import { svg } from './elements.js';
import { round } from './marks.js';
import { wrapped } from './text.js';
import type { Tokens } from './theme.js';

const MARGIN = 20;
const GAP = 20;
const TITLE = 17;
const LINE = 23;
const SOURCE = 11;
/** Pixels of a PNG per CSS pixel. */
const SHARPNESS = 2;

/** Title, drawings and source as one SVG document that needs nothing else. */
export function svgDocument(
  figure: FigureData,
  pictures: readonly Picture[],
  tokens: Tokens,
  source: string,
): Picture {
  const widest = pictures.reduce((width, picture) => Math.max(width, picture.width), 420);
  // As many beside each other as a page of some 1,100 pixels takes.
  const whole = pictures.filter(({ width }) => width <= 520).length < 2;
  const room = whole ? widest : Math.max(widest, Math.min(1100, rowWidth(pictures)));
  const title = wrapped(figure.title, room, TITLE, '600');
  const made: SVGElement[] = [];
  let [x, y, high] = [0, MARGIN + title.length * LINE + 8, 0];
  for (const { node, width, height } of pictures) {
    if (x > 0 && x + width > room) [x, y, high] = [0, y + high + GAP, 0];
    node.setAttribute('x', String(round(MARGIN + x)));
    node.setAttribute('y', String(round(y)));
    made.push(node);
    x += width + GAP;
    high = Math.max(high, height);
  }
  const width = Math.ceil(room + 2 * MARGIN);
  const height = Math.ceil(y + high + 14 + SOURCE + MARGIN);
  const node = svg('svg', { width, height, viewBox: `0 0 ${width} ${height}` });
  node.setAttribute('font-family', 'system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif');
  node.append(svg('title', {}, figure.title), svg('rect', { width, height, fill: tokens.surface }));
  for (const [at, line] of title.entries()) {
    const place = { x: MARGIN, y: MARGIN + 15 + at * LINE, fill: tokens.text };
    node.append(svg('text', { ...place, 'font-size': TITLE, 'font-weight': 600 }, line));
  }
  const foot = { x: width - MARGIN, y: height - MARGIN + 4, 'text-anchor': 'end', fill: tokens.quiet };
  node.append(...made, svg('text', { ...foot, 'font-size': SOURCE }, source));
  return { node, width, height };
}

function rowWidth(pictures: readonly Picture[]): number {
  return pictures.reduce((sum, { width }) => sum + width + GAP, -GAP);
}

export function svgText({ node }: Picture): string {
  return new XMLSerializer().serializeToString(node);
}

/** The document as pixels. */
export async function png(picture: Picture): Promise<Blob> {
  const image = new Image();
  image.src = `data:image/svg+xml,${encodeURIComponent(svgText(picture))}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = picture.width * SHARPNESS;
  canvas.height = picture.height * SHARPNESS;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('this browser gives no canvas to draw on');
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error('this browser makes no PNG'))),
      'image/png',
    );
  });
}

/** Gives the file to the browser to save. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
