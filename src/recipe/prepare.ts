/** @file From a recipe to a model, its data, and what a trainer takes. */
import { bytesOf } from '../checks.js';
import type { BatchSource } from '../data/index.js';
import { ConfigError, checkKeys } from '../errors.js';
import type { TokenizerLoader } from '../io/saved-tokenizer.js';
import { type CausalLM, placements, profileAdmin, recompute, type StateDict } from '../nn/index.js';
import { makeSchedule } from '../optim/index.js';
import { markOf } from '../runtime/arithmetic.js';
import { currentRuntime } from '../runtime/runtime.js';
import type { Trainable, TrainerOptions } from '../train/index.js';
import type { OpenedData, ReadData, TokenizerMaker } from './data/kind.js';
import { dataKind } from './data/table.js';
import type { DataRecipe } from './data-recipe.js';
import { decisive } from './decisive.js';
import { metricOf } from './metrics.js';
import { modelInfo } from './model-info.js';
import { buildModel, completeModel, loadWeights, type ModelStorage, type RecipeModel } from './models.js';
import { buildOptimizer, trainedOf } from './optimizers.js';
import { type Recipe, seedsOf, type TrainingRecipe } from './recipe.js';
import { gammasOf } from './rescale.js';
import { samplesOf } from './samples.js';
import { noFiles, type Sources } from './sources.js';
import { makeTokenizer, type TextCodec } from './tokenizers.js';

/** A run that is ready to train. */
export interface PreparedRun {
  /** The recipe with the sizes that its data knows, and its weights as bytes. */
  recipe: Recipe;
  data: OpenedData;
  model: RecipeModel;
  /** The gammas that a tuning begins with whose norms are rescaled at its end; null for any other. */
  gammas: StateDict | null;
  /** For `new Trainer`; signals and checkpoints are the caller's. */
  options: TrainerOptions<unknown>;
}

/** What a recipe is carried out with. */
export interface RunSurroundings {
  /** Where its names lead. Default: to no files. */
  sources?: Sources;
  /** The tokenizer of a run that goes on. Default: the recipe's. */
  tokenizer?: TextCodec;
  /** The module `prenorm/tokenizers`, for a tokenizer of others, or what loads it. Default: such a recipe is refused. */
  tokenizers?: TokenizerLoader;
}

const surroundingKeys = ['sources', 'tokenizer', 'tokenizers'];

/** Reads the data of a recipe: enough to know what it is. */
export function readData(data: DataRecipe, sources: Sources = noFiles): Promise<ReadData> {
  return dataKind(data).read(data, sources);
}

/**
 * Reads the data of a recipe and makes it tokens. `content` is from `readData`, when it is read already.
 * @throws ConfigError for an unknown key of `surroundings`, DataError or FormatError for what the data are not
 */
export async function openData(
  { data, tokenizer: recipe = { kind: 'chars' } }: Pick<Recipe, 'data' | 'tokenizer'>,
  surroundings: RunSurroundings = {},
  content?: ReadData,
): Promise<OpenedData> {
  checkKeys('openData', surroundings, surroundingKeys);
  const { sources = noFiles, tokenizer, tokenizers } = surroundings;
  const make: TokenizerMaker = async (texts, source) =>
    tokenizer ?? makeTokenizer(recipe, texts, source, sources, tokenizers);
  return dataKind(data).open(data, content ?? (await readData(data, sources)), make);
}

/**
 * Opens the data, reads weights to begin from, and builds the run.
 * @param recipe checked, see `checkRecipe`
 * @throws ConfigError, DataError or FormatError for what does not fit together
 */
export async function prepareRun(recipe: Recipe, surroundings: RunSurroundings = {}): Promise<PreparedRun> {
  checkKeys('prepareRun', surroundings, surroundingKeys);
  refuseOtherArithmetic(recipe);
  return prepareOn(recipe, await openData(recipe, surroundings), surroundings.sources);
}

/** As `prepareRun`, on data that are open. */
export async function prepareOn(
  recipe: Recipe,
  data: OpenedData,
  sources: Sources = noFiles,
): Promise<PreparedRun> {
  refuseOtherArithmetic(recipe);
  const { weights, model } = recipe;
  if (typeof weights !== 'string') return buildRun(recipe, data);
  const path = sources.resolve(weights);
  const pretrained = await sources.pretrained?.(path, model.kind, recipe.dtype);
  if (pretrained) {
    const { bytes, options } = pretrained;
    return buildRun(
      { ...recipe, weights: bytes, model: { ...options, ...model } as typeof model },
      data,
      path,
    );
  }
  return buildRun({ ...recipe, weights: await sources.read(path) }, data, path);
}

/**
 * Builds model and optimizer on data that are open, on the current runtime, whose seed it sets.
 * @param recipe its weights, if any, are bytes
 * @param weightsPath where they came from, for messages
 */
export function buildRun(recipe: Recipe, data: OpenedData, weightsPath = 'weights'): PreparedRun {
  const seeds = seedsOf(recipe);
  const weights = recipe.weights === undefined ? undefined : bytesOf('buildRun', 'weights', recipe.weights);
  const { arithmetic: _, ...unmarked } = recipe;
  const complete: Recipe = {
    ...unmarked,
    ...markOf(currentRuntime().arithmetic),
    ...(weights && { weights }),
    model: completeModel(recipe.model, data.sizes),
    data: { ...recipe.data, ...data.decided },
  };
  currentRuntime().manualSeed(seeds.dropout);
  const model = buildModel(complete.model, seeds.model, storageOf(recipe));
  const { maxSeqLen = 0 } = model.config as { maxSeqLen?: number };
  const batches = data.train(seeds.data, maxSeqLen);
  if (weights) loadWeights(model, weights, weightsPath);
  else if (needsProfile(model)) profile(model, batches);
  const validation = data.heldOut.includes('valid') ? data.evaluation('valid', maxSeqLen) : undefined;
  const options = trainerOptions(complete, {
    model: model as Trainable<never> as Trainable<unknown>,
    data: batches,
    validation,
    config: decisive(complete, data),
  });
  const { tokenizer, labels } = modelInfo(complete, data);
  return {
    recipe: complete,
    data,
    model,
    gammas: gammasOf(complete, model, data),
    options: {
      ...options,
      ...evaluationOptions(complete, model, data, validation),
      companions: { tokenizer, labels },
    },
  };
}

/** How the model of a recipe is stored; undefined for float32. */
export function storageOf(recipe: Recipe): ModelStorage | undefined {
  const { dtype } = recipe;
  return dtype && { dtype, trained: (model) => trainedOf(recipe, model) };
}

/** @throws ConfigError for a recipe whose arithmetic is not that of the current runtime */
function refuseOtherArithmetic({ arithmetic }: TrainingRecipe): void {
  const here = currentRuntime().arithmetic;
  if (arithmetic === undefined || arithmetic === here) return;
  throw new ConfigError(`the recipe is for ${arithmetic} arithmetic, and the runtime computes in ${here}`, {
    op: 'arithmetic',
    expected: arithmetic,
    actual: here,
    hint: `start it by init({ arithmetic: '${arithmetic}' }), or leave arithmetic out of the recipe`,
  });
}

/** What evaluations do beside the loss. */
function evaluationOptions(
  { metric, samples = false, evalEvery }: Recipe,
  model: RecipeModel,
  data: OpenedData,
  validation: readonly unknown[] | undefined,
): Pick<TrainerOptions<unknown>, 'validationBytes' | 'metric' | 'samples'> {
  if (!validation) {
    const wanted = metric ? 'metric' : samples ? 'samples' : null;
    // Of an `evalEvery` that evaluates nothing the trainer tells.
    if (wanted === null || evalEvery !== undefined) return {};
    throw new ConfigError(`${wanted} is given, but nothing is held out to evaluate on`, {
      op: wanted,
      hint: `hold out a share with data.validation, or leave ${wanted} out`,
    });
  }
  const { maxSeqLen = 0 } = model.config as { maxSeqLen?: number };
  const bytes = data.textBytes?.('valid', maxSeqLen);
  return {
    ...(bytes ? { validationBytes: bytes } : {}),
    ...(metric ? { metric: metricOf(metric, model, data, validation) } : {}),
    ...(samples ? { samples: samplesOf(samples === true ? {} : samples, model, data) } : {}),
  };
}

/**
 * What a trainer takes: the recipe's part, and a model and data that may be anybody's. Whoever keeps checkpoints adds
 * `onCheckpoint` and `checkpointEvery`.
 */
export function trainerOptions<B>(
  recipe: TrainingRecipe,
  parts: Pick<TrainerOptions<B>, 'model' | 'data' | 'validation' | 'config'>,
): TrainerOptions<B> {
  const { schedule, steps, labelSmoothing, clipNorm, accumulate, evalEvery } = recipe;
  const { keepBest, earlyStopping, stopOnDivergence, gradNormEvery } = recipe;
  refuseOtherArithmetic(recipe);
  // Here, so that a plan of the model sees it before there is a trainer.
  if (recipe.recompute !== undefined) recompute(parts.model, recipe.recompute);
  return {
    ...parts,
    optimizer: buildOptimizer(recipe, parts.model),
    schedule: schedule && makeSchedule(schedule),
    steps,
    labelSmoothing,
    clipNorm,
    accumulate,
    evalEvery,
    keepBest,
    earlyStopping,
    stopOnDivergence,
    gradNormEvery,
  };
}

/** Admin's scales come from a first look at the data (Liu et al. 2020); loaded weights bring their own. */
function needsProfile(model: RecipeModel): boolean {
  const { normPlacement, decoderNormPlacement } = model.config as Partial<CausalLM['config']>;
  return [normPlacement, decoderNormPlacement].some((name) => name && placements[name].profiled);
}

function profile(model: RecipeModel, batches: BatchSource<unknown>): void {
  const cursor = { ...batches.state() };
  profileAdmin(model as never, batches.next() as never);
  batches.restore(cursor);
}
