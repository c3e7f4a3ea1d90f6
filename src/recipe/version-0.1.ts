/** @file Configurations of `prenorm train` as version 0.1 wrote them, as recipes. */
import { isJsonObject } from '../json.js';

/** Whether a value is a configuration of version 0.1. */
export function isVersion01(value: unknown): value is Record<string, unknown> {
  return isJsonObject(value) && 'task' in value;
}

/** The same run as a recipe, with that version's defaults of batches; unknown keys stay, for the check to find. */
export function recipeOf01(config: Record<string, unknown>): Record<string, unknown> {
  const { task, data, vocabSize, model, optimizer, maxTokens, batchSize, seqLen, ...rest } = config;
  const isLm = task === 'lm';
  const defined = (entries: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
  return {
    model: { kind: isLm ? 'causalLM' : 'transformer', ...(isJsonObject(model) ? model : {}) },
    data: {
      kind: isLm ? 'text' : 'pairs',
      source: data,
      ...(isLm ? { batchSize: 16, seqLen: 64 } : { maxTokens: 1000 }),
      ...defined({ maxTokens, batchSize, seqLen }),
    },
    tokenizer: { kind: 'bpe', vocabSize },
    optimizer: optimizer ?? { kind: 'adam' },
    ...rest,
  };
}
