/**
 * @file `prenorm finetune BASE DATA`: tunes a model that is trained already, of a folder of Hugging Face or a run, on a text or
 * on labelled texts. It writes down a recipe and trains as `prenorm train` does.
 */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigError, DataError } from '../errors.js';
import { factsOf } from '../fit/facts.js';
import { findOrigin } from '../fit/origin.js';
import { baseIsNew, type FinetuneTask, tuneRecipe } from '../fit/tune-recipe.js';
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
  openData,
  type Recipe,
  readData,
  type Selection,
} from '../recipe/index.js';
import { put } from '../terminal/write.js';
import { attachedAdapter, LoraAdapter } from '../tuning/lora.js';
import { EXIT, firstGiven, inConfig } from './errors.js';
import { makeFolder, readText, writeText } from './files.js';
import { holdFolder } from './folder-lock.js';
import { openRun, type TrainedRun } from './open-run.js';
import { refuseOtherData } from './run-data.js';
import { RunFolder, readRecipe } from './run-folder.js';
import { type EngineOptions, start } from './start.js';
import { loadTokenizers } from './tokenizers.js';
import { train } from './train.js';

export interface FinetuneCommandOptions extends EngineOptions {
  task?: FinetuneTask;
  /** lora, all, norms, head, bias, a pattern of paths, or a regular expression between slashes. */
  trainable?: string;
  rank?: number;
  alpha?: number;
  targets?: string[];
  loraDropout?: number;
  lr?: number;
  steps?: number;
  epochs?: number;
  out: string;
  logEvery?: number;
  open?: boolean;
  resume?: boolean;
  json?: boolean;
  seed?: number;
}

export async function finetune(base: string, data: string, options: FinetuneCommandOptions): Promise<number> {
  const path = join(options.out, 'recipe.json');
  const { threads, arithmetic, simd, logEvery, open, json } = options;
  const engine = { threads, arithmetic, simd, logEvery, open, json, out: options.out };
  if (options.resume) {
    refuseWithResume(options);
    await refuseOtherData(data, path);
    const code = await train(path, { ...engine, resume: true });
    return finish(code, base, path, options);
  }
  if (options.steps !== undefined && options.epochs !== undefined) {
    throw new ConfigError('it is steps or epochs, not both', {
      op: '--steps',
      hint: 'leave one of them out',
    });
  }
  const trainable = trainableOf(options);
  const folder = new RunFolder(options.out);
  folder.check(false);
  await start(options);
  if (!existsSync(data)) throw new DataError('there is no such file or folder', { path: data });
  const run = await openRun(base);
  const task = options.task ?? (await taskOf(run, data));
  const recipe = await inConfig(data, () => recipeOf(run, base, data, task, trainable, options));
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
  return finish(code, base, path, options);
}

/** The tokenizer of the base, in the folder of the run. */
const TOKENIZER = 'base-tokenizer.json';

function refuseWithResume(options: FinetuneCommandOptions): void {
  const { task, trainable, rank, alpha, targets, loraDropout, lr, steps, epochs, seed } = options;
  const given = {
    task,
    trainable,
    rank,
    alpha,
    targets,
    'lora-dropout': loraDropout,
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

/** A classifier is tuned on labelled texts; so is another model where lines have a tab. */
async function taskOf({ kind }: TrainedRun, data: string): Promise<FinetuneTask> {
  if (kind === 'textClassifier' || kind === 'maskedLM') return 'classify';
  if (statSync(data).isDirectory()) return existsSync(join(data, 'train.tsv')) ? 'classify' : 'lm';
  const lines = (await readText(data)).split('\n').filter((line) => line !== '');
  return lines.length > 0 && lines.every((line) => line.includes('\t')) ? 'classify' : 'lm';
}

async function recipeOf(
  run: TrainedRun,
  base: string,
  data: string,
  task: FinetuneTask,
  trainable: Selection | LoraTuning,
  options: FinetuneCommandOptions,
): Promise<Recipe> {
  const { seed = 0, lr, steps, epochs } = options;
  const origin = await findOrigin(task, resolve(data));
  const content = { kind: origin.kind, ...origin.content } as Recipe['data'];
  const wanted = task === 'classify' ? { batchSize: 1, maxLen: 8 } : {};
  const read = await readData(
    { ...content, ...(origin.hasValid ? {} : { validation: 0 }), ...wanted } as Recipe['data'],
    origin.sources,
  );
  const facts = factsOf(task, read, origin.hasValid);
  const { tokenizer } = run;
  if (!tokenizer) throw new ConfigError('the base has no tokenizer, so it reads no texts', { path: base });
  const tokens =
    task === 'lm' ? { tokens: tokenizer.encode((read as unknown as { whole: string }).whole).length } : {};
  const parts = {
    base: run,
    weights: weightsOf(base),
    trainable,
    seed,
    lr,
    facts: { ...facts, ...tokens },
    content,
  };
  const draft = tuneRecipe({ ...parts, steps: steps ?? 1 });
  const opened = await openData(
    { ...draft, tokenizer: undefined },
    { sources: origin.sources, tokenizer, tokenizers: loadTokenizers },
  );
  const { maxSeqLen = 0 } = run.config as { maxSeqLen?: number };
  // Both kinds of batches know how many an epoch has.
  const { numBatches } = opened.train(seed, maxSeqLen) as unknown as { numBatches: number };
  const all = steps ?? Math.max(1, Math.ceil((epochs ?? EPOCHS) * numBatches));
  const recipe = tuneRecipe({ ...parts, steps: all });
  checkTrainable(recipe, run, opened);
  return checkRecipe({ ...recipe, tokenizer: { kind: 'saved', path: TOKENIZER } }, 'finetune');
}

/** What is to be trained is there, and the pairs go onto its matrices: else nothing is written. */
function checkTrainable(recipe: Recipe, { model, kind }: TrainedRun, { sizes }: OpenedData): void {
  const isSame = recipe.model.kind === kind;
  const probe = isSame ? model : buildModel(completeModel(recipe.model, sizes), 0);
  buildOptimizer(recipe, probe).free();
  attachedAdapter(probe)?.free();
  if (!isSame) probe.free();
}

const EPOCHS = 3;

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
  { out, json }: FinetuneCommandOptions,
): Promise<number> {
  if (code !== EXIT.done) return code;
  const { recipe } = await readRecipe(path);
  const { trainable } = recipe;
  if (typeof trainable !== 'object' || !('lora' in trainable) || trainable.also !== undefined) return code;
  if (baseIsNew(recipe.model.kind)) return code;
  const run = await openRun(base);
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
