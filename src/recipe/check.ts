/** @file The one check of a recipe: every key, before anything is read or built. */
import { brief, ConfigError, checkKeys } from '../errors.js';
import { isJsonObject } from '../json.js';
import { makeSchedule } from '../optim/index.js';
import type { Must } from './data/kind.js';
import { dataKind, dataKinds } from './data/table.js';
import type { DataRecipe } from './data-recipe.js';
import { modelKinds } from './models.js';
import { optimizerKinds } from './optimizers.js';
import type { OptimizerRecipe, Recipe, TokenizerRecipe, TrainingRecipe } from './recipe.js';
import { isSelection } from './selection.js';

const trainingKeys = [
  'trainable',
  'optimizer',
  'schedule',
  'steps',
  'accumulate',
  'clipNorm',
  'labelSmoothing',
  'seed',
  'seeds',
  'evalEvery',
  'checkpointEvery',
] as const satisfies readonly (keyof TrainingRecipe)[];

/** The keys of a recipe. */
export const recipeKeys = ['model', 'weights', 'data', 'tokenizer', ...trainingKeys] as const;

/** Keys of version 0.1, and where their values belong now. */
const moved: Record<string, string> = {
  dataset: 'data',
  task: 'model.kind and data.kind',
  vocabSize: 'tokenizer.vocabSize',
  maxTokens: 'data.maxTokens',
  batchSize: 'data.batchSize',
  seqLen: 'data.seqLen',
};

/**
 * A value as a recipe.
 * @param path where it comes from, for messages
 * @throws ConfigError naming the key, what is required and what came
 */
export function checkRecipe(value: unknown, path: string): Recipe {
  const must = requirement(path);
  must(isJsonObject(value), '', 'an object', value);
  for (const [key, now] of Object.entries(moved)) {
    if (!(key in (value as object))) continue;
    throw new ConfigError(`the key "${key}" of version 0.1 is ${now} now`, {
      path,
      expected: now,
      actual: key,
    });
  }
  checkKeys(path, value as object, recipeKeys);
  const recipe = value as Recipe;
  const { model, weights, data } = recipe;
  must(isJsonObject(model), 'model', 'an object with a kind', model);
  const models = Object.keys(modelKinds);
  must(models.includes(model.kind), 'model.kind', `one of ${models.join(', ')}`, model.kind);
  must(!('seed' in model), 'model', 'without seed, which is seeds.model', model);
  const isWeights = weights instanceof Uint8Array || (typeof weights === 'string' && weights !== '');
  must(weights === undefined || isWeights, 'weights', 'bytes of safetensors, or the path of a file', weights);
  checkData(data, path, must);
  const readers = dataKind(data).models;
  must(
    readers.includes(model.kind),
    'model.kind',
    `${readers.join(' or ')} for data of kind ${data.kind}`,
    model.kind,
  );
  checkTokenizer(recipe, path, must);
  checkTraining(recipe, must, path);
  return recipe;
}

/** As `checkRecipe`, for what trains a model and reads data that are not in a recipe. */
export function checkTrainingRecipe(value: unknown, path: string): TrainingRecipe {
  const must = requirement(path);
  must(isJsonObject(value), '', 'an object', value);
  checkKeys(path, value as object, trainingKeys);
  checkTraining(value as TrainingRecipe, must, path);
  return value as TrainingRecipe;
}

function requirement(path: string): Must {
  return (ok, key, required, actual) => {
    if (ok) return;
    const shown = actual === undefined ? 'nothing' : brief(actual);
    throw new ConfigError(`${key ? `${key} ` : ''}must be ${required}, got ${shown}`, {
      path,
      expected: required,
      actual,
    });
  };
}

function checkData(data: DataRecipe, path: string, must: Must): void {
  const kinds = Object.keys(dataKinds);
  const hint = typeof data === 'string' ? `; the name goes into data.source` : '';
  must(isJsonObject(data), 'data', `an object with a kind${hint}`, data);
  must(kinds.includes(data.kind), 'data.kind', `one of ${kinds.join(', ')}`, data.kind);
  const { keys, check } = dataKind(data);
  if ('tokenizer' in data) must(false, 'data', 'without tokenizer, which stands beside it', data);
  checkKeys(`${path}: data`, data, ['kind', ...keys]);
  check(data, must);
}

const tokenizerKeys: Record<TokenizerRecipe['kind'], readonly string[]> = {
  chars: ['kind', 'maxVocab'],
  bpe: ['kind', 'vocabSize'],
  saved: ['kind', 'json', 'path'],
};
const withoutTexts: readonly string[] = ['tokens', 'images', 'module'];

function checkTokenizer({ data, tokenizer }: Recipe, path: string, must: Must): void {
  if (tokenizer === undefined) {
    const needed = !withoutTexts.includes(data.kind) && data.kind !== 'text';
    must(
      !needed,
      'tokenizer',
      `given for data of kind ${data.kind}, e.g. { "kind": "bpe", "vocabSize": 1000 }`,
      tokenizer,
    );
    return;
  }
  must(!withoutTexts.includes(data.kind), 'tokenizer', `left out for data of kind ${data.kind}`, tokenizer);
  must(isJsonObject(tokenizer), 'tokenizer', 'an object with a kind', tokenizer);
  const kinds = Object.keys(tokenizerKeys);
  must(kinds.includes(tokenizer.kind), 'tokenizer.kind', `one of ${kinds.join(', ')}`, tokenizer.kind);
  checkKeys(`${path}: tokenizer`, tokenizer, tokenizerKeys[tokenizer.kind]);
  const { kind, maxVocab, vocabSize, json, path: file } = tokenizer as Record<string, unknown>;
  must(
    kind !== 'chars' || data.kind === 'text',
    'tokenizer.kind',
    `bpe or saved for data of kind ${data.kind}`,
    kind,
  );
  must(maxVocab === undefined || isCount(maxVocab), 'tokenizer.maxVocab', 'a positive integer', maxVocab);
  must(kind !== 'bpe' || isCount(vocabSize), 'tokenizer.vocabSize', 'a positive integer', vocabSize);
  must(
    kind !== 'saved' || (json === undefined) !== (file === undefined),
    'tokenizer',
    'given by json or by path',
    json === undefined ? 'neither' : 'both',
  );
  const isPath = typeof file === 'string' && file !== '';
  must(file === undefined || isPath, 'tokenizer.path', 'the path of a file', file);
}

function checkTraining(recipe: TrainingRecipe, must: Must, path: string): void {
  const { trainable, optimizer, schedule, labelSmoothing, clipNorm, seed, seeds } = recipe;
  const selection = 'all, norms, biases, a pattern of paths, or a list of these';
  must(trainable === undefined || isSelection(trainable), 'trainable', selection, trainable);
  must(isJsonObject(optimizer), 'optimizer', 'an object with a kind', optimizer);
  const kinds = Object.keys(optimizerKinds);
  must(kinds.includes(optimizer.kind), 'optimizer.kind', `one of ${kinds.join(', ')}`, optimizer.kind);
  if (schedule !== undefined) {
    must(isJsonObject(schedule), 'schedule', 'an object with a kind', schedule);
    makeSchedule(schedule);
    must(
      optimizer.lr === undefined,
      'optimizer',
      'without lr where there is a schedule: it is schedule.maxLr',
      optimizer.lr,
    );
  } else must(isNumber(optimizer.lr), 'optimizer.lr', 'a number where there is no schedule', optimizer.lr);
  const { betas } = optimizer as { betas?: unknown };
  const twoNumbers = Array.isArray(betas) && betas.length === 2 && betas.every(isNumber);
  must(betas === undefined || twoNumbers, 'optimizer.betas', 'two numbers', betas);
  checkGroups(optimizer, selection, must, path);
  must(isCount(recipe.steps), 'steps', 'a positive integer', recipe.steps);
  for (const key of ['accumulate', 'evalEvery', 'checkpointEvery'] as const) {
    must(recipe[key] === undefined || isCount(recipe[key]), key, 'a positive integer', recipe[key]);
  }
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
  must(seed === undefined || isSeed(seed), 'seed', 'a whole number >= 0', seed);
  if (seeds === undefined) return;
  must(isJsonObject(seeds), 'seeds', 'an object with model, data or dropout', seeds);
  checkKeys(`${path}: seeds`, seeds, ['model', 'data', 'dropout']);
  for (const [key, value] of Object.entries(seeds)) {
    must(value === undefined || isSeed(value), `seeds.${key}`, 'a whole number >= 0', value);
  }
}

function checkGroups({ groups }: OptimizerRecipe, selection: string, must: Must, path: string): void {
  must(groups === undefined || Array.isArray(groups), 'optimizer.groups', 'a list', groups);
  for (const [g, group] of (groups ?? []).entries()) {
    const at = `optimizer.groups[${g}]`;
    must(isJsonObject(group), at, 'an object with match', group);
    checkKeys(`${path}: ${at}`, group, ['match', 'lr', 'weightDecay']);
    must(isSelection(group.match), `${at}.match`, selection, group.match);
    for (const key of ['lr', 'weightDecay'] as const) {
      const value = group[key];
      must(value === undefined || (isNumber(value) && value >= 0), `${at}.${key}`, 'a number from 0', value);
    }
  }
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function isSeed(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
