/** @file `prenorm export`: a trained model as other programs read it; whole or not at all. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ConfigError } from '../errors.js';
import { saveTorchSafetensors, toPretrained } from '../interop/index.js';
import { writeFileAtomic } from '../io/files-node.js';
import { saveModel } from '../io/model-file.js';
import type { CharTokenizer } from '../text/index.js';
import { EXIT } from './errors.js';
import { openRun, type TrainedRun } from './open-run.js';
import { start } from './start.js';
import { print } from './train.js';
import type { Common } from './use-run.js';

interface ExportOptions extends Common {
  to: 'hf' | 'torch' | 'prenorm';
  out: string;
  maxShardSize?: number;
  force?: boolean;
}

export async function exportModel(path: string, options: ExportOptions): Promise<number> {
  const { to, out, maxShardSize, force = false } = options;
  if (to !== 'hf' && maxShardSize !== undefined) {
    throw new ConfigError(`--to ${to} writes one file`, {
      op: '--max-shard-size',
      actual: maxShardSize,
      hint: 'leave it out, or take --to hf',
    });
  }
  if (to === 'hf') checkFolder(out, force);
  else checkFile(out, force);
  await start(options);
  const run = await openRun(path);
  if (to === 'hf') await writeFolder(out, folderOf(run, maxShardSize), force);
  else await writeFileAtomic(out, to === 'torch' ? saveTorchSafetensors(run.model) : fileOf(run));
  const files = to === 'hf' ? readdirSync(out).sort() : [basename(out)];
  print(options, { out, to, files }, `${out}: ${files.join(', ')}`);
  return EXIT.done;
}

function folderOf(
  { model, tokenizer, labels }: TrainedRun,
  maxShardBytes?: number,
): Map<string, Uint8Array<ArrayBuffer>> {
  return toPretrained(model, {
    tokenizer: tokenizer as Exclude<typeof tokenizer, CharTokenizer>,
    labels,
    ...(maxShardBytes === undefined ? {} : { maxShardBytes }),
  });
}

const fileOf = ({ model, tokenizer, labels }: TrainedRun): Uint8Array =>
  saveModel(model, { tokenizer, labels, spareIds: true });

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

function checkFile(out: string, force: boolean): void {
  if (isFolder(out)) {
    throw new ConfigError('there is a folder of this name', {
      op: '--out',
      path: out,
      hint: 'give the name of a file, e.g. model.safetensors',
    });
  }
  if (existsSync(out) && !force) throw inTheWay(out, 'there is a file of this name already');
}

/** What an export writes, and so may replace. */
const WRITTEN =
  /^(config\.json|tokenizer\.json|tokenizer_config\.json|model(-\d+-of-\d+)?\.safetensors|model\.safetensors\.index\.json)$/;

/** An empty folder is no loss; with --force, nor is one that has nothing but an export. */
function checkFolder(out: string, force: boolean): void {
  if (!existsSync(out)) return;
  if (!isFolder(out)) throw inTheWay(out, 'there is a file of this name, and --to hf writes a folder', false);
  const names = readdirSync(out);
  if (names.length === 0) return;
  if (!force) throw inTheWay(out, 'the folder is there already');
  const other = names.find((name) => !WRITTEN.test(name));
  if (other !== undefined) {
    throw inTheWay(out, `the folder has ${other}, which no export has written: it is not replaced`, false);
  }
}

function inTheWay(out: string, message: string, canForce = true): ConfigError {
  const hint = `give another name${canForce ? ', or --force to replace it' : ''}`;
  return new ConfigError(message, { path: out, hint });
}

/** Beside its place first, so that a kill leaves the old folder or the new one. */
async function writeFolder(
  out: string,
  files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
  force: boolean,
): Promise<void> {
  const place = resolve(out);
  await mkdir(dirname(place), { recursive: true });
  const made = await mkdtemp(join(dirname(place), `.${basename(place)}-`));
  try {
    for (const [name, bytes] of files) await writeFileAtomic(join(made, name), bytes);
    // Once more: it may have filled meanwhile.
    checkFolder(out, force);
    const old = `${made}-old`;
    const isThere = existsSync(place);
    if (isThere) await rename(place, old);
    await rename(made, place).catch(async (error) => {
      if (isThere) await rename(old, place);
      throw error;
    });
    if (isThere) await rm(old, { recursive: true });
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    throw error;
  }
}
