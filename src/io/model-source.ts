/** @file The bytes behind whatever `loadModel` is given: bytes, a response, or in Node a file or the folder of a run. */
import { brief, CheckpointError, ConfigError, EnvironmentError } from '../errors.js';
import { isJsonObject, parseStrictJson } from '../json.js';
import { nodeModule } from '../runtime/node-builtin.js';
import type { RunParts } from './model-parts.js';
import type { Json } from './sealed-file.js';

/** Where a model comes from: bytes, what a page has, or in Node the path of a file or of a run's folder. */
export type ModelSource = Uint8Array | ArrayBuffer | Blob | Response | string | URL;

/** Bytes of a model or a checkpoint, what messages call them, and what lay beside them. */
export interface ReadSource {
  bytes: Uint8Array;
  path: string;
  beside?: RunParts;
}

/** What is asked of `node:fs/promises`. */
export type FileReader = Pick<typeof import('node:fs/promises'), 'readFile' | 'stat'>;

/** The files in the folder of a run that `loadModel` looks at. */
const NAMES = {
  model: 'model.safetensors',
  checkpoint: 'checkpoint.safetensors',
  tokenizer: 'tokenizer.json',
  config: 'config.json',
};

/**
 * @throws ConfigError for what is no source; CheckpointError for what cannot be read; EnvironmentError for a path where
 * there are no files
 */
export async function readSource(
  source: ModelSource,
  name: string | undefined,
  fs: FileReader | null,
): Promise<ReadSource> {
  if (typeof source === 'string' || source instanceof URL) return readPath(source, name, fs);
  const path = name ?? 'model';
  if (source instanceof Uint8Array) return { bytes: source, path };
  if (source instanceof ArrayBuffer) return { bytes: new Uint8Array(source), path };
  const isResponse = typeof Response === 'function' && source instanceof Response;
  if (isResponse || (typeof Blob === 'function' && source instanceof Blob)) {
    const place = name ?? ((isResponse && source.url) || path);
    if (isResponse && !source.ok) {
      throw new CheckpointError(`the server answered ${source.status} instead of the model`, { path: place });
    }
    return { bytes: new Uint8Array(await source.arrayBuffer()), path: place };
  }
  throw new ConfigError(`the model must come as bytes, a Blob, a Response or a path, got ${brief(source)}`, {
    op: 'loadModel',
    actual: source,
  });
}

async function readPath(
  source: string | URL,
  name: string | undefined,
  fs: FileReader | null,
): Promise<ReadSource> {
  if (!fs) {
    throw new EnvironmentError('there are no files here, so a model cannot be loaded by its path', {
      op: 'loadModel',
      actual: String(source),
      hint: 'give its bytes, e.g. await fetch(address)',
    });
  }
  const path = typeof source === 'string' ? source : await fileOf(source);
  /** null: there is none. */
  const find = async (file: string): Promise<Uint8Array | null> => {
    try {
      return await fs.readFile(file);
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT') return null;
      throw error;
    }
  };
  try {
    if (!(await fs.stat(path)).isDirectory()) return { bytes: await fs.readFile(path), path: name ?? path };
    const at = (file: string) => `${path.replace(/[\\/]+$/, '')}/${file}`;
    const model = await find(at(NAMES.model));
    if (model) return { bytes: model, path: name ?? at(NAMES.model) };
    const json = async (file: string) => readJson(await find(at(file)), at(file));
    const config = await json(NAMES.config);
    return {
      bytes: await fs.readFile(at(NAMES.checkpoint)),
      path: name ?? at(NAMES.checkpoint),
      beside: {
        tokenizer: await json(NAMES.tokenizer),
        recipe: isJsonObject(config) ? ((config.recipe ?? null) as Json) : null,
      },
    };
  } catch (cause) {
    const { code } = cause as { code?: string };
    if (cause instanceof CheckpointError || code === undefined) throw cause;
    throw new CheckpointError(
      code === 'ENOENT' ? 'there is no such file, or no run in this folder' : `cannot be read: ${code}`,
      {
        path,
        hint: 'give a file of saveModel, a checkpoint, or the folder that `prenorm train` wrote (its --out)',
        cause,
      },
    );
  }
}

async function fileOf(url: URL): Promise<string> {
  const node = (await nodeModule('node:url')) as typeof import('node:url') | null;
  if (url.protocol === 'file:' && node) return node.fileURLToPath(url);
  throw new ConfigError(`an address of the network is not read here: ${brief(url.href)}`, {
    op: 'loadModel',
    hint: 'use loadModel(await fetch(address))',
  });
}

function readJson(bytes: Uint8Array | null, path: string): Json {
  try {
    return bytes && (parseStrictJson(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json);
  } catch (cause) {
    throw new CheckpointError(`not readable: ${(cause as Error).message}`, { path, cause });
  }
}
