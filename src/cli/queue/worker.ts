/** @file The worker of a queue: takes jobs, carries each out in a process of its own, and leaves to others what is not for it. */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { cpus, hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, Worker } from 'bullmq';
import { DataError, EnvironmentError } from '../../errors.js';
import type { Machine, RunProgress, RunSpec } from '../../experiments/index.js';
import { note, oneLine } from '../errors.js';
import { RunProcess } from '../pool.js';
import { Pace } from '../progress-line.js';
import type { EngineOptions } from '../start.js';
import { machineOf, type RunJob, type RunResult } from './job.js';
import { FilePlaces, type PlacedFiles } from './job-files.js';
import { keys, queueName } from './names.js';
import { failureText } from './outcome.js';
import { type Able, LeftToOthers, memoryHere, takenJob, unknownQueues } from './refusal.js';
import type { QueueServer } from './server.js';
import { sayGoodbye, sayState, WORD_EVERY } from './workers.js';

/** What came of a run, in a word. */
export interface RunOutcomeHere {
  hash?: string;
  seconds?: number;
  error?: string;
}

export interface QueueWorkerOptions extends Pick<EngineOptions, 'threads'> {
  /** Runs at once. Default: one per core. */
  concurrency?: number;
  /** Folder of the large files of runs. */
  dataRoot?: string;
  /** Folder that the workers share: a run goes on there from where another worker has left it. */
  artifacts?: string;
  /** Whether runs may have data made by modules, which are programs. */
  allowModules?: boolean;
  /** Bytes for all runs. Default: what the machine has. */
  memory?: number;
  /** Of the worker, before what makes it unique. Default: of the machine. */
  name?: string;
  /** Seconds without a word of a worker after which its run is another's. Default: 30. */
  lock?: number;
  onStep(label: string, progress: RunProgress): void;
  /** The run is over here; without hash and error it was given back. */
  onDone(label: string, outcome: RunOutcomeHere): void;
}

type RunsJob = Job<RunJob, RunResult>;

/** A worker that is lost loses what it has begun to another, so often for one run; then the run is to blame. */
const MOST_LOST = 20;
/**
 * Milliseconds for which a worker takes no run after it has left one to others, so that another one takes it: the longer,
 * the more it has left in a row.
 */
const STAND_BACK = { step: 200, most: 5000 };
/** Milliseconds between words on how far a run is. */
const PROGRESS_EVERY = 1000;
/** Results that Redis has not taken yet; a run that comes again meanwhile is not carried out again. */
const MOST_UNSENT = 100;
const MOST_REFUSED = 20;

/** A job that is being carried out. */
interface Active {
  spec: RunSpec;
  progress: RunProgress;
  abort: AbortController;
}

/** A matter of the engine here, not of the run. */
const isWithoutRelaxed = (error: unknown): boolean =>
  error instanceof EnvironmentError && error.op === '--arithmetic relaxed';

export class QueueWorker {
  readonly id: string;
  readonly #machine: Machine;
  readonly #worker: Worker<RunJob, RunResult>;
  readonly #places: FilePlaces;
  readonly #able: Able;
  readonly #free: RunProcess[] = [];
  readonly #active = new Map<string, Active>();
  readonly #unsent = new Map<string, RunResult>();
  readonly #refused: { label: string; reason: string }[] = [];
  readonly #told = new Set<string>();
  readonly #pace = new Pace(0);
  #steps = 0;
  #runs = 0;
  #leftInRow = 0;
  /** Jobs that are others' already, while this worker stands back. */
  readonly #left = new Set<string>();
  readonly #ending = new AbortController();
  #isAside = false;
  #stop = (): void => {};

  constructor(
    readonly server: QueueServer,
    readonly options: QueueWorkerOptions,
  ) {
    const { concurrency = cpus().length, memory, lock = 30, name = hostname() } = options;
    this.id = `${name}-${randomBytes(3).toString('hex')}`;
    this.#machine = machineOf(this.id);
    this.#places = new FilePlaces(server.redis, options.dataRoot);
    this.#able = {
      worker: this.id,
      bytes: (memory ?? memoryHere()) / concurrency,
      concurrency,
      allowModules: options.allowModules ?? false,
    };
    this.#worker = new server.bullmq.Worker(queueName(), (job, token) => this.#process(job, token), {
      connection: server.redis,
      skipVersionCheck: true,
      autorun: false,
      name: this.id,
      concurrency,
      lockDuration: lock * 1000,
      stalledInterval: lock * 1000,
      maxStalledCount: MOST_LOST,
      runRetryDelay: 1000,
    });
    this.#worker.on('completed', ({ id }) => this.#unsent.delete(id as string));
    this.#worker.on('error', (error) => this.#hear(error));
    this.#worker.on('lockRenewalFailed', (ids) => {
      for (const id of ids) this.#active.get(id)?.abort.abort();
    });
  }

  /** Carries out runs until `signal` aborts. @returns whether it was put aside */
  async run(signal: AbortSignal): Promise<boolean> {
    const stopped = new Promise<void>((done) => {
      this.#stop = done;
    });
    signal.addEventListener('abort', this.#stop);
    if (signal.aborted) this.#stop();
    await this.#speak();
    const words = setInterval(() => void this.#speak(), WORD_EVERY);
    this.#worker.run().catch((error) => this.#hear(error));
    await stopped;
    clearInterval(words);
    this.#ending.abort();
    for (const { abort } of this.#active.values()) abort.abort();
    // A server that does not answer keeps nobody; it gives the runs to others by itself.
    await Promise.race([
      this.#worker.close().then(() => sayGoodbye(this.server.redis, queueName(), this.id)),
      new Promise((done) => setTimeout(done, 5000).unref()),
    ]).catch(() => {});
    for (const child of this.#free) child.end();
    this.#places.close();
    return this.#isAside;
  }

  async #process(job: RunsJob, token = ''): Promise<RunResult> {
    const id = job.id as string;
    try {
      return this.#unsent.get(id) ?? (await this.#attempt(job));
    } catch (error) {
      const why = this.#active.get(id)?.abort.signal.aborted ? new LeftToOthers('it stops', true) : error;
      return await this.#failed(job, token, why);
    } finally {
      this.#active.delete(id);
    }
  }

  async #attempt(job: RunsJob): Promise<RunResult> {
    if (this.#ending.signal.aborted) throw new LeftToOthers('it stops', true);
    const data = takenJob(job.data, this.#able);
    const result = await this.#carryOut(job, await this.#places.place(data.data));
    this.#unsent.set(job.id as string, result);
    for (const oldest of this.#unsent.keys()) {
      if (this.#unsent.size <= MOST_UNSENT) break;
      this.#unsent.delete(oldest);
    }
    return result;
  }

  async #carryOut(job: RunsJob, files: PlacedFiles): Promise<RunResult> {
    const { spec, arithmetic, dataHash, steps } = job.data;
    const active: Active = {
      spec,
      progress: { done: 0, total: steps, text: '' },
      abort: new AbortController(),
    };
    this.#active.set(job.id as string, active);
    const { artifacts } = this.options;
    const checkpoint = artifacts === undefined ? undefined : join(artifacts, `${job.id}.checkpoint`);
    const child = this.#free.pop() ?? new RunProcess();
    let told = performance.now();
    try {
      const record = await child.run(
        { spec, engine: { arithmetic, threads: this.options.threads }, files, checkpoint },
        (progress) => {
          active.progress = progress;
          this.options.onStep(spec.label, progress);
          const now = performance.now();
          if (now - told < PROGRESS_EVERY || this.server.redis.status !== 'ready') return;
          told = now;
          job.updateProgress({ ...progress, worker: this.id }).catch(() => {});
        },
        active.abort.signal,
      );
      if ((record.dataHash ?? null) !== dataHash) {
        throw new DataError('its files make other data here than where it was made', {
          path: spec.id,
          expected: dataHash,
          actual: record.dataHash,
        });
      }
      if (checkpoint !== undefined) await rm(checkpoint, { force: true });
      this.#free.push(child);
      this.#leftInRow = 0;
      this.#steps += steps;
      this.#runs++;
      this.options.onDone(spec.label, { hash: record.hash, seconds: record.seconds });
      return { record, machine: this.#machine };
    } catch (error) {
      if (active.abort.signal.aborted) this.options.onDone(spec.label, {});
      // Whatever state it has left behind, the next run begins in a process of its own.
      child.end();
      throw error;
    }
  }

  /** Gives a job back, or lets it fail: in the same way twice, for good. */
  async #failed(job: RunsJob, token: string, error: unknown): Promise<never> {
    const { DelayedError, UnrecoverableError } = this.server.bullmq;
    const label = String(job.data?.spec?.label ?? job.id);
    const left = error instanceof LeftToOthers || isWithoutRelaxed(error);
    if (left) {
      const { message, isQuiet = false } = error as Error & Partial<LeftToOthers>;
      if (!isQuiet) this.#refuse(label, message);
      await this.#giveBack(job, token, isQuiet);
      throw new DelayedError();
    }
    const text = failureText(error);
    this.options.onDone(label, { error: oneLine(text) });
    // As text, so that tools that look into the queue show it whole.
    const failure = new (job.failedReason === text ? UnrecoverableError : Error)(text);
    failure.stack = (error as Error).stack;
    throw failure;
  }

  async #giveBack(job: RunsJob, token: string, isQuiet: boolean): Promise<void> {
    // Behind the others that wait; clocks of machines differ, so for no time of this one's.
    await job.moveToDelayed(0, token);
    if (!isQuiet) this.#leftInRow++;
    const id = job.id as string;
    this.#left.add(id);
    const { step, most } = STAND_BACK;
    const wait = sleep(isQuiet ? step : Math.min(step * this.#leftInRow, most), undefined, {
      signal: this.#ending.signal,
    });
    await wait.catch(() => {});
    this.#left.delete(id);
  }

  #refuse(label: string, reason: string): void {
    if (!this.#refused.some((known) => known.reason === reason)) this.#refused.push({ label, reason });
    if (this.#refused.length > MOST_REFUSED) this.#refused.shift();
    this.#tell(`${label}: left to other workers: ${reason}`);
  }

  #tell(line: string): void {
    if (this.#told.has(line)) return;
    this.#told.add(line);
    note(line);
  }

  #hear(error: Error): void {
    if ([...this.#left].some((id) => error.message.includes(id))) return;
    if (/Missing lock|not in the active state|renew lock|Lock mismatch/i.test(error.message)) {
      this.#tell(
        'a run went to another worker, because no word of this one had come in time; nothing is lost',
      );
      return;
    }
    // An outage is told of by the server.
    if (this.server.redis.status === 'ready' && !/ECONN|EPIPE|ETIMEDOUT|closed/i.test(error.message))
      this.#tell(oneLine(error.message));
  }

  async #speak(): Promise<void> {
    const { redis } = this.server;
    if (redis.status !== 'ready') return;
    const running = [...this.#active].map(([job, { spec, progress }]) => ({
      job,
      label: spec.label,
      ...progress,
    }));
    const rate = this.#pace.at(running.reduce((sum, { done }) => sum + done, this.#steps));
    const { concurrency } = this.#able;
    try {
      await sayState(redis, queueName(), {
        ...this.#machine,
        concurrency,
        threads: this.options.threads ?? 1,
        runs: this.#runs,
        rate: Number.isFinite(rate) ? rate : null,
        running,
        refused: this.#refused,
      });
      for (const line of await unknownQueues(redis)) this.#tell(line);
      if (!(await redis.sismember(keys.aside(queueName()), this.id))) return;
      this.#isAside = true;
      this.#stop();
    } catch (error) {
      this.#hear(error as Error);
    }
  }
}
