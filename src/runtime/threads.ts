/** @file The threads of a runtime: their pool, why there are as many as there are, and scratch of their own for each. */
import type { KernelInstance } from './instantiate.js';
import type { Ptr } from './kernels.js';
import type { Memory } from './memory.js';
import type { ThreadPool } from './pool.js';

/** Starts worker threads over the memory of an instance, for as long as `owner` is held; `allocate` gives long-lived memory. */
export type StartPool = (
  instance: KernelInstance,
  threads: number,
  worker: string | URL | null,
  allocate: (bytes: number) => Ptr,
  owner: object,
) => Promise<ThreadPool>;

/** What threads are asked for, and how. */
export interface ThreadOrder {
  instance: KernelInstance;
  threads: number;
  /** Why as many. */
  reason: string;
  start?: StartPool;
  worker?: string | URL;
}

export class Threads {
  #pool: ThreadPool | null = null;
  #reason = 'one thread was asked for (the default)';

  /** Starts a pool, which ends when nobody holds `owner`. Where it does not start there is one thread, and the reason. */
  async start({ instance, threads, reason, start, worker }: ThreadOrder, memory: Memory, owner: object) {
    this.#reason = reason;
    if (threads === 1 || !start) return;
    const allocate = (bytes: number): Ptr => memory.persistent.allocate(bytes);
    let pool: ThreadPool;
    try {
      pool = await start(instance, threads, worker ?? null, allocate, owner);
    } catch (error) {
      this.#reason = (error as Error).message;
      return;
    }
    this.#pool = pool;
    memory.onScratch = (bytes) => {
      const stride = Math.ceil(bytes / 64) * 64;
      pool.setWorkspace(allocate(stride * (threads - 1)), stride);
    };
    memory.onScratch(memory.scratchBytes);
  }

  /** As long as it runs. */
  get pool(): ThreadPool | null {
    return this.#pool?.ended === null ? this.#pool : null;
  }

  get count(): number {
    return this.pool?.threads ?? 1;
  }

  get reason(): string {
    return this.#pool?.ended ?? this.#reason;
  }

  end(): void {
    this.#pool?.end('the runtime was closed');
  }
}
