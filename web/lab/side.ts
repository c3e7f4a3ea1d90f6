/** @file The side column: what this run is, sharing it, and what can be taken along. A lesson may stand above it. */
import { differing, sharedFacts } from '../../src/lab/configuration.js';
import { settings, tasks } from '../../src/lab/settings.js';
import { button, element } from '../figures/elements.js';
import { downloads } from './downloads.js';
import { openSettings } from './settings-panel.js';
import { openShare } from './share.js';
import type { LabView } from './view.js';

export class Side {
  readonly #view: LabView;
  readonly #facts = element('dl', { class: 'facts' });
  /** On paper, where nothing can be clicked. */
  readonly #link = element('p', { class: 'paper' });
  /** Where a lesson puts its card. */
  readonly lesson = element('div', { id: 'lesson' });

  constructor(place: HTMLElement, view: LabView) {
    this.#view = view;
    const share = document.getElementById('share') as HTMLButtonElement;
    share.addEventListener('click', () => openShare(view));
    place.append(
      this.lesson,
      element(
        'section',
        { class: 'card', 'aria-labelledby': 'run-title' },
        element('h2', { id: 'run-title' }, 'This run'),
        this.#facts,
        element(
          'div',
          { class: 'row' },
          button('Change settings', '', () => openSettings(view, null)),
          button('Add a lane', '', () => openSettings(view, 'new')),
        ),
        downloads(view),
        this.#link,
      ),
    );
  }

  draw(): void {
    const { lab, run, link } = this.#view;
    if (this.#link.textContent !== link) this.#link.textContent = link;
    const shared = sharedFacts(lab);
    const { layers, width, heads, optimizer, maxLr, batch, length, seed, warmup } = shared;
    const model = [
      layers === undefined ? '' : settings.layers.says(layers as never),
      width === undefined ? '' : `width ${width}`,
      heads === undefined ? '' : settings.heads.says(heads as never),
    ].filter(Boolean);
    const facts: [string, string | null][] = [
      ['Task', tasks[lab.task].label],
      ['Model', model.join(', ') || null],
      ['Optimizer', optimizer ? settings.optimizer.says(optimizer as never) : null],
      ['Largest rate', maxLr === undefined ? null : String(maxLr)],
      ['Warm-up', warmup === undefined ? null : warmup === 0 ? 'none' : `${warmup} steps`],
      ['Batch', batch === undefined || length === undefined ? null : `${batch} × ${length} tokens`],
      ['Seed', seed === undefined ? null : String(seed)],
      [
        'Lanes differ in',
        differing(lab.lanes)
          .map((key) => settings[key].label.toLowerCase())
          .join(', ') || 'nothing',
      ],
      ['Kept', this.#view.kept],
      ['Fingerprint', run?.fingerprint ?? `at step ${lab.steps}`],
    ];
    const text = JSON.stringify(facts);
    if (this.#facts.dataset.shown === text) return;
    this.#facts.dataset.shown = text;
    this.#facts.replaceChildren(
      ...facts.flatMap(([name, value]) => {
        // What a reload brings back is nothing that paper needs to know.
        const where = name === 'Kept' ? { class: 'screen' } : {};
        return value === null ? [] : [element('dt', where, name), element('dd', where, value)];
      }),
    );
  }
}
