/**
 * @file A worker thread of the pool: waits for commands in shared memory and walks its share of each program. It
 * never goes back to its event loop before it is told to stop.
 */
import type { Kernels, ThreadSync } from './kernels.js';
import { COMMAND, COMMAND_AT, KIND, type WorkerStart } from './pool.js';
import { decodeCalls, follow, type Walk, walkOf } from './program.js';

/** Programs a worker remembers; a forgotten one is read again. */
const REMEMBERED = 64;

function serve(start: WorkerStart, post: (message: string) => void): void {
  const { module, memory, control, thread, threads, spins, naps } = start;
  const abort = (_message: number, _file: number, line: number, column: number): never => {
    throw new Error(`assertion failed at ${line}:${column}`);
  };
  const { exports } = new WebAssembly.Instance(module, { env: { memory, abort } });
  const kernels = exports as unknown as Kernels;
  const sync = exports as unknown as ThreadSync;
  const walks = new Map<number, Walk>();
  let seen = 0;
  let arrivals = 0;
  const join = (): void => {
    arrivals = (arrivals + threads) | 0;
    if (sync.joinThreads(control, arrivals, spins.join, naps) !== 0)
      throw new Error('other threads are gone');
  };
  post('ready');
  try {
    for (;;) {
      seen = sync.awaitCommand(control, seen, spins.command);
      // The memory may have grown: views are taken anew.
      const command = new Float64Array(memory.buffer, control + COMMAND_AT, 8);
      if (command[COMMAND.kind] === KIND.stop) return;
      const id = command[COMMAND.id];
      let walk = walks.get(id);
      if (!walk) {
        const words = new Float64Array(memory.buffer, command[COMMAND.address], command[COMMAND.words]);
        const workspace = command[COMMAND.workspace] + (thread - 1) * command[COMMAND.stride];
        walk = walkOf(decodeCalls(words), kernels, thread, threads, workspace);
        if (id !== 0) {
          walks.set(id, walk);
          if (walks.size > REMEMBERED) walks.delete(walks.keys().next().value as number);
        }
      }
      follow(walk, join);
    }
  } catch (error) {
    sync.failThreads(control);
    post(error instanceof Error ? error.message : String(error));
  }
}

const node = (
  globalThis as { process?: { getBuiltinModule?: (id: string) => typeof import('node:worker_threads') } }
).process?.getBuiltinModule?.('node:worker_threads');
const port = node?.parentPort;
if (port) port.once('message', (start: WorkerStart) => serve(start, (message) => port.postMessage(message)));
else {
  const scope = globalThis as unknown as {
    onmessage: ((event: { data: WorkerStart }) => void) | null;
    postMessage(message: string): void;
  };
  scope.onmessage = ({ data }) => serve(data, (message) => scope.postMessage(message));
}
