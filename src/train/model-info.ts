/** @file What a checkpoint says of its model, so that `loadModel` needs nothing else. */
import type { Json } from '../io/checkpoint-file.js';
import { isJsonObject } from '../json.js';
import type { Module } from '../nn/module.js';

/** What belongs to the model besides its weights and configuration. */
export interface ModelCompanions {
  /** The tokenizer of the texts it is trained on: a `Tokenizer` or a `CharTokenizer`. Default: none. */
  tokenizer?: {
    /** What `Tokenizer.fromJSON` or its like reads. */
    toJSON(): unknown;
  } | null;
  /** Names of its classes, in the order of their numbers. Default: none. */
  labels?: readonly string[] | null;
}

/** The part of a checkpoint; none for a model that does not say its kind, as one of your own. */
export function modelState(
  model: object,
  { tokenizer, labels }: ModelCompanions = {},
): { [key: string]: Json } {
  const { kind, config, adapter } = model as {
    kind?: unknown;
    config?: unknown;
    adapter?: Module['adapter'];
  };
  if (typeof kind !== 'string' || !isJsonObject(config)) return {};
  // The seed of weights that were trained since says nothing of them; a run that goes on may have begun with another.
  const { seed: _, ...rest } = config;
  // Through JSON, which drops what a configuration of your own may have in it.
  return JSON.parse(
    JSON.stringify({
      model: { kind, config: rest },
      tokenizer: tokenizer ?? null,
      labels: labels ?? null,
      adapter: adapter?.config,
    }),
  );
}
