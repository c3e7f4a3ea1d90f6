/**
 * @file Runs on a queue, followed until each is done. A share of them is carried out again by another worker; where two
 * differ, this machine says who is right.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, EnvironmentError } from '../../errors.js';
import type { RunRecord, RunSpec } from '../../experiments/index.js';
import { contentHash } from '../../recipe/data/content.js';
import { type ExecuteOptions, type PoolEvents, type RunExecutor, RunProcess } from '../pool.js';
import { storedForm } from '../run-store.js';
import { differenceOfRuns } from '../verify.js';
import type { RunResult } from './job.js';
import { keys, queueName } from './names.js';
import { failureOf, faultOf } from './outcome.js';
import { openServer, type QueueServer, serverError } from './server.js';
import { addJobs, CHUNK, type RunQueue, type Submitted, submit } from './submit.js';
import { Watch } from './watch.js';

export interface QueueRunsOptions {
  /** For people. */
  name: string;
  /** All that will be asked for, in one call or in several. */
  specs: readonly RunSpec[];
  /** Share of the runs that another worker repeats. */
  verify?: number;
}

/** A share is drawn in so many parts. */
const DRAWS = 2_000_000_000;
/** Milliseconds between two looks at what is done. */
const POLL = 150;
/** A run of which so many results did not hold has another fault than its workers. */
const MOST_ASIDE = 10;

/** Runs that came in one call. */
interface Group extends Pick<ExecuteOptions, 'engine' | 'folder'> {
  events: PoolEvents;
}

/** A job that is waited for. */
interface Open extends Submitted {
  group: Group;
  chosen: boolean;
  aside: number;
  /** Of a repetition: the job that it repeats, and what came of that. */
  repeats?: { open: Open; first: RunResult };
}

/** @throws as `openServer` */
export async function openQueueRuns(address: string, options: QueueRunsOptions): Promise<QueueRuns> {
  const server = await openServer(address);
  return new QueueRuns(server, options);
}

export class QueueRuns {
  readonly where: string;
  readonly #queue: RunQueue;
  readonly #sweep: string;
  readonly #open = new Map<string, Open>();
  /** What was told of, and whose it was. */
  readonly #accepted = new Map<string, { open: Open; worker: string }>();
  /** Workers whose results differ from those of this machine. */
  readonly #wrong = new Set<string>();
  /** Runs that two workers agree on. */
  repeated = 0;

  constructor(
    readonly server: QueueServer,
    readonly options: QueueRunsOptions,
  ) {
    const { Queue } = server.bullmq;
    this.where = `the queue ${server.address}`;
    this.#queue = new Queue(queueName(), {
      connection: server.redis,
      skipVersionCheck: true,
      // Results are in what it says of each job; nobody reads long after.
      streams: { events: { maxLen: 200 } },
    }) as RunQueue;
    // The other connection tells of the same outages.
    this.#queue.on('error', () => {});
    this.#sweep = `${options.name}-${contentHash(options.specs.map(({ id }) => id).sort()).slice(0, 8)}`;
  }

  /** @throws ConfigError for a share of runs in relaxed arithmetic, which need not have the same bits */
  readonly execute: RunExecutor = async (specs, { engine, folder, signal }, events) => {
    const { arithmetic = 'strict' } = engine;
    if (arithmetic === 'relaxed' && this.options.verify !== undefined) {
      throw new ConfigError('runs in relaxed arithmetic have other bits on other machines', {
        op: '--verify',
        hint: 'leave --verify out, or use strict or int12',
      });
    }
    const group: Group = { events, engine, folder };
    const { server, repeated: before } = this;
    const orAborted = <T>(work: Promise<T>): Promise<T> => unlessAborted(work, signal);
    try {
      for (const worker of await orAborted(server.redis.smembers(keys.aside(this.#queue.name))))
        this.#wrong.add(worker);
      const where = { sweep: this.#sweep, arithmetic, folder };
      const { jobs, restore } = await orAborted(submit(server, this.#queue, specs, where));
      for (const one of jobs) this.#open.set(one.id, { ...one, group, chosen: this.#draw(), aside: 0 });
      const watch = new Watch(server, this.#queue, events);
      while (this.#open.size > 0) {
        const finished = await orAborted(this.#finished());
        for (const [id, isFailed] of finished) await orAborted(this.#take(id, isFailed, signal));
        if (this.#open.size === 0) break;
        await orAborted(watch.look(this.#open, restore));
        await orAborted(this.#repeatHere(watch.workers, signal));
        if (finished.length === 0) await sleep(POLL, undefined, { signal });
      }
      if (this.options.verify !== undefined)
        events.onNote?.(
          `${this.repeated - before} of ${specs.length} runs were repeated elsewhere, with the same numbers`,
        );
    } catch (error) {
      throw serverError(error, server.address);
    }
  };

  /** Nobody can foresee which runs are repeated. */
  #draw(): boolean {
    const { verify = 0 } = this.options;
    return randomInt(DRAWS) < verify * DRAWS;
  }

  async #finished(): Promise<[id: string, isFailed: boolean][]> {
    const ids = [...this.#open.keys()];
    const found: [string, boolean][] = [];
    for (let from = 0; from < ids.length; from += CHUNK) {
      const chunk = ids.slice(from, from + CHUNK);
      const [done, failed] = await Promise.all(
        ['completed', 'failed'].map((state) => this.server.redis.zmscore(this.#queue.toKey(state), ...chunk)),
      );
      for (const [at, id] of chunk.entries())
        if (done[at] !== null || failed[at] !== null) found.push([id, done[at] === null]);
    }
    return found;
  }

  async #take(id: string, isFailed: boolean, signal: AbortSignal): Promise<void> {
    const open = this.#open.get(id);
    const job = await this.#queue.getJob(id);
    // One that is not there any more was somebody else's to remove, and is put in again.
    if (!open || !job) return;
    if (isFailed) return this.#failed(open, failureOf(job), signal);
    const result: RunResult = job.returnvalue;
    const fault = faultOf(result, open);
    const worker = fault === undefined ? result.machine.worker : (job.processedBy ?? 'unknown');
    const isBarred = this.#wrong.has(worker) || open.job.notOn?.includes(worker);
    if (fault !== undefined || isBarred) return this.#again(open, worker, fault, signal);
    const { repeats } = open;
    if (repeats) return this.#compare(open, repeats, result, signal);
    if (open.chosen) return this.#repeat(open, result);
    await this.#accept(open, result);
  }

  async #accept(
    open: Open,
    { record, machine }: Pick<RunResult, 'record'> & Partial<RunResult>,
  ): Promise<void> {
    this.#open.delete(open.id);
    if (machine) this.#accepted.set(open.id, { open, worker: machine.worker });
    const { spec, group } = open;
    // Somebody else may have another name for it.
    const own: RunRecord = { ...storedForm(record), label: spec.label, config: { ...spec } };
    await group.events.onDone(spec, own, machine);
  }

  async #failed(open: Open, error: Error, signal: AbortSignal): Promise<void> {
    this.#open.delete(open.id);
    if (open.repeats) {
      // The one did it, the other could not: one of them is wrong.
      await (await this.#queue.getJob(open.id))?.remove();
      return this.#decide(open.repeats.open, [open.repeats.first], error.message, signal);
    }
    const { events } = open.group;
    if (!events.onFailed) throw error;
    events.onFailed(open.spec, error);
  }

  /** A result that does not count; the job goes back into the queue as it was. */
  async #again(open: Open, worker: string, fault: string | undefined, signal: AbortSignal): Promise<void> {
    open.aside++;
    if (open.aside > MOST_ASIDE) {
      const error = new EnvironmentError(
        `${MOST_ASIDE} results of it did not hold, the last of worker ${worker}`,
        {
          path: open.spec.id,
          hint: 'keep that worker from the queue, and give the command again',
        },
      );
      return this.#failed(open, error, signal);
    }
    if (fault !== undefined) {
      // It may be a fault of this run alone; the next one is somebody else's.
      open.job = { ...open.job, notOn: [...(open.job.notOn ?? []), worker] };
      open.group.events.onNote?.(
        `worker ${worker}: what it returned is no result: ${fault}; ${open.spec.label} is carried out again`,
      );
    }
    await this.#putBack(open);
  }

  async #putBack(open: Open): Promise<void> {
    const notOn = [...new Set([...(open.job.notOn ?? []), ...this.#wrong])];
    if (notOn.length > 0) open.job = { ...open.job, notOn };
    await (await this.#queue.getJob(open.id))?.remove();
    await addJobs(this.server, this.#queue, [open]);
    this.#open.set(open.id, open);
  }

  async #repeat(open: Open, first: RunResult): Promise<void> {
    const id = `${open.id}-again-${randomBytes(4).toString('hex')}`;
    const job = { ...open.job, notOn: [...this.#wrong, first.machine.worker] };
    const repetition: Open = { ...open, id, job, aside: 0, repeats: { open, first } };
    this.#open.delete(open.id);
    this.#open.set(id, repetition);
    await addJobs(this.server, this.#queue, [repetition]);
  }

  async #compare(
    repetition: Open,
    { open, first }: NonNullable<Open['repeats']>,
    second: RunResult,
    signal: AbortSignal,
  ): Promise<void> {
    this.#open.delete(repetition.id);
    await (await this.#queue.getJob(repetition.id))?.remove();
    // Found wrong by another run meanwhile.
    if (this.#wrong.has(first.machine.worker)) return this.#putBack(open);
    const differs = differenceOfRuns(first.record, second.record);
    if (differs !== null) return this.#decide(open, [first, second], differs, signal);
    this.repeated++;
    await this.#accept(open, first);
  }

  /** Where workers were put aside there may be no second one any more: then this machine is it. */
  async #repeatHere(workers: readonly string[], signal: AbortSignal): Promise<void> {
    if (this.#wrong.size === 0 || workers.length === 0) return;
    for (const { id, job, repeats, spec } of [...this.#open.values()]) {
      const isForSome = workers.some((worker) => !this.#wrong.has(worker) && !job.notOn?.includes(worker));
      if (!repeats || isForSome) continue;
      this.#open.delete(id);
      await (await this.#queue.getJob(id))?.remove().catch(() => {});
      repeats.open.group.events.onNote?.(
        `${spec.label}: no other worker is left to repeat it; this machine does`,
      );
      await this.#judge(repeats.open, [repeats.first], signal);
    }
  }

  async #decide(
    open: Open,
    results: readonly RunResult[],
    differs: string,
    signal: AbortSignal,
  ): Promise<void> {
    const who = results.map(({ machine }) => machine.worker).join(' and ');
    open.group.events.onNote?.(
      `${open.spec.label}: results of ${who} do not agree (${differs}); it is carried out here to see who is right`,
    );
    await this.#judge(open, results, signal);
  }

  /** Carries a run out here, and puts aside whoever says otherwise. */
  async #judge(open: Open, results: readonly RunResult[], signal: AbortSignal): Promise<void> {
    const { spec, group } = open;
    const { events, engine, folder } = group;
    const here = new RunProcess();
    let record: RunRecord;
    try {
      record = await here.run({ spec, engine, folder }, (p) => events.onProgress(spec, p), signal);
    } finally {
      here.end();
    }
    const wrong = results.flatMap((result) => {
      const difference = differenceOfRuns(storedForm(result.record), storedForm(record));
      return difference === null ? [] : [{ worker: result.machine.worker, difference }];
    });
    for (const { worker, difference } of wrong)
      await this.#putAside(worker, `${spec.label}: ${difference}`, events);
    const right = results.find(({ machine }) => !wrong.some(({ worker }) => worker === machine.worker));
    if (wrong.some(({ worker }) => worker === results[0].machine.worker)) {
      // Nobody else who asks is to find it.
      await (await this.#queue.getJob(open.id))?.remove();
    }
    if (right) this.repeated++;
    await this.#accept(open, right ?? { record });
  }

  async #putAside(worker: string, where: string, events: PoolEvents): Promise<void> {
    if (this.#wrong.has(worker)) return;
    this.#wrong.add(worker);
    await this.server.redis.sadd(keys.aside(this.#queue.name), worker);
    const own = [...this.#accepted].filter(([, accepted]) => accepted.worker === worker);
    events.onNote?.(
      `worker ${worker} computes otherwise than this machine (${where}); its ${own.length + 1} results are put aside`,
    );
    for (const [id, { open }] of own) {
      this.#accepted.delete(id);
      await open.group.events.onPutAside?.(open.spec, `worker ${worker} computes otherwise`);
      await this.#putBack({ ...open, chosen: this.#draw() });
    }
  }

  async close(): Promise<void> {
    const closed = this.#queue.close().catch(() => {});
    // A server that does not answer keeps nobody.
    await Promise.race([closed, sleep(1000, undefined, { ref: false })]);
    this.server.close();
  }
}

/** What waits for a server that is gone must not keep Ctrl-C waiting. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new DOMException('interrupted', 'AbortError'));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
