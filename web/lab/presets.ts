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
  /** What was seen, and where to look in the live run. */
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
    look: 'At this rate Post-LN without warm-up stayed at word frequencies (a); with it, it trained (b). Does it here?',
    differs: translation,
    link: '1&task=translate&n=300&l=2&lane=p.post&lane=p.post,w.100',
  },
  {
    figure: 'profile-translation',
    name: 'Fig. 3: gradients layer by layer, before training',
    look: 'Before training, Post-LN’s gradients grew towards the last layer, Pre-LN’s and Peri-LN’s fell a little. Look at step 1.',
    differs: 'Recorded: the decoder of a translation model. Here: a language model of characters.',
    link: '1&n=20&l=14&lane=p.post&lane=',
  },
  {
    figure: 'valid-nll-fig4',
    name: 'Fig. 4: Pre-LN without warm-up',
    look: 'Pre-LN came as far without warm-up (a) as with it (c), and further than Post-LN with it (b).',
    differs: translation,
    link: '1&task=translate&n=300&l=2&lane=&lane=w.100&lane=p.post,w.100&lane=p.peri',
  },
  {
    figure: 'valid-nll-fig4-radam',
    name: 'Fig. 4: RAdam in place of warm-up',
    look: 'With RAdam, whose first updates are small, Post-LN trained without warm-up (b), though not as far as Adam with it (a).',
    differs: translation,
    link: '1&task=translate&n=300&l=2&c=linear&lane=p.post,w.100,o.adam&lane=p.post,o.radam&lane=o.radam',
  },
  {
    figure: 'bert-valid-loss',
    name: 'Fig. 5: pre-training',
    look: 'Pre-LN without warm-up came as far as with it. Post-LN without warm-up stayed behind at 0.002 (f), not at 0.001 (e).',
    differs: 'Recorded: a masked model of words. Here: a model of the next character.',
    link: '1&n=300&r=0.002&c=linear&lane=&lane=p.post,w.60',
  },
  {
    figure: 'valid-nll-fig6',
    name: 'Fig. 6: Post-LN at a small rate',
    look: 'At a tenth of the rate Post-LN trained without warm-up (c), though not as far as with it (b).',
    differs: 'Recorded: translation, 900 steps. Here: a model of the next character.',
    link: '1&n=300&lane=p.post&lane=p.post,w.100&lane=p.post,r.0.0003',
  },
  {
    figure: 'toy-rescue',
    name: 'Toy: what warm-up rescues',
    look: 'The same model and the same rate: with warm-up it learned at once (a), without it late or not at all (b, c).',
    differs:
      'Recorded: reversing 12 random tokens, 1500 steps. Here: reversing words of three to eight letters.',
    link: '1&task=reverse&n=400&l=3&lane=p.post,w.100&lane=p.post',
  },
  {
    figure: 'theory-hidden',
    name: 'Lemma 2: hidden norms before training',
    look: 'Pre-LN’s norm grew layer by layer, Post-LN’s did not, as Lemma 2 says. Look at step 0 of the hidden norm.',
    differs: 'Recorded: the theory’s model, random inputs. Here: a language model of characters.',
    link: '1&n=20&l=12&lane=p.post&lane=&lane=p.peri',
  },
  {
    figure: 'peri-variance',
    name: 'Peri-LN: hidden variance over depth',
    look: 'In training, Pre-LN’s main line grew most, Peri-LN’s less, Post-LN’s not at all.',
    differs: 'Recorded: means over seeds. Here: one seed.',
    link: '1&l=8&lane=p.post,w.100&lane=&lane=p.peri',
  },
];

/** The preset whose configuration this is, so that its link shows the recorded figure, too. */
export function presetOf(lab: LabConfiguration): Preset | null {
  const link = encodeLab({ ...lab, locked: [] });
  return presets.find((preset) => encodeLab(decodeLab(preset.link)) === link) ?? null;
}
