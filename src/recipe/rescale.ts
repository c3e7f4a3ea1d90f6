/**
 * @file The norms of a tuned model rescaled (Tan et al. 2025, arXiv 2508.07577): what every gamma has moved from where the
 * tuning began counts lambda times.
 */
import type { Rule } from '../checks.js';
import { ConfigError } from '../errors.js';
import type { Module, StateDict } from '../nn/module.js';
import { evaluateBatches, normParameters, rescaleNorms, type Trainable } from '../train/index.js';
import type { OpenedData } from './data/kind.js';
import type { RecipeModel } from './models.js';
import type { Recipe } from './recipe.js';

/** What `rescaleNorms` may be. */
export const rescaleRule: Rule = {
  wanted: 'a finite number, or a list of them',
  holds: (value) =>
    Number.isFinite(value) ||
    (Array.isArray(value) && value.length > 0 && value.every((one) => Number.isFinite(one))),
};

/** What was tried, and the weights that came of the best. */
export interface Rescaled {
  lambda: number;
  weights: StateDict;
  /** Held-out loss of each; empty where one was given, which is not judged. */
  tried: { lambda: number; validNll: number }[];
}

/** What a run needs for it. */
export interface RescaledRun {
  recipe: Recipe;
  data: OpenedData;
  model: RecipeModel;
  /** The gammas that the tuning began with; null for a recipe that rescales nothing. */
  gammas: StateDict | null;
}

/**
 * The gammas of a model that is about to be trained; null where the recipe rescales nothing.
 * @throws ConfigError where no gamma is trained, or several values are given and nothing is held out to choose by
 */
export function gammasOf(recipe: Recipe, model: Module, data: OpenedData): StateDict | null {
  const { rescaleNorms: wanted } = recipe;
  if (wanted === undefined) return null;
  const gammas = [...normParameters(model)].filter(([, { role }]) => role === 'normWeight');
  const fail = (message: string, hint: string): never => {
    throw new ConfigError(message, { op: 'rescaleNorms', actual: wanted, hint });
  };
  if (!gammas.some(([, { requiresGrad }]) => requiresGrad))
    fail('no norm of the model is trained, so none moves', "train them: trainable: ['norms', 'head']");
  if (Array.isArray(wanted) && !data.heldOut.includes('valid'))
    fail('nothing is held out to choose among several values', 'give one, or hold a share out');
  return new Map(gammas.map(([path, gamma]) => [path, { shape: gamma.shape, data: gamma.toArray() }]));
}

/** By the weights they were made of: while the best stay the best, nothing is tried again. */
const made = new WeakMap<StateDict, Rescaled>();

/**
 * Weights with rescaled norms, the model as it was; null for a recipe that rescales nothing. Of several values the one with
 * the lowest held-out loss is taken, the first of equals.
 * @param best the weights to rescale; null for those of the model
 */
export function rescaledWeights(run: RescaledRun, best: StateDict | null): Rescaled | null {
  const { recipe, data, model, gammas } = run;
  const { rescaleNorms: wanted } = recipe;
  if (wanted === undefined || gammas === null) return null;
  const known = best && made.get(best);
  if (known) return known;
  const { maxSeqLen = 0 } = model.config as { maxSeqLen?: number };
  const { training } = model;
  const own = model.stateDict();
  const from = best ?? own;
  const rescale = (lambda: number): void => {
    model.loadStateDict(from);
    rescaleNorms(model, gammas, lambda);
  };
  try {
    const tried =
      typeof wanted === 'number'
        ? []
        : wanted.map((lambda) => {
            rescale(lambda);
            const batches = data.evaluation('valid', maxSeqLen);
            const judged = model.eval() as Trainable<never> as Trainable<unknown>;
            return { lambda, validNll: evaluateBatches(judged, batches).nll };
          });
    const [first, ...others] = tried;
    const least = others.reduce((a, b) => (b.validNll < a.validNll ? b : a), first);
    const lambda = typeof wanted === 'number' ? wanted : least.lambda;
    rescale(lambda);
    const found = { lambda, weights: model.stateDict(), tried };
    if (best) made.set(best, found);
    return found;
  } finally {
    model.loadStateDict(own);
    model.train(training);
  }
}
