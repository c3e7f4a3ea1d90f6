/**
 * @file Kernel tables that do more than call: one divides calls among threads, one writes them down. Ops cannot
 * tell them from the plain table.
 */
import type { Kernels, Ptr } from './kernels.js';
import type { ThreadPool } from './pool.js';
import { type Call, encodeCalls, follow, type Walk, walkOf } from './program.js';
import type { InputArray, Recording } from './recording.js';
import { kernelNumber, splitOf } from './split.js';

type KernelFunction = (...args: number[]) => number | undefined;

/** The table with every recordable kernel replaced; the others (sizes, f64 functions) stay as they are. */
function wrap(
  kernels: Kernels,
  around: (kernel: number, original: KernelFunction) => KernelFunction,
): Kernels {
  const table: Record<string, KernelFunction> = {};
  for (const [name, value] of Object.entries(kernels)) {
    const original = value as unknown as KernelFunction;
    const kernel = kernelNumber(name as keyof Kernels);
    table[name] = kernel < 0 ? original : around(kernel, original);
  }
  return table as unknown as Kernels;
}

/** Calls worth it are divided among the pool's threads, the others run here. */
export function dividedKernels(kernels: Kernels, pool: ThreadPool): Kernels {
  return wrap(kernels, (kernel, original) => (...args) => {
    if (pool.ended !== null || splitOf(kernel, args) === null) return original(...args);
    pool.call({ kernel, args });
    return undefined;
  });
}

/** Calls are carried out and written down while the recording is the current one. */
export function recordingKernels(kernels: Kernels, recording: Recording, isCurrent: () => boolean): Kernels {
  return wrap(kernels, (kernel, original) => (...args) => {
    if (isCurrent()) recording.calls.push({ kernel, args });
    return original(...args);
  });
}

/** A recording that can be run again: its calls, and what the host does before them. */
export interface RecordedProgram {
  readonly id: number;
  readonly calls: readonly Call[];
  readonly uploads: Recording['uploads'];
  readonly actions: readonly (() => void)[];
  /** Where the workers read it; 0 without workers. */
  readonly ptr: Ptr;
  readonly bytes: number;
  readonly words: number;
  walk: Walk;
  threads: number;
}

export interface ReplayHost {
  /** The plain kernels. */
  kernels: Kernels;
  pool: ThreadPool | null;
  /** Long-lived memory. */
  allocate(bytes: number): Ptr;
  writeInts(ptr: Ptr, values: ArrayLike<number>): void;
  writeFloats(ptr: Ptr, values: ArrayLike<number>): void;
}

let programs = 0;

const threadsOf = (pool: ThreadPool | null): number => (pool && pool.ended === null ? pool.threads : 1);

/** Makes a program of a recording (without a refusal). Sizes are powers of two, for reuse of their memory. */
export function toProgram(recording: Recording, host: ReplayHost): RecordedProgram {
  const { calls, uploads, actions } = recording;
  const threads = threadsOf(host.pool);
  const words = threads > 1 ? encodeCalls(calls) : new Float64Array(0);
  let bytes = words.length > 0 ? 4096 : 0;
  while (bytes < words.length * 8) bytes *= 2;
  const ptr = bytes > 0 ? host.allocate(bytes) : 0;
  host.pool?.write(ptr, words);
  const walk = walkOf(calls, host.kernels, 0, threads, 0);
  return { id: ++programs, calls, uploads, actions, ptr, bytes, words: words.length, walk, threads };
}

/** Runs a program on `inputs`, which have the types and lengths of those it was recorded with. */
export function replayProgram(
  program: RecordedProgram,
  host: ReplayHost,
  inputs: readonly InputArray[],
): void {
  for (const { ptr, input, rebind } of program.uploads) {
    const values = inputs[input];
    if (values instanceof Int32Array) host.writeInts(ptr, values);
    else host.writeFloats(ptr, values);
    rebind(values);
  }
  for (const action of program.actions) action();
  const threads = threadsOf(host.pool);
  if (threads !== program.threads) {
    program.walk = walkOf(program.calls, host.kernels, 0, threads, 0);
    program.threads = threads;
  }
  const { pool } = host;
  if (threads === 1 || !pool) follow(program.walk, () => {});
  else pool.run(program.ptr, program.words, program.id, () => follow(program.walk, pool.join));
}
