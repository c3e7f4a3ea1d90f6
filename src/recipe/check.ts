/** @file The one check of a recipe: every key, before anything is read or built. */
import {
  anything,
  bytes,
  flag,
  integer,
  oneOf,
  optional,
  type Rule,
  type Rules,
  seed,
  share,
} from '../checks.js';
import { brief, ConfigError, checkKeys } from '../errors.js';
import { isJsonObject } from '../json.js';
import { modelClasses } from '../nn/model-kinds.js';
import { recomputeRule } from '../nn/recompute.js';
import { makeSchedule } from '../optim/index.js';
import { arithmeticNames } from '../runtime/arithmetic.js';
import type { EarlyStopping } from '../train/index.js';
import { loraRules } from '../tuning/lora.js';
import type { Must } from './data/kind.js';
import { dataKind, dataKinds } from './data/table.js';
import type { DataRecipe } from './data-recipe.js';
import { metricModels } from './metrics.js';
import { optimizerKinds, weightDecayOf } from './optimizers.js';
import type {
  GroupRecipe,
  LoraTuning,
  ModelRecipe,
  OptimizerRecipe,
  Recipe,
  SamplesRecipe,
  TokenizerRecipe,
  TrainingRecipe,
} from './recipe.js';
import { rescaleRule } from './rescale.js';
import { isLora, isSelection } from './selection.js';

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const object = (what: string): Rule => ({ wanted: `an object with ${what}`, holds: isJsonObject });
const kinded = object('a kind');
const named = (kinds: object): Rule => oneOf(...Object.keys(kinds));
const isPath = (value: unknown): boolean => typeof value === 'string' && value !== '';
const selection: Rule = {
  wanted: 'all, norms, bias, head, a pattern of paths, a /regular expression/, or a list of these',
  holds: isSelection,
};
const rate = optional({ wanted: 'a number from 0', holds: (value) => isNumber(value) && value >= 0 });

const trainingRules: Rules<TrainingRecipe> = {
  trainable: optional({
    wanted: `${selection.wanted}, or an object with lora`,
    holds: (value) => isSelection(value) || isLora(value),
  }),
  optimizer: kinded,
  schedule: optional(kinded),
  steps: integer(1),
  accumulate: optional(integer(1)),
  arithmetic: optional(oneOf(...arithmeticNames)),
  clipNorm: optional({ wanted: 'a positive number', holds: (value) => isNumber(value) && value > 0 }),
  labelSmoothing: optional(share),
  recompute: optional(recomputeRule),
  seed: optional(seed),
  seeds: optional(object('model, data or dropout')),
  evalEvery: optional(integer(1)),
  keepBest: optional(flag),
  earlyStopping: optional(object('patience')),
  stopOnDivergence: optional(flag),
  gradNormEvery: optional(integer(1)),
  checkpointEvery: optional(integer(1)),
};

const recipeRules: Rules<Recipe> = {
  model: kinded,
  weights: optional({
    wanted: 'bytes of safetensors, or the path of a file',
    holds: (value) => bytes.holds(value) || isPath(value),
  }),
  dtype: optional(oneOf('f16', 'bf16')),
  rescaleNorms: optional(rescaleRule),
  data: kinded,
  tokenizer: optional(kinded),
  metric: optional(named(metricModels)),
  samples: optional({
    wanted: 'true, false, or an object with prompt, count or length',
    holds: (value) => typeof value === 'boolean' || isJsonObject(value),
  }),
  ...trainingRules,
};

/** The keys of a recipe. */
export const recipeKeys = Object.keys(recipeRules) as readonly (keyof Recipe)[];

const seedRules = { model: optional(seed), data: optional(seed), dropout: optional(seed) };
const groupRules: Rules<GroupRecipe> = {
  match: selection,
  lr: rate,
  weightDecay: rate,
  muon: optional(flag),
};
const tuningRules: Rules<LoraTuning> = {
  lora: object('rank, alpha, targets or dropout'),
  also: optional(selection),
};
const { seed: _, ...partRules } = loraRules;
const stoppingRules: Rules<EarlyStopping> = { patience: integer(1), minDelta: rate };
const samplesRules: Rules<SamplesRecipe> = {
  prompt: optional({ wanted: 'a text', holds: isPath }),
  count: optional(integer(1, 100)),
  length: optional(integer(1, 10_000)),
};
const tokenizerRules: Record<TokenizerRecipe['kind'], Record<string, Rule>> = {
  chars: { kind: anything, maxVocab: optional(integer(1)) },
  bpe: { kind: anything, vocabSize: integer(1) },
  saved: {
    kind: anything,
    json: anything,
    path: optional({ wanted: 'the path of a file', holds: isPath }),
  },
};

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
  const recipe = value as Recipe;
  const isName = typeof recipe.data === 'string';
  must(!isName, 'data', `${kinded.wanted}; the name goes into data.source`, recipe.data);
  checkSection(path, '', recipe, recipeRules);
  const { model, data } = recipe;
  checkValueAt(must, 'model.kind', model.kind, named(modelClasses));
  must(!('seed' in model), 'model', 'without seed, which is seeds.model', model);
  checkData(data, path, must);
  const readers = dataKind(data).models;
  const wanted = `${readers.join(' or ')} for data of kind ${data.kind}`;
  must(readers.includes(model.kind), 'model.kind', wanted, model.kind);
  checkTokenizer(recipe, path, must);
  checkTraining(recipe, must, path);
  checkStorage(recipe, must);
  checkEvaluation(recipe, must, path);
  return recipe;
}

/** As `checkRecipe`, for what trains a model and reads data that are not in a recipe. */
export function checkTrainingRecipe(value: unknown, path: string): TrainingRecipe {
  const must = requirement(path);
  must(isJsonObject(value), '', 'an object', value);
  checkSection(path, '', value as TrainingRecipe, trainingRules);
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

function checkValueAt(must: Must, key: string, value: unknown, { wanted, holds }: Rule): void {
  must(holds(value), key, wanted, value);
}

/** Every key of one object in a recipe, which stands at `at`. */
function checkSection(path: string, at: string, section: object, rules: Record<string, Rule>): void {
  const must = requirement(path);
  checkKeys(at ? `${path}: ${at}` : path, section, Object.keys(rules));
  for (const [key, rule] of Object.entries(rules)) {
    checkValueAt(must, at ? `${at}.${key}` : key, (section as Record<string, unknown>)[key], rule);
  }
}

function checkData(data: DataRecipe, path: string, must: Must): void {
  checkValueAt(must, 'data.kind', data.kind, named(dataKinds));
  const { rules, check } = dataKind(data);
  if ('tokenizer' in data) must(false, 'data', 'without tokenizer, which stands beside it', data);
  checkSection(path, 'data', data, { kind: anything, ...rules });
  check?.(data, must);
}

const withoutTexts: readonly string[] = ['tokens', 'images', 'module'];

function checkTokenizer({ data, tokenizer }: Recipe, path: string, must: Must): void {
  const isText = !withoutTexts.includes(data.kind);
  if (tokenizer === undefined) {
    const example = 'e.g. { "kind": "bpe", "vocabSize": 1000 }';
    const isNeeded = isText && data.kind !== 'text';
    must(!isNeeded, 'tokenizer', `given for data of kind ${data.kind}, ${example}`, tokenizer);
    return;
  }
  must(isText, 'tokenizer', `left out for data of kind ${data.kind}`, tokenizer);
  checkValueAt(must, 'tokenizer.kind', tokenizer.kind, named(tokenizerRules));
  checkSection(path, 'tokenizer', tokenizer, tokenizerRules[tokenizer.kind]);
  const { kind, json, path: file } = tokenizer as { kind: string; json?: unknown; path?: string };
  const isFit = kind !== 'chars' || data.kind === 'text';
  must(isFit, 'tokenizer.kind', `bpe or saved for data of kind ${data.kind}`, kind);
  const isOne = kind !== 'saved' || (json === undefined) !== (file === undefined);
  must(isOne, 'tokenizer', 'given by json or by path', json === undefined ? 'neither' : 'both');
}

function checkTraining(recipe: TrainingRecipe, must: Must, path: string): void {
  const { optimizer, schedule, seeds, earlyStopping, evalEvery } = recipe;
  checkValueAt(must, 'optimizer.kind', optimizer.kind, named(optimizerKinds));
  if (schedule) {
    makeSchedule(schedule);
    const without = 'without lr where there is a schedule: it is schedule.maxLr';
    must(optimizer.lr === undefined, 'optimizer', without, optimizer.lr);
  } else must(isNumber(optimizer.lr), 'optimizer.lr', 'a number where there is no schedule', optimizer.lr);
  const { betas } = optimizer as { betas?: unknown };
  const isPair = Array.isArray(betas) && betas.length === 2 && betas.every(isNumber);
  must(betas === undefined || isPair, 'optimizer.betas', 'two numbers', betas);
  checkValueAt(must, 'optimizer.decay', optimizer.decay, optional(oneOf('all', 'matrices')));
  const { decay } = optimizer;
  const decays = decay !== 'matrices' || weightDecayOf(optimizer) !== 0;
  must(decays, 'optimizer.decay', 'left out where weightDecay is 0, as nothing decays', decay);
  checkGroups(optimizer, must, path);
  if (isLora(recipe.trainable)) {
    checkSection(path, 'trainable', recipe.trainable, tuningRules);
    checkSection(path, 'trainable.lora', recipe.trainable.lora, partRules);
  }
  if (seeds) checkSection(path, 'seeds', seeds, seedRules);
  if (!earlyStopping) return;
  checkSection(path, 'earlyStopping', earlyStopping, stoppingRules);
  must(evalEvery !== undefined, 'evalEvery', 'given with earlyStopping, which counts evaluations', evalEvery);
}

function checkStorage({ dtype, rescaleNorms, weights, trainable = 'all' }: Recipe, must: Must): void {
  const isTuned = rescaleNorms === undefined || weights !== undefined;
  must(isTuned, 'rescaleNorms', 'left out without weights, from which norms move', rescaleNorms);
  if (dtype === undefined) return;
  must(weights !== undefined, 'dtype', 'left out without weights, as nothing is there to be stored', dtype);
  must(trainable !== 'all', 'dtype', 'left out where all is trained: it is for what is not', dtype);
}

function checkEvaluation({ metric, samples, model }: Recipe, must: Must, path: string): void {
  const { kind } = model;
  if (metric !== undefined) {
    const models: readonly string[] = metricModels[metric];
    must(models.includes(kind), 'metric', `left out, or one of a ${kind}`, metric);
  }
  if (samples === undefined || samples === false) return;
  must(canSample(model), 'samples', `left out, or false, for a ${kind}`, samples);
  if (samples === true) return;
  checkSection(path, 'samples', samples, samplesRules);
  const { prompt, count, length } = samples;
  const isLm = kind === 'causalLM';
  must(isLm || length === undefined, 'samples', 'without length, which a causalLM has', samples);
  must(
    isLm || kind === 'transformer' || prompt === undefined,
    'samples',
    `without prompt for a ${kind}`,
    samples,
  );
  must(isLm || prompt === undefined || count === undefined, 'samples', 'given by prompt or by count', 'both');
}

/** Whether a run can show samples of its own accord: its data has held-out examples that its model reads. */
export function hasSamples({ model, data }: Recipe): boolean {
  return canSample(model) && data.kind !== 'tokens' && data.kind !== 'module';
}

/** Whether a model makes something of an input that people can look at. */
function canSample(model: ModelRecipe): boolean {
  return model.kind !== 'maskedLM';
}

function checkGroups({ kind, groups }: OptimizerRecipe, must: Must, path: string): void {
  must(groups === undefined || Array.isArray(groups), 'optimizer.groups', 'a list', groups);
  for (const [g, group] of (groups ?? []).entries()) {
    const at = `optimizer.groups[${g}]`;
    checkValueAt(must, at, group, object('match'));
    checkSection(path, at, group, groupRules);
    const isKnown = kind === 'muon' || group.muon === undefined;
    must(isKnown, at, `without muon, which the optimizer muon has and ${kind} has not`, group.muon);
  }
}
