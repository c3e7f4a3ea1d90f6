/**
 * @file Which model the folder of a run has. `train` writes the checkpoint first and the file of the model after it, so a
 * kill between the two leaves the file behind, and so does a program that goes on with the run and does not know the
 * file: Prenorm 0.2.0. The checkpoint says which step the file has to be of; where it is not, the weights are the
 * checkpoint's.
 */
import { existsSync } from 'node:fs';
import fs from 'node:fs/promises';
import { PrenormError } from '../errors.js';
import { checkpointFormat } from '../io/checkpoint-file.js';
import { type LoadedModel, loadModelWith, modelFrom } from '../io/load-model.js';
import { MAX_HEADER_BYTES, readSafetensorsHeader, type SafetensorsHeader } from '../io/safetensors.js';
import { type Json, jsonOf } from '../io/sealed-file.js';
import { isJsonObject } from '../json.js';
import { readTrainerState } from '../train/saved-state.js';
import { note } from './errors.js';
import { readJson } from './files.js';
import type { RecipeFile, RunFolder } from './run-folder.js';

/**
 * The model of a run: with the best weights so far, or where none are kept the last.
 * @throws CheckpointError for a file that is not whole
 */
export async function modelOfRun(folder: RunFolder, recipeFile: RecipeFile): Promise<LoadedModel> {
  const { model, checkpoint } = folder.files;
  if (!existsSync(model)) return checkpointModel(folder, recipeFile);
  // The file before the checkpoint: a training that goes on meanwhile then only makes it look old.
  const loaded = await loadModelWith(fs, model);
  const step = await otherStep(folder, loaded);
  if (step === null) return loaded;
  note(`${model} is of step ${loaded.step}, the model of the run of step ${step}: taken from ${checkpoint}`);
  return checkpointModel(folder, recipeFile);
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
    const wanted = await modelStep(checkpoint);
    return wanted === step ? null : wanted;
  } catch (error) {
    const { code } = error as { code?: string };
    if (!(error instanceof PrenormError) && code === undefined) throw error;
    note(`${checkpoint} cannot be read, so whether ${model} is the newest model of the run is not known`);
    return null;
  }
}

/**
 * The step that the model beside this checkpoint has to be of. Reads the header alone: the rest is many times as long as
 * the model, and needed only where it gives the weights, which checks all of it.
 */
async function modelStep(path: string): Promise<number | null> {
  const handle = await fs.open(path);
  try {
    const { size } = await handle.stat();
    const read = async (length: number) => {
      const bytes = new Uint8Array(Math.min(length, size));
      if (bytes.length > 0) await handle.read(bytes, 0, bytes.length, 0);
      return bytes;
    };
    const start = await read(8);
    const length = start.length < 8 ? 0 : Number(new DataView(start.buffer).getBigUint64(0, true));
    // A length beyond all reason is refused without that much being read.
    const bytes = length > MAX_HEADER_BYTES ? start : await read(8 + length);
    return stepOf(readSafetensorsHeader(bytes, path), path);
  } finally {
    await handle.close();
  }
}

/** Of the best weights that a checkpoint keeps, or of the last; null where it does not say. */
function stepOf({ metadata }: SafetensorsHeader, path: string): number | null {
  if (metadata.format !== checkpointFormat.name) return null;
  const extra = jsonOf(metadata, 'extra', path, 'checkpoint');
  const best = isJsonObject(extra) && isJsonObject(extra.best) ? extra.best : { weights: null };
  const step = best.weights === null ? Number(metadata.step) : isJsonObject(best.top) && best.top.step;
  return Number.isSafeInteger(step) ? (step as number) : null;
}

/** The model that lies in the checkpoint. */
async function checkpointModel(folder: RunFolder, { recipe }: RecipeFile): Promise<LoadedModel> {
  const { tokenizer, checkpoint: path } = folder.files;
  const bytes = await folder.checkpoint();
  const beside = {
    tokenizer: existsSync(tokenizer) ? ((await readJson(tokenizer)) as Json) : null,
    recipe: recipe as unknown as Json,
  };
  const loaded = modelFrom({ bytes, path, beside });
  const header = readSafetensorsHeader(bytes, path);
  // The best weights are there a second time only where they are not the last.
  if (header.tensors.some(({ name }) => name.startsWith('best.')))
    loaded.model.loadStateDict(readTrainerState(bytes, path).bestWeights);
  return { ...loaded, step: stepOf(header, path) };
}
