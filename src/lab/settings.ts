/**
 * @file What can be turned in the Lab: one table from which links, forms and checks are made. All bounds are here, so
 * that a link is refused before anything is allocated.
 */
import { type NormPlacement, normPlacements, placementNames } from '../nn/placement-names.js';

/** Everything that one lane trains with. */
export interface LaneSettings {
  /** Where the norms stand (docs/placements.md). */
  placement: NormPlacement;
  /** Steps of linear rise of the learning rate; 0 is none. */
  warmup: number;
  /** The rate at the end of the warm-up. */
  maxLr: number;
  /** What the rate does afterwards. */
  decay: 'constant' | 'inverseSqrt' | 'linear' | 'cosine';
  /** Kind of norm. */
  norm: 'layer' | 'rms' | 'dyt' | 'scale';
  /** How parameters begin. */
  init: 'fairseq' | 'paper' | 'torch';
  /** Depth; of translation, of encoder and decoder each. */
  layers: number;
  /** Width of the hidden vectors, dModel; the feed-forward has four times as much. */
  width: number;
  heads: number;
  optimizer: 'adam' | 'adamw' | 'radam' | 'sgd';
  /** Rows of a batch. */
  batch: number;
  /** Tokens of a row; pairs: `batch` times this bounds the padded tokens of a batch. */
  length: number;
  /** Seed of initial values and of the order of the data. */
  seed: number;
  /** Both give the same bits on every device; `int12` multiplies in integers. */
  arithmetic: 'strict' | 'int12';
}

export type SettingKey = keyof LaneSettings;

interface Common {
  /** In links. */
  short: string;
  /** In forms. */
  label: string;
  /** In names of lanes and in sentences, with the value. */
  says: (value: never) => string;
}

/** A setting that is a number. */
export interface NumberSetting extends Common {
  kind: 'integer' | 'number';
  least: number;
  most: number;
}

/** A setting that is one of a few names. */
export interface ChoiceSetting extends Common {
  kind: 'choice';
  /** Names by value. */
  choices: Readonly<Record<string, string>>;
}

export type Setting = NumberSetting | ChoiceSetting;

const optimizers = { adam: 'Adam', adamw: 'AdamW', radam: 'RAdam', sgd: 'SGD' };
const norms = { layer: 'LayerNorm', rms: 'RMSNorm', dyt: 'DyT', scale: 'ScaleNorm' };
const decays = {
  constant: 'constant',
  inverseSqrt: 'inverse square root',
  linear: 'linear to 0',
  cosine: 'cosine to 0',
};
const inits = { fairseq: 'fairseq', paper: 'paper', torch: 'PyTorch' };
const arithmetics = { strict: 'float32', int12: 'int12' };

const whole = (short: string, label: string, least: number, most: number, says: Common['says']): Setting => ({
  kind: 'integer',
  short,
  label,
  least,
  most,
  says,
});

/** Every setting, in the order of forms. */
export const settings: Readonly<Record<SettingKey, Setting>> = {
  placement: {
    kind: 'choice',
    short: 'p',
    label: 'Placement of the norm',
    choices: Object.fromEntries(normPlacements.map((name) => [name, placementNames[name]])),
    says: (value: NormPlacement) => placementNames[value],
  },
  warmup: whole('w', 'Warm-up steps', 0, 10_000, (value: number) =>
    value > 0 ? `warm-up ${value}` : 'no warm-up',
  ),
  maxLr: {
    kind: 'number',
    short: 'r',
    label: 'Largest learning rate',
    least: 1e-7,
    most: 100,
    says: (value: number) => `rate ${value}`,
  },
  decay: {
    kind: 'choice',
    short: 'c',
    label: 'Rate after the warm-up',
    choices: decays,
    says: (value: LaneSettings['decay']) => `rate ${decays[value]}`,
  },
  norm: {
    kind: 'choice',
    short: 'k',
    label: 'Kind of norm',
    choices: norms,
    says: (value: LaneSettings['norm']) => norms[value],
  },
  init: {
    kind: 'choice',
    short: 'i',
    label: 'Initial values',
    choices: inits,
    says: (value: LaneSettings['init']) => `${inits[value]} initial values`,
  },
  optimizer: {
    kind: 'choice',
    short: 'o',
    label: 'Optimizer',
    choices: optimizers,
    says: (value: LaneSettings['optimizer']) => optimizers[value],
  },
  layers: whole('l', 'Layers', 1, 24, (value: number) => `${value} layer${value === 1 ? '' : 's'}`),
  width: whole('d', 'Width', 8, 512, (value: number) => `width ${value}`),
  heads: whole('h', 'Heads', 1, 16, (value: number) => `${value} head${value === 1 ? '' : 's'}`),
  batch: whole('b', 'Rows of a batch', 1, 256, (value: number) => `batch ${value}`),
  length: whole('t', 'Tokens of a row', 8, 512, (value: number) => `rows of ${value}`),
  seed: whole('s', 'Seed', 0, 2_147_483_647, (value: number) => `seed ${value}`),
  arithmetic: {
    kind: 'choice',
    short: 'a',
    label: 'Arithmetic',
    choices: arithmetics,
    says: (value: LaneSettings['arithmetic']) => arithmetics[value],
  },
};

export const settingKeys = Object.keys(settings) as SettingKey[];

/** What a lane has of which nothing is said. */
export const defaultSettings: Readonly<LaneSettings> = {
  placement: 'pre',
  warmup: 0,
  maxLr: 0.003,
  decay: 'constant',
  norm: 'layer',
  init: 'fairseq',
  optimizer: 'adam',
  layers: 6,
  width: 64,
  heads: 4,
  batch: 8,
  length: 32,
  seed: 1,
  arithmetic: 'strict',
};

/** What one trains on. */
export type TaskName = 'chars' | 'translate' | 'reverse' | 'text' | 'pairs';

export interface Task {
  label: string;
  /** What a token is called beside the reference lines. */
  token: 'letter' | 'word';
  /** Whether the reader brings the data. */
  own: boolean;
  model: 'causalLM' | 'transformer';
}

export const tasks: Readonly<Record<TaskName, Task>> = {
  chars: { label: 'Next character, Genesis', token: 'letter', own: false, model: 'causalLM' },
  translate: { label: 'German to English', token: 'word', own: false, model: 'transformer' },
  reverse: { label: 'Reverse a word', token: 'letter', own: false, model: 'transformer' },
  text: { label: 'Next character, your own text', token: 'letter', own: true, model: 'causalLM' },
  pairs: { label: 'Translate, your own pairs', token: 'word', own: true, model: 'transformer' },
};

/** The value of a setting as text that `parseSetting` reads. */
export function printSetting(value: LaneSettings[SettingKey]): string {
  return String(value);
}

/** The value, or undefined where the text says none that is allowed. */
export function parseSetting(key: SettingKey, text: string): LaneSettings[SettingKey] | undefined {
  const setting = settings[key];
  if (setting.kind === 'choice') return Object.hasOwn(setting.choices, text) ? (text as never) : undefined;
  if (!/^\d{1,10}(\.\d{1,12})?(e-?\d{1,2})?$/.test(text)) return undefined;
  const value = Number(text);
  return fits(key, value) ? value : undefined;
}

/** Whether a value is one that the setting may have. */
export function fits(key: SettingKey, value: unknown): boolean {
  const setting = settings[key];
  if (setting.kind === 'choice') return typeof value === 'string' && Object.hasOwn(setting.choices, value);
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  if (setting.kind === 'integer' && !Number.isInteger(value)) return false;
  return value >= setting.least && value <= setting.most;
}

/** What a setting may be, as a sentence goes on after "must be". */
export function wanted(key: SettingKey): string {
  const setting = settings[key];
  if (setting.kind === 'choice') return `one of ${Object.keys(setting.choices).join(', ')}`;
  const kind = setting.kind === 'integer' ? 'a whole number' : 'a number';
  return `${kind} from ${setting.least} to ${setting.most}`;
}
