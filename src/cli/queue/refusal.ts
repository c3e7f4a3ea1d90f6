/** @file What a worker leaves to others, and why. */
import { totalmem } from 'node:os';
import type { Redis } from 'ioredis';
import { brief, FormatError } from '../../errors.js';
import { kindOf } from '../../experiments/index.js';
import { isJsonObject } from '../../json.js';
import { strictWasmHash } from '../../runtime/generated/wasm-hash.js';
import { jobFault } from '../results-shape.js';
import { packageVersion } from '../version.js';
import type { RunJob } from './job.js';
import { keys, queueName } from './names.js';

/** What a worker can take on. */
export interface Able {
  /** Its id. */
  worker: string;
  /** For each of its runs. */
  bytes: number;
  /** Runs at once. */
  concurrency: number;
  allowModules: boolean;
}

/** Why a run is not for this worker: another one may take it. */
export class LeftToOthers extends Error {
  constructor(
    reason: string,
    /** Nobody need hear of it. */
    readonly isQuiet = false,
  ) {
    super(reason);
  }
}

/** Bytes of this machine, or of the container that this process is in. */
export function memoryHere(): number {
  // Node 20 has it; what is not limited is 0, or more than there is.
  const limit = process.constrainedMemory?.() ?? 0;
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/**
 * The data of a job, where this worker can take it.
 * @throws LeftToOthers for what others can; FormatError for what is no job, ConfigError for an unknown kind of run
 */
export function takenJob(data: unknown, able: Able): RunJob {
  if (isJsonObject(data) && data.format === 'prenorm-run') leaveOtherVersions(data);
  const fault = jobFault(data);
  if (fault !== undefined) {
    throw new FormatError(`this is no run of a queue: ${fault}`, { hint: 'see docs/many-machines.md' });
  }
  const job = data as RunJob;
  const { notOn = [], megabytes, data: files } = job;
  if (kindOf(job.spec).version !== job.kindVersion)
    throw new LeftToOthers(
      `its kind, ${job.spec.kind}, is of version ${job.kindVersion}, here of ${kindOf(job.spec).version}`,
    );
  if (notOn.includes(able.worker))
    throw new LeftToOthers('it is compared with a result of this worker', true);
  if (megabytes !== null && megabytes * 1e6 > able.bytes) {
    const [needed, here] = [megabytes * 1e6, able.bytes].map(gigabytes);
    const each = able.concurrency > 1 ? ` for each of ${able.concurrency} runs` : '';
    throw new LeftToOthers(`a step takes ${needed} of memory, this worker has ${here}${each}`);
  }
  const [program] = files.modules;
  if (program && !able.allowModules)
    throw new LeftToOthers(
      `its data are made by a program, ${program.name}, which takes a worker with --allow-modules`,
    );
  return job;
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toPrecision(2)} GB`;

/** Before anything else is looked at: what a later version writes may be anything. */
function leaveOtherVersions({ version, prenorm, kernelHash }: Record<string, unknown>): void {
  if (version === 1 && prenorm === packageVersion() && kernelHash === strictWasmHash) return;
  const named = (of: unknown, hash: unknown) => `prenorm ${brief(of)} (kernels ${brief(hash).slice(1, 13)})`;
  throw new LeftToOthers(
    `it is of ${named(prenorm, kernelHash)}, this worker is ${named(packageVersion(), strictWasmHash)}`,
  );
}

/** Queues of other versions in which runs wait: a line for each. */
export async function unknownQueues(redis: Redis): Promise<string[]> {
  const others = (await redis.smembers(keys.queues)).filter((name) => name !== queueName());
  const lines: string[] = [];
  for (const name of others) {
    const [, version, hash] = /^prenorm-(.+)-([0-9a-f]{12})$/.exec(name) ?? [];
    if (version === undefined || !(await redis.llen(`bull:${name}:wait`))) continue;
    const [, own, ownHash] = /^prenorm-(.+)-([0-9a-f]{12})$/.exec(queueName()) ?? [];
    lines.push(
      `runs of prenorm ${version} (kernels ${hash}) wait there; this worker is ${own} (kernels ${ownHash}) and leaves them to workers of theirs`,
    );
  }
  return lines;
}
