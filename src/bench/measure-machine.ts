/** @file Rows about the machine itself: peak loops and memory copy. */
import type { Build } from '../runtime/arithmetic.js';
import { loadPeak, type Peak } from './peak.js';
import { makeRow, missingRow, type Row } from './row.js';
import { type Group, inTurns, type Rounds, type Timed, timed } from './timing.js';

/** How much is measured, and what the measurements share. */
export interface Plan extends Rounds {
  /** Milliseconds of one sample. */
  sampleMs: number;
  quick: boolean;
  /** Told before every measurement. */
  onProgress(text: string): void;
}

export const FULL = { rounds: 9, mostRounds: 36, sampleMs: 20, quick: false };
export const QUICK = { rounds: 5, mostRounds: 8, sampleMs: 8, quick: true };

/** Bytes copied: both sides in the second cache level, and beyond every cache. */
export const COPY_BYTES = { inCache: 1 << 17, beyond: 1 << 26 };
const NO_RELAXED = `Node ${process.version} has no relaxed SIMD`;

export const COPY_BEYOND = 'copy beyond cache (64 MB)';
export const peakName = (build: Build): string => `peak ${build}`;

/** The peak loop of a build; null where the host lacks relaxed SIMD. */
export async function peakOf(build: Build): Promise<Peak | null> {
  try {
    return await loadPeak(build);
  } catch (error) {
    if (build === 'relaxed' && error instanceof WebAssembly.CompileError) return null;
    throw error;
  }
}

/** An item of whose own time the median has to stand still. */
const alone = (item: Timed): Group => ({ items: [item], judged: (ms) => ms });

/** An item of whose time beside that of a yardstick the median has to stand still. */
export const beside = (yardstick: Timed, item: Timed): Group => ({
  items: [yardstick, item],
  judged: ([reference, ms]) => [ms / reference],
});

export async function measurePeaks(plan: Plan): Promise<Row[]> {
  const rows: Row[] = [];
  for (const build of ['strict', 'relaxed'] as const) {
    plan.onProgress(`peak loop, ${build}`);
    const name = peakName(build);
    const peak = await peakOf(build);
    if (!peak) {
      rows.push(missingRow({ name, unit: 'GFLOP/s', better: 'higher', note: NO_RELAXED }));
      continue;
    }
    const { times, conditions } = await inTurns([alone(timed(peak.run, plan.sampleMs))], plan);
    const samples = times[0][0].map((ms) => peak.flops / ms / 1e6);
    rows.push(makeRow({ name, unit: 'GFLOP/s', samples, better: 'higher', conditions }));
  }
  return rows;
}

export async function measureCopies(plan: Plan): Promise<Row[]> {
  const peak = await loadPeak('strict');
  plan.onProgress('memory copy');
  const list = [
    { name: `copy in cache (${COPY_BYTES.inCache / 1024} KB)`, bytes: COPY_BYTES.inCache },
    { name: COPY_BEYOND, bytes: COPY_BYTES.beyond },
  ];
  const { times, conditions } = await inTurns(
    list.map(({ bytes }) => alone(timed(() => peak.copy(bytes), plan.sampleMs))),
    plan,
  );
  // A copy reads and writes.
  return list.map(({ name, bytes }, i) => {
    const samples = times[i][0].map((ms) => (2 * bytes) / ms / 1e6);
    return makeRow({ name, unit: 'GB/s', samples, better: 'higher', conditions });
  });
}
