/**
 * @file The page: one configuration, one run of it, and what draws it. A change of the configuration ends the run, a
 * change of the step looked at draws everything anew.
 */
import {
  checkLab,
  firstLab,
  isLocked,
  type LabConfiguration,
  laneName,
} from '../../src/lab/configuration.js';
import { decodeLab, encodeLab } from '../../src/lab/link.js';
import { tasks } from '../../src/lab/settings.js';
import { button, element } from '../figures/elements.js';
import { Pace } from '../figures/pace.js';
import { onTheme, setUpThemeButton } from '../figures/theme.js';
import { type Content, findContent, keepContent, looksLikePairs } from './content.js';
import { CostMeter, costText, troubleOf } from './cost-meter.js';
import { setUpDrop } from './drop.js';
import { Instruments } from './instruments.js';
import { Keeper, type KeptRun } from './keeper.js';
import { keyMarkup } from './key.js';
import { setUpKeys } from './keys.js';
import { write } from './labels.js';
import { LaneCard } from './lane-card.js';
import { Lesson } from './lesson.js';
import { type LaneLook, laneLooks } from './looks.js';
import { LossChart } from './loss-chart.js';
import { notice, say } from './notices.js';
import { RecordedFigures } from './recorded.js';
import { Run } from './run.js';
import { beginsAlike, moreSteps } from './run-on.js';
import { openSettings } from './settings-panel.js';
import { Side } from './side.js';
import { watchSleep } from './sleep.js';
import { titleOf } from './title.js';
import { byId, type LabView, time } from './view.js';

export class LabPage implements LabView {
  lab: LabConfiguration = firstLab();
  run: Run | null = null;
  /** The layer looked at, of all lanes. */
  layer = 0;
  readonly loss: LossChart;
  readonly instruments: Instruments;
  readonly side: Side;
  readonly meter: CostMeter;
  readonly lesson: Lesson;
  readonly figures: RecordedFigures;
  #cards: LaneCard[] = [];
  #looks: LaneLook[] = [];
  #content: Content | null = null;
  #insisted = false;
  #drawnDone = false;
  #drawnAt = 0;
  readonly #keeper: Keeper;
  readonly #pace = new Pace(() => this.draw());

  constructor() {
    this.loss = new LossChart(byId('loss'), (step) => this.run?.show(step));
    this.instruments = new Instruments(byId('tool'), this);
    this.side = new Side(byId('side'), this);
    this.meter = new CostMeter(() => this.#pace.ask());
    this.lesson = new Lesson(this.side.lesson, byId('strip'), this);
    byId('teach').addEventListener('click', () => this.lesson.open());
    this.figures = new RecordedFigures(this.side.lesson, byId('figures') as HTMLButtonElement, this);
    byId('key').append(...keyMarkup());
    for (const control of document.querySelectorAll<HTMLButtonElement>('[data-drive]')) {
      control.addEventListener('click', () =>
        this.drive(control.dataset.drive as 'run' | 'step' | 'restart'),
      );
    }
    onTheme(() => this.#pace.ask());
    addEventListener('hashchange', () => this.#readLink());
    document.addEventListener('visibilitychange', () => this.#onHidden());
    this.#setUpInput();
    watchSleep(this);
    this.#readLink();
    this.#keeper = new Keeper(this, (kept) => this.#resume(kept));
  }

  get looks(): readonly LaneLook[] {
    return this.#looks;
  }

  /** What a token of the task is called. */
  get token(): string {
    return tasks[this.lab.task].token;
  }

  get link(): string {
    return `${location.href.split('#')[0]}#${encodeLab(this.lab)}`;
  }

  get content(): Content | null {
    return this.#content;
  }

  /** Takes another configuration, and begins it anew. */
  change(lab: LabConfiguration, content: Content | null = this.#content): void {
    checkLab(lab);
    this.lab = lab;
    const { own } = tasks[lab.task];
    if (content) keepContent(content);
    this.#content = own && lab.content ? (content ?? findContent(lab.content)) : null;
    history.replaceState(null, '', `#${encodeLab(lab)}`);
    this.begin();
  }

  /**
   * A new run of the configuration, which waits for the reader.
   * @param goesOn from where its lanes were left
   */
  begin(goesOn = false): void {
    this.run?.close();
    this.run = null;
    this.#insisted = false;
    this.#drawnDone = false;
    this.#looks = laneLooks(this.lab.lanes);
    this.#cards = this.lab.lanes.map(
      (lane, at) =>
        new LaneCard(at, lane, laneName(this.lab, at), this.#looks[at], {
          onMenu: (which) => openSettings(this, which),
          onLayer: (_, layer) => this.mark(layer),
          onReopen: (which) => this.run?.reopen(which),
        }),
    );
    const lanes = byId('lanes');
    lanes.replaceChildren(...this.#cards.map(({ node }) => node));
    lanes.dataset.count = String(this.#cards.length);
    this.#tabs();
    byId('title').textContent = titleOf(this.lab);
    const { own } = tasks[this.lab.task];
    if (own && !this.#content) {
      notice(
        'content',
        'This link was made with a text of its maker’s, which no link carries. Drop the same file here.',
      );
      this.draw();
      return;
    }
    notice('content', null);
    this.run = new Run(this.lab, this.#content?.text, () => this.#pace.ask(), goesOn);
    this.meter.measure(this.lab, this.#content?.text);
    this.draw();
  }

  /** Keeps the run for a reload, as is done every half minute. */
  keep(): Promise<void> {
    return this.#keeper.keep();
  }

  /** What a reload would bring back; null before anything was kept. */
  get kept(): string | null {
    // Asked for once before there is one: parts draw as soon as they are made.
    return (this.#keeper as Keeper | undefined)?.says ?? null;
  }

  /** The buttons, and their keys. */
  drive(what: 'run' | 'step' | 'restart'): void {
    const { run } = this;
    notice('kept', null);
    notice('on', null);
    if (what === 'restart') {
      this.#keeper.forget();
      this.begin();
      return;
    }
    if (!run) return;
    if (run.state === 'done') {
      if (what === 'run') this.#runOn();
      return;
    }
    const trouble = this.#insisted ? null : troubleOf(this.meter.total);
    if (trouble && run.newest === 0) {
      notice(
        'cost',
        trouble.text,
        ...(trouble.mayInsist
          ? [['Train all the same', () => this.#insist(what)] as [string, () => void]]
          : []),
      );
      return;
    }
    if (what === 'step') run.one();
    else if (run.state === 'running') run.pause();
    else run.run();
  }

  /** Goes on beyond the steps of the link, which becomes that of a longer run. */
  #runOn(): void {
    const steps = moreSteps(this.lab, this.run);
    if (steps === null) return;
    const longer = { ...this.lab, steps };
    const again = (): void => {
      this.change(longer);
      this.run?.run();
    };
    if (!beginsAlike(longer, again)) return;
    this.lab = longer;
    this.#drawnDone = false;
    history.replaceState(null, '', `#${encodeLab(longer)}`);
    this.meter.measure(longer, this.#content?.text);
    this.run?.goOn(longer);
  }

  #insist(what: 'run' | 'step'): void {
    this.#insisted = true;
    notice('cost', null);
    this.drive(what);
  }

  /** Marks a layer in every lane. */
  mark(layer: number): void {
    this.layer = layer;
    for (const card of this.#cards) card.mark(layer);
    this.instruments.draw();
    this.#readLayer();
  }

  /** Draws the step that the run shows. */
  draw(): void {
    const { run } = this;
    this.#controls();
    this.lesson.draw();
    this.figures.draw();
    if (!run) return;
    if (run.error) {
      notice('run', run.error.message);
      return;
    }
    notice('run', null);
    this.loss.draw(run, this.#looks, this.token);
    // Lines move ten times a second; fills and figures, which one reads, four times.
    const now = performance.now();
    if (run.state === 'running' && run.isLive && now - this.#drawnAt < FIGURES_MS) return;
    this.#drawnAt = now;
    for (const [at, card] of this.#cards.entries())
      card.update(run.lanes[at], run.step, run.lab.steps, this.token);
    for (const [at, { history }] of run.lanes.entries()) {
      const value = byId('tabs').children[at]?.querySelector('.tab-loss');
      write(value, history?.loss(run.step)?.toFixed(1) ?? '–');
    }
    this.instruments.draw();
    this.side.draw();
    this.#readLayer();
    if (run.state === 'done' && !this.#drawnDone) {
      this.#drawnDone = true;
      say(`Done: ${run.lab.steps} steps. Fingerprint ${run.fingerprint ?? 'none: a lane is lost'}.`);
    }
  }

  #controls(): void {
    const { run } = this;
    const state = run?.state ?? 'opening';
    const more = state === 'done' ? moreSteps(this.lab, run) : null;
    const words = {
      opening: 'Loading…',
      ready: this.lab.lanes.length === 1 ? 'Train' : `Train all ${COUNTS[this.lab.lanes.length]}`,
      running: 'Pause',
      paused: 'Go on',
      done: more === null ? 'Done' : `Run on to ${more}`,
      failed: 'Train',
    } as const;
    for (const control of document.querySelectorAll<HTMLButtonElement>('[data-drive]')) {
      const { drive } = control.dataset;
      if (drive === 'run' && control.textContent !== words[state]) control.textContent = words[state];
      const idle = state === 'opening' || state === 'failed' || state === 'done';
      const isOn = drive === 'run' && more !== null;
      control.disabled = drive === 'restart' ? run === null || state === 'opening' : idle && !isOn;
    }
    const facts = this.#facts();
    write(byId('facts'), facts);
    write(byId('dock'), facts);
  }

  #facts(): string {
    const { run } = this;
    if (!run || run.state === 'failed') return '';
    const { steps } = this.lab;
    const { state, newest, speed, fingerprint } = run;
    if (state === 'done' && fingerprint === null) return 'Done but for what has stopped: no fingerprint yet.';
    if (state === 'done')
      return `Done: ${steps} steps. Fingerprint ${fingerprint}: the same on every device.`;
    if (newest === 0 && state !== 'running') return `${costText(this.meter.total)} Nothing is sent.`;
    const left = speed
      ? `, ${speed.toFixed(speed < 10 ? 1 : 0)} steps/s, about ${time((steps - newest) / speed)} left`
      : '';
    return `Step ${newest} of ${steps}${state === 'running' ? left : ', paused'}.`;
  }

  #readLayer(): void {
    const update = this.run?.lanes
      .map(({ history }) => {
        const shape = history?.beginning.shape;
        const layer = Math.min(this.layer, (shape?.layers.length ?? 1) - 1);
        const row = history?.row(Math.min(this.run?.step ?? 0, history.steps));
        if (!history || !shape || !row || !Number.isFinite(row[0])) return '–';
        let block = -1;
        for (let l = 0; l <= layer; l++) block += shape.layers[l].blocks.length;
        return `${(100 * row[history.layout.updates + block]).toPrecision(2)}`;
      })
      .join(' · ');
    write(document.getElementById('read'), `Layer ${this.layer + 1}: update ${update ?? '–'} %`);
  }

  #tabs(): void {
    byId('tabs').replaceChildren(
      ...this.lab.lanes.map((_, at) => {
        const badge = element('i', { class: 'badge' }, String(at + 1));
        badge.style.background = `var(--${this.#looks[at].token})`;
        const tab = button('', ` ${laneName(this.lab, at)}`, () =>
          document.getElementById(`lane-${at + 1}`)?.scrollIntoView({ block: 'nearest', inline: 'start' }),
        );
        tab.prepend(badge, element('span', { class: 'tab-loss' }, '–'));
        return tab;
      }),
    );
  }

  #readLink(): void {
    try {
      const lab = decodeLab(location.hash);
      notice('link', null);
      this.change(lab);
    } catch (error) {
      notice('link', (error as Error).message, ['Open the first screen', () => this.change(firstLab())]);
      this.draw();
    }
  }

  #setUpInput(): void {
    setUpDrop(
      (content) => this.#take(content),
      (why) => notice('drop', why),
    );
    setUpKeys({
      drive: (what) => this.drive(what),
      lane: (at) => document.getElementById(`lane-${at + 1}`)?.focus(),
      layer: (by) => {
        const layers = this.run?.lanes[0].history?.beginning.shape.layers.length ?? 1;
        this.mark(Math.min(layers - 1, Math.max(0, this.layer + by)));
      },
      step: (by) => {
        const { run } = this;
        if (typeof by === 'number') run?.show(run.step + by);
        else run?.show(by === 'live' ? null : 0);
      },
      instrument: (by) => this.instruments.next(by),
      numbers: () => this.instruments.toggleNumbers(),
    });
  }

  /** A text of the reader's becomes the task, unless the link wants another, or locks it. */
  #take(content: Content): void {
    const { lab } = this;
    const { content: wanted } = lab;
    if (isLocked(lab, 'task') && wanted?.sha256 !== content.sha256) {
      notice(
        'drop',
        wanted
          ? 'This is not the file that the link was made with.'
          : 'The link does not let its readers change the task.',
      );
      return;
    }
    notice('drop', null);
    const { sha256, bytes } = content;
    const isWanted = wanted?.sha256 === sha256;
    const task = isWanted ? lab.task : looksLikePairs(content.text) ? 'pairs' : 'text';
    this.change({ ...lab, task, content: { sha256, bytes } }, content);
  }

  #resume({ lab, content }: KeptRun): void {
    this.lab = lab;
    this.#content = content;
    history.replaceState(null, '', `#${encodeLab(lab)}`);
    this.begin(true);
    this.run?.run();
  }

  #onHidden(): void {
    if (document.hidden || !this.run || this.run.state !== 'running') return;
    say('Training went on while this tab was hidden.');
  }
}

/** Between two moments at which figures change. */
const FIGURES_MS = 240;
const COUNTS = ['none', 'one', 'two', 'three', 'four', 'five', 'six'];

/** Starts the page; tests find it as `window.lab`. */
export function startPage(): void {
  setUpThemeButton(byId('theme') as HTMLButtonElement);
  (window as { lab?: LabPage }).lab = new LabPage();
}
