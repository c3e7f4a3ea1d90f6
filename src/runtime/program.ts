/**
 * @file A list of kernel calls, and what one thread of several does of it. All threads walk the same list; a call
 * that is not divided is done by thread 0 while the others wait at the next join.
 */
import type { Kernels } from './kernels.js';
import { kernelNames, partOf, splitOf } from './split.js';

export interface Call {
  /** Index in `kernelNames`. */
  kernel: number;
  args: number[];
}

type KernelFunction = (...args: number[]) => void;

/** One thread's share of a program, step by step. */
export interface Walk {
  run: (KernelFunction | null)[];
  args: number[][];
  /** Whether all threads meet after this step. */
  join: boolean[];
}

/**
 * What `thread` of `threads` does. Joins stand between two calls unless both are thread 0's alone, and at the end.
 * @param workspace address of the thread's own scratch memory; 0 for thread 0, which uses the recorded one.
 */
export function walkOf(
  calls: readonly Call[],
  kernels: Kernels,
  thread: number,
  threads: number,
  workspace: number,
): Walk {
  const walk: Walk = { run: [], args: [], join: [] };
  const splits = calls.map(({ kernel, args }) => (threads > 1 ? splitOf(kernel, args) : null));
  calls.forEach(({ kernel, args }, i) => {
    const split = splits[i];
    const own = split ? partOf(kernel, args, split, thread, threads, workspace) : thread === 0 ? args : null;
    const join = threads > 1 && (i + 1 === calls.length || split !== null || splits[i + 1] !== null);
    if (!own && !join) return;
    walk.run.push(own ? (kernels[kernelNames[kernel]] as unknown as KernelFunction) : null);
    walk.args.push(own ?? []);
    walk.join.push(join);
  });
  return walk;
}

/** A program as numbers: for each call its kernel, how many arguments, the arguments. */
export function encodeCalls(calls: readonly Call[]): Float64Array {
  const words: number[] = [];
  for (const { kernel, args } of calls) words.push(kernel, args.length, ...args);
  return Float64Array.from(words);
}

export function decodeCalls(words: Float64Array): Call[] {
  const calls: Call[] = [];
  for (let i = 0; i < words.length; ) {
    const count = words[i + 1];
    calls.push({ kernel: words[i], args: Array.from(words.subarray(i + 2, i + 2 + count)) });
    i += 2 + count;
  }
  return calls;
}

/** Does one thread's share; `join` is called wherever all threads have to meet. */
export function follow(walk: Walk, join: () => void): void {
  const { run, args } = walk;
  for (let i = 0; i < run.length; i++) {
    run[i]?.apply(null, args[i]);
    if (walk.join[i]) join();
  }
}
