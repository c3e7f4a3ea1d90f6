/** @file The configuration file of `prenorm train`: its keys, and the check of every value. */
import { brief, ConfigError, checkKeys } from '../errors.js';
import { isJsonObject } from '../json.js';
import type { ModelOptions } from '../nn/index.js';
import type { ScheduleConfig } from '../optim/index.js';

export interface TrainConfig {
  task: 'translation' | 'lm';
  /**
   * translation: `ui-de-en` (embedded) or a folder with train.tsv, valid.tsv, test.tsv;
   * lm: `kjv` (embedded) or a text file. Relative to the configuration file.
   */
  data: string;
  /** Size of the byte-level BPE; 259 (bytes and marks) at least. */
  vocabSize: number;
  model: Omit<ModelOptions, 'vocabSize'>;
  steps: number;
  schedule: ScheduleConfig;
  optimizer?: {
    kind: 'adam' | 'adamw' | 'sgd' | 'radam';
    betas?: [number, number];
    eps?: number;
    weightDecay?: number;
    momentum?: number;
    nesterov?: boolean;
  };
  /** translation: padded source and target tokens of a batch; default 1000. */
  maxTokens?: number;
  /** lm: windows per batch, default 16, and their length, default 64. */
  batchSize?: number;
  seqLen?: number;
  labelSmoothing?: number;
  clipNorm?: number;
  accumulate?: number;
  evalEvery?: number;
  /** Default 100. */
  checkpointEvery?: number;
  seed?: number;
}

const keys = [
  'task',
  'data',
  'vocabSize',
  'model',
  'steps',
  'schedule',
  'optimizer',
  'maxTokens',
  'batchSize',
  'seqLen',
  'labelSmoothing',
  'clipNorm',
  'accumulate',
  'evalEvery',
  'checkpointEvery',
  'seed',
] as const satisfies readonly (keyof TrainConfig)[];

const counts = ['maxTokens', 'batchSize', 'seqLen', 'accumulate', 'evalEvery', 'checkpointEvery'] as const;
const optimizers = ['adam', 'adamw', 'sgd', 'radam'];
const notFor: Record<TrainConfig['task'], (keyof TrainConfig)[]> = {
  translation: ['batchSize', 'seqLen'],
  lm: ['maxTokens'],
};

/** What may differ between a run and its continuation, because no step depends on it. */
const free: readonly string[] = ['steps', 'evalEvery', 'checkpointEvery'];

/** The part of a configuration that decides every bit of a run up to a step. */
export function decisive(config: TrainConfig): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !free.includes(key)));
}

/** @throws ConfigError naming file and key, what is required and what came. */
export function checkTrainConfig(value: unknown, path: string): TrainConfig {
  const must = (ok: boolean, key: string, required: string, actual: unknown): void => {
    if (ok) return;
    const shown = actual === undefined ? 'nothing' : brief(actual);
    const message = `${key ? `${key} ` : ''}must be ${required}, got ${shown}`;
    throw new ConfigError(message, { path, expected: required, actual });
  };
  must(isJsonObject(value), '', 'a JSON object', value);
  checkKeys(path, value as object, keys);
  const config = value as TrainConfig;
  const { task, data, vocabSize, model, steps, schedule, optimizer, labelSmoothing, clipNorm, seed } = config;
  must(task === 'translation' || task === 'lm', 'task', '"translation" or "lm"', task);
  must(typeof data === 'string' && data !== '', 'data', 'the name of embedded data or a path', data);
  must(Number.isInteger(vocabSize), 'vocabSize', 'an integer', vocabSize);
  must(isJsonObject(model), 'model', 'an object', model);
  must(!('vocabSize' in model), 'model', 'without vocabSize, which stands beside it', model);
  must(isCount(steps), 'steps', 'a positive integer', steps);
  must(isJsonObject(schedule), 'schedule', 'an object with a kind', schedule);
  for (const key of counts) {
    must(config[key] === undefined || isCount(config[key]), key, 'a positive integer', config[key]);
  }
  for (const key of notFor[task])
    must(config[key] === undefined, key, `left out for task "${task}"`, config[key]);
  must(
    labelSmoothing === undefined || (isNumber(labelSmoothing) && labelSmoothing >= 0 && labelSmoothing < 1),
    'labelSmoothing',
    'a number in [0, 1)',
    labelSmoothing,
  );
  must(
    clipNorm === undefined || (isNumber(clipNorm) && clipNorm > 0),
    'clipNorm',
    'a positive number',
    clipNorm,
  );
  must(seed === undefined || (Number.isSafeInteger(seed) && seed >= 0), 'seed', 'a whole number >= 0', seed);
  if (optimizer !== undefined) {
    must(isJsonObject(optimizer), 'optimizer', 'an object with a kind', optimizer);
    must(
      optimizers.includes(optimizer.kind),
      'optimizer.kind',
      `one of ${optimizers.join(', ')}`,
      optimizer.kind,
    );
    must(!('lr' in optimizer), 'optimizer', 'without lr, which is schedule.maxLr', optimizer);
    const { betas } = optimizer;
    const twoNumbers = Array.isArray(betas) && betas.length === 2 && betas.every(isNumber);
    must(betas === undefined || twoNumbers, 'optimizer.betas', 'two numbers', betas);
  }
  return config;
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}
