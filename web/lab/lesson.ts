/**
 * @file The lesson's card: five steps that a reader goes through with the run of the page. What a step finds is in
 * src/lab/lesson.ts, what it says in lesson-words.ts; here is what one clicks.
 */
import { isLocked, type LabConfiguration } from '../../src/lab/configuration.js';
import {
  fadingOf,
  lastLayersOf,
  lessonLab,
  nearestOf,
  rolesOf,
  standingOf,
  withRate,
} from '../../src/lab/lesson.js';
import { button, element } from '../figures/elements.js';
import { Guess, MARKS } from './guess.js';
import * as words from './lesson-words.js';
import type { LossChart } from './loss-chart.js';
import type { LabView } from './view.js';

/** Rates that the slider of steps 4 and 5 has. */
const RATES = [
  0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5, 1,
];

/** The page, as far as the lesson drives it. */
export interface LessonHost extends LabView {
  readonly loss: LossChart;
  drive(what: 'run'): void;
  draw(): void;
}

export class Lesson {
  readonly guess: Guess;
  readonly #host: LessonHost;
  readonly #place: HTMLElement;
  readonly #strip: HTMLElement;
  readonly #verdict = element('p', { class: 'verdict', role: 'status' });
  readonly #outcome = element('p', { class: 'outcome' });
  readonly #stripText = element('p');
  #next: HTMLButtonElement | null = null;
  /** From 0; null while it is closed. */
  #step: number | null = null;
  #layer: number | null | undefined;
  #share: number | undefined;
  /** Of the steps that change a rate; null until the reader has moved it. */
  #rate: number | null = null;
  #shown = '';

  constructor(place: HTMLElement, strip: HTMLElement, host: LessonHost) {
    this.#place = place;
    this.#strip = strip;
    this.#host = host;
    this.guess = new Guess(host.loss, () => host.draw());
    this.#strip.append(
      this.#stripText,
      button(words.controls.strip, '', () => {
        this.#place.scrollIntoView({ block: 'start' });
        this.#place.querySelector<HTMLElement>('h2')?.focus();
      }),
    );
    this.#build();
  }

  /** The step that is open, from 1; null while it is closed. */
  get step(): number | null {
    return this.#step === null ? null : this.#step + 1;
  }

  open(step = 0): void {
    this.#step = step;
    this.#rate = null;
    this.#shown = '';
    // Only the comparison with theory is about a step of the past.
    if (step !== 2) this.#host.run?.show(null);
    this.#host.draw();
    this.#place.querySelector<HTMLElement>('h2')?.focus();
  }

  close(): void {
    this.#step = null;
    this.#shown = '';
    this.#host.draw();
    this.#place.querySelector<HTMLElement>('button')?.focus();
  }

  /** What the run has shown by now. */
  draw(): void {
    const { lab } = this.#host;
    this.guess.fit(lab.steps);
    this.guess.isOn = this.#step === 0;
    this.#host.loss.chart.node.classList.toggle('drawing', this.guess.isOn);
    const key = JSON.stringify([this.#step, rolesOf(lab), this.#layers(), this.#host.token, lab.locked]);
    if (key !== this.#shown) {
      this.#shown = key;
      this.#build();
    }
    if (this.#step !== null && rolesOf(lab)) this.#judge(this.#step);
  }

  /** The elements of a step; what it says of the run is written by `#judge`. */
  #build(): void {
    const { lab } = this.#host;
    const roles = rolesOf(lab);
    const { controls } = words;
    this.#strip.hidden = this.#step === null;
    this.#next = null;
    if (this.#step === null) {
      this.#place.replaceChildren(
        card(
          heading('Lesson'),
          element('p', {}, controls.about),
          row(button(controls.open, '', () => this.open())),
        ),
      );
      return;
    }
    const step = this.#step;
    const top = element(
      'div',
      { class: 'lessontop' },
      element('span', {}, words.progress(step)),
      button(controls.close, ' the lesson', () => this.close()),
    );
    const bars = element('div', { class: 'lessonbars', 'aria-hidden': 'true' });
    for (const at of words.titles.keys())
      bars.append(element('i', { class: at < step ? 'past' : at === step ? 'now' : '' }));
    if (!roles) {
      const locked = isLocked(lab, 'lanes') || isLocked(lab, 'placement') || isLocked(lab, 'warmup');
      this.#place.replaceChildren(
        card(
          top,
          bars,
          heading(words.titles[step]),
          element('p', {}, controls.missing),
          locked
            ? element('p', {}, controls.locked)
            : row(button(controls.setUp, '', () => this.#host.change(lessonLab(lab)))),
        ),
      );
      return;
    }
    const task = words.task(step, this.#circumstances(lab));
    this.#stripText.replaceChildren(element('b', {}, `${step + 1} of 5. `), task);
    this.#verdict.replaceChildren();
    this.#outcome.textContent = '';
    const last = step === words.titles.length - 1;
    this.#next = button(last ? controls.end : words.next(step), '', () =>
      last ? this.close() : this.open(step + 1),
    );
    const back = button(controls.back, '', () => this.open(step - 1));
    back.disabled = step === 0;
    this.#place.replaceChildren(
      card(
        top,
        bars,
        heading(words.titles[step]),
        element('p', {}, task),
        ...this.#means(step, lab),
        this.#verdict,
        this.#outcome,
        row(back, this.#next),
      ),
    );
  }

  /** What a step is answered with. */
  #means(step: number, lab: LabConfiguration): HTMLElement[] {
    const { controls } = words;
    if (step === 0) return [row(button(controls.erase, '', () => this.guess.erase())), this.#numbers()];
    if (step === 1) {
      const layers = Array.from({ length: this.#layers() }, (_, at) => at + 1);
      const choose = (layer: number | null) => {
        this.#layer = layer;
      };
      return [
        this.#choices('Layer', [...layers, null], (one) => String(one ?? controls.none), this.#layer, choose),
        row(button(controls.run, '', () => this.#train())),
      ];
    }
    if (step === 2) {
      const choose = (share: number) => {
        this.#share = share;
      };
      return [
        row(button(controls.step1, '', () => this.#host.run?.show(1))),
        this.#choices('Share', [...words.shares], words.shareName, this.#share, choose),
      ];
    }
    return this.#rateMeans(step, lab);
  }

  #rateMeans(step: number, lab: LabConfiguration): HTMLElement[] {
    const { controls } = words;
    const roles = rolesOf(lab);
    if (!roles) return [];
    if (isLocked(lab, 'maxLr')) return [element('p', {}, controls.locked)];
    const at = step === 3 ? roles.post : roles.pre;
    const rate = this.#rate ?? nearestOf(RATES, lab.lanes[at].maxLr);
    const output = element('output', {}, String(rate));
    const slider = element('input', {
      type: 'range',
      min: 0,
      max: RATES.length - 1,
      step: 1,
      value: RATES.indexOf(rate),
      'aria-valuetext': String(rate),
    });
    slider.addEventListener('input', () => {
      this.#rate = RATES[Number(slider.value)];
      output.textContent = String(this.#rate);
      slider.setAttribute('aria-valuetext', String(this.#rate));
    });
    return [
      element('label', { class: 'rate' }, element('span', {}, controls.rate(at + 1)), slider, output),
      row(button(controls.again, '', () => this.#again(at))),
    ];
  }

  /** The line by five numbers, for those who do not draw. */
  #numbers(): HTMLElement {
    const { controls } = words;
    const [low, high] = this.#host.loss.chart.data?.yRange ?? [0, 6];
    const last = this.guess.values.length - 1;
    const inputs = MARKS.map((mark) => {
      const input = element('input', { type: 'number', min: 0, max: 20, step: 0.1 });
      input.value = (this.guess.at(Math.round(mark * last)) ?? (low + high) / 2).toFixed(1);
      input.addEventListener('change', () => {
        const losses = inputs.map(({ valueAsNumber }) => valueAsNumber);
        if (losses.every(Number.isFinite)) this.guess.setMarks(losses);
      });
      return input;
    });
    return element(
      'details',
      { class: 'marks' },
      element('summary', {}, controls.numbers),
      ...inputs.map((input, at) =>
        element('label', {}, element('span', {}, `Loss ${controls.marks[at]}`), input),
      ),
    );
  }

  #choices<T>(
    name: string,
    all: readonly T[],
    say: (one: T) => string,
    chosen: T | undefined,
    choose: (one: T) => void,
  ): HTMLElement {
    return element(
      'fieldset',
      { class: 'choices' },
      element('legend', { class: 'unseen' }, name),
      ...all.map((one, at) => {
        const input = element('input', { type: 'radio', name: `lesson-${name}`, value: at });
        input.checked = one === chosen;
        input.addEventListener('change', () => {
          choose(one);
          this.draw();
        });
        return element('label', {}, input, element('span', {}, say(one)));
      }),
    );
  }

  #judge(step: number): void {
    const { lab, run, token } = this.#host;
    const roles = rolesOf(lab);
    if (!roles) return;
    const now = this.#circumstances(lab);
    const nothing = { history: null, end: null };
    const [post, warmed, pre] = [roles.post, roles.warmed, roles.pre].map((at) => run?.lanes[at] ?? nothing);
    let verdict: words.Verdict;
    let outcome = '';
    if (step === 0) verdict = words.drawn(this.guess.isWhole);
    else if (step === 1) {
      const found = post.history && fadingOf(post.history);
      verdict = words.faded(found, this.#layer, post.end !== null, now);
      if (post.end !== null)
        outcome = words.outcome(standingOf(post), this.guess.at(lab.steps), roles.post + 1, token);
    } else if (step === 2) {
      const found = post.history && pre.history ? lastLayersOf(post.history, pre.history) : null;
      const nearest = found ? nearestOf(words.shares, found.measured) : 1;
      verdict = words.compared(found, run?.step === 1, this.#share, nearest);
    } else if (step === 3) {
      verdict = words.trained(
        standingOf(post),
        post.end !== null,
        lab.lanes[roles.post].maxLr,
        standingOf(warmed),
        lab.lanes[roles.warmed].maxLr,
        now,
      );
    } else verdict = words.broken(standingOf(pre), pre.end !== null, lab.lanes[roles.pre].maxLr, now);
    this.#say(verdict, outcome);
  }

  /** Writes only what has changed: it is read aloud. */
  #say({ met, lead, text }: words.Verdict, outcome: string): void {
    const all = `${lead} ${text}`.trim();
    if (this.#verdict.textContent !== all)
      this.#verdict.replaceChildren(element('b', {}, lead), `${lead ? ' ' : ''}${text}`);
    this.#verdict.dataset.met = String(met);
    if (this.#outcome.textContent !== outcome) this.#outcome.textContent = outcome;
    this.#next?.classList.toggle('primary', met === true);
  }

  #train(): void {
    const { run } = this.#host;
    if (run && run.state !== 'running' && run.state !== 'done') this.#host.drive('run');
  }

  #again(at: number): void {
    const { lab } = this.#host;
    const rate = this.#rate ?? lab.lanes[at].maxLr;
    this.#host.change(withRate(lab, at, rate));
    this.#host.drive('run');
  }

  #circumstances(lab: LabConfiguration): words.Circumstances {
    const roles = rolesOf(lab) ?? { post: 0, warmed: 1, pre: 2 };
    return { roles, token: this.#host.token, layers: this.#layers() };
  }

  #layers(): number {
    const { lab } = this.#host;
    return lab.lanes[rolesOf(lab)?.post ?? 0].layers;
  }
}

function card(...children: Node[]): HTMLElement {
  return element('section', { class: 'card lesson', 'aria-label': 'Lesson' }, ...children);
}

function heading(text: string): HTMLElement {
  return element('h2', { tabindex: '-1' }, text);
}

function row(...children: HTMLElement[]): HTMLElement {
  return element('div', { class: 'row' }, ...children);
}
