/**
 * @file Requests to a worker and their answers. A worker is brought up first, its runtime alone, so that one that never
 * gets its threads can be given up before any data has moved to it.
 */
import type { Capabilities } from '../runtime/capabilities.js';
import { fromWire } from '../wire-error.js';
import type { FromWorker, RequestName, Requests, RuntimeOptions, ToWorker } from './protocol.js';
import { openWorker, type WorkerOwner, type WorkerPort, type WorkerSource } from './worker-port.js';

interface Pending {
  resolve(result: never): void;
  reject(error: unknown): void;
}

/** What is no answer goes on to whoever made the link. */
export type WorkerEvent = Exclude<FromWorker, { type: 'loaded' | 'answer' | 'refusal' }>;

/**
 * From the moment its file has run: kernels are compiled and threads started in a tenth of a second, and threads that do
 * not start are given up after 5 s.
 */
const BRING_UP_MS = 10_000;

export class WorkerLink {
  /** Resolves when the worker's runtime is ready; rejects when there will be none. */
  readonly up: Promise<Capabilities>;
  readonly #owner: WorkerOwner;
  readonly #source: WorkerSource | undefined;
  readonly #receive: (event: WorkerEvent) => void;
  readonly #pending = new Map<number, Pending>();
  #port: WorkerPort;
  #nextId = 1;
  #failure: Error | null = null;
  /** Called when the worker's file has run. */
  #loaded: () => void = () => {};

  constructor(
    owner: WorkerOwner,
    source: WorkerSource | undefined,
    runtime: RuntimeOptions | undefined,
    receive: (event: WorkerEvent) => void,
  ) {
    this.#owner = owner;
    this.#source = source;
    this.#receive = receive;
    this.#port = this.#open();
    this.up = this.#bringUp(runtime ?? {});
    this.up.catch(() => {}); // told again to whoever asks for anything
  }

  /**
   * In Firefox `new Worker` in a worker may block for ever while a debugger listens (seen with WebDriver in one start of
   * twenty), and nothing in that worker can tell. So a worker with threads that says nothing is replaced by one without.
   */
  async #bringUp(runtime: RuntimeOptions): Promise<Capabilities> {
    const wantsThreads = (runtime.threads ?? 1) !== 1;
    const isLate = wantsThreads && this.#lateness();
    const answer = this.ask('init', runtime);
    if (!isLate) return answer;
    const first = await Promise.race([answer, isLate.promise]).finally(isLate.cancel);
    if (first !== 'late') return first;
    answer.catch(() => {});
    this.#port.terminate();
    this.#pending.clear();
    this.#port = this.#open();
    const capabilities = await this.ask('init', { ...runtime, threads: 1 });
    return { ...capabilities, threadsReason: `a worker with threads did not start within ${BRING_UP_MS} ms` };
  }

  #lateness(): { promise: Promise<'late'>; cancel: () => void } {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const promise = new Promise<'late'>((resolve) => {
      this.#loaded = () => {
        timer = setTimeout(() => resolve('late'), BRING_UP_MS);
      };
    });
    return { promise, cancel: () => clearTimeout(timer) };
  }

  #open(): WorkerPort {
    const port = openWorker(
      this.#owner,
      this.#source,
      (message) => {
        if (port === this.#port) this.#take(message);
      },
      (error) => {
        // One that was given up ends as well.
        if (port === this.#port) this.end(error);
      },
    );
    return port;
  }

  #take(message: FromWorker): void {
    if (message.type === 'loaded') this.#loaded();
    else if (message.type === 'answer') this.#settle(message.id)?.resolve(message.result as never);
    else if (message.type === 'refusal') this.#settle(message.id)?.reject(fromWire(message.error));
    else this.#receive(message);
  }

  /** One request; what is transferred is empty here afterwards. */
  ask<N extends RequestName>(
    name: N,
    payload: Requests[N][0],
    transfer?: ArrayBuffer[],
  ): Promise<Requests[N][1]> {
    if (this.#failure) return Promise.reject(this.#failure);
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      this.#port.setBusy(true);
      this.#port.post({ type: 'request', id, name, payload } as never, transfer);
    });
  }

  /** A message that has no answer. */
  post(message: Exclude<ToWorker, { type: 'request' }>): void {
    this.#port.post(message);
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    this.#port.setBusy(this.#pending.size > 0);
    return pending;
  }

  /** Ends the worker at once. What is under way, and whatever is asked later, is refused with `error`. */
  end(error: Error): void {
    this.#port.terminate();
    this.#failure ??= error;
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(this.#failure);
  }
}
