/**
 * @file Finished runs on disk, content-addressed: a result is found again only by a specification, data, kernels and
 * code that would give the same bits. One file per run, written whole or not at all.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, PrenormError } from '../errors.js';
import { kindOf, type Machine, type RunRecord, type RunSpec } from '../experiments/index.js';
import { isJsonObject } from '../json.js';
import type { Recipe, Sources } from '../recipe/index.js';
import type { Arithmetic } from '../runtime/arithmetic.js';
import { strictWasmHash } from '../runtime/generated/wasm-hash.js';
import { note } from './errors.js';
import { makeFolder, readJson, writeText } from './files.js';
import { machineFault, runFault } from './results-shape.js';
import { fileSources, workingFolder } from './sources.js';
import { loadTokenizers } from './tokenizers.js';
import { packageVersion } from './version.js';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/**
 * SHA-256 of all that decides a run's bits: what it is, apart from its name for people, the content of the data it
 * reads, and the code's versions.
 */
export function runKey(spec: RunSpec, arithmetic: string, dataHash: string | undefined): string {
  const { label: _, ...decisive } = spec;
  const code = [kindOf(spec).version, arithmetic, strictWasmHash, packageVersion()];
  return sha256(JSON.stringify([canonical(decisive), dataHash ?? null, ...code]));
}

/** What decides which files a run reads, and what it makes of them: of a recipe only that part. */
export function dataKey(spec: RunSpec): string {
  const { recipe, data, pairs, kind } = spec as RunSpec & { recipe?: Partial<Recipe> } & Record<
      string,
      unknown
    >;
  const read = recipe && [recipe.data, recipe.tokenizer, recipe.weights, recipe.model?.kind];
  return JSON.stringify([kind, read, data, pairs]);
}

/** Keys in one order, so that a specification read from a file has the key of the one that was written. */
export function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, canonical(v)]));
}

/**
 * A record as a file holds it. JSON writes null for a number that is not finite; it comes back as NaN, which no bar
 * takes for a small number.
 */
export function storedForm(record: RunRecord): RunRecord {
  const numbers = JSON.parse(JSON.stringify(record), (_, value) => (value === null ? Number.NaN : value));
  return { ...numbers, config: JSON.parse(JSON.stringify(record.config)) };
}

export class RunStore {
  readonly #hashes = new Map<string, Promise<string | undefined>>();
  readonly #sources: Sources;
  /** What carried out the runs that were read or written here, by their ids, where a queue did. */
  readonly machines = new Map<string, Machine>();

  constructor(
    readonly folder: string,
    readonly arithmetic: Arithmetic,
    /** Hears of what is damaged. */
    readonly warn: (line: string) => void = note,
    /** Folder that names of data are relative to. Default: the working folder. */
    readonly names?: string,
  ) {
    this.#sources = names === undefined ? workingFolder : fileSources(names);
  }

  /** Hash of what a run reads; data are read once per store. @throws DataError when they are not there */
  dataHash(spec: RunSpec): Promise<string | undefined> {
    const name = dataKey(spec);
    const known =
      this.#hashes.get(name) ?? Promise.resolve(kindOf(spec).dataHash?.(spec, this.#sources, loadTokenizers));
    this.#hashes.set(name, known);
    return known;
  }

  async #place(spec: RunSpec): Promise<{ key: string; path: string }> {
    const key = runKey(spec, this.arithmetic, await this.dataHash(spec));
    return { key, path: join(this.folder, `${spec.id}.${key.slice(0, 12)}.json`) };
  }

  /** The finished run, or undefined when there is none from equal code and data. A damaged one is said and counts as none. */
  async read(spec: RunSpec): Promise<RunRecord | undefined> {
    const { key, path } = await this.#place(spec);
    if (!existsSync(path)) return undefined;
    try {
      const stored = await readJson(path);
      if (isJsonObject(stored) && isJsonObject(stored.record) && stored.key === key) {
        const isWhole = stored.sha256 === sha256(JSON.stringify(stored.record));
        if (isWhole && runFault(stored.record) === undefined) {
          if (machineFault(stored.machine) === undefined)
            this.machines.set(spec.id, stored.machine as Machine);
          return { ...storedForm(stored.record as unknown as RunRecord), label: spec.label };
        }
      }
      this.warn(`${path} is damaged or another run's; the run is done again`);
    } catch (error) {
      if (!(error instanceof PrenormError)) throw error;
      this.warn(`${error.message}; the run is done again`);
    }
    return undefined;
  }

  /**
   * Keeps a finished run and returns it as it will be read.
   * @throws DataError when it read other data than were there at the start
   */
  async write(spec: RunSpec, record: RunRecord, machine?: Machine): Promise<RunRecord> {
    if (record.dataHash !== (await this.dataHash(spec))) {
      throw new DataError(`the data of ${spec.id} changed while the runs were going on`, {
        hint: 'finished runs are kept; go on with --resume, which does what the change concerns again',
      });
    }
    await makeFolder(this.folder);
    const { key, path } = await this.#place(spec);
    await writeText(path, JSON.stringify({ key, sha256: sha256(JSON.stringify(record)), machine, record }));
    if (machine) this.machines.set(spec.id, machine);
    return storedForm(record);
  }

  /** Forgets a run that does not hold. */
  async remove(spec: RunSpec): Promise<void> {
    this.machines.delete(spec.id);
    await rm((await this.#place(spec)).path, { force: true });
  }
}
