/** @file The keys of the Lab, and the dialog that lists them. They act where nothing is typed and no dialog is open. */
import { button, element } from '../figures/elements.js';

export interface KeyActions {
  drive(what: 'run' | 'step'): void;
  /** To a lane, from 0. */
  lane(at: number): void;
  layer(by: number): void;
  step(by: number | 'first' | 'live'): void;
  instrument(by: number): void;
  numbers(): void;
}

const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ['Space', 'train or pause'],
  ['.', 'one step'],
  ['1 – 6', 'go to a lane'],
  ['↑ ↓', 'layer above, below'],
  ['← →', 'step before, after; with Shift ten'],
  ['Home', 'before the first step'],
  ['End', 'the newest step'],
  ['[ ]', 'instrument before, after'],
  ['T', 'numbers of the instrument'],
  ['?', 'these keys'],
];

export function setUpKeys(actions: KeyActions): void {
  document.getElementById('keys')?.addEventListener('click', openKeys);
  document.addEventListener('keydown', (event) => {
    const { target, key, ctrlKey, metaKey, altKey, shiftKey } = event;
    if (ctrlKey || metaKey || altKey || event.defaultPrevented) return;
    if (document.querySelector('dialog[open]')) return;
    const at = target as HTMLElement;
    const isTyped = at.matches?.('input:not([type="range"]), textarea, select');
    if (isTyped) return;
    // Controls keep the keys that are theirs.
    const isControl = at.matches?.('button, summary, a, [role="tab"]');
    if (isControl && (key === ' ' || key === 'Enter')) return;
    if (at.matches?.('.scroll, .rate input') && /^(Arrow|Home|End)/.test(key)) return;
    if (act(actions, key, shiftKey)) event.preventDefault();
  });
}

/** Whether the key is one of the Lab's. */
function act(actions: KeyActions, key: string, shift: boolean): boolean {
  const far = shift ? 10 : 1;
  switch (key) {
    case ' ':
      actions.drive('run');
      return true;
    case '.':
      actions.drive('step');
      return true;
    case 'ArrowUp':
    case 'ArrowDown':
      actions.layer(key === 'ArrowUp' ? 1 : -1);
      return true;
    case 'ArrowLeft':
    case 'ArrowRight':
      actions.step(key === 'ArrowRight' ? far : -far);
      return true;
    case 'Home':
      actions.step('first');
      return true;
    case 'End':
      actions.step('live');
      return true;
    case '[':
    case ']':
      actions.instrument(key === ']' ? 1 : -1);
      return true;
    case 't':
    case 'T':
      actions.numbers();
      return true;
    case '?':
      openKeys();
      return true;
    default:
      if (!/^[1-6]$/.test(key)) return false;
      actions.lane(Number(key) - 1);
      return true;
  }
}

function openKeys(): void {
  const dialog = element(
    'dialog',
    { class: 'keys', 'aria-labelledby': 'keys-title' },
    element('h2', { id: 'keys-title' }, 'Keys'),
    element(
      'dl',
      { class: 'facts' },
      ...KEYS.flatMap(([keys, does]) => [element('dt', {}, keys), element('dd', {}, does)]),
    ),
  );
  dialog.append(
    element(
      'div',
      { class: 'go' },
      button('Close', '', () => dialog.close()),
    ),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
