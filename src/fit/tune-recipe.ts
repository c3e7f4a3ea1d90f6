/** @file The rules of `finetune`: from a model that is trained already and facts of the data to a recipe. */
import { ConfigError } from '../errors.js';
import { modelKeys } from '../nn/config.js';
import type { LoraTuning, ModelKindName, Recipe, Selection } from '../recipe/index.js';
import { chooseRecipe, type FitFacts } from './choose-recipe.js';

/** What a trained model can be tuned for. */
export type FinetuneTask = 'lm' | 'classify';

/** The base: its kind, complete configuration, and names of its classes. */
export interface TuneBase {
  kind: ModelKindName;
  config: object;
}

/** What the rules look at. */
export interface TuneFacts {
  base: TuneBase;
  /** Where its weights are. */
  weights: string;
  trainable: Selection | LoraTuning;
  facts: Omit<FitFacts, 'steps' | 'seed' | 'largest'>;
  /** The data's kind and where they are. */
  content: Recipe['data'];
  steps: number;
  lr?: number;
  seed: number;
}

/** Whether a kind of model has a head that no base brings: one over classes. */
export const baseIsNew = (kind: ModelKindName): boolean =>
  kind === 'textClassifier' || kind === 'pairClassifier';

/**
 * A recipe without its tokenizer, which is the base's: batches, evaluations and schedule as `chooseRecipe` has them, the
 * model of the base, and a rate by how much of it is trained. A head over classes is always trained, too.
 * @throws ConfigError for a base that cannot be tuned for the task
 */
export function tuneRecipe({ base, weights, trainable, facts, content, steps, lr, seed }: TuneFacts): Recipe {
  const { task } = facts;
  const chosen = chooseRecipe({ ...facts, steps, seed });
  const model = modelOf(base, task as FinetuneTask);
  const { maxSeqLen, dModel } = base.config as { maxSeqLen: number; dModel: number };
  const bound = (key: string): object => {
    const value = (chosen.data as unknown as Record<string, number>)[key];
    return value === undefined ? {} : { [key]: Math.min(value, maxSeqLen) };
  };
  const isAll = trainable === 'all';
  const withHead = baseIsNew(model.kind) && typeof trainable === 'string' && !isAll && trainable !== 'head';
  const maxLr = lr ?? rateOf(trainable, dModel);
  const { tokenizer: _, ...rest } = chosen;
  return {
    ...rest,
    model,
    weights,
    data: { ...chosen.data, ...bound('seqLen'), ...bound('maxLen'), ...content } as Recipe['data'],
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
    throw new ConfigError(`a ${kind} cannot be tuned for the task ${task}`, {
      op: 'finetune',
      expected: wanted,
      actual: kind,
      hint: `give a base that is ${wanted}`,
    });
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
  if (!baseIsNew(kind)) return refuse('a causalLM, a maskedLM or a textClassifier');
  return { kind: 'textClassifier', ...own } as Recipe['model'];
}
