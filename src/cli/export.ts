/** @file `prenorm export`: a trained model as other programs read it; whole or not at all. */
import { existsSync, lstatSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { ConfigError } from '../errors.js';
import { exportONNX, saveTorchSafetensors, toPretrained, toTorchState } from '../interop/index.js';
import { fileError, writeFileAtomic } from '../io/files-node.js';
import { saveModel } from '../io/model-file.js';
import { leftovers, removeLeftovers, temporaryName } from '../io/temporary-node.js';
import type { CharTokenizer } from '../text/index.js';
import { EXIT, note } from './errors.js';
import { checkGraphs, loadOnnxRuntime, type OnnxCheck } from './onnx-check.js';
import { openRun, type TrainedRun } from './open-run.js';
import { start } from './start.js';
import { print } from './train.js';
import type { Common } from './use-run.js';

interface ExportOptions extends Common {
  to: 'hf' | 'onnx' | 'torch' | 'prenorm';
  out: string;
  maxShardSize?: number;
  opset?: number;
  /** Checked by `exportONNX`, which knows what to do for fewer bits. */
  dtype?: 'f32' | 'f16';
  check?: boolean;
  force?: boolean;
}

type Files = Map<string, Uint8Array<ArrayBuffer>>;

export async function exportModel(path: string, options: ExportOptions): Promise<number> {
  const { to, out, force = false } = options;
  checkOwn(options);
  const isFolderFormat = to === 'hf' || to === 'onnx';
  if (isFolderFormat) {
    await putBack(resolve(out));
    checkFolder(out, to, force);
  } else checkFile(out, force);
  const runtime = options.check ? await loadOnnxRuntime() : null;
  await start(options);
  const run = await openRun(path);
  if (!isFolderFormat) {
    await writeFileAtomic(out, to === 'torch' ? torchOf(run) : fileOf(run));
    const files = [basename(out)];
    print(options, { out, to, files }, `${out}: ${files}`);
    return EXIT.done;
  }
  const folder = to === 'hf' ? folderOf(run, options) : await onnxOf(run, options);
  const check = runtime && (await checkGraphs(runtime, run.model, folder));
  if (check) note(toldOf(check));
  if (check && !check.isNear) return EXIT.failed;
  await writeFolder(out, to, folder, force);
  const files = entriesOf(out)
    .filter((name) => !name.endsWith('/'))
    .sort();
  print(options, { out, to, files, ...(check ? { check } : {}) }, `${out}: ${files.join(', ')}`);
  return EXIT.done;
}

/** Options that only some formats have. */
function checkOwn(options: ExportOptions): void {
  const { to } = options;
  const own = { maxShardSize: ['hf', 'onnx'], opset: ['onnx'], dtype: ['onnx'], check: ['onnx'] };
  for (const [key, formats] of Object.entries(own)) {
    if (options[key as keyof typeof own] === undefined || formats.includes(to)) continue;
    throw new ConfigError(
      key === 'maxShardSize' ? `--to ${to} writes one file` : `--to ${to} has no such thing`,
      {
        op: `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
        actual: options[key as keyof typeof own],
        hint: `leave it out, or take --to ${formats.join(' or ')}`,
      },
    );
  }
}

function toldOf({ largest, scale, isNear, samples }: OnnxCheck): string {
  const off = `the graphs give the model's numbers to ${largest.toExponential(1)}, the largest being ${scale.toPrecision(2)}`;
  return isNear ? `${off} (${samples} samples in onnxruntime-web)` : `${off}: nothing is written`;
}

/** The tokenizer as other programs read it: they have no form for one of characters. */
const tokenizerOf = ({ tokenizer }: TrainedRun) => tokenizer as Exclude<typeof tokenizer, CharTokenizer>;

function onnxOf(
  run: TrainedRun,
  { opset, dtype, maxShardSize: maxFileBytes }: ExportOptions,
): Promise<Files> {
  const { model, labels } = run;
  return exportONNX(model, { opset, dtype, maxFileBytes, tokenizer: tokenizerOf(run), labels });
}

function folderOf(run: TrainedRun, { maxShardSize: maxShardBytes }: ExportOptions): Files {
  const { model, labels } = run;
  return toPretrained(model, { tokenizer: tokenizerOf(run), labels, maxShardBytes });
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
  /^((config|generation_config|preprocessor_config|tokenizer|tokenizer_config)\.json|model(-\d+-of-\d+)?\.safetensors|model\.safetensors\.index\.json|onnx\/(\w+\.onnx(_data(_\d+)?)?)?)$/;

/** The names in a folder, and in the one of graphs below it, which ends in a slash. */
const entriesOf = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.name === 'onnx' && entry.isDirectory()
      ? ['onnx/', ...readdirSync(join(folder, 'onnx')).map((name) => `onnx/${name}`)]
      : [entry.name],
  );

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
function checkFolder(out: string, to: string, force: boolean): void {
  if (!isThere(out)) return;
  if (!isFolder(out))
    throw inTheWay(out, `there is a file of this name, and --to ${to} writes a folder`, false);
  if (`${process.cwd()}${sep}`.startsWith(`${realpathSync(out)}${sep}`))
    throw inTheWay(out, 'this is the folder that the command runs in, or one around it', false);
  const names = entriesOf(out);
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
  // What is in a folder goes before it.
  for (const name of entriesOf(old).reverse())
    if (WRITTEN.test(name)) await (name.endsWith('/') ? rmdir : rm)(join(old, name));
  await rmdir(old);
}

/** Beside its place first, so that a kill leaves the old folder or the new one. */
async function writeFolder(out: string, to: string, files: Files, force: boolean): Promise<void> {
  const place = resolve(out);
  let made: string | undefined;
  try {
    await mkdir(dirname(place), { recursive: true });
    made = temporaryName(place);
    await mkdir(made);
    await removeLeftovers(place, statSync(made).mtimeMs);
    for (const [name, bytes] of files) {
      await mkdir(dirname(join(made, name)), { recursive: true });
      await writeFileAtomic(join(made, name), bytes);
    }
    await putInPlace(made, place, to, force);
  } catch (error) {
    if (made !== undefined) await rm(made, { recursive: true, force: true });
    throw fileError(error, 'create', 'folder', out);
  }
}

async function putInPlace(made: string, place: string, to: string, force: boolean): Promise<void> {
  // Once more: it may have filled meanwhile.
  checkFolder(place, to, force);
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
