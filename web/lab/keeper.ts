/** @file Keeps the run every few seconds and when the page goes, and offers what was left when it comes again. */
import { encodeLab } from '../../src/lab/link.js';
import { tasks } from '../../src/lab/settings.js';
import { notice } from './notices.js';
import { forgetRun, type KeptRun, keepRun, keptRun } from './storage.js';
import type { LabView } from './view.js';

/** Between two moments at which a run is kept. */
const KEEP_MS = 10_000;

export class Keeper {
  readonly #view: LabView;
  /** Of the run that is kept; 0 where none is. */
  #step = 0;
  #done: unknown = null;

  /** @param resume is called when the reader wants to go on with what was left */
  constructor(view: LabView, resume: (kept: KeptRun) => void) {
    this.#view = view;
    void this.#offer(resume);
    // Phones give a page that goes away no other moment.
    addEventListener('pagehide', () => void this.keep());
    document.addEventListener('visibilitychange', () => document.hidden && void this.keep());
    setInterval(() => void this.keep(), KEEP_MS);
  }

  /** Keeps the run as it stands. */
  async keep(): Promise<void> {
    const { run, lab } = this.#view;
    // A text of the reader's own is not kept: it stays theirs.
    if (!run || run.newest === 0 || run.newest === this.#step || tasks[lab.task].own) return;
    if (run.state === 'done') {
      // Whatever was left before is over, too.
      if (this.#done !== run) this.forget();
      this.#done = run;
      return;
    }
    this.#step = run.newest;
    const step = run.newest;
    const lanes = await run.save();
    if (lanes && this.#view.run === run)
      await keepRun({ link: encodeLab(lab), step, steps: lab.steps, lanes });
  }

  forget(): void {
    this.#step = 0;
    void forgetRun();
  }

  async #offer(resume: (kept: KeptRun) => void): Promise<void> {
    const kept = await keptRun();
    const { run, lab } = this.#view;
    if (!kept || (run?.newest ?? 0) > 0) return;
    // A link that asks for something else is what the reader wants to see.
    if (kept.link !== encodeLab(lab) && location.hash.length > 2) return;
    notice(
      'kept',
      `A run stopped at step ${kept.step} of ${kept.steps}.`,
      ['Continue', () => resume(kept)],
      ['Start again', () => this.forget()],
    );
  }
}
