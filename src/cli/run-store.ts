/**
 * @file Finished runs on disk, content-addressed: a result is found again only by a specification, kernels and code
 * that would give the same bits. One file per run, written whole or not at all.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { kindOf, type RunRecord, type RunSpec } from '../experiments/index.js';
import { strictWasmHash } from '../runtime/generated/wasm-hash.js';
import { makeFolder, readJson, writeText } from './files.js';
import { packageVersion } from './version.js';

/** SHA-256 of all that decides a run's bits: what it is, apart from its name for people, and the code's versions. */
export function runKey(spec: RunSpec, simd: string): string {
  const { label: _, ...decisive } = spec;
  const code = [kindOf(spec).version, simd, strictWasmHash, packageVersion()];
  return createHash('sha256')
    .update(JSON.stringify([sorted(decisive), ...code]))
    .digest('hex');
}

/** Keys in one order, so that a specification read from a file has the key of the one that was written. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, sorted(v)]));
}

export class RunStore {
  constructor(
    readonly folder: string,
    readonly simd: string,
  ) {}

  #path(spec: RunSpec, key: string): string {
    return join(this.folder, `${spec.id}.${key.slice(0, 12)}.json`);
  }

  /** The finished run, or undefined when there is none from equal code. */
  async read(spec: RunSpec): Promise<RunRecord | undefined> {
    const key = runKey(spec, this.simd);
    const path = this.#path(spec, key);
    if (!existsSync(path)) return undefined;
    const stored = (await readJson(path)) as { key?: string; record?: RunRecord } | null;
    if (stored?.key !== key || !stored.record) return undefined;
    return { ...stored.record, label: spec.label };
  }

  async write(spec: RunSpec, record: RunRecord): Promise<void> {
    await makeFolder(this.folder);
    const key = runKey(spec, this.simd);
    await writeText(this.#path(spec, key), JSON.stringify({ key, record }));
  }
}
