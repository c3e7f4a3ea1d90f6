/** @file How a lane does, in words: against what a model knows that knows only how often each letter comes. */
import { NEAR } from '../../src/lab/lesson.js';
import type { RunLane } from './run.js';

export interface Status {
  text: string;
  isBad: boolean;
}

/**
 * @param steps of the whole run: early on, to be there is no fault
 * @param token what a token of the task is called
 */
export function statusOf(
  { history, end, lost }: RunLane,
  step: number,
  steps: number,
  token: string,
): Status {
  const isLate = step > Math.max(30, steps / 3);
  if (lost !== null) return { text: `stopped at step ${history?.steps ?? 0}`, isBad: true };
  if (end === 'diverged' && step >= (history?.steps ?? 0))
    return { text: `diverged at step ${(history?.steps ?? 0) + 1}`, isBad: true };
  const loss = history?.loss(step);
  if (!history || loss === undefined) return { text: 'not started', isBad: false };
  const { frequencies } = history.beginning.references;
  if (loss > frequencies + NEAR) return { text: `above ${token} frequencies`, isBad: isLate };
  if (loss > frequencies - NEAR) return { text: `at ${token} frequencies`, isBad: isLate };
  return { text: 'learning', isBad: false };
}
