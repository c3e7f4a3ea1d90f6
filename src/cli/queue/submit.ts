/** @file Runs into the queue: their files first, then the jobs, longest first; what is there already stays as it is. */
import type { BulkJobOptions, Queue } from 'bullmq';
import { EnvironmentError } from '../../errors.js';
import { kindOf, type RunSpec } from '../../experiments/index.js';
import type { Arithmetic } from '../../runtime/arithmetic.js';
import { memoryOf } from '../memory-of.js';
import { dataKey } from '../run-store.js';
import { fileSources, workingFolder } from '../sources.js';
import type { RunJob, RunResult } from './job.js';
import { codeOf, jobId, keys } from './names.js';
import { type PackedFiles, packFiles } from './recorded-sources.js';
import type { QueueServer } from './server.js';

export type RunQueue = Queue<RunJob, RunResult>;

const DAY = 24 * 3600;
/** Seconds that Redis keeps results, failures and files. */
const KEPT = { result: 7 * DAY, failure: 30 * DAY, file: 30 * DAY };
/** Jobs of one command: more would hold up whatever else Redis does. */
export const CHUNK = 500;

/** A run that fails in the same way twice is not tried a third time. */
export const ATTEMPTS = 3;

const options: BulkJobOptions = {
  attempts: ATTEMPTS,
  backoff: { type: 'fixed', delay: 1000 },
  removeOnComplete: { age: KEPT.result },
  removeOnFail: { age: KEPT.failure },
};

/** A run as it waits. */
export interface Submitted {
  id: string;
  spec: RunSpec;
  job: RunJob;
}

/** Runs that are in the queue, and what puts some of them in again. */
export interface Submission {
  jobs: Submitted[];
  /** For a Redis that has lost them, and their files with them. */
  restore(lost: readonly Submitted[]): Promise<void>;
}

/** @throws DataError and ConfigError for what a run reads, EnvironmentError for what Redis does not take */
export async function submit(
  server: QueueServer,
  queue: RunQueue,
  specs: readonly RunSpec[],
  { sweep, arithmetic, folder }: { sweep: string; arithmetic: Arithmetic; folder?: string },
): Promise<Submission> {
  const sources = folder === undefined ? workingFolder : fileSources(folder);
  const packed = new Map<string, PackedFiles & { megabytes: ReturnType<typeof memoryOf> }>();
  const inOrder = [...specs].sort((a, b) => kindOf(b).cost(b) - kindOf(a).cost(a));
  const made: Submitted[] = [];
  for (const spec of inOrder) {
    const name = dataKey(spec);
    let found = packed.get(name);
    if (!found) {
      const read = await packFiles(spec, sources);
      found = { ...read, megabytes: memoryOf(read.sources) };
      packed.set(name, found);
    }
    const job: RunJob = {
      format: 'prenorm-run',
      version: 1,
      sweep,
      spec,
      arithmetic,
      dataHash: found.dataHash ?? null,
      data: found.files,
      steps: kindOf(spec).steps(spec),
      megabytes: (await found.megabytes(spec)) ?? null,
      ...codeOf(spec),
    };
    made.push({ id: jobId(spec, arithmetic, found.dataHash), spec, job });
  }
  const put = async (jobs: readonly Submitted[]): Promise<void> => {
    const { redis } = server;
    for (const { content } of packed.values()) await putFiles(server, content);
    await redis.sadd(keys.queues, queue.name);
    await redis.hset(
      keys.sweeps(queue.name),
      sweep,
      JSON.stringify({ runs: made.length, at: new Date().toISOString() }),
    );
    for (let from = 0; from < jobs.length; from += CHUNK) {
      const chunk = jobs.slice(from, from + CHUNK);
      await redis.hset(keys.sweep(queue.name, sweep), ...chunk.flatMap(({ id, job }) => [id, job.steps]));
      await addJobs(server, queue, chunk);
    }
  };
  await put(made);
  return { jobs: made, restore: put };
}

/** @throws EnvironmentError where Redis did not take them all */
export async function addJobs(
  server: QueueServer,
  queue: RunQueue,
  jobs: readonly Submitted[],
): Promise<void> {
  const ids = jobs.map(({ id }) => id);
  await queue.addBulk(
    jobs.map(({ id, job }) => ({ name: job.spec.kind, data: job, opts: { ...options, jobId: id } })),
  );
  // Where Redis refuses a command among others, not every version of BullMQ says so.
  const there = await server.redis.pipeline(ids.map((id) => ['exists', queue.toKey(id)])).exec();
  if (there?.some(([error, found]) => error || found !== 1)) {
    throw new EnvironmentError('this Redis did not take all runs', {
      path: server.address,
      hint: 'look at its memory and its log; what it holds stays, and the same command goes on',
    });
  }
  // What has failed was told of; who asks for it again may have mended the reason.
  const failed = await server.redis.zmscore(queue.toKey('failed'), ...ids);
  for (const [at, score] of failed.entries()) {
    if (score === null) continue;
    const job = await queue.getJob(ids[at]);
    // Another one who asks may have been quicker.
    await job?.retry('failed').catch(() => {});
  }
}

async function putFiles({ redis }: QueueServer, content: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [sha256, bytes] of content) {
    if (await redis.expire(keys.file(sha256), KEPT.file)) continue;
    await redis.set(keys.file(sha256), Buffer.from(bytes), 'EX', KEPT.file);
  }
}
