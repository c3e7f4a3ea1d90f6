/** @file The runtimes of a program: `init()` makes the default one, `createRuntime()` others. */
import { anything, checkOptions, either, integer, oneOf, optional, type Rules } from '../checks.js';
import { ConfigError, EnvironmentError } from '../errors.js';
import type { Arithmetic, Build, MicroKernel } from './arithmetic.js';
import { type ArithmeticOptions, arithmeticOf, arithmeticRules } from './arithmetic-options.js';
import type { ThreadChoice } from './choose-threads.js';
import { WasmHeap } from './heap.js';
import { chooseThreads, MOST_THREADS, packagedWasm, startPool } from './host.js';
import { instantiateKernels, type WasmSource } from './instantiate.js';
import type { Int12 } from './int12-kernels.js';
import type { Kernels } from './kernels.js';
import { onDemand } from './node-builtin.js';
import { makeCurrent, Runtime } from './runtime.js';
import type { StartPool } from './threads.js';

export type { WasmSource } from './instantiate.js';

/** How a runtime computes and what it may use; everything has a default. */
export interface InitOptions extends ArithmeticOptions {
  /**
   * Threads that compute one step, the calling one included; their number changes no bit of any result. 'auto': one per
   * processor. Where a host cannot have more than one, one is used and `capabilities()` says why. Default 1.
   */
  threads?: number | 'auto';
  /**
   * `strict` and `int12` give the same bits everywhere; `relaxed` uses fused multiply-add and does not. `int12` multiplies
   * matrices in integers, nearly twice as fast; docs/execution.md says what that costs. Default `strict`.
   */
  arithmetic?: Arithmetic;
  /** The earlier name of `arithmetic`, without `int12`. Default: as `arithmetic` says. */
  simd?: Build;
  /**
   * With `int12`: the instructions to multiply with, which change no bit. Default: those that a short timing finds faster.
   */
  microKernel?: MicroKernel;
  /** Address of kernel-worker.js (or a TrustedScriptURL), which threads run, where a bundler or a Blob has moved it. Default: beside this module. */
  worker?: string | URL;
  /** Kernels as bytes, as a compiled module, or as what `fetch` gives. Default: those of the package. */
  wasm?: WasmSource | Promise<WasmSource>;
  /** Most bytes that the memory may grow to. Default: 4 GiB in Node, 1 GiB elsewhere. */
  maxMemory?: number;
}

const PAGE = 65536;
const MAX_PAGES = 65536;

const rules: Rules<InitOptions> = {
  threads: optional(either(oneOf('auto'), integer(1, MOST_THREADS))),
  ...arithmeticRules,
  microKernel: optional(oneOf('dot', 'extmul')),
  worker: optional({
    wanted: 'an address',
    // By its name: a test's page has classes of its own, and not every host has those of Trusted Types.
    holds: (value) => typeof value === 'string' || /URL\]$/.test(Object.prototype.toString.call(value)),
  }),
  wasm: optional(anything),
  maxMemory: optional(integer(PAGE, MAX_PAGES * PAGE)),
};

let starting: Promise<Runtime> | null = null;
let defaultRuntime: Runtime | null = null;

/** Where an entry of the package has its kernels. */
export interface KernelSupply {
  load(arithmetic: Arithmetic): WasmSource | Promise<WasmSource>;
  /** How many threads, and how they are started; an entry that is never divided leaves both out. */
  chooseThreads?: typeof chooseThreads;
  startPool?: StartPool;
  /** Puts something in the place of kernels that this build leaves out. */
  complete?(kernels: Kernels): Promise<Kernels>;
}

const inlined: KernelSupply = { load: packagedWasm, chooseThreads, startPool };

/** Makes a runtime of its own, independent of the default one. */
export function createRuntime(options: InitOptions = {}): Promise<Runtime> {
  return createRuntimeFrom(inlined, options);
}

/** Makes the default runtime ready. Call it once before anything else; further calls return at once. */
export function init(options: InitOptions = {}): Promise<Runtime> {
  return initFrom(inlined, options);
}

/** `createRuntime` with kernels from `supply`. */
export async function createRuntimeFrom(supply: KernelSupply, options: InitOptions): Promise<Runtime> {
  checkOptions('init', options, rules);
  const arithmetic = arithmeticOf('init', options);
  if (options.microKernel !== undefined && arithmetic !== 'int12') {
    throw new ConfigError(`microKernel is for arithmetic 'int12', and this is ${arithmetic}`, {
      op: 'init',
      hint: 'leave it out',
    });
  }
  const maxMemory = options.maxMemory ?? defaultMaxMemory();
  const wanted = options.threads ?? 1;
  let choice = { threads: 1, reason: 'one thread was asked for (the default)' };
  if (wanted !== 1) choice = await (supply.chooseThreads ?? oneThread)(wanted);
  const { threads, reason } = choice;
  const source = (await options.wasm) ?? (await supply.load(arithmetic));
  const instance = await instantiateKernels(source, Math.floor(maxMemory / PAGE), threads > 1);
  const { memory, heapBase, maxPages } = instance;
  const kernels =
    supply.complete && !options.wasm ? await supply.complete(instance.kernels) : instance.kernels;
  const int12 = arithmetic === 'int12' ? await int12From(kernels, options.microKernel) : null;
  const heap = new WasmHeap(memory, Math.min(maxMemory, maxPages * PAGE));
  const runtime = new Runtime(kernels, heap, heapBase, arithmetic, int12);
  await runtime.startThreads({
    instance,
    threads,
    reason,
    start: supply.startPool,
    worker: options.worker,
  });
  return runtime;
}

/** @throws EnvironmentError for kernels of an earlier version, which cannot do it */
async function int12From(kernels: Kernels, wanted: MicroKernel | undefined): Promise<Int12> {
  if (!kernels.int12Trial) {
    throw new EnvironmentError('these kernels cannot compute in int12', {
      op: 'init',
      hint: 'give the strict kernels of this version, or leave out wasm',
    });
  }
  const { int12Of } = await onDemand(import('./int12-kernels.js'));
  return int12Of(kernels, wanted);
}

/** `init` with kernels from `supply`. */
export async function initFrom(supply: KernelSupply, options: InitOptions): Promise<Runtime> {
  // Two calls that overlap share one runtime.
  if (!starting || Object.keys(options).length > 0) starting = createRuntimeFrom(supply, options);
  const attempt = starting;
  try {
    const runtime = await attempt;
    if (runtime !== defaultRuntime) {
      defaultRuntime = runtime;
      makeCurrent(runtime);
    }
    return runtime;
  } catch (error) {
    if (starting === attempt) starting = defaultRuntime && Promise.resolve(defaultRuntime);
    throw error;
  }
}

async function oneThread(): Promise<ThreadChoice> {
  return {
    threads: 1,
    reason: 'prenorm/inference computes on one thread: import init from `prenorm` for more',
  };
}

function defaultMaxMemory(): number {
  const node = typeof process !== 'undefined' && !!process.versions?.node;
  return (node ? MAX_PAGES : MAX_PAGES / 4) * PAGE;
}
