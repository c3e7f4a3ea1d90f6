/** @file The file a training worker runs, in browsers and in Node. `WorkerTrainer` starts it and talks to it. */
import { builtFile, nodeBuiltin } from '../runtime/node-builtin.js';
import { importingWorker } from './importing-worker.js';
import type { FromWorker, ToWorker } from './protocol.js';
import { RunHost } from './run-host.js';

interface Port {
  postMessage(message: FromWorker, transfer: ArrayBuffer[]): void;
  onmessage: ((event: { data: ToWorker }) => void) | null;
}

const threads = nodeBuiltin('node:worker_threads') as typeof import('node:worker_threads') | null;
const { parentPort } = threads ?? {};
if (parentPort) {
  const host = new RunHost((message, transfer) => parentPort.postMessage(message, transfer));
  parentPort.on('message', (message: ToWorker) => void host.receive(message));
  parentPort.postMessage({ type: 'loaded' } satisfies FromWorker);
} else {
  const scope = globalThis as unknown as Port;
  const here: string | undefined = import.meta.url;
  const file = '../chunks/kernel-worker.js';
  const threads = importingWorker(here && builtFile(here, file, file));
  const host = new RunHost((message, transfer) => scope.postMessage(message, transfer), threads);
  scope.onmessage = ({ data }) => void host.receive(data);
  scope.postMessage({ type: 'loaded' }, []);
}
