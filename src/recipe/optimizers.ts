/** @file The table of optimizers, and an optimizer over the parameters that a recipe means. */
import type { Parameter } from '../autograd/variable.js';
import { ConfigError } from '../errors.js';
import type { Module } from '../nn/index.js';
import { ADAMW_DECAY } from '../optim/adam.js';
import {
  Adam,
  AdamW,
  decayGroups,
  Muon,
  type MuonGroup,
  type Optimizer,
  RAdam,
  SGD,
} from '../optim/index.js';
import { LoraAdapter } from '../tuning/lora.js';
import { type OptimizerRecipe, seedsOf, type TrainingRecipe } from './recipe.js';
import { isLora, select } from './selection.js';

/** Kinds of optimizers by their names in recipes. */
export const optimizerKinds = { adam: Adam, adamw: AdamW, radam: RAdam, sgd: SGD, muon: Muon } as const;

/** The rate that options of an optimizer start from: what the schedule reaches, or the constant one. */
export function baseRate({ optimizer, schedule }: Pick<TrainingRecipe, 'optimizer' | 'schedule'>): number {
  return schedule?.maxLr ?? (optimizer.lr as number);
}

/** The optimizer's own weight decay, written or not. */
export function weightDecayOf({ kind, weightDecay }: OptimizerRecipe): number {
  return weightDecay ?? (kind === 'adamw' || kind === 'muon' ? ADAMW_DECAY : 0);
}

/** Paths of what a recipe trains of the model itself, without parts that it puts on. */
export function trainedOf({ trainable = 'all' }: TrainingRecipe, model: Module): Set<string> {
  if (!isLora(trainable)) return select(model, trainable, 'trainable');
  const also = trainable.also ?? (hasClasses(model) ? 'head' : undefined);
  return also === undefined ? new Set() : select(model, also, 'trainable.also');
}

/** Paths of what is trained, once the parts that a recipe wants on the model are there. */
function chooseTrainable(recipe: TrainingRecipe, model: Module): Set<string> {
  const { trainable = 'all' } = recipe;
  const chosen = trainedOf(recipe, model);
  if (!isLora(trainable)) return chosen;
  const adapter = new LoraAdapter(model, { ...trainable.lora, seed: seedsOf(recipe).model }).attach();
  for (const { path } of adapter.parameters()) chosen.add(path);
  return chosen;
}

/** Whether its head is of no use before it is trained: one over classes, which no base brings. */
function hasClasses(model: Module): boolean {
  return (model as { config?: { numClasses?: number } }).config?.numClasses !== undefined;
}

/**
 * Freezes what the recipe does not train, and makes the optimizer over the rest.
 * @throws ConfigError for a selection that matches nothing, an option that the kind does not have, and a group that
 *   is empty because an earlier one took everything; for `decay: 'matrices'` where nothing would decay, and for muon
 *   where it has no hidden matrix, or is to update anything else
 */
export function buildOptimizer(recipe: TrainingRecipe, model: Module): Optimizer {
  const { optimizer } = recipe;
  const { kind, groups = [], decay, lr: _, ...options } = optimizer;
  const chosen = chooseTrainable(recipe, model);
  model.setTrainable((path) => chosen.has(path));
  const left = new Map([...model.namedParameters()].filter(([path]) => chosen.has(path)));
  const made = groups.map(({ match, ...own }, g): MuonGroup => {
    const op = `optimizer.groups[${g}]`;
    const params: Parameter[] = [];
    for (const path of select(model, match, op)) {
      const parameter = left.get(path);
      if (parameter) params.push(parameter);
      left.delete(path);
    }
    if (params.length > 0) return { ...own, params };
    throw new ConfigError('the group is empty: what it matches is frozen, or belongs to an earlier group', {
      op,
      actual: match,
      hint: 'put the group that matches less before the one that matches more',
    });
  });
  const rest = left.size > 0 ? [{ params: [...left.values()] }] : [];
  const params = groups.length > 0 ? [...made, ...rest] : [...left.values()];
  const own = decay === 'matrices' ? decayGroups(params as MuonGroup[], weightDecayOf(optimizer)) : params;
  return new optimizerKinds[kind](own, { ...options, lr: baseRate(recipe) } as never);
}
