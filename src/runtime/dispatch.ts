/**
 * @file A step written down and carried out again: a kernel table whose calls are recorded, programs made of
 * recordings, and their replay. Ops cannot tell the table from the plain one.
 */
import { type Kernels, unrecorded } from './kernels.js';
import type { DividedProgram, ThreadPool } from './pool.js';
import type { InputArray, Recording } from './recording.js';

type KernelFunction = (...args: number[]) => unknown;

const whole = /* @__PURE__ */ new Set(/* @__PURE__ */ unrecorded.split(' '));

/** Calls are carried out and written down while the recording is the current one. */
export function recordingKernels(kernels: Kernels, recording: Recording, isCurrent: () => boolean): Kernels {
  const table: Record<string, KernelFunction> = {};
  for (const [name, kernel] of Object.entries(kernels) as [keyof Kernels, KernelFunction][]) {
    table[name] = whole.has(name)
      ? kernel
      : (...args) => {
          if (isCurrent()) recording.calls.push({ kernel: name, args });
          return kernel(...args);
        };
  }
  return table as unknown as Kernels;
}

/** A recording that can be run again: its calls, and what the host does before them. */
export interface RecordedProgram {
  readonly uploads: Recording['uploads'];
  readonly actions: readonly (() => void)[];
  readonly calls: readonly (readonly [kernel: KernelFunction, args: number[]])[];
  /** What threads walk; null without any. */
  readonly divided: DividedProgram | null;
}

export interface ReplayHost {
  /** The plain kernels. */
  kernels: Kernels;
  /** Null when there is one thread. */
  pool: ThreadPool | null;
  writeInts(ptr: number, values: ArrayLike<number>): void;
  writeFloats(ptr: number, values: ArrayLike<number>): void;
}

/** Makes a program of a recording (without a refusal). */
export function toProgram(recording: Recording, { kernels, pool }: ReplayHost): RecordedProgram {
  const { calls, uploads, actions } = recording;
  return {
    uploads,
    actions,
    calls: calls.map(({ kernel, args }) => [kernels[kernel] as KernelFunction, args] as const),
    divided: pool ? pool.divide(calls, kernels) : null,
  };
}

/** Runs a program on `inputs`, which have the types and lengths of those it was recorded with. */
export function replayProgram(
  { uploads, actions, calls, divided }: RecordedProgram,
  { pool, writeInts, writeFloats }: ReplayHost,
  inputs: readonly InputArray[],
): void {
  for (const { ptr, input, rebind } of uploads) {
    const values = inputs[input];
    if (values instanceof Int32Array) writeInts(ptr, values);
    else writeFloats(ptr, values);
    rebind(values);
  }
  for (const action of actions) action();
  if (pool && divided) pool.replay(divided);
  else for (const [kernel, args] of calls) kernel.apply(null, args);
}
