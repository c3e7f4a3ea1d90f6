/** @file What each lane writes, at the step looked at and before. */
import { element } from '../figures/elements.js';
import { numbersTable, type Panel } from './panel.js';
import type { LabView } from './view.js';

/** Earlier ones that are shown under the newest. */
const EARLIER = 3;

export function textPanel(view: LabView, key: string): Panel {
  const node = element('div', { class: `texts count-${view.run?.lanes.length ?? 0}` });
  let shown = '';
  const draw = (): void => {
    const { run } = view;
    const step = run?.step ?? 0;
    const lanes = (run?.lanes ?? []).map(({ name, history }, at) => ({
      at,
      name,
      snapshots: (history?.snapshots ?? [])
        .filter((snapshot) => snapshot.step <= step)
        .slice(-EARLIER - 1)
        .toReversed(),
    }));
    const now = lanes.map(({ snapshots }) => snapshots[0]?.step).join();
    if (now === shown) return;
    shown = now;
    node.replaceChildren(
      ...lanes.map(({ at, name, snapshots }) => {
        const badge = element('i', { class: 'badge' }, String(at + 1));
        badge.style.background = `var(--${view.looks[at].token})`;
        return element(
          'section',
          {},
          element('h3', { class: 'cap shown' }, badge, name),
          ...snapshots.flatMap(({ step: of, texts }) => [
            element('p', { class: 'note' }, `Step ${of}`),
            ...texts.map(({ prompt, text, reference }) =>
              element(
                'p',
                { class: 'written' },
                element('span', { class: 'quiet' }, prompt, reference === undefined ? '' : ' → '),
                text.trim() === '' ? '(nothing)' : text,
                ...(reference === undefined ? [] : [element('span', { class: 'quiet' }, ` (${reference})`)]),
              ),
            ),
          ]),
        );
      }),
    );
  };
  return {
    node,
    key,
    draw,
    table() {
      const rows = (view.run?.lanes ?? []).flatMap(({ name, history }) => {
        const snapshot = history?.snapshotAt(view.run?.step ?? 0);
        return (snapshot?.texts ?? []).map(({ prompt, text }) => [
          name,
          `step ${snapshot?.step}`,
          prompt,
          text,
        ]);
      });
      return numbersTable(['Lane', 'Step', 'Prompt', 'Text'], rows);
    },
    destroy() {},
  };
}
