/** @file The kernels of a runtime, in the forms in which they are called. */
import type { Int12 } from './int12-kernels.js';
import type { Kernels } from './kernels.js';
import type { ThreadPool } from './pool.js';
import type { Recording } from './recording.js';

type Around = (name: keyof Kernels, kernel: (...args: number[]) => unknown) => unknown;

export class KernelTables {
  /** The kernels themselves: undivided, unrecorded and unreplaced. */
  plain: Kernels;
  /** What ops call now. */
  current: Kernels;
  /** The recording under way. */
  recording: Recording | null = null;
  /** The plain ones, or divided among threads. */
  #divided: Kernels;
  #pool: ThreadPool | null = null;

  constructor(
    kernels: Kernels,
    private readonly int12: Int12 | null,
  ) {
    this.plain = kernels;
    this.#divided = kernels;
    this.current = this.#asOpsCall(kernels);
  }

  /** Outermost, so that what is recorded and divided are the kernels that this arithmetic really calls. */
  #asOpsCall(kernels: Kernels): Kernels {
    return this.int12?.replace(kernels) ?? kernels;
  }

  #renew(): void {
    this.#divided = this.#pool?.table(this.plain) ?? this.plain;
    this.current = this.#asOpsCall(this.#divided);
  }

  /** Divides among the threads of `pool` from here on; null changes nothing. */
  divide(pool: ThreadPool | null): void {
    this.#pool = pool;
    this.#renew();
  }

  /** Puts something around every kernel, eager and replayed, for measurements. Only before the first step. */
  instrument(around: Around): void {
    const entries = Object.entries(this.plain) as [keyof Kernels, (...args: number[]) => unknown][];
    this.plain = Object.fromEntries(entries.map(([name, kernel]) => [name, around(name, kernel)])) as never;
    this.#renew();
  }

  /** Runs `fn` while ops call `kernels`. */
  during<T>(kernels: Kernels, fn: () => T): T {
    const before = this.current;
    this.current = kernels;
    try {
      return fn();
    } finally {
      this.current = before;
    }
  }

  /** Runs `fn` with kernels that `tableOf` makes of those that are called, which write themselves down in `recording`. */
  record<T>(recording: Recording, tableOf: (kernels: Kernels) => Kernels, fn: () => T): T {
    this.recording = recording;
    try {
      return this.during(this.#asOpsCall(tableOf(this.#divided)), fn);
    } finally {
      this.recording = null;
    }
  }
}
