/** @file What every instrument has: a drawing of the step looked at, and its numbers as a table. */
import { element } from '../figures/elements.js';

export interface Panel {
  readonly node: HTMLElement;
  /** What it was made for. */
  readonly key: string;
  draw(): void;
  /** Its numbers at the step looked at. */
  table(): HTMLElement;
  destroy(): void;
}

export function numbersTable(head: readonly string[], rows: readonly (readonly string[])[]): HTMLElement {
  return element(
    'div',
    { class: 'scroll', tabindex: 0 },
    element(
      'table',
      {},
      element('thead', {}, element('tr', {}, ...head.map((text) => element('th', { scope: 'col' }, text)))),
      element(
        'tbody',
        {},
        ...rows.map(([first, ...rest]) =>
          element(
            'tr',
            {},
            element('th', { scope: 'row' }, first),
            ...rest.map((text) => element('td', { class: 'number' }, text)),
          ),
        ),
      ),
    ),
  );
}
