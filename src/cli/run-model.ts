/** @file Which model the folder of a run has, as `loadModel` chooses it (src/io/model-path.ts), and a line where it is unusual. */
import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import { PrenormError } from '../errors.js';
import type { HalfType } from '../half.js';
import { type LoadedModel, modelFrom } from '../io/load-model.js';
import { stepOfBest, stepWanted } from '../io/model-path.js';
import { pathTools } from '../io/path-tools.js';
import { readSafetensorsHeader } from '../io/safetensors.js';
import type { Json } from '../io/sealed-file.js';
import * as tuning from '../tuning/merge.js';
import { note } from './errors.js';
import { readJson } from './files.js';
import type { RecipeFile, RunFolder } from './run-folder.js';
import { loadModelFile, loadTokenizers } from './tokenizers.js';

/**
 * The model of a run: with the best weights so far, or where none are kept the last.
 * @throws CheckpointError for a file that is not whole
 */
export async function modelOfRun(
  folder: RunFolder,
  recipeFile: RecipeFile,
  dtype?: HalfType,
): Promise<LoadedModel> {
  const { model, checkpoint } = folder.files;
  if (!existsSync(model)) return checkpointModel(folder, recipeFile, dtype);
  // The file before the checkpoint: a training that goes on meanwhile then only makes it look old.
  const loaded = await loadModelFile(model, dtype);
  const step = await otherStep(folder, loaded);
  if (step === null) return loaded;
  note(`${model} is of step ${loaded.step}, the model of the run of step ${step}: taken from ${checkpoint}`);
  return checkpointModel(folder, recipeFile, dtype);
}

/** Says so when the file, which somebody wants and no other, is not the run's model. */
export async function tellOfStep(folder: RunFolder, loaded: LoadedModel): Promise<void> {
  const step = await otherStep(folder, loaded);
  if (step === null) return;
  const { path, files } = folder;
  note(
    `${files.model} is of step ${loaded.step}, the model of the run of step ${step} (give the folder, ${path}, to use that)`,
  );
}

/** Step of the run's model, if the file is of another one; null where it is not, and where nobody knows. */
async function otherStep({ files }: RunFolder, { step }: LoadedModel): Promise<number | null> {
  const { model, checkpoint } = files;
  if (step === null || !existsSync(checkpoint)) return null;
  try {
    const wanted = await stepWanted(fs, checkpoint, pathTools);
    return wanted === step ? null : wanted;
  } catch (error) {
    const { code } = error as { code?: string };
    if (!(error instanceof PrenormError) && code === undefined) throw error;
    note(`${checkpoint} cannot be read, so whether ${model} is the newest model of the run is not known`);
    return null;
  }
}

/** The model that lies in the checkpoint. */
async function checkpointModel(
  folder: RunFolder,
  { recipe }: RecipeFile,
  dtype?: HalfType,
): Promise<LoadedModel> {
  const { tokenizer, checkpoint: path } = folder.files;
  const bytes = await folder.checkpoint();
  const beside = {
    tokenizer: existsSync(tokenizer) ? ((await readJson(tokenizer)) as Json) : null,
    recipe: recipe as unknown as Json,
    step: stepOfBest(readSafetensorsHeader(bytes, path), path, pathTools),
  };
  return modelFrom({ bytes, path, beside }, { tokenizers: loadTokenizers, tuning, dtype });
}
