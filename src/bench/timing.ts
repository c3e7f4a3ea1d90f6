/**
 * @file How things are timed. A machine that is not idle swings by a factor of two within seconds, so what is
 * compared runs in turns, and a share is taken within a turn before the median over all turns. A sample during which
 * another process had our core is taken again.
 */

/** Work that can be repeated, and how often one sample repeats it. */
export interface Timed {
  run(): void;
  repeats: number;
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

const CLOCKS: Clocks = {
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
export function sample({ run, repeats }: Timed): number {
  return leastDisturbed(() => {
    const before = performance.now();
    for (let i = 0; i < repeats; i++) run();
    return (performance.now() - before) / repeats;
  });
}

/** A sample of each, in turns: milliseconds as [item][round]. */
export function inTurns(items: readonly Timed[], rounds: number): number[][] {
  const times: number[][] = items.map(() => []);
  for (let round = 0; round < rounds; round++) {
    items.forEach((item, i) => {
      times[i].push(sample(item));
    });
  }
  return times;
}
