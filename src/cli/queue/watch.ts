/** @file What whoever waits for a queue hears meanwhile: how far runs are, who leaves runs to others, and that nobody is there. */
import type { PoolEvents } from '../pool.js';
import type { JobProgress, RunJob } from './job.js';
import { queueName } from './names.js';
import type { QueueServer } from './server.js';
import { CHUNK, type RunQueue, type Submitted } from './submit.js';
import { workersOf } from './workers.js';

/** Milliseconds between two looks at each. */
const EVERY = { progress: 1000, workers: 2000, missing: 10_000 };
/** Milliseconds without a worker after which one is asked for. */
const ALONE = 5000;

export class Watch {
  readonly #last = { progress: 0, workers: 0, missing: performance.now() };
  readonly #told = new Set<string>();
  readonly #begun = performance.now();
  /** Ids of the workers that were there at the last look. */
  workers: string[] = [];

  constructor(
    readonly server: QueueServer,
    readonly queue: RunQueue,
    readonly events: PoolEvents,
  ) {}

  /** @param restore puts jobs in again that are not in Redis any more */
  async look(
    open: ReadonlyMap<string, Submitted>,
    restore: (lost: readonly Submitted[]) => Promise<void>,
  ): Promise<void> {
    if (this.#isDue('progress')) await this.#progress(open);
    if (this.#isDue('workers')) await this.#workers(open);
    if (!this.#isDue('missing')) return;
    const missing = await this.#missing([...open.values()]);
    if (missing.length === 0) return;
    this.#tell(`${missing.length} runs are not in the queue any more; they are put in again`);
    await restore(missing);
  }

  #isDue(what: keyof typeof EVERY): boolean {
    const now = performance.now();
    if (now - this.#last[what] < EVERY[what]) return false;
    this.#last[what] = now;
    return true;
  }

  #tell(line: string): void {
    if (this.#told.has(line)) return;
    this.#told.add(line);
    this.events.onNote?.(line);
  }

  async #progress(open: ReadonlyMap<string, Submitted>): Promise<void> {
    const { redis } = this.server;
    const ids = (await redis.lrange(this.queue.toKey('active'), 0, -1)).filter((id) => open.has(id));
    if (ids.length === 0) return;
    const said = await redis.pipeline(ids.map((id) => ['hget', this.queue.toKey(id), 'progress'])).exec();
    for (const [at, id] of ids.entries()) {
      const spec = open.get(id)?.spec;
      const progress = progressOf(said?.[at]?.[1]);
      if (spec && progress)
        this.events.onProgress(spec, { ...progress, text: `${progress.text}, ${progress.worker}` });
    }
  }

  async #workers(open: ReadonlyMap<string, Submitted>): Promise<void> {
    const { address, redis } = this.server;
    const workers = await workersOf(redis, queueName());
    this.workers = workers.map(({ worker }) => worker);
    if (workers.length === 0 && performance.now() - this.#begun > ALONE)
      this.#tell(
        `no worker is there for these runs: start prenorm worker --queue ${address} on as many machines as you like`,
      );
    for (const { worker, refused } of workers)
      for (const { reason } of refused) this.#tell(`worker ${worker} leaves runs to others: ${reason}`);
    const isRepetition = ({ job }: { job: RunJob }) => job.notOn !== undefined;
    if (workers.length === 1 && [...open.values()].every(isRepetition))
      this.#tell('what is left waits for another worker to repeat it, and there is one only: start a second');
  }

  async #missing(open: readonly Submitted[]): Promise<Submitted[]> {
    const missing: Submitted[] = [];
    for (let from = 0; from < open.length; from += CHUNK) {
      const chunk = open.slice(from, from + CHUNK);
      const found = await this.server.redis
        .pipeline(chunk.map(({ id }) => ['exists', this.queue.toKey(id)]))
        .exec();
      missing.push(...chunk.filter((_, at) => found?.[at]?.[1] === 0));
    }
    return missing;
  }
}

function progressOf(text: unknown): JobProgress | undefined {
  try {
    const value = JSON.parse(String(text));
    const isOne = typeof value === 'object' && Number.isFinite(value?.done) && value.total > 0;
    return isOne && typeof value.text === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
