/** @file A run as a job of a queue, and what comes of it: plain data, which docs/many-machines.md describes. */
import { arch, cpus, platform } from 'node:os';
import type { Machine, RunRecord, RunSpec } from '../../experiments/index.js';
import type { Arithmetic } from '../../runtime/arithmetic.js';
import { strictWasmHash } from '../../runtime/generated/wasm-hash.js';
import { packageVersion } from '../version.js';

/** A file that a run reads. */
export interface JobFile {
  /** As the specification has it. */
  name: string;
  sha256: string;
  bytes: number;
  /** In Redis by its hash, or in the worker's `--data-root` by its name. */
  place: 'queue' | 'data-root';
}

/** All that a run reads: a worker has no other files for it. */
export interface JobFiles {
  files: JobFile[];
  /** Names that are there and are not read. */
  present: string[];
  /** Programs that make data: for workers with `--allow-modules`. */
  modules: JobFile[];
  /** Folders of models of others; their files are among `files`. */
  pretrained: string[];
}

/** The data of a job. */
export interface RunJob {
  format: 'prenorm-run';
  version: 1;
  /** For people. */
  sweep: string;
  spec: RunSpec;
  arithmetic: Arithmetic;
  /** Of what it reads; null where it reads nothing. */
  dataHash: string | null;
  data: JobFiles;
  steps: number;
  /** What one step takes by `plan()`; null where its kind does not say. */
  megabytes: number | null;
  prenorm: string;
  kernelHash: string;
  kindVersion: number;
  /** Ids of workers that must not do it: theirs is what it is compared with. */
  notOn?: string[];
}

/** What a job returns. */
export interface RunResult {
  record: RunRecord;
  machine: Machine;
}

/** How far a job is, for BullMQ's own tools too. */
export interface JobProgress {
  done: number;
  total: number;
  text: string;
  worker: string;
}

/** This process as a machine. */
export const machineOf = (worker: string): Machine => ({
  worker,
  cpu: cpus()[0]?.model.trim() || 'unknown',
  cores: cpus().length,
  platform: `${platform()} ${arch()}`,
  runtime: `Node ${process.version}`,
  prenorm: packageVersion(),
  kernelHash: strictWasmHash,
});
