/** @file The box beside pointer or cursor. It repeats what legend and readout tell, so it is hidden from readers. */
import { element } from './elements.js';

export class Tooltip {
  readonly #box = element('div', { class: 'tip', 'aria-hidden': 'true' });
  readonly #place: HTMLElement;

  /** @param place positioned, as wide as the drawing */
  constructor(place: HTMLElement) {
    this.#place = place;
    this.#box.hidden = true;
    place.append(this.#box);
  }

  /** Shows the lines near a point, in CSS pixels from the corner of the place. */
  show(left: number, top: number, lines: readonly (string | Node)[]): void {
    this.#box.replaceChildren(...lines.map((line) => element('p', {}, line)));
    this.#box.hidden = false;
    const { clientWidth, clientHeight } = this.#place;
    const { offsetWidth: width, offsetHeight: height } = this.#box;
    // Beside the point, on the side that has room, and never over it.
    const x = left + 14 + width <= clientWidth ? left + 14 : Math.max(0, left - 14 - width);
    const y = Math.min(Math.max(0, top - height / 2), Math.max(0, clientHeight - height));
    this.#box.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }

  hide(): void {
    this.#box.hidden = true;
  }

  destroy(): void {
    this.#box.remove();
  }
}
