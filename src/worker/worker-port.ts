/** @file Starts a training worker in a browser or in Node, and hides the difference between the two. */
import { EnvironmentError } from '../errors.js';
import { builtFile, nodeBuiltin, onDemand } from '../runtime/node-builtin.js';
import { importingWorker } from './importing-worker.js';
import type { FromWorker, ToWorker } from './protocol.js';

/** A page's own worker, or what gives one: for bundlers that want to see `new Worker` themselves. */
export type WorkerSource = string | URL | (() => Worker);

export interface WorkerPort {
  post(message: ToWorker, transfer?: ArrayBuffer[]): void;
  /** A Node process may end while nothing is asked of the worker. */
  setBusy(busy: boolean): void;
  terminate(): void;
}

/** Whose worker it is, for messages. */
export type WorkerOwner = 'WorkerTrainer' | 'WorkerModel';

const PURPOSES = {
  WorkerTrainer: {
    name: 'training worker',
    here: 'use Trainer, which has the same interface, in this thread',
  },
  WorkerModel: { name: "model's worker", here: 'use loadModel of prenorm/io and generate, in this thread' },
} as const;

/** `failed` is called when the worker cannot be loaded or ends by itself. */
export function openWorker(
  op: WorkerOwner,
  source: WorkerSource | undefined,
  receive: (message: FromWorker) => void,
  failed: (error: EnvironmentError) => void,
): WorkerPort {
  const fail = (reason: string, cause?: unknown): void =>
    failed(
      new EnvironmentError(`the ${PURPOSES[op].name} failed: ${reason}`, {
        op,
        hint: 'where a bundler or a server has moved its file, say where it lies with `worker`',
        cause,
      }),
    );
  const node = nodeBuiltin('node:worker_threads') as typeof import('node:worker_threads') | null;
  if (node && typeof source !== 'function') {
    const url = source
      ? new URL(source)
      : builtFile(import.meta.url, '../worker/trainer-worker.js', '../../dist/worker/trainer-worker.js');
    const worker = new node.Worker(url, { execArgv: [] });
    worker.on('message', receive);
    worker.on('error', (error) => fail(error.message, error));
    worker.on('exit', (code) => fail(`it ended with code ${code}`));
    return {
      post: (message, transfer) => worker.postMessage(message, transfer),
      setBusy: (busy) => (busy ? worker.ref() : worker.unref()),
      terminate: () => void worker.terminate(),
    };
  }
  if (typeof Worker === 'undefined') {
    throw new EnvironmentError('this host has no workers', {
      op,
      hint: `${PURPOSES[op].here}; Node has them for Prenorm from 20.16 on`,
    });
  }
  const explain = (cause: unknown): void => {
    onDemand(import('../runtime/obstacle.js')).then(
      ({ whyNoWorker }) => fail(whyNoWorker(cause), cause),
      () => fail(String(cause), cause),
    );
  };
  let worker: Worker;
  try {
    worker = makeWorker(source);
  } catch (cause) {
    explain(cause);
    return { post: () => {}, setBusy: () => {}, terminate: () => {} };
  }
  worker.onmessage = ({ data }) => receive(data as FromWorker);
  worker.onerror = (event) => {
    event.preventDefault();
    explain(event.message);
  };
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer),
    setBusy: () => {},
    terminate: () => worker.terminate(),
  };
}

function makeWorker(source: WorkerSource | undefined): Worker {
  if (typeof source === 'function') return source();
  const file = '../worker/trainer-worker.js';
  const here: string | undefined = import.meta.url;
  const address = importingWorker(source ?? (here && builtFile(here, file, file))) ?? source;
  if (address) return new Worker(address, { type: 'module' });
  // Written out, because bundlers look for exactly this call. The file that this is built into has a folder beside
  // worker/, or is worker/ itself: this way leads there from both.
  return new Worker(new URL('../worker/trainer-worker.js', import.meta.url), { type: 'module' });
}
