/**
 * @file Everything that can be turned, in one dialog: for all lanes or for one of them. What the link locks is shown and
 * cannot be changed. Nothing is taken before the reader says so.
 */
import {
  checkLab,
  differing,
  isLocked,
  type LabConfiguration,
  type LaneConfiguration,
  laneName,
  MOST_LANES,
  MOST_NAME,
  MOST_STEPS,
} from '../../src/lab/configuration.js';
import {
  type ChoiceSetting,
  fits,
  type LaneSettings,
  type SettingKey,
  settingKeys,
  settings,
  type TaskName,
  tasks,
  wanted,
} from '../../src/lab/settings.js';
import { button, element } from '../figures/elements.js';
import { type Content, contentOf, looksLikePairs, readContent } from './content.js';
import type { LabView } from './view.js';

/** Opens the dialog on a lane, on all of them (null), or on one more, which begins as the last is. */
export function openSettings(view: LabView, lane: number | null | 'new'): void {
  const dialog = new SettingsDialog(view, lane === 'new' ? null : lane);
  if (lane === 'new') dialog.add();
}

class SettingsDialog {
  readonly #view: LabView;
  readonly #dialog = element('dialog', { class: 'settings', 'aria-labelledby': 'settings-title' });
  readonly #body = element('div', { class: 'settings-body' });
  readonly #trouble = element('p', { class: 'trouble', role: 'alert' });
  #lab: LabConfiguration;
  #content: Content | null;
  #lane: number | null;

  constructor(view: LabView, lane: number | null) {
    this.#view = view;
    this.#lab = view.lab;
    this.#content = view.content;
    this.#lane = lane;
    const title = element('h2', { id: 'settings-title' }, 'Settings');
    const take = element('button', { type: 'button', class: 'primary' }, 'Use these settings');
    take.addEventListener('click', () => this.#take());
    const leave = button('Cancel', '', () => this.#dialog.close());
    this.#dialog.append(title, this.#body, this.#trouble, element('div', { class: 'go' }, leave, take));
    this.#dialog.addEventListener('close', () => this.#dialog.remove());
    document.body.append(this.#dialog);
    this.#draw();
    this.#dialog.showModal();
  }

  /** One more lane, like the last. */
  add(): void {
    const { lanes } = this.#lab;
    if (!this.#hasRoom) {
      const why =
        lanes.length < MOST_LANES
          ? 'The link does not let its readers add lanes.'
          : `There are ${MOST_LANES} lanes already.`;
      this.#trouble.textContent = why;
      return;
    }
    this.#setLanes([...lanes, { ...(lanes.at(-1) as LaneConfiguration), name: '' }], lanes.length);
  }

  get #hasRoom(): boolean {
    return !isLocked(this.#lab, 'lanes') && this.#lab.lanes.length < MOST_LANES;
  }

  #draw(): void {
    const focus = (document.activeElement as HTMLElement | null)?.id;
    const parts: HTMLElement[] = [];
    if (this.#lane === null) parts.push(this.#common());
    parts.push(this.#which());
    if (this.#lane !== null) parts.push(this.#laneTools(this.#lane));
    parts.push(this.#fields());
    this.#body.replaceChildren(...parts);
    if (focus) document.getElementById(focus)?.focus();
  }

  /** Task and steps, which belong to no lane. */
  #common(): HTMLElement {
    const task = select(
      'set-task',
      Object.fromEntries(Object.entries(tasks).map(([name, { label }]) => [name, label])),
      this.#lab.task,
    );
    task.disabled = isLocked(this.#lab, 'task');
    task.addEventListener('change', () => this.#setTask(task.value as TaskName));
    const steps = number('set-steps', this.#lab.steps, 1, MOST_STEPS);
    steps.disabled = isLocked(this.#lab, 'steps');
    steps.addEventListener('change', () => {
      if (
        this.#say(
          steps.value,
          /^\d+$/.test(steps.value) && Number(steps.value) >= 1 && Number(steps.value) <= MOST_STEPS,
          `Steps must be a whole number from 1 to ${MOST_STEPS}`,
        )
      )
        this.#lab = { ...this.#lab, steps: Number(steps.value) };
    });
    const rows = [row('set-task', 'Task', task), row('set-steps', 'Steps', steps)];
    if (tasks[this.#lab.task].own) rows.push(this.#own());
    return element('div', { class: 'fields' }, ...rows);
  }

  #own(): HTMLElement {
    const file = element('input', { type: 'file', id: 'set-file', accept: '.txt,.tsv,text/*' });
    file.addEventListener('change', () => {
      const [chosen] = file.files ?? [];
      if (chosen) void this.#readFile(chosen);
    });
    const text = element('textarea', { id: 'set-text', rows: 3, placeholder: 'or paste it here' });
    text.addEventListener(
      'change',
      () => text.value && this.#setContent(contentOf('pasted text', text.value)),
    );
    const known = this.#content
      ? `${this.#content.name}, ${this.#content.bytes} bytes`
      : 'A text file; for pairs, a sentence, a tab and its translation on each line';
    return element(
      'div',
      { class: 'field wide' },
      element('label', { for: 'set-file' }, 'Your text'),
      element('span', {}, file, text, element('small', {}, known)),
    );
  }

  async #readFile(file: File): Promise<void> {
    try {
      this.#setContent(await readContent(file));
    } catch (error) {
      this.#trouble.textContent = (error as Error).message;
    }
  }

  #setContent(content: Content): void {
    this.#trouble.textContent = '';
    this.#content = content;
    const { sha256, bytes } = content;
    const task = looksLikePairs(content.text) ? 'pairs' : 'text';
    this.#lab = { ...this.#lab, task, content: { sha256, bytes } };
    this.#draw();
  }

  #setTask(task: TaskName): void {
    const { own } = tasks[task];
    const known = this.#content && { sha256: this.#content.sha256, bytes: this.#content.bytes };
    this.#lab = { ...this.#lab, task, content: own ? known : null };
    this.#draw();
  }

  #which(): HTMLElement {
    const names: Record<string, string> = { all: 'All lanes' };
    for (const at of this.#lab.lanes.keys()) names[at] = `${at + 1}: ${laneName(this.#lab, at)}`;
    const which = select('set-which', names, this.#lane === null ? 'all' : String(this.#lane));
    which.addEventListener('change', () => {
      this.#lane = which.value === 'all' ? null : Number(which.value);
      this.#draw();
    });
    const add = button('Add a lane', '', () => this.add());
    add.disabled = !this.#hasRoom;
    return element('div', { class: 'which' }, row('set-which', 'Settings of', which), add);
  }

  #laneTools(at: number): HTMLElement {
    const lane = this.#lab.lanes[at];
    const name = element('input', {
      id: 'set-name',
      type: 'text',
      maxlength: MOST_NAME,
      value: lane.name,
      placeholder: laneName(this.#lab, at),
    });
    name.addEventListener('change', () => this.#setLane(at, { name: name.value.trim() }));
    const { lanes } = this.#lab;
    const copy = button('Copy', ` lane ${at + 1}`, () =>
      this.#setLanes([...lanes.slice(0, at + 1), { ...lane, name: '' }, ...lanes.slice(at + 1)], at + 1),
    );
    const remove = button('Remove', ` lane ${at + 1}`, () =>
      this.#setLanes(
        lanes.filter((_, other) => other !== at),
        null,
      ),
    );
    const fixed = isLocked(this.#lab, 'lanes');
    copy.disabled = fixed || lanes.length >= MOST_LANES;
    remove.disabled = fixed || lanes.length === 1;
    return element('div', { class: 'which' }, row('set-name', 'Name', name), copy, remove);
  }

  #fields(): HTMLElement {
    const different = this.#lane === null ? differing(this.#lab.lanes) : [];
    return element(
      'div',
      { class: 'fields' },
      ...settingKeys.map((key) => {
        const lane = this.#lab.lanes[this.#lane ?? 0];
        const mixed = different.includes(key);
        const control = this.#control(key, lane[key], mixed);
        control.disabled = isLocked(this.#lab, key);
        return row(`set-${key}`, settings[key].label, control);
      }),
    );
  }

  #control(
    key: SettingKey,
    value: LaneSettings[SettingKey],
    mixed: boolean,
  ): HTMLInputElement | HTMLSelectElement {
    const setting = settings[key];
    const id = `set-${key}`;
    if (setting.kind === 'choice') {
      const { choices } = setting as ChoiceSetting;
      const names = mixed ? { '': 'differs between lanes', ...choices } : choices;
      const control = select(id, names, mixed ? '' : String(value));
      control.addEventListener('change', () => control.value !== '' && this.#set(key, control.value));
      return control;
    }
    const control = number(id, mixed ? null : Number(value), setting.least, setting.most);
    if (setting.kind === 'number') control.step = 'any';
    if (mixed) control.placeholder = 'differs';
    control.addEventListener('change', () => {
      if (control.value === '') return;
      const wantedNow = `${setting.label} must be ${wanted(key)}`;
      if (this.#say(control.value, fits(key, Number(control.value)), wantedNow))
        this.#set(key, Number(control.value));
    });
    return control;
  }

  #say(value: string, isFit: boolean, otherwise: string): boolean {
    this.#trouble.textContent = isFit ? '' : `${otherwise}, got ${value || 'nothing'}.`;
    return isFit;
  }

  #set(key: SettingKey, value: unknown): void {
    const change = { [key]: value };
    if (this.#lane !== null) this.#setLane(this.#lane, change);
    else {
      this.#lab = { ...this.#lab, lanes: this.#lab.lanes.map((lane) => ({ ...lane, ...change })) };
      this.#draw();
    }
  }

  #setLane(at: number, change: Partial<LaneConfiguration>): void {
    const lanes = this.#lab.lanes.map((lane, other) => (other === at ? { ...lane, ...change } : lane));
    this.#lab = { ...this.#lab, lanes };
    this.#draw();
  }

  #setLanes(lanes: readonly LaneConfiguration[], shown: number | null): void {
    this.#lab = { ...this.#lab, lanes };
    this.#lane = shown;
    this.#draw();
  }

  #take(): void {
    try {
      checkLab(this.#lab);
    } catch (error) {
      this.#trouble.textContent = (error as Error).message.replace(/^lab: /, '');
      return;
    }
    this.#dialog.close();
    this.#view.change(this.#lab, this.#content);
  }
}

function row(id: string, label: string, control: HTMLElement): HTMLElement {
  return element('div', { class: 'field' }, element('label', { for: id }, label), control);
}

function select(id: string, names: Readonly<Record<string, string>>, value: string): HTMLSelectElement {
  const made = element('select', { id });
  for (const [name, label] of Object.entries(names)) made.append(element('option', { value: name }, label));
  made.value = value;
  return made;
}

function number(id: string, value: number | null, least: number, most: number): HTMLInputElement {
  return element('input', {
    id,
    type: 'number',
    min: least,
    max: most,
    ...(value === null ? {} : { value }),
  });
}
