/**
 * @file A step written down and carried out again: a kernel table whose calls are recorded, programs made of
 * recordings, and their replay. Ops cannot tell the table from the plain one.
 */
import { type Kernels, unrecorded } from './kernels.js';
import type { DividedProgram } from './pool.js';
import { type Block, type InputArray, Recording, releaseBlocks } from './recording.js';
import type { Runtime } from './runtime.js';

type KernelFunction = (...args: number[]) => unknown;

const whole = /* @__PURE__ */ new Set(/* @__PURE__ */ unrecorded.split(' '));

/** Calls are carried out and written down while the recording is the current one. */
function recordingKernels(kernels: Kernels, recording: Recording, isCurrent: () => boolean): Kernels {
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
  /** What is given back with it. */
  readonly blocks: readonly Block[];
  /** What threads walk; null without any. */
  readonly divided: DividedProgram | null;
}

/**
 * Whether steps can be recorded or replayed now. A program lies at fixed addresses of the empty arena, so nothing may be
 * alive there; and what stands in for the runtime's own kernels would not be written down.
 */
export function canReplay({ arena, recording, planning, kernels, tables }: Runtime): boolean {
  return arena.depth === 0 && !recording && !planning && kernels === tables.current;
}

/**
 * Runs `fn` and writes down its kernel calls. `inputs` are the arrays whose values may differ in a replay.
 * Nothing of it may depend on anything else that changes: see `Recording`.
 */
export function record<T>(
  runtime: Runtime,
  inputs: readonly InputArray[],
  fn: () => T,
): { value: T; recording: Recording } {
  const { tables, arena } = runtime;
  const recording = new Recording(inputs, arena.pops);
  if (!canReplay(runtime)) {
    recording.refuse('the step began inside another computation');
    return { value: fn(), recording };
  }
  const isCurrent = (): boolean => tables.recording === recording;
  let done = false;
  try {
    const value = tables.record(recording, (kernels) => recordingKernels(kernels, recording, isCurrent), fn);
    done = true;
    return { value, recording };
  } finally {
    recording.frame.alive = false;
    if (!done || recording.refusal !== null) releaseBlocks(recording.blocks);
  }
}

/** Makes a program of a recording (without a refusal). */
export function toProgram(recording: Recording, { tables, pool }: Runtime): RecordedProgram {
  const { calls, uploads, actions, blocks } = recording;
  const { plain } = tables;
  return {
    uploads,
    actions,
    blocks,
    calls: calls.map(({ kernel, args }) => [plain[kernel] as KernelFunction, args] as const),
    divided: pool ? pool.divide(calls, plain) : null,
  };
}

/** Gives a program's memory back. */
export function forget({ divided, blocks }: RecordedProgram, { persistent }: Runtime): void {
  releaseBlocks(blocks);
  if (divided) persistent.release(divided.ptr, divided.bytes);
}

/** Runs a program on `inputs`, which have the types and lengths of those it was recorded with. */
export function replayProgram(
  { uploads, actions, calls, divided }: RecordedProgram,
  { pool, heap }: Runtime,
  inputs: readonly InputArray[],
): void {
  for (const { ptr, input, rebind } of uploads) {
    const values = inputs[input];
    if (values instanceof Int32Array) heap.writeInts(ptr, values);
    else heap.writeFloats(ptr, values);
    rebind(values);
  }
  for (const action of actions) action();
  if (pool && divided) pool.replay(divided);
  else for (const [kernel, args] of calls) kernel.apply(null, args);
}
