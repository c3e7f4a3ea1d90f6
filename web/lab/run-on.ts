/** @file Beyond the steps of the link: how many more there may be, and whether they are more of the same run. */
import { isLocked, type LabConfiguration, MOST_STEPS } from '../../src/lab/configuration.js';
import { notice } from './notices.js';
import type { Run } from './run.js';

/** As many steps as there were, once more; null where there may be none. */
export function moreSteps(lab: LabConfiguration, run: Run | null): number | null {
  const steps = Math.min(MOST_STEPS, 2 * lab.steps);
  const isOpen = run?.lanes.some(({ end, lost }) => end === 'done' && lost === null);
  return steps > lab.steps && isOpen && !isLocked(lab, 'steps') ? steps : null;
}

/** Whether a longer run begins like this one; where it does not, that is said, and training it anew offered. */
export function beginsAlike(longer: LabConfiguration, again: () => void): boolean {
  const falling = longer.lanes.findIndex(({ decay }) => decay === 'linear' || decay === 'cosine');
  if (falling < 0) return true;
  const { steps } = longer;
  const text = `The rate of lane ${falling + 1} falls to 0 over all steps: with ${steps} it is another one from the first step on.`;
  notice('on', text, [`Train ${steps} steps from the start`, again]);
  return false;
}
