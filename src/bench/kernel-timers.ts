/** @file Time spent in each kernel of a runtime, by wrapping its kernel table. */
import type { Runtime } from '../runtime/runtime.js';

type AnyKernel = (...args: number[]) => number | undefined;

export interface KernelTime {
  name: string;
  ms: number;
  calls: number;
}

export class KernelTimers {
  readonly #totals = new Map<string, KernelTime>();
  /** Milliseconds that timing adds to a call: seen by the call's own interval, and in all. */
  readonly #insideCall: number;
  readonly #perCall: number;

  /** Wraps the kernels of `runtime`, for good: use a runtime of its own. */
  constructor(runtime: Runtime) {
    const probe = this.#wrap('', () => undefined);
    const calls = 20_000;
    for (let i = 0; i < calls; i++) probe();
    this.reset();
    const before = performance.now();
    for (let i = 0; i < calls; i++) probe();
    this.#perCall = (performance.now() - before) / calls;
    this.#insideCall = (this.#totals.get('')?.ms ?? 0) / calls;
    this.#totals.delete('');
    runtime.tables.instrument((name, kernel) => this.#wrap(name, kernel as AnyKernel));
  }

  #wrap(name: string, kernel: AnyKernel): AnyKernel {
    const total: KernelTime = { name, ms: 0, calls: 0 };
    this.#totals.set(name, total);
    return (...args) => {
      const before = performance.now();
      const result = kernel(...args);
      total.ms += performance.now() - before;
      total.calls++;
      return result;
    };
  }

  reset(): void {
    for (const total of this.#totals.values()) {
      total.ms = 0;
      total.calls = 0;
    }
  }

  /** Time per kernel since the last reset, without what timing costs, longest first. */
  totals(): KernelTime[] {
    return [...this.#totals.values()]
      .filter(({ calls }) => calls > 0)
      .map(({ name, ms, calls }) => ({ name, calls, ms: Math.max(0, ms - calls * this.#insideCall) }))
      .sort((a, b) => b.ms - a.ms);
  }

  /** What timing has cost since the last reset. */
  cost(): number {
    let calls = 0;
    for (const total of this.#totals.values()) calls += total.calls;
    return calls * this.#perCall;
  }
}
