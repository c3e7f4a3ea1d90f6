/** @file Sharing: the link, which holds the whole configuration, and what its readers may not change. */
import type { LockName } from '../../src/lab/configuration.js';
import { encodeLab } from '../../src/lab/link.js';
import { tasks } from '../../src/lab/settings.js';
import { button, element } from '../figures/elements.js';
import { say } from './notices.js';
import type { LabView } from './view.js';

const LOCKS: readonly [label: string, locks: readonly LockName[]][] = [
  ['Readers may change everything', []],
  ['Readers may change everything but task, steps and lanes', ['task', 'steps', 'lanes']],
  [
    'Readers may change the learning rate and the warm-up only',
    [
      'task',
      'steps',
      'lanes',
      'placement',
      'decay',
      'norm',
      'init',
      'optimizer',
      'layers',
      'width',
      'heads',
      'batch',
      'length',
      'seed',
      'arithmetic',
    ],
  ],
  ['Readers may change nothing', ['all']],
];

export function openShare({ lab, link, run }: LabView): void {
  const dialog = element('dialog', { class: 'share', 'aria-labelledby': 'share-title' });
  const address = element('input', { type: 'text', readonly: true, id: 'share-link', value: link });
  const lock = element('select', { id: 'share-lock' });
  for (const [at, [label]] of LOCKS.entries()) lock.append(element('option', { value: at }, label));
  const isLocked = lab.locked.length > 0;
  lock.disabled = isLocked;
  lock.addEventListener('change', () => {
    const [, locked] = LOCKS[Number(lock.value)];
    address.value = `${link.split('#')[0]}#${encodeLab({ ...lab, locked })}`;
  });
  const copied = element('span', { role: 'status' });
  const copy = button('Copy the link', '', () => {
    address.select();
    const done = (text: string): void => {
      copied.textContent = text;
      say(text);
    };
    // Pages from disk and without a secure origin have no clipboard to write to: then the text is selected.
    const clipboard = navigator.clipboard?.writeText(address.value) ?? Promise.reject(new Error('none'));
    clipboard.then(
      () => done('Copied.'),
      () => done('Selected: copy it with your keyboard.'),
    );
  });
  copy.classList.add('primary');
  const command = element('code', {}, `prenorm lab '#${encodeLab(lab)}' --headless`);
  dialog.append(
    element('h2', { id: 'share-title' }, 'Share'),
    element(
      'p',
      {},
      'The link holds the whole configuration. Whoever opens it trains the same numbers, bit for bit.',
    ),
    element('div', { class: 'field' }, element('label', { for: 'share-link' }, 'Link'), address),
    element('div', { class: 'field' }, element('label', { for: 'share-lock' }, 'For a class'), lock),
    element(
      'p',
      {},
      run?.fingerprint
        ? `Fingerprint ${run.fingerprint}: compare it with what others get. On the command line: `
        : 'At the end there is a fingerprint to compare. On the command line: ',
      command,
    ),
    ...(tasks[lab.task].own ? [element('p', {}, 'Your text is not in the link: send the file along.')] : []),
    element(
      'div',
      { class: 'go' },
      copied,
      button('Close', '', () => dialog.close()),
      copy,
    ),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  address.select();
}
