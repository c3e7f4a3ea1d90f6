/** @file The rules of `finetune`: from a model that is trained already and facts of the data to a recipe. */
import { ConfigError } from '../errors.js';
import { modelKeys } from '../nn/config.js';
import type { LoraTuning, ModelKindName, Recipe, Selection } from '../recipe/index.js';
import { chooseRecipe, type FitFacts } from './choose-recipe.js';

/** What a trained model can be tuned for. */
export type FinetuneTask = 'lm' | 'classify' | 'images';

/** A trained model, as the rules look at it. */
export interface TuneBase {
  /** Name of its kind. */
  kind: ModelKindName;
  /** Its own, complete. */
  config: object;
}

/** What is wanted of a tuning, whatever it is for. */
export interface TuneWishes {
  base: TuneBase;
  /** Its weights, or where they are. */
  weights: NonNullable<Recipe['weights']>;
  trainable: Selection | LoraTuning;
  /** How what is frozen is stored. */
  dtype?: Recipe['dtype'];
  rescaleNorms?: Recipe['rescaleNorms'];
  steps: number;
  lr?: number;
  seed: number;
}

/** What the rules look at. */
export interface TuneFacts extends TuneWishes {
  facts: Omit<FitFacts, 'steps' | 'seed' | 'largest'>;
  /** The data's kind and where they are. */
  content: Recipe['data'];
}

/** Whether a kind of model has a head over classes, which is always trained: another base has none, or other classes. */
export const hasClassHead = (kind: ModelKindName): boolean =>
  kind === 'textClassifier' || kind === 'pairClassifier' || kind === 'visionTransformer';

/**
 * A recipe without its tokenizer, which is the base's: batches, evaluations and schedule as `chooseRecipe` has them, the
 * model of the base, and a rate by how much of it is trained. A head over classes is always trained, too.
 * @throws ConfigError for a base that cannot be tuned for the task
 */
export function tuneRecipe({ facts, content, ...wishes }: TuneFacts): Recipe {
  const { base, steps, seed } = wishes;
  const { task } = facts;
  const chosen = chooseRecipe({ ...facts, steps, seed });
  const model = modelOf(base, task as FinetuneTask);
  const { maxSeqLen } = base.config as { maxSeqLen: number };
  const bound = (key: string): object => {
    const value = (chosen.data as unknown as Record<string, number>)[key];
    return value === undefined ? {} : { [key]: Math.min(value, maxSeqLen) };
  };
  const { tokenizer: _, ...rest } = chosen;
  const data = { ...chosen.data, ...bound('seqLen'), ...bound('maxLen'), ...content } as Recipe['data'];
  return { ...rest, model, data, ...howTuned(model.kind, wishes) };
}

const IMAGES = 32;

/** As `tuneRecipe`, for images: all of it but the number of their classes is the base's. */
export function tuneImages(source: string, numClasses: number, wishes: TuneWishes): Recipe {
  const { base, steps, seed } = wishes;
  if (base.kind !== 'visionTransformer') throw wrongBase(base.kind, 'images', 'a visionTransformer');
  const { seed: _, ...own } = base.config as Record<string, unknown>;
  const { channels = 1 } = own as { channels?: number };
  return {
    model: { kind: 'visionTransformer', ...own, numClasses } as Recipe['model'],
    data: { kind: 'images', source, channels, batchSize: IMAGES, validation: 0.1, holdOut: 'spread' },
    clipNorm: 1,
    steps,
    evalEvery: Math.ceil(steps / 10),
    stopOnDivergence: true,
    seed,
    ...howTuned(base.kind, wishes),
  };
}

/** What is trained, how fast, and how the rest lies in memory. */
function howTuned(
  kind: ModelKindName,
  wishes: TuneWishes,
): Pick<Recipe, 'weights' | 'dtype' | 'rescaleNorms' | 'trainable' | 'optimizer' | 'schedule'> {
  const { base, weights, trainable, dtype, rescaleNorms, steps, lr } = wishes;
  const { dModel } = base.config as { dModel: number };
  const isAll = trainable === 'all';
  const withHead = hasClassHead(kind) && typeof trainable === 'string' && !isAll && trainable !== 'head';
  const maxLr = lr ?? rateOf(trainable, dModel);
  return {
    weights,
    ...(dtype && { dtype }),
    ...(rescaleNorms === undefined ? {} : { rescaleNorms }),
    trainable: withHead ? [trainable, 'head'] : trainable,
    optimizer: {
      kind: 'adamw',
      betas: [0.9, 0.98],
      // What a norm or a bias is worth does not lie in its size, and low-rank parts begin at zero.
      weightDecay: isAll ? 0.01 : 0,
      ...(isAll ? { decay: 'matrices' } : {}),
    },
    schedule: { kind: 'cosine', maxLr, warmupSteps: Math.min(100, Math.ceil(steps / 10)), totalSteps: steps },
  };
}

/** A part of the model takes larger steps than all of it; wider models smaller ones (docs/fine-tuning.md). */
function rateOf(trainable: Selection | LoraTuning, dModel: number): number {
  const at128 = trainable === 'all' ? 2e-3 : 1e-2;
  return Math.round(((at128 * 128) / dModel) * 1e6) / 1e6;
}

/** The model to train, as recipes say it. */
function modelOf({ kind, config }: TuneBase, task: FinetuneTask): Recipe['model'] {
  const { seed: _, ...own } = config as Record<string, unknown>;
  const refuse = (wanted: string): never => {
    throw wrongBase(kind, task, wanted);
  };
  if (task === 'lm')
    return kind === 'causalLM' ? ({ kind, ...own } as Recipe['model']) : refuse('a causalLM');
  const stack = Object.fromEntries(
    Object.entries(own).filter(([key]) => (modelKeys as readonly string[]).includes(key)),
  );
  if (kind === 'maskedLM')
    return { kind: 'textClassifier', ...stack, numSegments: own.numSegments } as Recipe['model'];
  if (kind === 'causalLM')
    return { kind: 'textClassifier', ...stack, causal: true, pooling: 'last' } as Recipe['model'];
  if (kind !== 'textClassifier' && kind !== 'pairClassifier')
    return refuse('a causalLM, a maskedLM or a textClassifier');
  return { kind: 'textClassifier', ...own } as Recipe['model'];
}

const wrongBase = (kind: ModelKindName, task: FinetuneTask, wanted: string): ConfigError =>
  new ConfigError(`a ${kind} cannot be tuned for the task ${task}`, {
    op: 'finetune',
    expected: wanted,
    actual: kind,
    hint: `give a base that is ${wanted}`,
  });
