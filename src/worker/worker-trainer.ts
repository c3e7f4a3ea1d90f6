/**
 * @file A training in a worker, with the interface of `Trainer`: the page stays free, the bits stay the same. What
 * crosses is plain data (protocol.ts). The worker never has more than one batch of metrics on its way: while the
 * reader is busy it collects, and when 256 steps wait, training waits too.
 */
import { bytes, bytesOf, hostObject } from '../checks.js';
import { ConfigError, checkKeys, EnvironmentError, type PrenormError } from '../errors.js';
import { unshared } from '../io/browser-storage.js';
import { isJsonObject } from '../json.js';
import type { ClassScores } from '../recipe/index.js';
import { type Arithmetic, arithmeticNames } from '../runtime/arithmetic.js';
import { awaitable, type TrainingRun } from '../train/awaitable.js';
import type { StepMetrics, Stopped, TrainerEvents } from '../train/index.js';
import { Listeners } from '../train/listeners.js';
import { emitStep } from '../train/options.js';
import { pause } from '../train/pause.js';
import { fromWire, toWire } from '../wire-error.js';
import { checkPlain } from './plain.js';
import type {
  Generated,
  GenerateOptions,
  RequestName,
  Requests,
  Restored,
  RuntimeOptions,
  Snapshot,
  WorkerReady,
  WorkerRun,
} from './protocol.js';
import { type WorkerEvent, WorkerLink } from './worker-link.js';
import type { WorkerSource } from './worker-port.js';

/** A run, and what belongs to this side of it. */
export interface WorkerTrainerOptions extends WorkerRun {
  /**
   * Where trainer-worker.js lies when a bundler or a Blob has moved it, or a function that makes the worker. Default:
   * beside this module.
   */
  worker?: WorkerSource;
  /** Aborting it is `cancel()`. */
  signal?: AbortSignal;
  /** Called with checkpoint bytes as `Trainer` does, one at a time; training waits until it is done. */
  onCheckpoint?: (bytes: Uint8Array<ArrayBuffer>, step: number) => void | Promise<void>;
}

/** Events of `WorkerTrainer.on`, those of `Trainer`. */
export type WorkerTrainerEvents = TrainerEvents;

/** `Trainer` in a worker of its own, to the same bits: the page stays free while it trains. */
export class WorkerTrainer {
  /** Resolves when the worker has loaded kernels, data and model; rejects with what went wrong. */
  readonly ready: Promise<WorkerReady>;
  readonly #options: WorkerTrainerOptions;
  readonly #link: WorkerLink;
  readonly #listeners = new Listeners<WorkerTrainerEvents>();
  #step = 0;
  #stopped: Stopped | null = null;
  #batch: StepMetrics[] = [];
  #arrived: () => void = () => {};
  #running = false;

  /**
   * Starts the worker. Buffers of the data move to it, so they are empty here afterwards; shared ones and parts of
   * larger ones are copied.
   * @throws ConfigError for a value that cannot cross, e.g. a function, naming it
   */
  constructor(options: WorkerTrainerOptions) {
    const { worker, signal, onCheckpoint, runtime, ...config } = options;
    if (config.data?.kind === 'module') config.data = { ...config.data, url: String(config.data.url) };
    const { weights } = config as { weights?: unknown };
    if (weights !== undefined && typeof weights !== 'string') {
      config.weights = bytesOf('WorkerTrainer', 'weights', weights);
      checkAttached('weights', config.weights);
    }
    checkPlain('WorkerTrainer', config, 'options');
    checkPlain('WorkerTrainer', runtime, 'options.runtime');
    this.#options = options;
    // Before there is a worker that would be left running; and now, though the worker gets it later.
    const { message, transfer } = prepared({ ...config, keepCheckpoints: onCheckpoint !== undefined });
    const moved = cloned(message, transfer);
    const own = withArithmetic(runtime, config.arithmetic);
    this.#link = new WorkerLink('WorkerTrainer', worker, own, (event) => this.#receive(event));
    this.ready = this.#start(moved);
    this.ready.catch(() => {}); // told again to whoever asks for anything
    signal?.addEventListener('abort', () => void this.cancel().catch(() => {}), { once: true });
  }

  async #start(run: Requests['start'][0]): Promise<WorkerReady> {
    const capabilities = await this.#link.up;
    const { message, transfer } = prepared(run);
    return { capabilities, ...(await this.#link.ask('start', message, transfer)) };
  }

  /** Steps done, as far as this side has heard. */
  get step(): number {
    return this.#step;
  }

  /** Why the run has ended before `steps`, as `Trainer.stopped`; as far as this side has heard. */
  get stopped(): Stopped | null {
    return this.#stopped;
  }

  /** Calls `listener` on every event of that kind; returns a function that stops it. */
  on<K extends keyof WorkerTrainerEvents>(
    event: K,
    listener: (payload: WorkerTrainerEvents[K]) => void,
  ): () => void {
    return this.#listeners.on(event, listener);
  }

  /**
   * Trains until `steps`, yielding the metrics of each, as `Trainer.run()` does. Breaking out stops the worker after
   * its step; calling `run()` again goes on. Awaited instead, it trains to the end.
   * @throws AbortError after `cancel()`; whatever error the training ends with, of the same class
   */
  run(): TrainingRun {
    return awaitable(this.#steps());
  }

  async *#steps(): AsyncGenerator<StepMetrics, void, void> {
    if (this.#options.signal?.aborted) throw new DOMException('training was aborted', 'AbortError');
    await this.ready;
    if (this.#running) throw new ConfigError('it runs already', { op: 'WorkerTrainer.run' });
    this.#running = true;
    this.#batch = [];
    let over = false;
    const result = this.#link.ask('run', null).finally(() => {
      over = true;
      this.#arrived();
    });
    result.catch(() => {}); // thrown below, when all metrics before it are handed out
    try {
      for (;;) {
        const metrics = this.#batch.shift();
        if (metrics) {
          this.#step = metrics.step;
          this.#stopped = metrics.stopped ?? null;
          emitStep(this.#listeners, metrics);
          yield metrics;
          if (this.#batch.length === 0) this.#link.post({ type: 'taken' });
          // A burst of metrics must not keep the page from its clicks.
          await pause();
          continue;
        }
        if (over) break;
        await new Promise<void>((resolve) => {
          this.#arrived = resolve;
        });
      }
      await result;
    } finally {
      if (!over) {
        await this.#link.ask('stop', 'leave').catch(() => {});
        await result.catch(() => {});
      }
      this.#running = false;
    }
  }

  /** Training waits after the step under way; `run()` yields nothing more until `resume()`. */
  pause(): Promise<{ step: number }> {
    return this.#whenReady('pause', null);
  }

  /** Ends `pause()`. */
  resume(): Promise<{ step: number }> {
    return this.#whenReady('resume', null);
  }

  /** Ends `run()` after the step under way, with a checkpoint and an AbortError. The trainer can still be used. */
  cancel(): Promise<{ step: number }> {
    return this.#whenReady('stop', 'cancel');
  }

  /** Weights and checkpoint between two steps, also while it trains. */
  snapshot(): Promise<Snapshot> {
    return this.#whenReady('snapshot', null);
  }

  /**
   * Goes on from a checkpoint, bit for bit; without bytes, from the newest one in `store`, where null says that there
   * is none. `schedule: 'new'` goes on under another schedule than the checkpoint's.
   * @throws CheckpointError when it does not fit; nothing is changed then
   */
  async restore(
    bytes?: ArrayBufferView | ArrayBufferLike,
    options: {
      /** Whether the schedule must be the checkpoint's, or may be another. Default `same`. */
      schedule?: 'same' | 'new';
    } = {},
  ): Promise<Restored | null> {
    checkKeys('WorkerTrainer.restore', options, ['schedule']);
    const from = bytes === undefined ? 'store' : unshared(bytes);
    const restored = await this.#whenReady('restore', { ...options, bytes: from });
    if (restored) {
      this.#step = restored.step;
      this.#stopped = restored.stopped;
    }
    return restored;
  }

  /** Mean negative log-likelihood per validation token. */
  evaluate(): Promise<number> {
    return this.#whenReady('evaluate', null);
  }

  /** Accuracy and macro F1 of the best weights so far on what is held out; null without classes. @internal */
  scores(): Promise<ClassScores | null> {
    return this.#whenReady('scores', null);
  }

  /** Continues a prompt with the weights of the moment, also while it trains. */
  generate(options: GenerateOptions): Promise<Generated> {
    return this.#whenReady('generate', options);
  }

  /** SHA-256 over losses and weights, as `Trainer.hash()`. */
  hash(): Promise<string> {
    return this.#whenReady('hash', null);
  }

  /** Ends the worker at once. What is under way is refused with an AbortError. */
  close(): void {
    this.#link.end(new DOMException('the trainer was closed', 'AbortError'));
  }

  async #whenReady<N extends RequestName>(name: N, payload: Requests[N][0]): Promise<Requests[N][1]> {
    await this.ready;
    return this.#link.ask(name, payload);
  }

  #receive(message: WorkerEvent): void {
    if (message.type === 'metrics') {
      this.#batch.push(...message.metrics);
      this.#arrived();
    } else if (message.type === 'checkpoint') void this.#keep(message.bytes, message.step);
    else if (message.type === 'checkpointed') {
      this.#listeners.emit('checkpoint', { step: message.step, bytes: message.bytes });
    } else if (message.type === 'checkpointFailed') {
      const { step, savedStep, error } = message;
      this.#listeners.emit('checkpointFailed', { step, savedStep, error: fromWire(error) as PrenormError });
    }
  }

  async #keep(bytes: Uint8Array<ArrayBuffer>, step: number): Promise<void> {
    try {
      await this.#options.onCheckpoint?.(bytes, step);
      this.#link.post({ type: 'kept', error: null });
    } catch (error) {
      this.#link.post({ type: 'kept', error: toWire(error) });
    }
  }
}

function cloned<M>(message: M, transfer: ArrayBuffer[]): M {
  if (typeof structuredClone === 'function') return structuredClone(message, { transfer });
  throw new EnvironmentError('this host has no structuredClone, so nothing can go to a worker', {
    op: 'WorkerTrainer',
    hint: "Jest's jsdom has none: begin the test with /** @jest-environment node */",
  });
}

/** The buffers of the data, ready to move: those that are wholly one's own move, others are copied. */
function prepared<C extends Omit<WorkerRun, 'runtime'>>(run: C): { message: C; transfer: ArrayBuffer[] } {
  const transfer: ArrayBuffer[] = [];
  // What is no object goes as it is, for the check in the worker to name.
  if (!isJsonObject(run.data)) return { message: run, transfer };
  const data = Object.fromEntries(
    Object.entries(run.data).map(([key, value]) => {
      if (!bytes.holds(value)) return [key, value];
      checkAttached(`data.${key}`, value as ArrayBuffer | ArrayBufferView);
      const buffer = bufferOf(value as ArrayBuffer | ArrayBufferView);
      const whole =
        hostObject(buffer, 'ArrayBuffer') && buffer.byteLength === (value as ArrayBuffer).byteLength;
      const own = whole && !transfer.includes(buffer) ? value : copyOf(value);
      transfer.push(bufferOf(own as ArrayBufferView) as ArrayBuffer);
      return [key, own];
    }),
  );
  return { message: { ...run, data } as C, transfer };
}

const bufferOf = (value: ArrayBuffer | ArrayBufferView) =>
  ArrayBuffer.isView(value) ? (value.buffer as ArrayBuffer) : value;

/** In memory of its own: an array of numbers stays of its kind, everything else becomes bytes. */
function copyOf(value: unknown): ArrayBufferView {
  const isArray = ArrayBuffer.isView(value) && !hostObject(value, 'DataView');
  return (isArray ? (value as Int32Array) : bytesOf('WorkerTrainer', 'data', value)).slice();
}

/** @throws ConfigError for a buffer that has moved away: no message would ever come of it. */
function checkAttached(key: string, value: ArrayBuffer | ArrayBufferView): void {
  try {
    new Uint8Array(bufferOf(value));
  } catch {
    throw new ConfigError(`${key} is empty: its buffer has moved, to a worker perhaps`, {
      op: 'WorkerTrainer',
      hint: 'give each trainer a copy, e.g. bytes.slice()',
    });
  }
}

/** The worker's runtime computes as the recipe says, where nothing else is asked of it. What is wrong is named there. */
function withArithmetic(
  runtime: RuntimeOptions | undefined,
  arithmetic: Arithmetic | undefined,
): RuntimeOptions | undefined {
  const isAsked = runtime?.arithmetic !== undefined || runtime?.simd !== undefined;
  const isKnown = arithmetic !== undefined && arithmeticNames.includes(arithmetic);
  if (isAsked || !isKnown || (runtime !== undefined && !isJsonObject(runtime))) return runtime;
  return { ...runtime, arithmetic };
}
