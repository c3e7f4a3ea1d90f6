/**
 * @file Kernels that are wrong by one unit in the last place. A mutant runs the real kernel and then moves one number
 * of its result to the next float, on every call: what a single operation rounded otherwise would do.
 */
import { readFile } from 'node:fs/promises';
import { items } from '../../src/conformance/run.js';
import { init } from '../../src/runtime/init.js';
import { instantiateKernels } from '../../src/runtime/instantiate.js';
import type { Kernels } from '../../src/runtime/kernels.js';
import type { Runtime } from '../../src/runtime/runtime.js';

type Kernel = (...args: number[]) => number | undefined;
type Table = Record<string, Kernel>;

/** Exports that compute no number of a model, each with the reason. */
export const exempt: Readonly<Record<string, string>> = {
  int12Trial: 'is timed; its result means nothing',
  int12PackedBytes: 'counts bytes',
  sgemmHalf:
    'is sgemm but for how it reads B: every value and product is held against it in test/kernels/half.test.ts',
  sgemmValidRowsHalf: 'the same, of sgemmValidRows',
  int12GemmHalf: 'the same, of int12Gemm',
  int12GemmValidRowsHalf: 'the same, of int12Gemm',
  embeddingForwardHalf: 'is embeddingForward but for how it reads the table, as above',
  heapBase: 'returns the first free address',
  gemmWorkspaceBytes: 'returns a size of scratch memory',
  attentionWorkspaceBytes: 'returns a size of scratch memory',
  publishCommand: 'joins threads',
  awaitCommand: 'joins threads',
  joinThreads: 'joins threads',
  failThreads: 'joins threads',
};

/** Every export of the strict build that computes numbers. */
export async function numericKernels(): Promise<string[]> {
  const bytes = await readFile(new URL('../../build/kernels.wasm', import.meta.url));
  const { kernels } = await instantiateKernels(bytes);
  return Object.keys(kernels).filter((name) => !(name in exempt));
}

/** Runs `work` while `replace` stands in for the kernels it returns; the rest are the real ones. */
async function withKernels<T>(
  runtime: Runtime,
  replace: (name: string, kernel: Kernel) => Kernel,
  work: () => T | Promise<T>,
): Promise<T> {
  const table: Table = {};
  for (const [name, kernel] of Object.entries(runtime.kernels as unknown as Table))
    table[name] = replace(name, kernel);
  // What an arithmetic calls in the place of others is replaced like the rest.
  const value = runtime.int12?.replace(table as unknown as Kernels) ?? table;
  Object.defineProperty(runtime, 'kernels', { value, configurable: true });
  try {
    return await work();
  } finally {
    // The runtime's own is its class's.
    delete (runtime as { kernels?: Kernels }).kernels;
  }
}

/**
 * All hashes of one item as text. Where the trainer can replay recorded steps it is told not to: they would go round
 * the replaced kernels.
 */
async function hashes(name: string, runtime: Runtime, replay: boolean | undefined): Promise<string> {
  runtime.manualSeed(2002);
  const item = items.find((candidate) => candidate.name === name);
  return JSON.stringify(await item?.run({ replay }));
}

export interface Survey {
  runtime: Runtime;
  replay: boolean | undefined;
  /** Item to its hashes with the real kernels. */
  right: Map<string, string>;
  /** Kernel to the items that call it, quickest first. */
  callers: Map<string, string[]>;
}

/** Kernels that only int12 calls. */
export const isInt12 = (kernel: string): boolean => kernel.startsWith('int12');

/**
 * Runs every item once and notes which kernels it calls. The runtime is the default one from here on: what is detected
 * belongs to the survey before it.
 */
export async function survey(
  only?: readonly string[],
  arithmetic: 'strict' | 'int12' = 'strict',
): Promise<Survey> {
  const runtime = await init({ arithmetic, threads: 1 });
  const right = new Map<string, string>();
  const found: { item: string; milliseconds: number; called: Set<string> }[] = [];
  const replay = (await knowsReplay(runtime)) ? false : undefined;
  for (const { name: item } of items) {
    if (only && !only.includes(item)) continue;
    const called = new Set<string>();
    const begun = performance.now();
    const count = (name: string, kernel: Kernel): Kernel => {
      return (...args) => {
        called.add(name);
        return kernel(...args);
      };
    };
    right.set(item, await withKernels(runtime, count, () => hashes(item, runtime, replay)));
    found.push({ item, milliseconds: performance.now() - begun, called });
  }
  found.sort((a, b) => a.milliseconds - b.milliseconds);
  const callers = new Map<string, string[]>();
  for (const { item, called } of found)
    for (const name of called) callers.set(name, [...(callers.get(name) ?? []), item]);
  return { runtime, replay, right, callers };
}

/** Whether this version's Trainer has the option `replay`; an unknown option is refused by name. */
async function knowsReplay(runtime: Runtime): Promise<boolean> {
  try {
    await hashes('vision', runtime, false);
    return true;
  } catch (error) {
    if (/replay/.test(String(error))) return false;
    throw error;
  }
}

/** The first item whose hashes tell the mutant of `kernel` from the real one; null when none does. */
export async function detect(
  kernel: string,
  { runtime, replay, right, callers }: Survey,
): Promise<string | null> {
  const spoil = (name: string, real: Kernel): Kernel =>
    name === kernel ? mutant(name, real, runtime) : real;
  for (const item of callers.get(kernel) ?? []) {
    const actual = await withKernels(runtime, spoil, () => hashes(item, runtime, replay));
    if (actual !== right.get(item)) return item;
  }
  return null;
}

/** Elements at the start of a result among which one is chosen. */
const WINDOW = 256;

function mutant(name: string, real: Kernel, runtime: Runtime): Kernel {
  return (...args) => {
    // Optimizers write to the parameters their table names; everything else writes to its first argument.
    const at = name.endsWith('Step') ? runtime.heap.readInts(args[0], 1)[0] : args[0];
    const room = Math.floor((runtime.heap.byteLength - at) / 4);
    const addressed = Number.isInteger(at) && at > 0 && at % 4 === 0 && room > 0;
    const before = addressed ? runtime.heap.readInts(at, Math.min(WINDOW, room)) : new Int32Array(0);
    const value = real(...args);
    if (typeof value === 'number') return nextDouble(value);
    const after = runtime.heap.readInts(at, before.length);
    // What changed belongs to the result. A zero's neighbour would be lost in the next addition: prefer another.
    const changed = after.findIndex((bits, i) => bits !== before[i] && isNormal(bits));
    const index = Math.max(0, changed);
    runtime.heap.writeInts(at + 4 * index, [after[index] + 1]);
    return value;
  };
}

const isNormal = (bits: number): boolean => {
  const exponent = (bits >>> 23) & 0xff;
  return exponent > 0 && exponent < 0xff;
};

function nextDouble(value: number): number {
  const bits = new BigInt64Array(Float64Array.of(value).buffer);
  bits[0] += 1n;
  return new Float64Array(bits.buffer)[0];
}
