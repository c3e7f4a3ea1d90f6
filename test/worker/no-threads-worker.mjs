/** The training worker as a debugger may leave it: with threads, it stands still before it has a runtime. */
import '../../dist/worker/trainer-worker.js';
import { parentPort } from 'node:worker_threads';

parentPort.on('message', ({ name, payload }) => {
  if (name === 'init' && payload.threads !== 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
