/** @file The files of a pre-trained model, wherever they lie: read piece by piece, by plain names, never from a network. */
import { brief, ConfigError, EnvironmentError, FormatError } from '../errors.js';
import { nodeModule } from '../runtime/node-builtin.js';

/** A file of a folder: bytes, or what a page has. */
export type PretrainedFile = Uint8Array | ArrayBuffer | Blob;

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

/** @throws ConfigError for what is no source; EnvironmentError for a path where there are no files */
export async function openFolder(source: PretrainedSource): Promise<Folder> {
  if (typeof source === 'string' || source instanceof URL) return diskFolder(source);
  if (typeof source === 'function') {
    return { path: 'model', open: async (name) => opened(name, await source(name)) };
  }
  if (source instanceof Map) return namedFolder(source);
  if (typeof source === 'object' && source !== null) {
    if (typeof (source as ArrayLike<File>).length !== 'number')
      return namedFolder(new Map(Object.entries(source)));
    return namedFolder(new Map(Array.from(source as ArrayLike<File>, (file) => [file.name, file])));
  }
  throw new ConfigError(
    `the source must be a folder, files or a function that gets them, got ${brief(source)}`,
    {
      op: 'fromPretrained',
      actual: source,
    },
  );
}

const namedFolder = (files: ReadonlyMap<string, PretrainedFile>): Folder => ({
  path: 'model',
  open: async (name) => opened(name, files.get(name) ?? null),
});

async function opened(path: string, given: unknown): Promise<OpenFile | null> {
  if (given === null || given === undefined) return null;
  const close = async (): Promise<void> => {};
  if (typeof Blob === 'function' && given instanceof Blob) {
    const read = async (begin: number, end: number) =>
      new Uint8Array(await given.slice(begin, end).arrayBuffer());
    return { path, size: given.size, read, close };
  }
  let bytes: unknown = given;
  if (typeof Response === 'function' && given instanceof Response) {
    if (given.status === 404) return null;
    if (!given.ok) throw new FormatError(`the server answered ${given.status} instead of the file`, { path });
    bytes = await given.arrayBuffer();
  }
  if (bytes instanceof ArrayBuffer) bytes = new Uint8Array(bytes);
  if (bytes instanceof Uint8Array) {
    const all = bytes;
    return {
      path,
      size: all.length,
      read: async (begin, end) => new Uint8Array(all.subarray(begin, end)),
      close,
    };
  }
  throw new ConfigError(`${path} must come as bytes, a Blob or a Response, got ${brief(given)}`, {
    op: 'fromPretrained',
    actual: given,
  });
}

type FileSystem = Pick<typeof import('node:fs/promises'), 'open'>;

async function diskFolder(source: string | URL): Promise<Folder> {
  const fs = (await nodeModule('node:fs/promises')) as FileSystem | null;
  if (!fs) {
    throw new EnvironmentError('there are no files here, so a model cannot be loaded by its path', {
      op: 'fromPretrained',
      actual: String(source),
      hint: 'give the files of an <input type="file">, a map of names to bytes, or a function that gets them',
    });
  }
  const path = typeof source === 'string' ? source : await pathOf(source);
  return {
    path,
    async open(name) {
      const at = `${path.replace(/[\\/]+$/, '')}/${name}`;
      try {
        const handle = await fs.open(at, 'r');
        return {
          path: at,
          size: (await handle.stat()).size,
          async read(begin, end) {
            const bytes = new Uint8Array(end - begin);
            let done = 0;
            while (done < bytes.length) {
              const { bytesRead } = await handle.read(bytes, done, bytes.length - done, begin + done);
              if (bytesRead === 0)
                throw new FormatError(`the file ends at byte ${begin + done}`, { path: at });
              done += bytesRead;
            }
            return bytes;
          },
          close: () => handle.close(),
        };
      } catch (cause) {
        const { code } = cause as { code?: string };
        if (code === 'ENOENT') return null;
        throw code === undefined ? cause : new FormatError(`cannot be read: ${code}`, { path: at, cause });
      }
    },
  };
}

async function pathOf(url: URL): Promise<string> {
  const node = (await nodeModule('node:url')) as typeof import('node:url') | null;
  if (url.protocol === 'file:' && node) return node.fileURLToPath(url);
  throw new ConfigError(`an address of the network is not read here: ${brief(url.href)}`, {
    op: 'fromPretrained',
    hint: 'give a function that gets a file by its name: (name) => fetch(address + name)',
  });
}
