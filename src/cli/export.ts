/** @file `prenorm export`: a trained model as other programs read it; whole or not at all. */
import { existsSync, lstatSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { ConfigError } from '../errors.js';
import { saveTorchSafetensors, toPretrained, toTorchState } from '../interop/index.js';
import { fileError, writeFileAtomic } from '../io/files-node.js';
import { saveModel } from '../io/model-file.js';
import { leftovers, removeLeftovers, temporaryName } from '../io/temporary-node.js';
import type { CharTokenizer } from '../text/index.js';
import { EXIT, note } from './errors.js';
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
  if (to === 'hf') {
    await putBack(resolve(out));
    checkFolder(out, force);
  } else checkFile(out, force);
  await start(options);
  const run = await openRun(path);
  if (to === 'hf') await writeFolder(out, folderOf(run, maxShardSize), force);
  else await writeFileAtomic(out, to === 'torch' ? torchOf(run) : fileOf(run));
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

/** The stack alone, as PyTorch's modules have nothing else: what is left out is said. */
function torchOf({ model }: TrainedRun): Uint8Array {
  const state = toTorchState(model);
  const left = [...model.stateDict().keys()].filter(
    (key) => !state.has(key) && !state.has(key.replace(/^encoder\./, '')),
  );
  if (left.length > 0)
    note(
      `left out, since PyTorch's modules have none of it: ${left.join(', ')}; --to prenorm writes all of it`,
    );
  return saveTorchSafetensors(model);
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

/** A link that leads nowhere is there, too. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw fileError(error, 'create', 'folder', path);
  }
}

/**
 * An empty folder is no loss; with --force, nor is one that has nothing but an export. The folder one is in, and those
 * around it, are not put into another's place.
 */
function checkFolder(out: string, force: boolean): void {
  if (!isThere(out)) return;
  if (!isFolder(out)) throw inTheWay(out, 'there is a file of this name, and --to hf writes a folder', false);
  if (`${process.cwd()}${sep}`.startsWith(`${realpathSync(out)}${sep}`))
    throw inTheWay(out, 'this is the folder that the command runs in, or one around it', false);
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

/** How the folder that is being replaced is called, behind the name of the one that replaces it. */
const OLD = '.old';

/** What a kill has left: the folder of before goes back, unless the one that was to replace it stands there already. */
async function putBack(place: string): Promise<void> {
  const now = performance.timeOrigin + performance.now();
  for (const old of await leftovers(place, now, OLD)) {
    if (existsSync(place)) await removeOld(old).catch(() => {});
    else await rename(old, isThere(place) ? resolve(dirname(place), readlinkSync(place)) : place);
  }
}

/** What is not of an export stays, even here. */
async function removeOld(old: string): Promise<void> {
  for (const name of readdirSync(old)) if (WRITTEN.test(name)) await rm(join(old, name));
  await rmdir(old);
}

/** Beside its place first, so that a kill leaves the old folder or the new one. */
async function writeFolder(
  out: string,
  files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>,
  force: boolean,
): Promise<void> {
  const place = resolve(out);
  let made: string | undefined;
  try {
    await mkdir(dirname(place), { recursive: true });
    made = temporaryName(place);
    await mkdir(made);
    await removeLeftovers(place, statSync(made).mtimeMs);
    for (const [name, bytes] of files) await writeFileAtomic(join(made, name), bytes);
    await putInPlace(made, place, force);
  } catch (error) {
    if (made !== undefined) await rm(made, { recursive: true, force: true });
    throw fileError(error, 'create', 'folder', out);
  }
}

async function putInPlace(made: string, place: string, force: boolean): Promise<void> {
  // Once more: it may have filled meanwhile.
  checkFolder(place, force);
  if (!existsSync(place)) return rename(made, place);
  // A link to a folder stays a link: what it leads to is replaced.
  const target = realpathSync(place);
  const old = `${made}${OLD}`;
  await rename(target, old);
  await rename(made, target).catch(async (error) => {
    await rename(old, target);
    throw error;
  });
  await removeOld(old);
}
