/** @file A folder of Hugging Face where the commands take a run: it is told from a run's by `model_type` in config.json. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { brief, DataError, FormatError, type PrenormError } from '../errors.js';
import type { HalfType } from '../half.js';
import { fromPretrained } from '../interop/index.js';
import { fileError } from '../io/files-node.js';
import type { LoadedModel } from '../io/load-model.js';
import { encodeSafetensors } from '../io/safetensors.js';
import { isJsonObject } from '../json.js';
import { modelKeys } from '../nn/config.js';
import { MaskedLM, TextClassifier } from '../nn/index.js';
import type { ModelRecipe, PretrainedWeights } from '../recipe/index.js';
import { foreignFile } from '../tokenizers/foreign-files.js';
import { readJson } from './files.js';
import { loadTokenizers } from './tokenizers.js';

/**
 * Whether config.json of a folder is one of Hugging Face.
 * @throws FormatError for one that is neither that nor a run's
 */
export async function isPretrainedFolder(path: string): Promise<boolean> {
  const config = join(path, 'config.json');
  if (!existsSync(config)) return false;
  // Opening a pipe waits for whoever writes into it, for ever where nobody does.
  if (statSync(config).isFIFO()) {
    throw new DataError('it is a pipe, not a file', {
      path: config,
      expected: 'a file',
      actual: 'a pipe',
      hint: 'put config.json itself into the folder',
    });
  }
  const json = await readJson(config);
  if (isJsonObject(json)) {
    if ('model_type' in json) return true;
    if ('recipe' in json || 'config' in json) return false;
  }
  const keys = isJsonObject(json) ? Object.keys(json).join(', ') : '';
  const came = isJsonObject(json) ? keys || 'no keys' : Array.isArray(json) ? 'a list' : brief(json);
  throw new FormatError(
    `it has no model_type, as a folder of Hugging Face has, and no recipe, as a run has`,
    {
      path: config,
      expected: ['model_type', 'recipe'],
      actual: json,
      hint: `it has ${brief(came, 120)}: fetch config.json again`,
    },
  );
}

/** What there is where neither a run nor a folder of Hugging Face was found. */
export function noModel(path: string): PrenormError {
  let names: string[];
  try {
    names = readdirSync(path).sort();
  } catch (cause) {
    return fileError(cause, 'read', 'folder', path) as PrenormError;
  }
  const foreign = names.some((name) => /\.safetensors$/i.test(name))
    ? undefined
    : names.map((name) => foreignFile(join(path, name), 'weights')).find((error) => error !== null);
  if (foreign) return foreign;
  const there = names.length === 0 ? 'it is empty' : `it has ${brief(names.slice(0, 20).join(', '), 200)}`;
  const has = (name: string) => names.includes(name);
  const unreachable = ['config.json', 'model.safetensors'].find(
    (name) => has(name) && !existsSync(join(path, name)),
  );
  if (unreachable !== undefined) {
    return new DataError('it is listed in its folder and cannot be reached', {
      path: join(path, unreachable),
      expected: 'a file, or a link to one',
      hint: 'put the file itself in the place of a link that leads nowhere, or check the permissions of the folder',
    });
  }
  const wanted = has('config.json') ? 'no model.safetensors' : 'no config.json';
  return new DataError(`there is ${wanted} in it, so it is neither a run nor a folder of Hugging Face`, {
    path,
    expected: 'config.json and *.safetensors',
    actual: names,
    hint: `${there}; give the folder that \`prenorm train\` wrote (its --out), its model.safetensors, or a folder with config.json and *.safetensors`,
  });
}

/** A folder as a model that nobody knows the training of. */
export async function openPretrained(
  path: string,
  dtype?: HalfType,
): Promise<LoadedModel & { family: string }> {
  const { model, tokenizer, labels, family } = await fromPretrained(path, {
    ...(dtype && { dtype }),
    tokenizers: await loadTokenizers(),
  });
  const unknown = { recipe: null, step: null, dataHash: null, version: null };
  return { model, kind: model.kind, config: model.config, tokenizer, labels, family, ...unknown };
}

/** What a recipe begins from whose `weights` are a folder; null for anything else. */
export async function pretrainedWeights(
  path: string,
  kind: ModelRecipe['kind'],
  dtype?: HalfType,
): Promise<PretrainedWeights | null> {
  if (!existsSync(path) || !statSync(path).isDirectory()) {
    const foreign = foreignFile(path, 'weights');
    if (foreign) throw foreign;
    return null;
  }
  if (!(await isPretrainedFolder(path))) {
    if (!existsSync(join(path, 'config.json'))) throw noModel(path);
    throw new DataError('this is the folder of a run', {
      path,
      hint: 'give its model.safetensors, whose weights a training can begin from',
    });
  }
  const { model } = await fromPretrained(path, dtype && { dtype });
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
