/**
 * @file Keeps the run every half minute and when the page goes, and offers what was left when it comes again. Lanes are
 * written where they compute; of them the page knows only how far they are.
 */
import { CheckpointStore } from '../../src/io/browser-storage.js';
import type { LabConfiguration } from '../../src/lab/configuration.js';
import type { KeptHead } from '../../src/lab/kept.js';
import type { FromLane, ToLane } from '../../src/lab/lane-host.js';
import { decodeLab, encodeLab } from '../../src/lab/link.js';
import { tasks } from '../../src/lab/settings.js';
import { type Content, contentOf, keepContent } from './content.js';
import { openLanePort } from './lane-port.js';
import { notice } from './notices.js';
import type { Run } from './run.js';
import type { LabView } from './view.js';

/** Between two moments at which a run is kept. */
const KEEP_MS = 30_000;
/** Of the time, at most one part in so many goes into it. */
const SELDOM = 20;
/** Seconds in which what was left is looked at. */
const PATIENCE = 120;
const MARK = 'prenorm-lab';

/** What was left. */
export interface KeptRun {
  lab: LabConfiguration;
  content: Content | null;
}

export class Keeper {
  readonly #view: LabView;
  /** The run that is kept, and how far; what belongs to it is written only where it went on. */
  #kept: { run: Run; step: number } | null = null;
  #going: Promise<void> | null = null;
  #rests = 0;
  #says: string | null = null;
  #saysOf: Run | null = null;
  /** SHA-256 of the reader's text that is kept. */
  #text: string | null = null;

  /** @param resume is called when the reader wants to go on with what was left */
  constructor(view: LabView, resume: (kept: KeptRun) => void) {
    this.#view = view;
    if (marked()) ask({ type: 'heads' }, ({ heads }) => void this.#show(heads, resume));
    // Phones give a page that goes away no other moment.
    addEventListener('pagehide', () => void this.keep());
    document.addEventListener('visibilitychange', () => document.hidden && void this.keep());
    setInterval(() => performance.now() >= this.#rests && void this.keep(), KEEP_MS);
  }

  /** What a reload would bring back; null before anything was kept. */
  get says(): string | null {
    return this.#saysOf === this.#view.run ? this.#says : null;
  }

  /** Keeps the run as it stands; one at a time. */
  keep(): Promise<void> {
    this.#going ??= this.#keep().finally(() => {
      this.#going = null;
    });
    return this.#going;
  }

  forget(): void {
    this.#kept = null;
    this.#says = null;
    if (!marked()) return;
    mark(false);
    ask({ type: 'forget' }, () => {});
  }

  async #keep(): Promise<void> {
    const { run, content } = this.#view;
    if (!run || run.newest === 0 || run.error) return;
    const step = run.newest;
    if (this.#kept?.run === run && this.#kept.step === step) return;
    this.#kept = { run, step };
    const begun = performance.now();
    mark(true);
    const trouble = (await this.#keepText(content)) ?? (await run.keep());
    this.#rests = performance.now() + SELDOM * (performance.now() - begun);
    this.#saysOf = run;
    this.#says = trouble ?? `to step ${step}`;
  }

  /** The reader's text goes with its lanes, since no link has it. */
  async #keepText(content: Content | null): Promise<string | null> {
    if (!content || content.sha256 === this.#text) return null;
    try {
      const store = await textStore();
      await store.write(new TextEncoder().encode(JSON.stringify([content.name, content.text])));
      this.#text = content.sha256;
      return null;
    } catch (error) {
      return `no: ${(error as Error).message}`;
    }
  }

  async #show(heads: readonly KeptHead[], resume: (kept: KeptRun) => void): Promise<void> {
    const [newest] = heads.toSorted((a, b) => b.time - a.time);
    const { run, lab } = this.#view;
    if (!newest || (run?.newest ?? 0) > 0) return;
    const isOpen = newest.link === encodeLab({ ...lab, locked: [] });
    // A link that asks for something else is what the reader wants to see.
    if (!isOpen && location.hash.length > 2) return;
    let left: LabConfiguration;
    try {
      left = isOpen ? lab : decodeLab(newest.link);
    } catch {
      return;
    }
    const content = tasks[left.task].own ? await keptText() : null;
    if (tasks[left.task].own && content?.sha256 !== left.content?.sha256) return;
    const lanes = left.lanes.map((_, at) =>
      heads.find(({ link, lane }) => link === newest.link && lane === at),
    );
    const going = lanes.filter((lane) => !lane?.end);
    const step = Math.min(...(going.length > 0 ? going.map((lane) => lane?.step ?? 0) : [left.steps]));
    notice(
      'kept',
      going.length > 0
        ? `A run stopped at step ${step} of ${left.steps}.`
        : `A run of ${left.steps} steps is done.`,
      [going.length > 0 ? 'Continue' : 'Show it', () => resume({ lab: left, content })],
      ['Start again', () => this.forget()],
    );
  }
}

type Answers = { heads: 'heads'; forget: 'forgotten' };

/** What is kept is read, hashed and removed by a worker: the one kind of place where every browser writes it. */
function ask<T extends keyof Answers>(
  message: Extract<ToLane, { type: T }>,
  answered: (answer: Extract<FromLane, { type: Answers[T] }>) => void,
): void {
  const port = openLanePort(
    (answer: FromLane) => {
      port.close();
      if (answer.type !== 'failed') answered(answer as Extract<FromLane, { type: Answers[T] }>);
    },
    () => {},
    PATIENCE,
  );
  port.post(message);
}

/** Whether there may be something: no worker is started in vain. */
function marked(): boolean {
  try {
    return localStorage.getItem(MARK) !== null;
  } catch {
    return false;
  }
}

function mark(isKept: boolean): void {
  try {
    if (isKept) localStorage.setItem(MARK, '1');
    else localStorage.removeItem(MARK);
  } catch {
    // A private window keeps nothing else either.
  }
}

const textStore = () => CheckpointStore.open('prenorm-lab-text');

async function keptText(): Promise<Content | null> {
  try {
    const stored = await (await textStore()).read();
    if (!stored) return null;
    const [name, text] = JSON.parse(new TextDecoder().decode(stored.bytes)) as [string, string];
    const content = contentOf(name, text);
    keepContent(content);
    return content;
  } catch {
    return null;
  }
}
