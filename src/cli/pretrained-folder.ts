/** @file A folder of Hugging Face where the commands take a run: it is told from a run's by `model_type` in config.json. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fromPretrained } from '../interop/index.js';
import type { LoadedModel } from '../io/load-model.js';
import { encodeSafetensors } from '../io/safetensors.js';
import { isJsonObject } from '../json.js';
import { modelKeys } from '../nn/config.js';
import { MaskedLM, TextClassifier } from '../nn/index.js';
import type { ModelRecipe, PretrainedWeights } from '../recipe/index.js';
import { readJson } from './files.js';
import { loadTokenizers } from './tokenizers.js';

/** Whether config.json of a folder is one of Hugging Face. */
export async function isPretrainedFolder(path: string): Promise<boolean> {
  const config = join(path, 'config.json');
  if (!existsSync(config)) return false;
  const json = await readJson(config);
  return isJsonObject(json) && typeof json.model_type === 'string';
}

/** A folder as a model that nobody knows the training of. */
export async function openPretrained(path: string): Promise<LoadedModel & { family: string }> {
  const { model, tokenizer, labels, family } = await fromPretrained(path, {
    tokenizers: await loadTokenizers(),
  });
  const unknown = { recipe: null, step: null, dataHash: null, version: null };
  return { model, kind: model.kind, config: model.config, tokenizer, labels, family, ...unknown };
}

/** What a recipe begins from whose `weights` are a folder; null for anything else. */
export async function pretrainedWeights(
  path: string,
  kind: ModelRecipe['kind'],
): Promise<PretrainedWeights | null> {
  if (!(await isPretrainedFolder(path))) return null;
  const { model } = await fromPretrained(path);
  const { seed: _, ...config } = model.config as unknown as Record<string, unknown>;
  const bytes = encodeSafetensors(model.stateDict());
  const isSame = model.kind === kind || (kind === 'pairClassifier' && model instanceof TextClassifier);
  const shared = new Set([...modelKeys, ...(model instanceof MaskedLM ? ['numSegments'] : [])]);
  const options = isSame
    ? config
    : Object.fromEntries(Object.entries(config).filter(([key]) => shared.has(key)));
  model.free();
  return { bytes, options };
}
