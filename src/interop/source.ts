/** @file The files of a pre-trained model, wherever they lie: read piece by piece, by plain names, never from a network. */
import { blobBytes, bytes, bytesOf, hostObject, isBlob, isResponse } from '../checks.js';
import { brief, ConfigError, EnvironmentError, FormatError } from '../errors.js';
import { nodeModule } from '../runtime/node-builtin.js';
import { foreignFile } from '../tokenizers/foreign-files.js';

/** A file of a folder: bytes, or what a page has. */
export type PretrainedFile = ArrayBufferView | ArrayBufferLike | Blob;

/** Gives a file by its name, null where there is none; whatever it does, a network included, is the caller's. */
export type PretrainedFetcher = (
  name: string,
) => PretrainedFile | Response | null | Promise<PretrainedFile | Response | null>;

/**
 * Where a model comes from: in Node the path or `file:` URL of a folder; a list of files, as an `<input type="file">` has
 * it; a map from names to files; or a function that gets them.
 */
export type PretrainedSource =
  | string
  | URL
  | ArrayLike<File>
  | ReadonlyMap<string, PretrainedFile>
  | Readonly<Record<string, PretrainedFile>>
  | PretrainedFetcher;

/** A file that is read in pieces. */
export interface OpenFile {
  /** What messages call it. */
  path: string;
  size: number;
  /** A copy of bytes [begin, end) in memory of its own. */
  read(begin: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/** A folder: its files by plain names. */
export interface Folder {
  path: string;
  /** null where they cannot be listed. */
  names: readonly string[] | null;
  /** null where there is no such file. */
  open(name: string): Promise<OpenFile | null>;
}

/** A name that leads nowhere but into the folder. */
export function checkName(name: string, path: string): void {
  if (/^[^/\\:\0]+$/.test(name) && name !== '.' && name !== '..') return;
  throw new FormatError(`${brief(name)} is no name of a file in the folder`, {
    path,
    expected: 'a plain name, e.g. model-00001-of-00002.safetensors',
    actual: name,
  });
}

/**
 * @param hint what folder is wanted, for messages
 * @throws ConfigError for what is no source; EnvironmentError for a path where there are no files; FormatError for a path
 * that is no folder
 */
export async function openFolder(
  source: PretrainedSource,
  hint = 'give the folder with config.json and *.safetensors',
): Promise<Folder> {
  if (typeof source === 'string' || hostObject(source, 'URL'))
    return diskFolder(source as string | URL, hint);
  if (typeof source === 'function')
    return { path: 'model', names: null, open: async (name) => opened(name, await source(name)) };
  if (hostObject(source, 'Map')) return namedFolder(source as ReadonlyMap<string, PretrainedFile>);
  const isFile = bytes.holds(source) || isBlob(source) || isResponse(source);
  if (typeof source === 'object' && source !== null && !isFile) {
    if (typeof (source as ArrayLike<File>).length === 'number')
      return namedFolder(filesByName(source as ArrayLike<File>));
    if (hostObject(source, 'Object')) return namedFolder(new Map(Object.entries(source)));
  }
  throw new ConfigError(
    `the source must be a folder, files or a function that gets them, got ${hostObject(source, 'Promise') ? 'a promise' : brief(source)}`,
    {
      op: 'fromPretrained',
      expected: 'a path, a list of files, { name: bytes }, a Map of them, or (name) => bytes',
      actual: source,
      hint: hostObject(source, 'Promise')
        ? 'await it'
        : "e.g. the path of a folder, or { 'config.json': bytes, … }",
    },
  );
}

/** Of a folder that a page has chosen whole, what lies in folders below it keeps their names in front of its own. */
function filesByName(files: ArrayLike<File>): Map<string, File> {
  const found = new Map<string, File>();
  // One by one: a length alone is no reason to make room for as many.
  for (let i = 0; i < files.length; i++) {
    const file = files[i];
    if (!isBlob(file) || typeof file.name !== 'string') {
      throw new ConfigError(`a list must be one of files, got ${brief(file)}`, {
        op: 'fromPretrained',
        actual: file,
        hint: "give { 'config.json': bytes, … } where files have no names",
      });
    }
    const path = (file as { webkitRelativePath?: string }).webkitRelativePath ?? '';
    const name = path.split('/').slice(1).join('/') || file.name;
    if (found.has(name)) {
      throw new ConfigError(`the list has ${brief(name)} twice`, {
        op: 'fromPretrained',
        actual: name,
        hint: 'give the files of one folder',
      });
    }
    found.set(name, file);
  }
  return found;
}

const namedFolder = (files: ReadonlyMap<string, PretrainedFile>): Folder => ({
  path: 'model',
  names: [...files.keys()],
  open: async (name) => opened(name, files.get(name) ?? null),
});

async function opened(path: string, given: unknown): Promise<OpenFile | null> {
  if (given === null || given === undefined) return null;
  const close = async (): Promise<void> => {};
  if (isBlob(given)) {
    const read = (begin: number, end: number) => blobBytes(given.slice(begin, end));
    return { path, size: given.size, read, close };
  }
  let content: unknown = given;
  if (isResponse(given)) {
    if (given.status === 404) return null;
    if (!given.ok) throw new FormatError(`the server answered ${given.status} instead of the file`, { path });
    content = await given.arrayBuffer();
  }
  if (bytes.holds(content)) {
    const all = bytesOf('fromPretrained', path, content);
    // A copy: shared memory is refused by much that reads bytes.
    const read = async (begin: number, end: number) => new Uint8Array(all.subarray(begin, end));
    return { path, size: all.length, read, close };
  }
  throw new ConfigError(`${path} must come as bytes, a Blob or a Response, got ${brief(given)}`, {
    op: 'fromPretrained',
    actual: given,
  });
}

const INSTEAD = 'put the file itself into the folder';
/** Why a file of the folder cannot be opened, and what to do. */
const REASONS: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ENOENT: ['it is a link to nothing', INSTEAD],
  ELOOP: ['it is a link that leads back to itself', INSTEAD],
  EACCES: ['permission denied', 'check the permissions of the file and its folder'],
};

type FileSystem = Pick<typeof import('node:fs/promises'), 'open' | 'stat' | 'readdir'>;

/** Links are followed: the cache of Hugging Face is made of them. What is no file in the end is refused, unopened. */
async function diskFolder(source: string | URL, hint: string): Promise<Folder> {
  const fs = (await nodeModule('node:fs/promises')) as FileSystem | null;
  if (!fs) {
    throw new EnvironmentError('there are no files here, so a model cannot be loaded by its path', {
      op: 'fromPretrained',
      actual: String(source),
      hint: 'give the files of an <input type="file">, a map of names to bytes, or a function that gets them',
    });
  }
  const path = typeof source === 'string' ? source : await pathOf(source);
  const names = await fs.readdir(path).catch((cause) => {
    const what: Record<string, string> = { ENOENT: 'there is no such folder', ENOTDIR: 'it is no folder' };
    throw (
      foreignFile(path, 'weights') ??
      new FormatError(what[cause.code] ?? `cannot be read: ${cause.code}`, {
        path,
        hint,
        cause,
      })
    );
  });
  const open = async (name: string): Promise<OpenFile | null> => {
    const at = `${path.replace(/[\\/]+$/, '')}/${name}`;
    try {
      // Before it is opened: opening alone can wait for ever, or do something to a device.
      if (!(await fs.stat(at)).isFile()) {
        throw new FormatError('it is no file', {
          path: at,
          expected: 'a file, or a link to one',
          hint: INSTEAD,
        });
      }
      const handle = await fs.open(at, 'r');
      const { size } = await handle.stat();
      return {
        path: at,
        size,
        read: (begin, end) => readRange(handle, at, begin, end),
        close: () => handle.close(),
      };
    } catch (cause) {
      const { code } = cause as { code?: string };
      if (cause instanceof FormatError || code === undefined) throw cause;
      if (code === 'ENOENT' && !names.includes(name)) return null;
      const [what, hint] = REASONS[code] ?? [`cannot be read: ${code}`, 'copy it again'];
      throw new FormatError(what, { path: at, hint, cause });
    }
  };
  return { path, names, open };
}

async function readRange(
  handle: import('node:fs/promises').FileHandle,
  path: string,
  begin: number,
  end: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const all = new Uint8Array(end - begin);
  for (let done = 0; done < all.length; ) {
    const { bytesRead } = await handle.read(all, done, Math.min(PIECE, all.length - done), begin + done);
    if (bytesRead === 0) {
      throw new FormatError(`the file ends at byte ${begin + done}`, {
        path,
        expected: end,
        actual: begin + done,
        hint: 'it became shorter while it was read: copy or download it again',
      });
    }
    done += bytesRead;
  }
  return all;
}

/** One read of the system gives 2 GiB at most. */
const PIECE = 1 << 26;

async function pathOf(url: URL): Promise<string> {
  const node = (await nodeModule('node:url')) as typeof import('node:url') | null;
  if (url.protocol === 'file:' && node) return node.fileURLToPath(url);
  throw new ConfigError(`an address of the network is not read here: ${brief(url.href)}`, {
    op: 'fromPretrained',
    hint: 'give a function that gets a file by its name: (name) => fetch(address + name)',
  });
}
