/** @file What an item of the conformance run is, and the one way in which items train. */
import type { BatchSource } from '../data/cursor.js';
import type { Optimizer } from '../optim/optimizer.js';
import { type TrainingRecipe, trainerOptions } from '../recipe/index.js';
import type { TrainerOptions } from '../train/options.js';
import type { Trainable } from '../train/trainable.js';
import { Trainer } from '../train/trainer.js';
import { hashCheckpoint, NumberHash } from './digest.js';

export interface ItemOptions {
  /** Whether recorded steps are replayed, which changes no bit. Default: the trainer's, true. */
  replay?: boolean;
}

/** SHA-256 by name: `losses`, `weights`, `optimizer`, `tokens`, `checkpoint`, `values`; each item has some of them. */
export type Parts = Record<string, string>;

export interface Item {
  name: string;
  /** One line for people: what is trained, with what. */
  about: string;
  run(options: ItemOptions): Parts | Promise<Parts>;
}

/** Trains and hashes everything that training leaves behind. */
export function trainAndHash<B>(
  recipe: TrainingRecipe,
  parts: Pick<TrainerOptions<B>, 'model' | 'data' | 'validation' | 'config'>,
  { replay }: ItemOptions,
): Parts {
  const options = trainerOptions(recipe, parts);
  // `replay` is named only where somebody asked for it, so that the trainer's own default holds otherwise.
  const trainer = new Trainer({ ...options, ...(replay === undefined ? {} : { replay }) });
  const losses = new NumberHash();
  while (trainer.step < options.steps) {
    const { loss, gradNorm, lr, tokens } = trainer.trainStep();
    losses.add(Float64Array.of(loss, gradNorm, lr, tokens));
  }
  if (options.validation) losses.add(Float64Array.of(trainer.evaluate()));
  return {
    losses: losses.hex(),
    weights: hashWeights(options.model),
    optimizer: hashOptimizer(options.optimizer),
    checkpoint: hashCheckpoint(trainer.save()),
  };
}

function hashWeights(model: Trainable<never>): string {
  return new NumberHash().addAll(model.parameters().map((p) => p.toArray())).hex();
}

function hashOptimizer(optimizer: Optimizer): string {
  const { step, lrs, buffers } = optimizer.stateDict();
  const hash = new NumberHash().add(Float64Array.of(step, ...lrs));
  for (const name of Object.keys(buffers).sort()) hash.add(buffers[name]);
  return hash.hex();
}

/** Batches that are a function of their number alone. */
export function numberedBatches<B>(make: (n: number) => B): BatchSource<B> {
  let at = 0;
  return {
    next: () => make(at++),
    state: () => ({ epoch: 0, batch: at }),
    restore: ({ batch }) => {
      at = batch;
    },
  };
}
