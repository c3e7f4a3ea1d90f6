/** @file What queues, jobs and our own keys in Redis are called. */
import { kindOf, type RunSpec } from '../../experiments/index.js';
import type { Arithmetic } from '../../runtime/arithmetic.js';
import { strictWasmHash } from '../../runtime/generated/wasm-hash.js';
import { runKey } from '../run-store.js';
import { packageVersion } from '../version.js';

/**
 * The queue of runs of this version and these kernels. Others have queues of their own, so that no worker is handed a
 * run that it would have to refuse.
 */
export const queueName = (): string => `prenorm-${packageVersion()}-${strictWasmHash.slice(0, 12)}`;

/** The job of a run: the same for everybody who wants the same bits. */
export const jobId = (spec: RunSpec, arithmetic: Arithmetic, dataHash: string | undefined): string =>
  `run-${runKey(spec, arithmetic, dataHash).slice(0, 40)}`;

/** What a run takes its bits from, beside specification and data. */
export const codeOf = (spec: RunSpec) => ({
  prenorm: packageVersion(),
  kernelHash: strictWasmHash,
  kindVersion: kindOf(spec).version,
});

/** Our own keys, beside those of BullMQ. */
export const keys = {
  /** Names of all queues: a set. */
  queues: 'prenorm:queues',
  /** Content of a file by its SHA-256. */
  file: (sha256: string) => `prenorm:file:${sha256}`,
  /** Ids of the workers of a queue: a set. */
  workers: (queue: string) => `prenorm:${queue}:workers`,
  /** What a worker says of itself; gone some seconds after it. */
  worker: (queue: string, id: string) => `prenorm:${queue}:worker:${id}`,
  /** Workers that take no more runs, because of what came of theirs: a set. */
  aside: (queue: string) => `prenorm:${queue}:aside`,
  /** Names of sweeps, and what they are: a hash. */
  sweeps: (queue: string) => `prenorm:${queue}:sweeps`,
  /** Jobs of a sweep, and the steps of each: a hash. */
  sweep: (queue: string, name: string) => `prenorm:${queue}:sweep:${name}`,
};
