/** @file Which of the two micro-kernels of `int12` is faster here, by a timing of less than two milliseconds. */
import type { MicroKernel } from './arithmetic.js';
import type { Kernels } from './kernels.js';

interface MicroKernelChoice {
  name: MicroKernel;
  /** Why this one, in words. */
  reason: string;
}

/** Rounds of the first trial, and of the longest where the clock is coarse. */
const FEWEST = 1 << 11;
const MOST = 1 << 14;
/** A trial that took as long is long enough to be compared. */
const ENOUGH_MS = 0.02;
const TRIALS = 3;
/** Stop here, with what is known. */
const BUDGET_MS = 1;
/**
 * The dot product must win by this much. Code is timed as it is first compiled; there both cost the same on ARM64, where
 * better code needs half the instructions for extmul.
 */
const MARGIN = 1.35;

/** Times both. A clock that does not move in that time decides for the one that no processor is bad at. */
export function chooseMicroKernel(
  kernels: Kernels,
  now: () => number = () => performance.now(),
): MicroKernelChoice {
  const begin = now();
  const time = (rounds: number, extmul: 0 | 1): number => {
    const start = now();
    kernels.int12Trial(rounds, extmul);
    return now() - start;
  };
  // The first calls compile.
  time(1, 0);
  time(1, 1);
  let rounds = FEWEST;
  let dot = time(rounds, 0);
  while (dot < ENOUGH_MS && rounds < MOST) {
    rounds *= 2;
    dot = time(rounds, 0);
  }
  let extmul = time(rounds, 1);
  for (let i = 1; i < TRIALS && now() - begin < BUDGET_MS; i++) {
    dot = Math.min(dot, time(rounds, 0));
    extmul = Math.min(extmul, time(rounds, 1));
  }
  if (dot <= 0 || extmul <= 0) return { name: 'dot', reason: 'the clock is too coarse to compare the two' };
  const ratio = extmul / dot;
  const shown = `dot takes 1/${ratio.toFixed(1)} of the time of extmul`;
  return ratio >= MARGIN ? { name: 'dot', reason: shown } : { name: 'extmul', reason: shown };
}
