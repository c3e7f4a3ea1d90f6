/** @file Widths of texts as they will be drawn, and lines that fit. */
import { font } from './line-axes.js';

let context: CanvasRenderingContext2D | null | undefined;

/** In CSS pixels, in the page's sans-serif font. */
export function textWidth(text: string, size: number, weight = ''): number {
  context ??= document.createElement('canvas').getContext('2d');
  if (!context) return text.length * size * 0.55;
  context.font = font(size, weight);
  return context.measureText(text).width;
}

/** Words in lines of at most `width`; a longer word has a line of its own. */
export function wrapped(text: string, width: number, size: number, weight = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line ? `${line} ${word}` : word;
    if (line && textWidth(longer, size, weight) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/** The text, or its beginning with an ellipsis, within `width`. */
export function shortened(text: string, width: number, size: number): string {
  if (textWidth(text, size) <= width) return text;
  let end = text.length;
  while (end > 1 && textWidth(`${text.slice(0, end)}…`, size) > width) end--;
  return `${text.slice(0, end)}…`;
}
