/**
 * @file The fuzz loop. Case `i` of a seed is the same on every machine, so a failure is two numbers. A case
 * fails when it throws what is not a typed error of ours, when an invariant of its target is broken, when it
 * does not end, or when it allocates far beyond the size of its input.
 */
import v8 from 'node:v8';
import vm from 'node:vm';
import { PrenormError } from '../../src/errors.js';
import { RandomStream } from '../../src/random.js';

export interface FuzzTarget {
  name: string;
  /** Run before every batch of cases, e.g. to take a fresh memory. */
  reset?(): Promise<void>;
  make(random: RandomStream): Uint8Array;
  /** Returns when the input is accepted. Throws a typed error when it is refused, anything else when it fails. */
  run(bytes: Uint8Array): void | Promise<void>;
  /** Mends checksums, so that a smaller input still reaches what failed. */
  repair?(bytes: Uint8Array): Uint8Array;
}

export interface FuzzFailure {
  seed: number;
  index: number;
  kind: string;
  input: Uint8Array;
}

export interface FuzzReport {
  executions: number;
  accepted: number;
  failures: FuzzFailure[];
  /** Slowest case in milliseconds: for the eye, nothing is judged by it. */
  slowest: number;
}

const BATCH = 32;
/** No input of these sizes needs a tenth of it, even on a very busy machine. */
const HANG_MS = 60_000;
const FREE_BYTES = 24 << 20;
const BYTES_PER_BYTE = 200;

/** Runs cases from `first` on until `done` says so or 5 have failed. */
export async function fuzz(
  target: FuzzTarget,
  options: { seed: number; first?: number; done: (executions: number) => boolean },
): Promise<FuzzReport> {
  const report: FuzzReport = { executions: 0, accepted: 0, failures: [], slowest: 0 };
  let index = options.first ?? 0;
  while (!options.done(report.executions) && report.failures.length < 5) {
    if (report.executions % BATCH === 0) {
      await target.reset?.();
      // Lets finalizers run.
      await new Promise((resolve) => setImmediate(resolve));
    }
    const input = caseInput(target, options.seed, index);
    const begun = performance.now();
    const outcome = await execute(target, input);
    report.slowest = Math.max(report.slowest, performance.now() - begun);
    report.executions++;
    if (outcome === 'accepted') report.accepted++;
    else if (outcome !== 'refused') report.failures.push({ seed: options.seed, index, kind: outcome, input });
    index++;
  }
  return report;
}

export function caseInput(target: FuzzTarget, seed: number, index: number): Uint8Array {
  return target.make(new RandomStream(seed, `fuzz:${target.name}`, index));
}

/** `accepted`, `refused`, or what went wrong. */
export async function execute(target: FuzzTarget, input: Uint8Array): Promise<string> {
  const before = allocated();
  let outcome: string;
  try {
    await withDeadline(() => target.run(input));
    outcome = 'accepted';
  } catch (error) {
    if (error instanceof PrenormError) {
      outcome =
        /[\n\r]/.test(error.message) || error.message.length > 2100 ? 'message of many lines' : 'refused';
    } else outcome = describe(error);
  }
  const grown = allocated() - before;
  if (grown > FREE_BYTES + BYTES_PER_BYTE * input.length) return `allocates ${grown >> 20} MB`;
  return outcome;
}

function describe(error: unknown): string {
  if ((error as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return 'does not end';
  const { name, message, stack } = error as Error;
  const where = stack?.split('\n').find((line) => /\/(src|test)\//.test(line)) ?? '';
  return `${name}: ${String(message).slice(0, 120)} ${where.trim().replace(/\(?[^ (]*\/(src|test)\//, '($1/')}`;
}

function allocated(): number {
  const { used_heap_size: heap, external_memory: external } = v8.getHeapStatistics();
  return heap + external;
}

const call = new vm.Script('globalThis.__prenormFuzzCase()');

/**
 * The engine itself ends a case that hangs; a timer could not, because the case never yields. What a promise does
 * after its first wait is outside: a case that waits first has its work done in a second call of this.
 */
export function withDeadline<T>(run: () => T): T {
  const host = globalThis as { __prenormFuzzCase?: () => T };
  host.__prenormFuzzCase = run;
  try {
    return call.runInThisContext({ timeout: HANG_MS });
  } finally {
    delete host.__prenormFuzzCase;
  }
}

/** A smaller input that fails in the same way: stretches are removed while it does (after Zeller's ddmin). */
export async function minimize(
  target: FuzzTarget,
  failure: FuzzFailure,
  attempts = 500,
): Promise<Uint8Array> {
  const repair = (bytes: Uint8Array) => target.repair?.(bytes) ?? bytes;
  const [kind] = failure.kind.split(':');
  let best = failure.input;
  for (let size = best.length >> 1; size >= 1 && attempts > 0; size >>= 1) {
    for (let at = 0; at + size <= best.length && attempts > 0; attempts--) {
      const smaller = repair(
        Uint8Array.from(Buffer.concat([best.subarray(0, at), best.subarray(at + size)])),
      );
      if ((await execute(target, smaller)).split(':')[0] === kind) best = smaller;
      else at += size;
    }
  }
  return best;
}
