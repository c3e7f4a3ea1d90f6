/**
 * @file When live figures are drawn: ten times a second at most, twice for those who asked for less motion, and not
 * while the page is hidden. What is asked for in between is drawn once.
 */
const PAUSE_MS = 100;
const CALM_PAUSE_MS = 500;

export class Pace {
  readonly #draw: () => void;
  readonly #onVisible = () => this.#wake();
  #last = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = false;

  constructor(draw: () => void) {
    this.#draw = draw;
    document.addEventListener('visibilitychange', this.#onVisible);
  }

  ask(): void {
    this.#asked = true;
    this.#wake();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#asked = false;
    document.removeEventListener('visibilitychange', this.#onVisible);
  }

  #wake(): void {
    if (!this.#asked || this.#timer !== undefined || document.hidden) return;
    const pause = matchMedia('(prefers-reduced-motion: reduce)').matches ? CALM_PAUSE_MS : PAUSE_MS;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        if (!this.#asked || document.hidden) return;
        this.#asked = false;
        this.#last = performance.now();
        this.#draw();
      },
      Math.max(0, this.#last + pause - performance.now()),
    );
  }
}
