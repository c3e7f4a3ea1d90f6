/**
 * @file How things are timed. A machine that is not idle swings by a factor of two within seconds, so what is
 * compared runs in turns, a share is taken within a turn before the median over all turns, and work of one thread is
 * measured in processor time, which waiting for the core does not lengthen. Rounds go on until the median stands
 * still. A sample during which another process had our core is taken again: its caches were not ours.
 */
import { type Conditions, watch } from './conditions.js';

/** What the milliseconds of a sample are: those in which this process computed, or those that passed. */
export type Clock = 'processor' | 'wall';

/** Work that can be repeated, and how often one sample repeats it. */
export interface Timed {
  run(): void;
  repeats: number;
  /** Work of several threads is measured by the wall. Default `processor`. */
  clock?: Clock;
}

/** Repeats `run` until engines have optimised it, then picks repeats so that a sample takes about `sampleMs`. */
export function timed(run: () => void, sampleMs: number, warmupMs = 150): Timed {
  const started = performance.now();
  let fastest = Number.POSITIVE_INFINITY;
  let last = started;
  do {
    run();
    const now = performance.now();
    fastest = Math.min(fastest, now - last);
    last = now;
  } while (last - started < warmupMs);
  // Below the timer's grain one call says nothing; a block of 100 does.
  if (fastest < 0.05) {
    const before = performance.now();
    for (let i = 0; i < 100; i++) run();
    fastest = Math.max((performance.now() - before) / 100, 1e-6);
  }
  return { run, repeats: Math.max(1, Math.ceil(sampleMs / fastest)) };
}

/** Part of the wall time that the process must have computed for a sample to count as undisturbed. */
const UNDISTURBED = 0.95;
const ATTEMPTS = 3;
/** No further attempt after so many milliseconds: on a busy machine a long sample is always disturbed. */
const LONG_ENOUGH = 250;

/** Milliseconds that have passed, and that this process has computed. */
export interface Clocks {
  wall(): number;
  cpu(): number;
}

export const CLOCKS: Clocks = {
  wall: () => performance.now(),
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
};

/** Repeats `attempt` until it was undisturbed, and returns what the least disturbed one returned. */
export function leastDisturbed<T>(attempt: () => T, { wall, cpu }: Clocks = CLOCKS): T {
  let best: { result: T; share: number } | null = null;
  const started = wall();
  for (let i = 0; i < ATTEMPTS && !(best && best.share >= UNDISTURBED); i++) {
    if (best && wall() - started > LONG_ENOUGH) break;
    const computed = cpu();
    const before = wall();
    const result = attempt();
    const share = (cpu() - computed) / (wall() - before);
    if (!best || share > best.share) best = { result, share };
  }
  return (best as { result: T }).result;
}

/** Milliseconds of one `run`, averaged over a sample. */
export function sample({ run, repeats, clock = 'processor' }: Timed, clocks: Clocks = CLOCKS): number {
  const now = clock === 'wall' ? clocks.wall : clocks.cpu;
  return leastDisturbed(() => {
    const before = now();
    for (let i = 0; i < repeats; i++) run();
    return (now() - before) / repeats;
  }, clocks);
}

/** How many rounds a measurement takes. */
export interface Rounds {
  /** At least so many. */
  rounds: number;
  /** At most so many, where the numbers do not stand still. */
  mostRounds: number;
}

/** The relative interval that a row comes to, else it is too noisy. */
export const NARROW = 0.03;

/**
 * The 95 % interval of the median, one side of it as a part of the median: 1.57 interquartile ranges over the root of
 * the number of samples (McGill, Tukey and Larsen 1978, Variations of box plots).
 */
export function intervalOf(samples: readonly number[]): number {
  const { median, iqr } = quartiles(samples);
  if (iqr === 0) return 0;
  return median === 0
    ? Number.POSITIVE_INFINITY
    : (1.57 * iqr) / Math.sqrt(samples.length) / Math.abs(median);
}

/** Median and interquartile range, quartiles by linear interpolation. */
export function quartiles(samples: readonly number[]): { median: number; iqr: number } {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (q: number): number => {
    const position = q * (sorted.length - 1);
    const low = Math.floor(position);
    const high = Math.min(low + 1, sorted.length - 1);
    return sorted[low] + (position - low) * (sorted[high] - sorted[low]);
  };
  return { median: at(0.5), iqr: at(0.75) - at(0.25) };
}

/** One round of something, and the numbers of the round that have to stand still. */
export type Round = () => readonly number[] | Promise<readonly number[]>;

/**
 * Rounds of each in turns, until the median of each of its numbers is known within `NARROW`; those that are not known
 * then go on alone, up to `mostRounds`.
 * @returns what else the machine did meanwhile
 */
export async function untilNarrow(list: readonly Round[], plan: Rounds): Promise<Conditions> {
  const seen: number[][][] = list.map(() => []);
  const isNarrow = (rounds: number[][]): boolean =>
    (rounds[0] ?? []).every((_, i) => intervalOf(rounds.map((numbers) => numbers[i])) <= NARROW);
  const watched = watch();
  for (let round = 0; round < plan.mostRounds; round++) {
    const open = [...list.keys()].filter((i) => round < plan.rounds || !isNarrow(seen[i]));
    if (open.length === 0) break;
    for (const i of open) seen[i].push([...(await list[i]())]);
  }
  return watched();
}

/** Items of which one round takes a sample each, and the numbers of a round that have to stand still. */
export interface Group {
  items: readonly Timed[];
  judged(ms: readonly number[]): readonly number[];
}

/** The samples of each group as [group][item][round], in milliseconds. */
export async function inTurns(
  groups: readonly Group[],
  plan: Rounds,
): Promise<{ times: number[][][]; conditions: Conditions }> {
  const times: number[][][] = groups.map(({ items }) => items.map(() => []));
  const conditions = await untilNarrow(
    groups.map(({ items, judged }, g) => () => {
      const ms = items.map((item) => sample(item));
      ms.forEach((one, i) => {
        times[g][i].push(one);
      });
      return judged(ms);
    }),
    plan,
  );
  return { times, conditions };
}
