/**
 * @file `prenorm finetune BASE DATA`: tunes a model that is trained already, of a folder of Hugging Face or a run, on a text, on
 * labelled texts, or on images. It writes down a recipe and trains as `prenorm train` does.
 */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { ConfigError, DataError } from '../errors.js';
import { type FinetuneTask, planTuning, tuningTask } from '../fit/index.js';
import { hasClassHead } from '../fit/tune-recipe.js';
import type { HalfType } from '../half.js';
import { saveAdapter } from '../interop/adapter.js';
import { writeFileAtomic } from '../io/files-node.js';
import { decodeSafetensors } from '../io/safetensors.js';
import type { StateDict } from '../nn/module.js';
import {
  buildModel,
  buildOptimizer,
  checkRecipe,
  completeModel,
  type LoraTuning,
  type OpenedData,
  type Recipe,
  type Selection,
} from '../recipe/index.js';
import { storageOf } from '../recipe/prepare.js';
import { gammasOf } from '../recipe/rescale.js';
import { put } from '../terminal/write.js';
import { attachedAdapter, LoraAdapter } from '../tuning/lora.js';
import { EXIT, firstGiven, inConfig } from './errors.js';
import { makeFolder, readText, writeText } from './files.js';
import { holdFolder } from './folder-lock.js';
import { noTokenizer, openRun, type TrainedRun } from './open-run.js';
import { refuseOtherData } from './run-data.js';
import { RunFolder, readRecipe } from './run-folder.js';
import { type EngineOptions, start } from './start.js';
import { train } from './train.js';

export interface FinetuneCommandOptions extends EngineOptions {
  task?: FinetuneTask;
  /** lora, all, norms, head, bias, a pattern of paths, or a regular expression between slashes. */
  trainable?: string;
  rank?: number;
  alpha?: number;
  targets?: string[];
  loraDropout?: number;
  /** How matrices that are not trained are stored. */
  dtype?: HalfType;
  /** How often the way of every gamma counts in the model, or several such numbers to choose from. */
  rescale?: number[];
  lr?: number;
  steps?: number;
  epochs?: number;
  out?: string;
  logEvery?: number;
  open?: boolean;
  resume?: boolean;
  json?: boolean;
  seed?: number;
}

export async function finetune(base: string, data: string, options: FinetuneCommandOptions): Promise<number> {
  const { threads, arithmetic, simd, logEvery, open, json, out = outOf(base, data) } = options;
  const path = join(out, 'recipe.json');
  const engine = { threads, arithmetic, simd, logEvery, open, json, out };
  if (options.resume) {
    refuseWithResume(options);
    await refuseOtherData(data, path);
    const code = await train(path, { ...engine, resume: true });
    return finish(code, base, path, { out, json });
  }
  if (options.steps !== undefined && options.epochs !== undefined) {
    throw new ConfigError('it is steps or epochs, not both', {
      op: '--steps',
      hint: 'leave one of them out',
    });
  }
  const trainable = trainableOf(options);
  const folder = new RunFolder(out);
  folder.check(false);
  await start(options);
  const isThere = existsSync(data);
  if (!isThere && data !== EMBEDDED) throw new DataError('there is no such file or folder', { path: data });
  const run = await openRun(base, { dtype: options.dtype });
  const task = options.task ?? (await taskOf(run, data));
  const recipe = await recipeOf(run, base, data, task, trainable, options);
  run.model.free();
  const release = await holdFolder(folder.path);
  try {
    folder.check(false);
    await makeFolder(folder.path);
    if (run.tokenizer)
      await writeText(join(folder.path, TOKENIZER), `${JSON.stringify(run.tokenizer.toJSON())}\n`);
    await writeText(path, `${JSON.stringify(recipe, null, 1)}\n`);
  } finally {
    release();
  }
  if (!json)
    put(
      `task: ${task}; trained: ${JSON.stringify(recipe.trainable)}; ${recipe.steps} steps; the recipe is in ${path}\n`,
    );
  const code = await train(path, engine);
  return finish(code, base, path, { out, json });
}

/** Images that come with the package. */
const EMBEDDED = 'digits';

/** Named after both: a file of a model is called as many others are, its folder is not. */
function outOf(base: string, data: string): string {
  const stem = (path: string) => basename(path, extname(path));
  const path = resolve(base);
  const isFile = existsSync(path) && !statSync(path).isDirectory();
  const isCommon = isFile && /^(model|checkpoint)$/.test(stem(path));
  return join('runs', `${stem(isCommon ? dirname(path) : path)}-${stem(resolve(data))}`);
}

/** The tokenizer of the base, in the folder of the run. */
const TOKENIZER = 'base-tokenizer.json';

function refuseWithResume(options: FinetuneCommandOptions): void {
  const { task, trainable, rank, alpha, targets, loraDropout, dtype, rescale, lr, steps, epochs, seed } =
    options;
  const given = {
    task,
    trainable,
    rank,
    alpha,
    targets,
    'lora-dropout': loraDropout,
    dtype,
    rescale,
    lr,
    steps,
    epochs,
    seed,
  };
  const name = firstGiven(given);
  if (!name) return;
  throw new ConfigError(`--${name} does not go with --resume`, {
    op: `--${name}`,
    hint: 'the run goes on with the recipe that it began with',
  });
}

/** What is trained, as recipes say it. */
function trainableOf({
  trainable = 'lora',
  rank,
  alpha,
  targets,
  loraDropout,
}: FinetuneCommandOptions): Selection | LoraTuning {
  const own = firstGiven({ rank, alpha, targets, 'lora-dropout': loraDropout });
  if (trainable !== 'lora') {
    if (!own) return trainable;
    throw new ConfigError(`--${own} is of low-rank parts, and --trainable is ${trainable}`, {
      op: `--${own}`,
      hint: 'leave it out, or take --trainable lora',
    });
  }
  const lora = { rank, alpha, targets, dropout: loraDropout };
  return { lora: JSON.parse(JSON.stringify(lora)) };
}

/** Of a folder that has lines with labels: these. */
async function taskOf({ kind }: TrainedRun, data: string): Promise<FinetuneTask> {
  if (kind === 'visionTransformer' || !existsSync(data)) return 'images';
  if (!statSync(data).isDirectory()) return tuningTask(kind, await readText(data));
  return existsSync(join(data, 'train.tsv')) ? 'classify' : tuningTask(kind, '');
}

async function recipeOf(
  run: TrainedRun,
  base: string,
  data: string,
  task: FinetuneTask,
  trainable: Selection | LoraTuning,
  { dtype, rescale = [], seed = 0, lr, steps, epochs }: FinetuneCommandOptions,
): Promise<Recipe> {
  const isText = task !== 'images';
  if (isText && !run.tokenizer) throw noTokenizer(run, base, 'it reads no texts');
  const planned = inConfig(data, () =>
    planTuning({
      base: run,
      weights: weightsOf(base),
      data: existsSync(data) ? resolve(data) : data,
      ...(rescale.length > 0 && { rescaleNorms: rescale.length === 1 ? rescale[0] : rescale }),
      ...{ task, trainable, dtype, seed, lr, steps, epochs },
    }),
  );
  const { recipe, data: opened } = await planned;
  const tokenizer = isText && ({ kind: 'saved', path: TOKENIZER } as const);
  const checked = checkRecipe({ ...recipe, ...(tokenizer && { tokenizer }) }, 'finetune');
  checkTrainable(checked, run, opened);
  return checked;
}

/** What is to be trained is there, and the pairs go onto its matrices: else nothing is written. */
function checkTrainable(recipe: Recipe, { model, kind }: TrainedRun, data: OpenedData): void {
  const isSame = recipe.model.kind === kind && recipe.dtype === undefined;
  const complete = completeModel(recipe.model, data.sizes);
  const probe = isSame ? model : buildModel(complete, 0, storageOf(recipe));
  buildOptimizer(recipe, probe).free();
  gammasOf(recipe, probe, data);
  attachedAdapter(probe)?.free();
  if (!isSame) probe.free();
}

/** The file, or folder of Hugging Face, that the recipe begins from. */
function weightsOf(base: string): string {
  const path = resolve(base);
  const { model, checkpoint } = new RunFolder(path).files;
  const config = join(path, 'config.json');
  if (!statSync(path).isDirectory()) return path;
  const isRun = existsSync(checkpoint) || !existsSync(config);
  return isRun ? (existsSync(model) ? model : checkpoint) : path;
}

/** Of a run in which low-rank parts alone were trained, these as an adapter of PEFT beside its model. */
async function finish(
  code: number,
  base: string,
  path: string,
  { out, json }: { out: string; json?: boolean },
): Promise<number> {
  if (code !== EXIT.done) return code;
  const { recipe } = await readRecipe(path);
  const { trainable } = recipe;
  if (typeof trainable !== 'object' || !('lora' in trainable) || trainable.also !== undefined) return code;
  if (hasClassHead(recipe.model.kind)) return code;
  const run = await openRun(base, { dtype: recipe.dtype });
  const adapter = new LoraAdapter(run.model, trainable.lora);
  adapter.loadStateDict(await bestParts(new RunFolder(out)));
  const files = saveAdapter(adapter, { base: resolve(base) });
  const folder = join(out, 'adapter');
  await makeFolder(folder);
  for (const [name, bytes] of files) await writeFileAtomic(join(folder, name), bytes);
  if (!json) put(`the adapter alone is in ${folder}\n`);
  run.model.free();
  return code;
}

/** The low-rank parts of the best evaluation, or of the last step where none are kept. */
async function bestParts(folder: RunFolder): Promise<StateDict> {
  const { tensors } = decodeSafetensors(await folder.checkpoint(), folder.files.checkpoint);
  const isPart = (name: string) => /\.lora_[ab]$/.test(name);
  const prefix = [...tensors.keys()].some((name) => name.startsWith('best.')) ? 'best.' : 'model.';
  const state: StateDict = new Map();
  for (const [name, { shape, data }] of tensors)
    if (name.startsWith(prefix) && isPart(name))
      state.set(name.slice(prefix.length), { shape, data: data as Float32Array });
  return state;
}
