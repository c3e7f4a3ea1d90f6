/**
 * @file A model by its path, in Node: a file, or the folder of a run. A training writes its checkpoint first and the file
 * of the model after it, so a kill between the two leaves the file behind, and so does a program that goes on with the
 * run and does not know the file: Prenorm 0.2.0. The checkpoint says which step the file has to be of; where it is not,
 * the weights are the checkpoint's.
 *
 * It is loaded on demand, so it imports nothing that is loaded anyway: that comes as its tools.
 */
import type { ReadSource } from './model-parts.js';
import type { PathTools } from './path-tools.js';
import { type FileReader, readWhole } from './read-node.js';
import type { SafetensorsHeader } from './safetensors.js';
import type { Json } from './sealed-file.js';

/** The files in the folder of a run that are looked at. */
const NAMES = {
  model: 'model.safetensors',
  checkpoint: 'checkpoint.safetensors',
  tokenizer: 'tokenizer.json',
  config: 'config.json',
};

/**
 * The bytes of a file, or of the model of a run: with the best weights so far, or where none are kept the last.
 * @throws CheckpointError for what cannot be read; ConfigError for an address of the network
 */
export async function readPath(
  source: string | URL,
  name: string | undefined,
  fs: FileReader,
  tools: PathTools,
): Promise<ReadSource> {
  const { CheckpointError, isJsonObject } = tools;
  const path = typeof source === 'string' ? source : await fileOf(source, tools);
  const read = (file: string) =>
    readWhole(fs, file, Number.POSITIVE_INFINITY, (message, fields) => {
      return new CheckpointError(message, { path: file, ...fields });
    });
  /** null: there is none. */
  const find = async (file: string): Promise<Uint8Array | null> => {
    try {
      return await read(file);
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') return null;
      throw error;
    }
  };
  try {
    if (!(await fs.stat(path)).isDirectory()) return { bytes: await read(path), path: name ?? path };
    const at = (file: string) => `${path.replace(/[\\/]+$/, '')}/${file}`;
    const checkpoint = at(NAMES.checkpoint);
    const model = await find(at(NAMES.model));
    // The file before the checkpoint: a training that goes on meanwhile then only makes it look old.
    if (model && !(await isBehind(fs, model, checkpoint, tools)))
      return { bytes: model, path: name ?? at(NAMES.model) };
    const json = async (file: string) => readJson(await find(at(file)), at(file), tools);
    const config = await json(NAMES.config);
    const bytes = await read(checkpoint);
    return {
      bytes,
      path: name ?? checkpoint,
      beside: {
        tokenizer: await json(NAMES.tokenizer),
        recipe: isJsonObject(config) ? ((config.recipe ?? null) as Json) : null,
        step: stepOfBest(tools.readSafetensorsHeader(bytes, checkpoint), checkpoint, tools),
      },
    };
  } catch (cause) {
    const { code } = cause as { code?: string };
    if (cause instanceof CheckpointError || code === undefined) throw cause;
    throw new CheckpointError(
      code === 'ENOENT' ? 'there is no such file, or no run in this folder' : `cannot be read: ${code}`,
      {
        path,
        hint: 'give a file of saveModel, a checkpoint, or the folder that `prenorm train` wrote (its --out); fromPretrained reads a folder of Hugging Face',
        cause,
      },
    );
  }
}

/** Whether the run's model is of another step; of what cannot be read nobody knows. */
async function isBehind(
  fs: FileReader,
  model: Uint8Array,
  checkpoint: string,
  tools: PathTools,
): Promise<boolean> {
  const { jsonOf, readSafetensorsHeader, isJsonObject } = tools;
  try {
    const training = jsonOf(readSafetensorsHeader(model, '').metadata, 'training', '', 'model');
    const step = isJsonObject(training) ? training.step : null;
    const wanted = step === null ? null : await stepWanted(fs, checkpoint, tools);
    return wanted !== null && wanted !== step;
  } catch (error) {
    // Of the system, or of the file: both have a code.
    if ((error as { code?: string }).code === undefined) throw error;
    return false;
  }
}

/**
 * The step that the model beside this checkpoint has to be of; null where it does not say. Reads the header alone: the
 * rest is many times as long as the model, and needed only where it gives the weights, which checks all of it.
 * @throws what is wrong with the file, or why it cannot be read
 */
export async function stepWanted(fs: FileReader, path: string, tools: PathTools): Promise<number | null> {
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
    const bytes = length > tools.MAX_HEADER_BYTES ? start : await read(8 + length);
    return stepOfBest(tools.readSafetensorsHeader(bytes, path), path, tools);
  } finally {
    await handle.close();
  }
}

/** Step of the best weights that a checkpoint keeps, or of the last; null where it does not say. */
export function stepOfBest(
  { metadata }: SafetensorsHeader,
  path: string,
  { checkpointFormat, jsonOf, isJsonObject }: PathTools,
): number | null {
  if (metadata.format !== checkpointFormat.name) return null;
  const extra = jsonOf(metadata, 'extra', path, 'checkpoint');
  const best = isJsonObject(extra) && isJsonObject(extra.best) ? extra.best : { weights: null };
  const step = best.weights === null ? Number(metadata.step) : isJsonObject(best.top) && best.top.step;
  return Number.isSafeInteger(step) ? (step as number) : null;
}

async function fileOf(url: URL, { nodeModule, ConfigError, brief }: PathTools): Promise<string> {
  const node = (await nodeModule('node:url')) as typeof import('node:url') | null;
  if (url.protocol === 'file:' && node) return node.fileURLToPath(url);
  throw new ConfigError(`an address of the network is not read here: ${brief(url.href)}`, {
    op: 'loadModel',
    hint: 'use loadModel(await fetch(address))',
  });
}

async function readJson(
  bytes: Uint8Array | null,
  path: string,
  { parseStrictJson, nodeModule, CheckpointError }: PathTools,
): Promise<Json> {
  try {
    // Not the global one, which a page of a test runner may lack.
    const { TextDecoder } = (await nodeModule('node:util')) as typeof import('node:util');
    return bytes && (parseStrictJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json);
  } catch (cause) {
    throw new CheckpointError(`not readable: ${(cause as Error).message}`, { path, cause });
  }
}
