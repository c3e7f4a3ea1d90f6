/** @file The files of a job where it is carried out: from Redis or from the data root, by their hashes, and no others. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdtempSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import type { Redis } from 'ioredis';
import { DataError } from '../../errors.js';
import { readFileChecked, writeFileAtomic } from '../../io/files-node.js';
import type { Sources } from '../../recipe/index.js';
import type { JobFile, JobFiles } from './job.js';
import { keys } from './names.js';
import { leadsOut, sha256Of } from './recorded-sources.js';
import { LeftToOthers } from './refusal.js';

/** Files of a job by their names, and where they lie here. */
export interface PlacedFiles extends JobFiles {
  paths: Record<string, string>;
}

/** Brings the files of jobs to this machine. What came from Redis lies in a folder of its own until `close()`. */
export class FilePlaces {
  readonly #folder = mkdtempSync(join(tmpdir(), 'prenorm-worker-'));
  /** SHA-256 by path, size and time, so that a large file is read once for many jobs. */
  readonly #hashes = new Map<string, string>();

  constructor(
    readonly redis: Redis,
    readonly dataRoot: string | undefined,
  ) {}

  /** @throws LeftToOthers for what is not in the data root as it should be, DataError for what the queue has lost */
  async place(data: JobFiles): Promise<PlacedFiles> {
    const paths: Record<string, string> = {};
    for (const file of data.files)
      paths[file.name] = file.place === 'queue' ? await this.#fromQueue(file) : await this.#fromRoot(file);
    // No program comes out of a queue.
    for (const file of data.modules) paths[file.name] = await this.#fromRoot(file);
    return { ...data, paths };
  }

  async #fromQueue({ name, sha256 }: JobFile): Promise<string> {
    const path = join(this.#folder, sha256);
    if (existsSync(path)) return path;
    const bytes = await this.redis.getBuffer(keys.file(sha256));
    if (!bytes || sha256Of(bytes) !== sha256) {
      throw new DataError(
        bytes ? 'its content in the queue is another' : 'its content is not in the queue any more',
        {
          path: name,
          expected: sha256,
          hint: 'give the command that filled the queue again',
        },
      );
    }
    await writeFileAtomic(path, bytes);
    return path;
  }

  async #fromRoot({ name, sha256, bytes }: JobFile): Promise<string> {
    if (this.dataRoot === undefined)
      throw new LeftToOthers(`${name} lies in no queue, and this worker has no --data-root`);
    if (leadsOut(name)) throw new LeftToOthers(`${name} leads out of --data-root`);
    const path = resolve(this.dataRoot, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile()) throw new LeftToOthers(`${name} is not in --data-root`);
    // A link may lead anywhere, also one that is put there while this is read.
    if (realpathSync(path) !== join(realpathSync(this.dataRoot), name))
      throw new LeftToOthers(`${name} is behind a link`);
    const key = `${path}\n${stat.size}\n${stat.mtimeMs}`;
    const known = this.#hashes.get(key) ?? (stat.size === bytes ? await hashOf(path) : '');
    this.#hashes.set(key, known);
    if (known === sha256) return path;
    throw new LeftToOthers(
      `${name} in --data-root has another content than the run was made for (SHA-256 ${sha256.slice(0, 12)})`,
    );
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** Sources of a job: its files by their names, each compared with its hash as it is read. */
export function jobSources({ files, modules, present, pretrained, paths }: PlacedFiles): Sources {
  const byName = new Map([...files, ...modules].map((file) => [file.name, file]));
  const names = [...byName.keys(), ...present];
  const placeOf = (name: string): string => {
    const path = byName.has(name) && Object.hasOwn(paths, name) ? paths[name] : undefined;
    if (path !== undefined) return path;
    throw new DataError('it is none of the files of this run', {
      path: name,
      expected: names,
      hint: 'a run of a queue reads the files that its job names, and no others',
    });
  };
  return {
    canRead: true,
    resolve: (name) => name,
    join: (path, name) => `${path}/${name}`,
    exists: (name) => names.some((known) => known === name || known.startsWith(`${name}/`)),
    async read(name) {
      const bytes = await readFileChecked(placeOf(name));
      const { sha256 } = byName.get(name) as JobFile;
      if (sha256Of(bytes) === sha256) return bytes;
      throw new DataError('it has another content than the run was made for', {
        path: name,
        expected: sha256,
        actual: sha256Of(bytes),
        hint: 'give every worker the same file',
      });
    },
    moduleUrl: (name) => pathToFileURL(placeOf(name)).href,
    async pretrained(name, kind) {
      if (!pretrained.includes(name)) return null;
      const path = placeOf(`${name}/config.json`).replace(/[\\/]config\.json$/, '');
      return (await import('../pretrained-folder.js')).pretrainedWeights(path, kind);
    },
  };
}
