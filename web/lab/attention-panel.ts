/** @file Attention of one sentence: for each lane the layer looked at, a map for each head. */
import { element } from '../figures/elements.js';
import { tokens as tokensNow } from './measures.js';
import { numbersTable, type Panel } from './panel.js';
import type { LabView } from './view.js';

export function attentionPanel(view: LabView, key: string): Panel {
  const { run } = view;
  const which = element('select', { id: 'attention-of', 'aria-label': 'Attention shown' });
  const first = run?.lanes.find(({ history }) => history)?.history;
  for (const [at, { stack, layer }] of (first?.beginning.attention ?? []).entries())
    which.append(element('option', { value: at }, `${NAMES[stack]}, layer ${layer}`));
  const maps = element('div', { class: `heats attention count-${run?.lanes.length ?? 0}` });
  const node = element('div', {}, element('div', { class: 'which' }, which), maps);
  const caption = element('p', { class: 'note' });
  node.append(caption);
  const drawn = (run?.lanes ?? []).flatMap(({ history, name }, at) => {
    if (!history) return [];
    const canvases = Array.from({ length: history.beginning.shape.heads }, () =>
      element('canvas', { width: 24, height: 24 }),
    );
    const badge = element('i', { class: 'badge' }, String(at + 1));
    badge.style.background = `var(--${view.looks[at].token})`;
    maps.append(
      element(
        'figure',
        { 'aria-label': `Attention of ${name}` },
        element('figcaption', { class: 'cap shown' }, badge, name),
        element('div', { class: 'heads' }, ...canvases),
      ),
    );
    return [{ at, name, history, canvases }];
  });
  let drawnOf: readonly unknown[] = [];
  const draw = (): void => {
    const tokens = tokensNow();
    const part = Number(which.value) || 0;
    // A snapshot is ten steps old at most, and drawings come four times a second.
    const now = [tokens, part, ...drawn.map(({ history }) => history.snapshotAt(run?.step ?? 0))];
    if (now.length === drawnOf.length && now.every((one, at) => one === drawnOf[at])) return;
    drawnOf = now;
    let told = '';
    for (const { history, canvases } of drawn) {
      const place = history.beginning.attention[Math.min(part, history.beginning.attention.length - 1)];
      const { step, attention } = history.snapshotAt(run?.step ?? 0);
      const weights = attention[Math.min(part, attention.length - 1)];
      const [queries, keys] = [place.queries.length, place.keys.length];
      for (const [head, canvas] of canvases.entries()) {
        [canvas.width, canvas.height] = [keys, queries];
        const context = canvas.getContext('2d');
        for (let query = 0; query < queries; query++) {
          for (let at = 0; at < keys && context; at++) {
            const weight = weights[(head * queries + query) * keys + at];
            context.fillStyle = tokens[`g${Math.round(18 * Math.min(1, weight))}`];
            context.fillRect(at, query, 1, 1);
          }
        }
      }
      told ||= `Rows look, columns are looked at: “${place.queries.join('')}”. Of step ${step}.`;
    }
    caption.textContent = told;
  };
  which.addEventListener('change', draw);
  return {
    node,
    key,
    draw,
    table() {
      const part = Number(which.value) || 0;
      const [one] = drawn;
      if (!one) return element('p');
      const place = one.history.beginning.attention[part];
      const weights = one.history.snapshotAt(run?.step ?? 0).attention[part];
      const keys = place.keys.length;
      const rows = place.queries.map((token, query) => [
        visible(token),
        ...place.keys.map((_, at) => weights[query * keys + at].toFixed(2)),
      ]);
      return numbersTable([`${one.name}, head 1`, ...place.keys.map(visible)], rows);
    },
    destroy() {},
  };
}

/** A cell must not look, or be read, as if nothing stood in it. */
const visible = (token: string): string => token.replaceAll(' ', '␣').replaceAll('\n', '⏎');

const NAMES = { encoder: 'Self-attention', decoder: 'Decoder’s self-attention', cross: 'Decoder to encoder' };
