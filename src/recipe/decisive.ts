/**
 * @file What decides the bits of a run up to a step. It goes into every checkpoint, and a checkpoint of another run is
 * refused. Content counts by its hash, not by its name or place; what only says how long or how often is left out.
 */
import type { Json } from '../io/index.js';
import { sha256 } from '../io/sha256.js';
import { isJsonObject } from '../json.js';
import { markOf } from '../runtime/arithmetic.js';
import { contentHash } from './data/content.js';
import type { OpenedData } from './data/kind.js';
import { dataKind } from './data/table.js';
import type { Recipe } from './recipe.js';
import { seedsOf } from './recipe.js';
import { isLora } from './selection.js';
import { recipeOf01 } from './version-0.1.js';

/** The parts of a recipe, resolved, that decide every bit; plain JSON. */
export type Decisive = Record<string, Json>;

/**
 * What decides the bits of a run.
 * @param recipe complete, with `weights` as bytes
 */
export function decisive(recipe: Recipe, opened: OpenedData): Decisive {
  const { data, weights } = recipe;
  const { contentKeys, defaults } = dataKind(data);
  const keys = Object.entries({ ...defaults, ...data }).filter(([key]) => !contentKeys.includes(key));
  return plain({
    ...trainingPart(recipe),
    data: { ...Object.fromEntries(keys), sha256: opened.sha256 },
    tokenizer: opened.tokenizer?.toJSON ? contentHash(opened.tokenizer.toJSON()) : null,
    weights: typeof weights === 'object' ? sha256(weights) : null,
  });
}

/** Strict arithmetic goes without saying, so that hashes of before there was a choice stay. */
function trainingPart(recipe: Omit<Recipe, 'data'>): Record<string, unknown> {
  const model = withKindOfToday(recipe.model);
  const { trainable = 'all', schedule = null, accumulate = 1 } = recipe;
  const optimizer = withoutDefault(recipe.optimizer);
  const { clipNorm = null, labelSmoothing = 0, dtype } = recipe;
  const seeds = seedsOf(recipe);
  const part = {
    recipe: 1,
    model,
    trainable: completeTrainable(trainable),
    optimizer,
    schedule,
    accumulate,
    clipNorm,
    labelSmoothing,
    seeds,
    // Float32 goes without saying, too.
    ...(dtype === undefined ? {} : { dtype }),
  };
  return { ...part, ...markOf(recipe.arithmetic ?? 'strict') };
}

/** Defaults of low-rank parts decide as if they were said. */
function completeTrainable(trainable: NonNullable<Recipe['trainable']>): unknown {
  if (!isLora(trainable)) return trainable;
  const { lora, also = null } = trainable;
  const { rank = 8, alpha = 2 * rank, targets = null, dropout = 0 } = lora;
  return { lora: { rank, alpha, targets, dropout }, also };
}

/** `decay: 'all'` is the default, written or not. */
function withoutDefault<O extends { decay?: unknown }>(optimizer: O): O {
  return optimizer.decay === 'all' ? { ...optimizer, decay: undefined } : optimizer;
}

/** A textClassifier was called pairClassifier in version 0.2. */
function withKindOfToday<M extends { kind?: unknown }>(model: M): M {
  return model.kind === 'pairClassifier' ? { ...model, kind: 'textClassifier' } : model;
}

function plain(value: object): Decisive {
  return JSON.parse(JSON.stringify(value));
}

/**
 * What a checkpoint says of its run, in the words of this version. Version 0.2 had another name for a kind of model; version 0.1 wrote other words in the worker and on
 * the command line; what it left out is taken to be as in `own`, the run that would go on.
 */
export function readDecisive(saved: Json, own: Decisive, opened: OpenedData): Json {
  if (!isJsonObject(saved)) return saved;
  if ('recipe' in saved) {
    return isJsonObject(saved.model) ? plain({ ...saved, model: withKindOfToday(saved.model) }) : saved;
  }
  const hashes = opened.oldHashes?.() ?? [];
  const sameContent = (hash: unknown) =>
    typeof hash === 'string' && hashes.some((known) => known.startsWith(hash));
  const ownModel = own.model as Record<string, Json>;
  const ownData = own.data as Record<string, Json>;
  const { dataSha256, ...config } = saved;
  const isCli = 'task' in saved;
  const old = (isCli ? recipeOf01({ steps: 1, ...config }) : recipeOfWorker(saved)) as unknown as Recipe;
  const { sha256: told = dataSha256, ...data } = { ...old.data } as Record<string, unknown>;
  // A module without a hash of its own said nothing of its content.
  const isSame = sameContent(told) || (told === undefined && data.kind === 'module');
  delete data.source;
  const part = trainingPart({ ...old, model: { ...sizesOf(ownModel), ...old.model } as Recipe['model'] });
  return plain({
    ...part,
    data: { ...ownData, ...data, sha256: isSame ? ownData.sha256 : told },
    tokenizer: own.tokenizer,
    weights: saved.weights ?? null,
  });
}

/** Sizes that version 0.1 filled in without saying so. */
function sizesOf({ vocabSize, maxSeqLen, numClasses, imageSize, channels }: Record<string, Json>) {
  return plain({ vocabSize, maxSeqLen, numClasses, imageSize, channels });
}

/** The worker of 0.1 had a rate beside the schedule, and the model's seed in the model. */
function recipeOfWorker(saved: Record<string, unknown>): Record<string, unknown> {
  const { model, optimizer, schedule, weights, ...rest } = saved as {
    model: Record<string, unknown>;
    optimizer: Record<string, unknown>;
    schedule?: unknown;
    weights?: unknown;
  };
  const { seed, ...ownModel } = model ?? {};
  const { lr, ...options } = optimizer ?? {};
  return {
    ...rest,
    model: ownModel,
    optimizer: schedule || lr === undefined ? options : { lr, ...options },
    schedule,
    ...(seed === undefined ? {} : { seeds: { model: seed } }),
  };
}
