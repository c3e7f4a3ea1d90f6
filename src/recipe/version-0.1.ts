/** @file Configurations of `prenorm train` as version 0.1 wrote them, as recipes. */
import { brief, ConfigError } from '../errors.js';
import { isJsonObject } from '../json.js';

/** Whether a value is a configuration of version 0.1. */
export function isVersion01(value: unknown): value is Record<string, unknown> {
  return isJsonObject(value) && 'task' in value && typeof value.data === 'string';
}

/** The same run as a recipe, with that version's defaults of batches; unknown keys stay, for the check to find. */
export function recipeOf01(config: Record<string, unknown>): Record<string, unknown> {
  const { task, data, vocabSize, model, optimizer, maxTokens, batchSize, seqLen, ...rest } = config;
  if (task !== 'lm' && task !== 'translation') {
    throw new ConfigError(`task must be "lm" or "translation", got ${brief(task)}`, {
      expected: ['lm', 'translation'],
      actual: task,
    });
  }
  if ('tokenizer' in rest) {
    throw new ConfigError('a configuration with a task has no tokenizer, but vocabSize', {
      actual: rest.tokenizer,
      hint: 'write it as a recipe: model.kind and data.kind instead of task',
    });
  }
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
