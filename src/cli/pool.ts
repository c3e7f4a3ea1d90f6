/** @file Carries out runs over several local processes, longest first, one run per process at a time. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { kindOf, type RunProgress, type RunRecord, type RunSpec } from '../experiments/index.js';
import { fromWire, type WireError } from '../wire-error.js';
import type { ChildRequest } from './child.js';
import type { EngineOptions } from './start.js';

export interface PoolEvents {
  onProgress(spec: RunSpec, progress: RunProgress): void;
  onDone(spec: RunSpec, record: RunRecord): void | Promise<void>;
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
  options: { processes: number; engine: EngineOptions; signal: AbortSignal },
  events: PoolEvents,
) => Promise<void>;

/** On local processes. Rejects at the first failed run; the other children are ended. */
export const runPool: RunExecutor = async (specs, options, events) => {
  const queue = [...specs].sort((a, b) => kindOf(b).cost(b) - kindOf(a).cost(a));
  const children = new Set<ChildProcess>();
  const lane = async (): Promise<void> => {
    if (queue.length === 0) return;
    const child = startChild();
    children.add(child);
    try {
      for (let spec = queue.shift(); spec; spec = queue.shift()) {
        options.signal.throwIfAborted();
        const current = spec;
        const record = await runOn(
          child,
          { spec, engine: options.engine },
          (p) => events.onProgress(current, p),
          options.signal,
        );
        await events.onDone(spec, record);
      }
    } finally {
      children.delete(child);
      child.kill('SIGKILL');
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(options.processes, specs.length) }, lane));
  } finally {
    queue.length = 0;
    for (const child of children) child.kill('SIGKILL');
  }
};

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
  signal: AbortSignal,
): Promise<RunRecord> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      child.off('message', onMessage);
      child.off('exit', onExit);
      signal.removeEventListener('abort', onAbort);
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
    signal.addEventListener('abort', onAbort);
    child.send(request);
  });
}
