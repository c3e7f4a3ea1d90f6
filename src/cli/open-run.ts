/**
 * @file RUN, as the commands take it: the folder of a run, the file of its model or of any other that `saveModel` made,
 * a checkpoint, or a folder of Hugging Face.
 */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { ConfigError, DataError, type PrenormError } from '../errors.js';
import type { HalfType } from '../half.js';
import { loadAdapter } from '../interop/adapter.js';
import type { LoadedModel } from '../io/load-model.js';
import { withoutFolders } from '../io/recipe-names.js';
import { type OpenedData, openData, storedData } from '../recipe/index.js';
import { foreignFile } from '../tokenizers/foreign-files.js';
import { inConfig } from './errors.js';
import { isPretrainedFolder, noModel, openPretrained } from './pretrained-folder.js';
import { type RecipeFile, RunFolder, toRecipe } from './run-folder.js';
import { modelOfRun, tellOfStep } from './run-model.js';
import { fileSources } from './sources.js';
import { loadModelFile, loadTokenizers } from './tokenizers.js';

/** A trained model, ready for evaluation, and what is known of its training. */
export interface TrainedRun extends LoadedModel {
  /** What it was trained by, and where names in that lead; null where nobody knows. */
  recipeFile: RecipeFile | null;
  /** `model_type` of a folder of Hugging Face. */
  family?: string;
}

/** How a model is used. */
export interface UseOptions {
  /** Store its matrices in 16 bits. */
  dtype?: HalfType;
  /** Folder of an adapter to put on it. */
  adapter?: string;
}

/**
 * The trained run at a path.
 * @throws DataError where there is none; CheckpointError for a file that is no whole model; ConfigError for an adapter
 * that was trained on another
 */
export async function openRun(path: string, { dtype, adapter }: UseOptions = {}): Promise<TrainedRun> {
  if (!existsSync(path)) throw noRun(path);
  const run = await (statSync(path).isDirectory() ? openFolder(path, dtype) : openFile(path, dtype));
  if (adapter !== undefined) (await loadAdapter(run.model, adapter)).attach();
  return run;
}

/** A folder has the names of its recipe, whatever its model says. */
async function openFolder(path: string, dtype?: HalfType): Promise<TrainedRun> {
  if (await isPretrainedFolder(path)) return { ...(await openPretrained(path, dtype)), recipeFile: null };
  const folder = new RunFolder(path);
  const { config, model, checkpoint } = folder.files;
  for (const file of [config, existsSync(model) ? model : checkpoint])
    if (!existsSync(file)) throw noModel(path);
  const recipeFile = await folder.readConfig();
  return { ...(await modelOfRun(folder, recipeFile, dtype)), recipeFile };
}

async function openFile(path: string, dtype?: HalfType): Promise<TrainedRun> {
  const loaded = await loadModelFile(path, dtype).catch(async (error) => {
    throw (await foreign(path)) ?? error;
  });
  return { ...loaded, recipeFile: (await ofFolder(path, loaded)) ?? (await ownRecipe(path, loaded)) };
}

/** What a file that is no model of ours is, where that can be told. */
async function foreign(path: string): Promise<PrenormError | null> {
  const folder = dirname(path);
  const isPart = path.endsWith('.safetensors') && (await isPretrainedFolder(folder).catch(() => false));
  if (!isPart) return foreignFile(path, 'weights');
  return new DataError('this is a file of a folder of Hugging Face', {
    path,
    hint: `give the folder, ${folder}`,
  });
}

/** The recipe of the folder in which the file lies, when it was trained there. */
async function ofFolder(path: string, loaded: LoadedModel): Promise<RecipeFile | null> {
  const { recipe } = loaded;
  const folder = new RunFolder(dirname(path));
  const { model, checkpoint, config } = folder.files;
  const isPart = [model, checkpoint].some((file) => basename(file) === basename(path));
  if (!isPart || !existsSync(config)) return null;
  const found = await folder.readConfig();
  const names = (data: unknown): string => sortedJson(withoutFolders({ data }));
  const isSame = recipe === null || names(recipe.data) === names(storedData(found.recipe.data));
  if (!isSame) return null;
  if (basename(model) === basename(path)) await tellOfStep(folder, loaded);
  return found;
}

/** The recipe in the file; names in it are relative to the file. */
async function ownRecipe(path: string, { recipe }: LoadedModel): Promise<RecipeFile | null> {
  if (recipe === null) return null;
  const checked = await inConfig(path, async () => toRecipe(recipe, path)).catch(() => null);
  return checked && { recipe: checked, path, sources: fileSources(dirname(path)) };
}

function noRun(path: string): DataError {
  return new DataError('there is no such file or folder', {
    path,
    hint: 'give the folder that `prenorm train` wrote (its --out), its model.safetensors, or a folder of Hugging Face',
  });
}

/** Why texts are of no use to a model; `so` says what cannot be. */
export function noTokenizer({ family }: TrainedRun, path: string, so: string): ConfigError {
  const hint =
    family === undefined
      ? 'give the folder of the run, or a file that was saved with its tokenizer'
      : 'put the tokenizer.json of the model, or its vocab.txt, into the folder';
  return new ConfigError(`there is no tokenizer, so ${so}`, { path, expected: 'a tokenizer', hint });
}

/**
 * The data of a trained run.
 * @throws ConfigError where its recipe is not known, or had its content in itself
 */
export function openRunData(
  { recipeFile, tokenizer, family }: TrainedRun,
  path: string,
): Promise<OpenedData> {
  if (!recipeFile) {
    const what = family === undefined ? 'the file' : 'a folder of Hugging Face';
    throw new ConfigError(`${what} does not say which data it was trained on`, {
      path,
      hint: family === undefined ? 'give the folder of the run' : 'give a file of your own with --input',
    });
  }
  const { recipe, sources } = recipeFile;
  return openData(recipe, {
    sources,
    tokenizers: loadTokenizers,
    ...(tokenizer ? { tokenizer } : {}),
  });
}

/** JSON whose keys have one order: files sort them, recipes do not. */
function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_, part) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
