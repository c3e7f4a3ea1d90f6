/** @file Carries out runs over several local processes, longest first, one run per process at a time. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  kindOf,
  type Machine,
  type RunProgress,
  type RunRecord,
  type RunSpec,
} from '../experiments/index.js';
import { fromWire, type WireError } from '../wire-error.js';
import type { ChildRequest } from './child.js';
import type { EngineOptions } from './start.js';

export interface PoolEvents {
  onProgress(spec: RunSpec, progress: RunProgress): void;
  /** @param machine that carried it out, where that was another process's business */
  onDone(spec: RunSpec, record: RunRecord, machine?: Machine): void | Promise<void>;
  /** A result that was told of and does not hold; the run is told of again. */
  onPutAside?(spec: RunSpec, why: string): void | Promise<void>;
  /** A line for whoever waits. */
  onNote?(line: string): void;
  /** Told of a run that failed; then the others go on. Without it, the first that fails ends all. */
  onFailed?(spec: RunSpec, error: Error): void;
}

export interface ExecuteOptions {
  processes: number;
  engine: EngineOptions;
  signal: AbortSignal;
  /** Names of data are relative to it. Default: the working folder. */
  folder?: string;
}

interface ChildMessage {
  progress?: RunProgress;
  record?: RunRecord;
  error?: WireError;
}

/**
 * Carries out runs somewhere and says when each is done, in any order. Runs are plain data and records are too, so
 * another one may hand them to other machines.
 */
export type RunExecutor = (
  specs: readonly RunSpec[],
  options: ExecuteOptions,
  events: PoolEvents,
) => Promise<void>;

/** On local processes. Rejects at the first failed run that nobody wants to hear of; the other children are ended. */
export const runPool: RunExecutor = async (specs, options, events) => {
  const queue = [...specs].sort((a, b) => kindOf(b).cost(b) - kindOf(a).cost(a));
  const { engine, folder, signal } = options;
  const lanes = Array.from({ length: Math.min(options.processes, specs.length) }, () => new RunProcess());
  const lane = async (child: RunProcess): Promise<void> => {
    for (let spec = queue.shift(); spec; spec = queue.shift()) {
      signal.throwIfAborted();
      const current = spec;
      let record: RunRecord;
      try {
        record = await child.run({ spec, engine, folder }, (p) => events.onProgress(current, p), signal);
      } catch (error) {
        if (!events.onFailed || signal.aborted) throw error;
        // Whatever state it has left behind, the next run begins in a process of its own.
        child.end();
        events.onFailed(spec, error as Error);
        continue;
      }
      await events.onDone(spec, record);
    }
  };
  try {
    await Promise.all(lanes.map(lane));
  } finally {
    queue.length = 0;
    for (const child of lanes) child.end();
  }
};

/** A process that carries out one run at a time; it is started for the first, and again after it has ended. */
export class RunProcess {
  #child: ChildProcess | undefined;

  /** Rejects with what the run threw, when the process ends, and when `signal` aborts. */
  run(request: ChildRequest, onProgress: (p: RunProgress) => void, signal?: AbortSignal): Promise<RunRecord> {
    const child = this.#child ?? this.#start();
    return runOn(child, request, onProgress, signal);
  }

  #start(): ChildProcess {
    const child = startChild();
    this.#child = child;
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
    });
    return child;
  }

  end(): void {
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
  }
}

function startChild(): ChildProcess {
  // Under tsx (development) this file is .ts and so is the child; from dist both are .js.
  const path = fileURLToPath(
    new URL(import.meta.url.endsWith('.ts') ? './child.ts' : './child.js', import.meta.url),
  );
  return fork(path, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' });
}

function runOn(
  child: ChildProcess,
  request: ChildRequest,
  onProgress: (p: RunProgress) => void,
  signal: AbortSignal | undefined,
): Promise<RunRecord> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      child.off('message', onMessage);
      child.off('exit', onExit);
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    const onMessage = (message: ChildMessage) => {
      if (message.progress) onProgress(message.progress);
      else if (message.record) finish(() => resolve(message.record as RunRecord));
      else if (message.error) finish(() => reject(fromWire(message.error as WireError)));
    };
    const onExit = (code: number | null, killed: string | null) =>
      finish(() =>
        reject(new Error(`the process of ${request.spec.id} ended early (${killed ?? `exit code ${code}`})`)),
      );
    const onAbort = () => finish(() => reject(new DOMException('interrupted', 'AbortError')));
    child.on('message', onMessage);
    child.on('exit', onExit);
    signal?.addEventListener('abort', onAbort);
    child.send(request);
  });
}
