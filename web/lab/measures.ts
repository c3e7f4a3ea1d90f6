/**
 * @file What drawing needs of the page, known without asking it each time: a question about a size or a colour between
 * two changes makes the browser lay the whole page out.
 */
import { onTheme, readTokens, type Tokens } from '../figures/theme.js';

let known: Tokens | null = null;

/** Colours of the theme shown. */
export function tokens(): Tokens {
  if (!known) {
    known = readTokens();
    onTheme(() => {
      known = readTokens();
    });
  }
  return known;
}

/** The size of an element, in CSS pixels, kept up to date; `changed` is called when it is another. */
export class Size {
  width = 0;
  height = 0;
  readonly #observer: ResizeObserver;

  constructor(node: Element, changed: () => void) {
    this.#observer = new ResizeObserver(([{ contentRect }]) => {
      [this.width, this.height] = [contentRect.width, contentRect.height];
      changed();
    });
    this.#observer.observe(node);
  }

  stop(): void {
    this.#observer.disconnect();
  }
}
