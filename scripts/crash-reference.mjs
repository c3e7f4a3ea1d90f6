/**
 * @file What the crash test compares with: the run that `prenorm train` makes, made by the library in this process, and
 * the files that it has to write at every checkpoint.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../..');
/** The library as it was built. */
export const built = (entry) => import(pathToFileURL(join(root, 'dist', entry)).href);

/**
 * Checkpoint and model of every step at which the run writes them, by step; the first is that of step 0, where there is
 * no model yet.
 * @param recipe complete, as the folder of a run has it
 * @param every steps between two of them
 */
export async function referenceRun(recipe, folder, every = recipe.checkpointEvery) {
  const [{ init, Trainer }, { prepareRun, encodeRun }] = await Promise.all(
    ['index.js', 'recipe/index.js'].map(built),
  );
  await init();
  const path = (name) => resolve(folder, name);
  const sources = {
    canRead: true,
    resolve: path,
    exists: (name) => existsSync(path(name)),
    read: async (name) => new Uint8Array(readFileSync(path(name))),
    moduleUrl: (name) => pathToFileURL(path(name)).href,
    join,
  };
  const run = await prepareRun(recipe, { sources });
  const saved = new Map();
  const trainer = new Trainer({
    ...run.options,
    checkpointEvery: every,
    onCheckpoint: (checkpoint, step) => saved.set(step, { checkpoint, model: encodeRun(run, trainer) }),
  });
  // A signal before the first step saves a model all the same.
  saved.set(0, { checkpoint: trainer.save(), model: null, early: encodeRun(run, trainer) });
  for await (const _ of trainer.run());
  return saved;
}

/**
 * What `model.safetensors` may be after a life of the run, as bytes; null for no file. A checkpoint is written before the
 * model of its step, so the model may be one checkpoint behind, never ahead.
 * @param saved of `referenceRun`
 * @param begun checkpoint and model that the life found, each null for none
 * @param step of the checkpoint that it left
 */
export function allowedModels(saved, begun, step) {
  const steps = [...saved.keys()];
  const last = steps[steps.length - 1];
  // A life that begins at the end writes both once more.
  if (step === begun.step) return step === last ? [begun.model, saved.get(step).model] : [begun.model];
  const before = steps[steps.indexOf(step) - 1];
  const written = before !== undefined && before > (begun.step ?? 0);
  return [saved.get(step).model, written ? saved.get(before).model : begun.model];
}
