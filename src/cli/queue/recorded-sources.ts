/** @file What a run reads, found by letting it read: the files that its job names, by their hashes. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { isAbsolute, normalize } from 'node:path';
import { ConfigError } from '../../errors.js';
import { kindOf, type RunSpec } from '../../experiments/index.js';
import type { Sources } from '../../recipe/index.js';
import { loadTokenizers } from '../tokenizers.js';
import type { JobFile, JobFiles } from './job.js';

/** Largest file that travels inside the queue; larger ones lie in the data roots of the workers. */
export const MOST_IN_QUEUE = 8e6;

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Files of a job, and the content of those that travel in the queue, by its hash. */
export interface PackedFiles {
  files: JobFiles;
  content: Map<string, Uint8Array>;
  /** What was read, to be read again at no cost. */
  sources: Sources;
  /** As the run that was read for finds it. */
  dataHash: string | undefined;
}

/**
 * Reads what a run reads, and says what that was.
 * @throws DataError for data that are not there; ConfigError for a large file that no data root can have
 */
export async function packFiles(spec: RunSpec, sources: Sources): Promise<PackedFiles> {
  const recorded = new Recorder(sources);
  const dataHash = await kindOf(spec).dataHash?.(spec, recorded, loadTokenizers);
  return { ...(await recorded.packed()), sources: recorded, dataHash };
}

/** Names stay as the specification has them: where they lead here, they lead nowhere else. */
class Recorder implements Sources {
  readonly canRead: boolean;
  readonly #read = new Map<string, Uint8Array>();
  readonly #present = new Set<string>();
  readonly #modules = new Set<string>();
  readonly #pretrained = new Set<string>();

  constructor(readonly inner: Sources) {
    this.canRead = inner.canRead;
  }

  resolve = (name: string): string => name;
  join = (path: string, name: string): string => `${path}/${name}`;

  exists = (name: string): boolean => {
    const isThere = this.inner.exists(this.inner.resolve(name));
    if (isThere) this.#present.add(name);
    return isThere;
  };

  read = async (name: string): Promise<Uint8Array> => {
    const known = this.#read.get(name);
    if (known) return known;
    const bytes = await this.inner.read(this.inner.resolve(name));
    this.#read.set(name, bytes);
    return bytes;
  };

  moduleUrl = (name: string): string => {
    this.#modules.add(name);
    return this.inner.moduleUrl(name);
  };

  pretrained = async (name: string, kind: Parameters<NonNullable<Sources['pretrained']>>[1]) => {
    const path = this.inner.resolve(name);
    const found = (await this.inner.pretrained?.(path, kind)) ?? null;
    if (found) {
      this.#pretrained.add(name);
      for (const file of readdirSync(path, { withFileTypes: true }))
        if (file.isFile() && /\.(?:json|safetensors)$/.test(file.name))
          await this.read(this.join(name, file.name));
    }
    return found;
  };

  async packed(): Promise<Pick<PackedFiles, 'files' | 'content'>> {
    const content = new Map<string, Uint8Array>();
    const inFolders = (name: string) => [...this.#pretrained].some((folder) => name.startsWith(`${folder}/`));
    const fileOf = (name: string, bytes: Uint8Array, mustLie: boolean): JobFile => {
      const sha256 = sha256Of(bytes);
      const place = mustLie || bytes.length > MOST_IN_QUEUE ? 'data-root' : 'queue';
      if (place === 'queue') content.set(sha256, bytes);
      else refuseOutside(name, bytes.length);
      return { name, sha256, bytes: bytes.length, place };
    };
    const files = [...this.#read].map(([name, bytes]) => fileOf(name, bytes, inFolders(name)));
    const modules: JobFile[] = [];
    for (const name of this.#modules) {
      if (/^[a-z]+:/.test(name)) {
        throw new ConfigError('a module of a queue is a file, so that its hash can be compared', {
          path: name,
          hint: 'give the name of a file below the folder of the grid',
        });
      }
      modules.push(fileOf(name, await this.inner.read(this.inner.resolve(name)), true));
    }
    const read = new Set(this.#read.keys());
    const present = [...this.#present].filter((name) => !read.has(name));
    return { files: { files, present, modules, pretrained: [...this.#pretrained] }, content };
  }
}

/** A name that leads out of any folder. */
export const leadsOut = (name: string): boolean => {
  const path = normalize(name).replaceAll('\\', '/');
  return isAbsolute(name) || /^[a-z]:/i.test(name) || path === '..' || path.startsWith('../');
};

function refuseOutside(name: string, bytes: number): void {
  if (!leadsOut(name)) return;
  throw new ConfigError(
    `${(bytes / 1e6).toFixed(1)} MB do not travel in the queue, and no worker finds them under this name`,
    {
      path: name,
      expected: `at most ${MOST_IN_QUEUE / 1e6} MB, or a name below the folder of the grid`,
      actual: name,
      hint: 'put the file beside the grid, and into the --data-root of the workers under the same name',
    },
  );
}
