/** @file What workers say of themselves in Redis, and who reads it. */
import type { Redis } from 'ioredis';
import type { Machine } from '../../experiments/index.js';
import { isJsonObject } from '../../json.js';
import { machineFault } from '../results-shape.js';
import { keys } from './names.js';

/** A worker as it is now. */
export interface WorkerState extends Machine {
  concurrency: number;
  threads: number | 'auto';
  /** Runs it has carried out. */
  runs: number;
  /** Steps per second, over all its runs of the last half minute; null while nobody knows. */
  rate: number | null;
  running: { job: string; label: string; done: number; total: number; text: string }[];
  /** Runs it has left to others, and why; the latest last. */
  refused: { label: string; reason: string }[];
}

/** Milliseconds between two words of a worker, and seconds after which one is taken for gone. */
export const WORD_EVERY = 2000;
const GONE_AFTER = 15;

export async function sayState(redis: Redis, queue: string, state: WorkerState): Promise<void> {
  await redis
    .multi()
    .sadd(keys.queues, queue)
    .sadd(keys.workers(queue), state.worker)
    .set(keys.worker(queue, state.worker), JSON.stringify(state), 'EX', GONE_AFTER)
    .exec();
}

export async function sayGoodbye(redis: Redis, queue: string, worker: string): Promise<void> {
  await redis.multi().srem(keys.workers(queue), worker).del(keys.worker(queue, worker)).exec();
}

/** The workers that are there. */
export async function workersOf(redis: Redis, queue: string): Promise<WorkerState[]> {
  const ids = await redis.smembers(keys.workers(queue));
  if (ids.length === 0) return [];
  const said = await redis.mget(ids.map((id) => keys.worker(queue, id)));
  const gone = ids.filter((_, at) => said[at] === null);
  if (gone.length > 0) await redis.srem(keys.workers(queue), ...gone);
  return said.flatMap((text) => {
    const state = parse(text);
    return state ? [state] : [];
  });
}

function parse(text: string | null): WorkerState | undefined {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    const isState =
      isJsonObject(value) &&
      machineFault(value) === undefined &&
      Array.isArray(value.running) &&
      Array.isArray(value.refused);
    return isState ? (value as unknown as WorkerState) : undefined;
  } catch {
    return undefined;
  }
}
