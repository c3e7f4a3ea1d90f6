/** @file What a queue is doing: its sweeps, how far each is, its workers, and queues of other versions. */
import { keys, queueName } from './names.js';
import type { QueueServer } from './server.js';
import { CHUNK, type RunQueue } from './submit.js';
import { type WorkerState, workersOf } from './workers.js';

/** How far a sweep is. */
export interface SweepState {
  name: string;
  runs: number;
  done: number;
  failed: number;
  running: number;
  steps: number;
  /** Of runs that are done, and of those under way as far as their workers have said. */
  stepsDone: number;
  /** Seconds, while all workers do nothing else; null while nobody knows. */
  secondsLeft: number | null;
}

export interface QueueState {
  queue: string;
  /** ISO 8601. */
  at: string;
  sweeps: SweepState[];
  /** Steps per second of all workers; null while nobody knows. */
  rate: number | null;
  workers: WorkerState[];
  /** Queues of other versions, and how many runs wait there. */
  others: { queue: string; waiting: number }[];
}

export async function stateOf(server: QueueServer, queue: RunQueue): Promise<QueueState> {
  const { redis } = server;
  const workers = await workersOf(redis, queueName());
  const rates = workers.flatMap(({ rate }) => (rate === null ? [] : [rate]));
  const rate = rates.length === 0 ? null : rates.reduce((sum, one) => sum + one, 0);
  const names = Object.keys(await redis.hgetall(keys.sweeps(queueName()))).sort();
  const active = new Set(await redis.lrange(queue.toKey('active'), 0, -1));
  const progress = new Map(
    workers.flatMap(({ running }) => running.map(({ job, done }) => [job, done] as const)),
  );
  const sweeps: SweepState[] = [];
  for (const name of names) sweeps.push(await sweepState(server, queue, name, { active, progress, rate }));
  const others: QueueState['others'] = [];
  for (const name of await redis.smembers(keys.queues)) {
    const waiting = name === queueName() ? 0 : await redis.llen(`bull:${name}:wait`);
    if (waiting > 0) others.push({ queue: name, waiting });
  }
  return { queue: queueName(), at: new Date().toISOString(), sweeps, rate, workers, others };
}

interface Now {
  active: ReadonlySet<string>;
  progress: ReadonlyMap<string, number>;
  rate: number | null;
}

async function sweepState(
  { redis }: QueueServer,
  queue: RunQueue,
  name: string,
  { active, progress, rate }: Now,
): Promise<SweepState> {
  const jobs = Object.entries(await redis.hgetall(keys.sweep(queueName(), name)));
  const state: SweepState = {
    name,
    runs: jobs.length,
    done: 0,
    failed: 0,
    running: 0,
    steps: 0,
    stepsDone: 0,
    secondsLeft: null,
  };
  for (let from = 0; from < jobs.length; from += CHUNK) {
    const chunk = jobs.slice(from, from + CHUNK);
    const ids = chunk.map(([id]) => id);
    const [done, failed] = await Promise.all(
      ['completed', 'failed'].map((where) => redis.zmscore(queue.toKey(where), ...ids)),
    );
    for (const [at, [id, text]] of chunk.entries()) {
      const steps = Number(text);
      state.steps += steps;
      if (done[at] !== null) state.done++;
      if (failed[at] !== null) state.failed++;
      if (active.has(id)) state.running++;
      const isOver = done[at] !== null || failed[at] !== null;
      state.stepsDone += isOver ? steps : (progress.get(id) ?? 0);
    }
  }
  if (state.done + state.failed === state.runs) state.secondsLeft = 0;
  else if (rate !== null && rate > 0) state.secondsLeft = (state.steps - state.stepsDone) / rate;
  return state;
}
