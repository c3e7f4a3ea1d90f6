/**
 * @file Small texts over a drawing, which change many times a second: elements stay and are written to only where
 * something is another, because every new element costs the page a layout and, in the end, memory.
 */
import { element } from '../figures/elements.js';

export interface Label {
  className: string;
  text?: string;
  /** Rules of its style by their names; one that a label before had and this has not is taken away. */
  style: Readonly<Record<string, string>>;
}

export class Labels {
  readonly #place: Element;
  readonly #tag: 'span' | 'i';
  readonly #made: { node: HTMLElement; shown: Label }[] = [];

  constructor(place: Element, tag: 'span' | 'i' = 'span') {
    this.#place = place;
    this.#tag = tag;
  }

  show(labels: readonly Label[]): void {
    for (const [at, label] of labels.entries()) {
      let made = this.#made[at];
      if (!made) {
        made = { node: element(this.#tag), shown: { className: '', style: {} } };
        this.#made.push(made);
        this.#place.append(made.node);
      }
      change(made.node, made.shown, label);
      made.shown = label;
    }
    for (const { node } of this.#made.splice(labels.length)) node.remove();
  }
}

function change(node: HTMLElement, before: Label, now: Label): void {
  if (before.className !== now.className) node.className = now.className;
  if (before.text !== now.text) node.textContent = now.text ?? '';
  for (const [name, value] of Object.entries(now.style))
    if (before.style[name] !== value) node.style.setProperty(name, value);
  for (const name of Object.keys(before.style)) if (!(name in now.style)) node.style.removeProperty(name);
}

/** Writes a text where it is another. */
export function write(node: Element | null | undefined, text: string): void {
  if (node && node.textContent !== text) node.textContent = text;
}
