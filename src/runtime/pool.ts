/**
 * @file The worker threads of one runtime: started once, then driven through shared memory alone. A command names
 * a program in memory; every thread walks it, the calling one included, and all of them meet at its joins.
 *
 * Workers spin through a program and for a while after it, then sleep on a futex, so an idle process costs nothing.
 * When a worker fails or does not answer, the pool ends and the runtime goes on with one thread.
 *
 * It is loaded on demand, when there is more than one thread, so it imports nothing that is loaded anyway: what it
 * needs of that comes with its host.
 */
import type { EnvironmentError } from '../errors.js';
import { availableCores } from './choose-threads.js';
import { CONTROL_WORDS } from './generated/shared.js';
import type { Kernels, Ptr, ThreadSync } from './kernels.js';
import type { builtFile, nodeBuiltin } from './node-builtin.js';
import { type Call, encodeCalls, follow, type Walk, walkOf } from './program.js';
import type { RecordedCall } from './recording.js';
import { kernelNumber, splitOf } from './split.js';

/** Where the command's numbers lie in the control block, behind the words that join threads, and what they are. */
export const COMMAND_AT = CONTROL_WORDS;
export const CONTROL_BYTES = COMMAND_AT + 256;
export const COMMAND = { kind: 0, address: 1, words: 2, id: 3, workspace: 4, stride: 5 } as const;
export const KIND = { run: 1, stop: 2 } as const;

/** Words of a program of one call: the largest kernel has fewer arguments than this. */
const IMMEDIATE_WORDS = 40;
/**
 * Looks before a thread sleeps, about a nanosecond each. Longer would burn the time slice that the awaited thread
 * needs when other programs run; shorter would pay for a wake-up (about 100 us) at every uneven division.
 */
const SPINS = { join: 150_000, command: 300_000, scarce: 30_000 };
/** 20 ms each: half a minute without an answer is a failure. */
const NAPS = 1500;
const START_TIMEOUT_MS = 5000;

/** What a worker gets to begin. */
export interface WorkerStart {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  control: Ptr;
  thread: number;
  threads: number;
  spins: { join: number; command: number };
  naps: number;
}

/** The part of Node's and the browser's workers that is used here. */
interface HostWorker {
  post(message: WorkerStart): void;
  onReady(ready: () => void, failed: (reason: string) => void): void;
  terminate(): void;
}

export interface PoolHost {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  kernels: Kernels;
  sync: ThreadSync;
  /** Long-lived memory for the control block and one-call programs. */
  allocate(bytes: number): Ptr;
  /** Where the worker's file lies; null: where the package has it. */
  worker: string | URL | null;
  nodeBuiltin: typeof nodeBuiltin;
  builtFile: typeof builtFile;
  EnvironmentError: typeof EnvironmentError;
}

/** A recorded program, where the workers read it. */
export interface DividedProgram {
  readonly id: number;
  readonly ptr: Ptr;
  readonly bytes: number;
  readonly words: number;
  /** What this thread does of it. */
  readonly walk: Walk;
}

export { chooseThreads } from './choose-threads.js';

type KernelFunction = (...args: number[]) => number | undefined;

/** Over all pools, since a worker remembers programs by their number. */
let programs = 0;

/** The pools of runtimes that nobody holds any more; what a pool knows must not hold its runtime. */
const dropped =
  typeof FinalizationRegistry === 'function'
    ? new FinalizationRegistry<ThreadPool>((pool) => pool.end('its runtime was dropped'))
    : null;

export class ThreadPool {
  readonly threads: number;
  /** Why the pool ended; null while it runs. */
  ended: string | null = null;
  readonly #host: PoolHost;
  readonly #workers: HostWorker[];
  readonly #control: Ptr;
  readonly #immediate: Ptr;
  readonly #spins: number;
  #arrivals = 0;
  #workspace: Ptr = 0;
  #stride = 0;

  private constructor(host: PoolHost, workers: HostWorker[], control: Ptr, spins: number) {
    this.#host = host;
    this.#workers = workers;
    this.threads = workers.length + 1;
    this.#control = control;
    this.#immediate = host.allocate(IMMEDIATE_WORDS * 8);
    this.#spins = spins;
  }

  /**
   * Starts `threads - 1` workers and waits until all are ready. They end when nobody holds `owner` any more.
   * @throws EnvironmentError when one does not start.
   */
  static async start(host: PoolHost, threads: number, owner: object): Promise<ThreadPool> {
    const control = host.allocate(CONTROL_BYTES);
    new Int32Array(host.memory.buffer, control, CONTROL_BYTES / 4).fill(0);
    const scarce = threads > availableCores(host.nodeBuiltin);
    const spins = {
      join: scarce ? SPINS.scarce : SPINS.join,
      command: scarce ? SPINS.scarce : SPINS.command,
    };
    const workers: HostWorker[] = [];
    const pool: { current: ThreadPool | null } = { current: null };
    const ready: Promise<void>[] = [];
    try {
      for (let thread = 1; thread < threads; thread++) {
        const worker = await createWorker(host);
        workers.push(worker);
        ready.push(
          new Promise((resolve, reject) => {
            worker.onReady(resolve, (reason) => {
              reject(new host.EnvironmentError(`a worker thread failed: ${reason}`, { op: 'threads' }));
              pool.current?.end(`a worker thread failed: ${reason}`);
            });
          }),
        );
        const { module, memory } = host;
        worker.post({ module, memory, control, thread, threads, spins, naps: NAPS });
      }
      await Promise.race([Promise.all(ready), timeout(host, START_TIMEOUT_MS)]);
    } catch (error) {
      for (const worker of workers) worker.terminate();
      throw error;
    }
    pool.current = new ThreadPool(host, workers, control, spins.join);
    dropped?.register(owner, pool.current);
    return pool.current;
  }

  /** Scratch memory of the workers: thread t gets `base + (t - 1) stride`. */
  setWorkspace(base: Ptr, stride: number): void {
    this.#workspace = base;
    this.#stride = stride;
  }

  /** The kernels with each call divided that is worth it. */
  table(kernels: Kernels): Kernels {
    const table: Record<string, KernelFunction> = {};
    for (const [name, value] of Object.entries(kernels)) {
      const original = value as unknown as KernelFunction;
      const kernel = kernelNumber(name as keyof Kernels);
      const divided: KernelFunction = (...args) => {
        if (this.ended !== null || splitOf(kernel, args) === null) return original(...args);
        this.#call({ kernel, args });
        return undefined;
      };
      table[name] = kernel < 0 ? original : divided;
    }
    return table as unknown as Kernels;
  }

  /** A recorded program, put where the workers find it. Sizes are powers of two, for reuse of their memory. */
  divide(recorded: readonly RecordedCall[], kernels: Kernels): DividedProgram {
    const calls = recorded.map(({ kernel, args }) => ({ kernel: kernelNumber(kernel), args }));
    const words = encodeCalls(calls);
    let bytes = 4096;
    while (bytes < words.length * 8) bytes *= 2;
    const ptr = this.#host.allocate(bytes);
    this.#write(ptr, words);
    const walk = walkOf(calls, kernels, 0, this.threads, 0);
    return { id: ++programs, ptr, bytes, words: words.length, walk };
  }

  /**
   * Carries out a recorded program on all threads.
   * @throws EnvironmentError when a worker failed; the pool has ended then.
   */
  replay({ ptr, words, id, walk }: DividedProgram): void {
    this.#run(ptr, words, id, walk);
  }

  #write(address: Ptr, words: Float64Array): void {
    new Float64Array(this.#host.memory.buffer, address, words.length).set(words);
  }

  /** One call, divided. */
  #call(call: Call): void {
    const words = encodeCalls([call]);
    this.#write(this.#immediate, words);
    this.#run(this.#immediate, words.length, 0, walkOf([call], this.#host.kernels, 0, this.threads, 0));
  }

  /**
   * Lets the workers walk the program at `address` while this thread walks its own share, joins included.
   * @param id names the program for as long as it does not change; 0: not to be remembered.
   */
  #run(address: Ptr, words: number, id: number, own: Walk): void {
    const command = new Float64Array(this.#host.memory.buffer, this.#control + COMMAND_AT, 8);
    command[COMMAND.kind] = KIND.run;
    command[COMMAND.address] = address;
    command[COMMAND.words] = words;
    command[COMMAND.id] = id;
    command[COMMAND.workspace] = this.#workspace;
    command[COMMAND.stride] = this.#stride;
    this.#host.sync.publishCommand(this.#control);
    try {
      follow(own, this.#join);
    } catch (error) {
      this.#host.sync.failThreads(this.#control);
      this.end('a kernel failed');
      throw error;
    }
  }

  /** Meets the workers. */
  readonly #join = (): void => {
    this.#arrivals = (this.#arrivals + this.threads) | 0;
    const result = this.#host.sync.joinThreads(this.#control, this.#arrivals, this.#spins, NAPS);
    if (result === 0) return;
    throw new this.#host.EnvironmentError(
      result === 2 ? 'a worker thread failed in a kernel' : 'a worker thread did not answer within 30 s',
      {
        op: 'threads',
        hint: 'the step is incomplete: go on from the last checkpoint; one thread is used from here on',
      },
    );
  };

  /** Ends the workers; calls go on with one thread. */
  end(reason: string): void {
    if (this.ended !== null) return;
    this.ended = reason;
    const command = new Float64Array(this.#host.memory.buffer, this.#control + COMMAND_AT, 8);
    command[COMMAND.kind] = KIND.stop;
    this.#host.sync.publishCommand(this.#control);
    for (const worker of this.#workers) worker.terminate();
  }
}

async function createWorker(host: PoolHost): Promise<HostWorker> {
  const { worker: url, nodeBuiltin, builtFile } = host;
  const node = nodeBuiltin('node:worker_threads') as typeof import('node:worker_threads') | null;
  if (node) {
    const built = url
      ? new URL(url)
      : builtFile(import.meta.url, './kernel-worker.js', '../../dist/chunks/kernel-worker.js');
    const worker = new node.Worker(built, { execArgv: [] });
    return {
      post: (message) => worker.postMessage(message),
      onReady: (ready, failed) => {
        worker.on('message', (message) => {
          // From here on the process ends when its own work is done, however many threads wait for more.
          worker.unref();
          if (message === 'ready') ready();
          else failed(String(message));
        });
        worker.on('error', (error) => failed(error.message));
        worker.on('exit', (code) => failed(`it ended with code ${code}`));
      },
      terminate: () => void worker.terminate(),
    };
  }
  let worker: Worker;
  try {
    // Written out twice, because bundlers look for exactly this call.
    worker = url
      ? new Worker(url, { type: 'module' })
      : new Worker(new URL('./kernel-worker.js', import.meta.url), { type: 'module' });
  } catch (cause) {
    throw new host.EnvironmentError(`a worker thread failed: ${await whyNoWorker(cause)}`, {
      op: 'threads',
      cause,
    });
  }
  return {
    post: (message) => worker.postMessage(message),
    onReady: (ready, failed) => {
      worker.onmessage = ({ data }) => (data === 'ready' ? ready() : failed(String(data)));
      worker.onerror = (event) => void whyNoWorker(event.message).then(failed, failed);
    },
    terminate: () => worker.terminate(),
  };
}

/** In words: what `new Worker` threw, or the message of its error event. */
async function whyNoWorker(cause: unknown): Promise<string> {
  return (await import('./obstacle.js')).whyNoWorker(cause);
}

function timeout({ EnvironmentError }: PoolHost, ms: number): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setTimeout(
      () => reject(new EnvironmentError(`worker threads did not start within ${ms} ms`, { op: 'threads' })),
      ms,
    );
    (timer as { unref?: () => void }).unref?.();
  });
}
