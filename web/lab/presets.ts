/**
 * @file Figures of the papers as presets: for each the recorded figure, and a configuration that shows the same on
 * this device within minutes. The recorded runs are larger than what a page trains beside them; `differs` says how.
 */

import type { LabConfiguration } from '../../src/lab/configuration.js';
import { decodeLab, encodeLab } from '../../src/lab/link.js';

export interface Preset {
  /** Name of the figure in generated/recorded.ts. */
  figure: string;
  /** In the list. */
  name: string;
  /** What to look at in the live run. */
  look: string;
  /** In what the live run is not the recorded one. */
  differs: string;
  /** The configuration, as behind `#` of a link. */
  link: string;
}

const translation =
  'Recorded: 6 + 6 layers, 900 steps, batches of 700 tokens, validation loss. Here: 2 + 2 layers, 256 tokens, training loss.';

export const presets: readonly Preset[] = [
  {
    figure: 'valid-nll-fig2',
    name: 'Fig. 2: Post-LN with and without warm-up',
    look: 'At this rate Post-LN without warm-up stays at word frequencies.',
    differs: translation,
    link: '1&task=translate&n=300&l=2&lane=p.post&lane=p.post,w.100',
  },
  {
    figure: 'profile-translation',
    name: 'Fig. 3: gradients layer by layer, before training',
    look: 'Look at step 1 of the gradients: Post-LN grows towards the last layer, Pre-LN does not.',
    differs: 'Recorded: the decoder of a translation model. Here: a language model of characters.',
    link: '1&n=20&l=14&lane=p.post&lane=',
  },
  {
    figure: 'valid-nll-fig4',
    name: 'Fig. 4: Pre-LN without warm-up',
    look: 'Pre-LN needs no warm-up to come as far as Post-LN with it.',
    differs: translation,
    link: '1&task=translate&n=300&l=2&lane=&lane=w.100&lane=p.post,w.100&lane=p.peri',
  },
  {
    figure: 'valid-nll-fig4-radam',
    name: 'Fig. 4: RAdam in place of warm-up',
    look: 'RAdam begins with small updates by itself.',
    differs: translation,
    link: '1&task=translate&n=300&l=2&c=linear&lane=p.post,w.100,o.adam&lane=p.post,o.radam&lane=o.radam',
  },
  {
    figure: 'bert-valid-loss',
    name: 'Fig. 5: pre-training',
    look: 'Pre-LN without warm-up beside Post-LN with it, both with linear decay.',
    differs: 'Recorded: a masked model of words. Here: a model of the next character.',
    link: '1&n=300&r=0.002&c=linear&lane=&lane=p.post,w.60',
  },
  {
    figure: 'valid-nll-fig6',
    name: 'Fig. 6: Post-LN at a small rate',
    look: 'At a tenth of the rate Post-LN trains without warm-up, slowly.',
    differs: 'Recorded: translation, 900 steps. Here: a model of the next character.',
    link: '1&n=300&lane=p.post&lane=p.post,w.100&lane=p.post,r.0.0003',
  },
  {
    figure: 'toy-rescue',
    name: 'Toy: what warm-up rescues',
    look: 'The same model, the same rate: with warm-up it begins to learn, without it may never.',
    differs:
      'Recorded: reversing 12 random tokens, 1500 steps. Here: reversing words of three to eight letters.',
    link: '1&task=reverse&n=400&l=3&lane=p.post,w.100&lane=p.post',
  },
  {
    figure: 'theory-hidden',
    name: 'Lemma 2: hidden norms before training',
    look: 'Look at step 0 of the hidden norm: Pre-LN grows layer by layer, Post-LN does not.',
    differs: 'Recorded: the theory’s model, random inputs. Here: a language model of characters.',
    link: '1&n=20&l=12&lane=p.post&lane=&lane=p.peri',
  },
  {
    figure: 'peri-variance',
    name: 'Peri-LN: hidden variance over depth',
    look: 'While training, Pre-LN’s main line grows most, Peri-LN’s stays in bounds.',
    differs: 'Recorded: means over seeds. Here: one seed.',
    link: '1&l=8&lane=p.post,w.100&lane=&lane=p.peri',
  },
];

/** The preset whose configuration this is, so that its link shows the recorded figure, too. */
export function presetOf(lab: LabConfiguration): Preset | null {
  const link = encodeLab({ ...lab, locked: [] });
  return presets.find((preset) => encodeLab(decodeLab(preset.link)) === link) ?? null;
}
