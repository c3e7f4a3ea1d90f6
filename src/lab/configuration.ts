/** @file The configuration of the Lab: what its link says. One check for links, forms and programs. */
import { ConfigError } from '../errors.js';
import { hasLoneSurrogate } from '../utf8.js';
import {
  defaultSettings,
  fits,
  type LaneSettings,
  type SettingKey,
  settingKeys,
  settings,
  type TaskName,
  tasks,
  wanted,
} from './settings.js';

/** A lane: a name and all its settings. */
export interface LaneConfiguration extends LaneSettings {
  /** Empty: it is called by what it does not share with the others. */
  name: string;
}

/** The reader's own text or pairs, which no link carries: what they must be. */
export interface OwnContent {
  /** SHA-256 of the bytes (UTF-8). */
  sha256: string;
  /** Bytes. */
  bytes: number;
}

/** Everything that decides a run. */
export interface LabConfiguration {
  task: TaskName;
  /** Of every lane. */
  steps: number;
  lanes: readonly LaneConfiguration[];
  /** Only with a task of the reader's own. */
  content: OwnContent | null;
  /** What the reader of the link cannot change; `all` is everything. */
  locked: readonly LockName[];
}

/** Settings, and what belongs to no lane. */
export type LockName = SettingKey | 'task' | 'steps' | 'lanes' | 'all';

export const MOST_LANES = 6;
export const MOST_STEPS = 10_000;
export const MOST_NAME = 40;
export const lockNames: readonly LockName[] = [...settingKeys, 'task', 'steps', 'lanes', 'all'];

/** The first screen: the paper's four. */
export function firstLab(): LabConfiguration {
  const lane = (placement: 'post' | 'pre', warmup: number): LaneConfiguration => ({
    ...defaultSettings,
    placement,
    warmup,
    name: '',
  });
  return {
    task: 'chars',
    steps: 200,
    lanes: [lane('post', 0), lane('post', 100), lane('pre', 0), lane('pre', 100)],
    content: null,
    locked: [],
  };
}

/**
 * @throws ConfigError naming the lane and the setting, what is allowed and what came
 */
export function checkLab(lab: LabConfiguration): LabConfiguration {
  const refuse = (what: string, expected: string, actual: unknown): never => {
    throw new ConfigError(`${what} must be ${expected}, got ${shown(actual)}`, {
      op: 'lab',
      expected,
      actual,
    });
  };
  if (!Object.hasOwn(tasks, lab.task)) refuse('task', `one of ${Object.keys(tasks).join(', ')}`, lab.task);
  if (!isWhole(lab.steps, 1, MOST_STEPS))
    refuse('steps', `a whole number from 1 to ${MOST_STEPS}`, lab.steps);
  const { length } = lab.lanes;
  if (length < 1 || length > MOST_LANES) refuse('the number of lanes', `from 1 to ${MOST_LANES}`, length);
  for (const [at, lane] of lab.lanes.entries()) {
    for (const key of settingKeys) {
      if (!fits(key, lane[key])) refuse(`${key} of lane ${at + 1}`, wanted(key), lane[key]);
    }
    const { width, heads, name } = lane;
    if (width % heads !== 0) refuse(`width of lane ${at + 1}`, `a multiple of its ${heads} heads`, width);
    if (typeof name !== 'string' || name.length > MOST_NAME || hasLoneSurrogate(name))
      refuse(`the name of lane ${at + 1}`, `of ${MOST_NAME} characters at most`, name);
  }
  const { own } = tasks[lab.task];
  if (own && !lab.content) refuse('content', 'given: this task needs a file of yours', null);
  if (!own && lab.content) refuse('content', `left out: the task ${lab.task} brings its own`, 'some');
  for (const lock of lab.locked) {
    if (!lockNames.includes(lock)) refuse('a lock', `one of ${lockNames.join(', ')}`, lock);
  }
  return lab;
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

function shown(value: unknown): string {
  const text = String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** Settings in which the lanes are not all the same, in the order of forms. */
export function differing(lanes: readonly LaneConfiguration[]): SettingKey[] {
  return settingKeys.filter((key) => lanes.some((lane) => lane[key] !== lanes[0][key]));
}

/** What a lane is called: its own name, or its placement and whatever it does not share with the others. */
export function laneName(lab: Pick<LabConfiguration, 'lanes'>, at: number): string {
  const lane = lab.lanes[at];
  if (lane.name) return lane.name;
  return [...new Set<SettingKey>(['placement', ...differing(lab.lanes)])]
    .map((key) => settings[key].says(lane[key] as never))
    .join(', ');
}

/** What all lanes share, as a sentence would say it. */
export function sharedFacts({ lanes }: Pick<LabConfiguration, 'lanes'>): Partial<LaneSettings> {
  const different = differing(lanes);
  return Object.fromEntries(
    settingKeys.filter((key) => !different.includes(key)).map((key) => [key, lanes[0][key]]),
  );
}

/** Whether the link's maker lets the reader change something. */
export function isLocked({ locked }: Pick<LabConfiguration, 'locked'>, what: LockName): boolean {
  return locked.includes('all') || locked.includes(what);
}
