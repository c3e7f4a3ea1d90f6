/** @file Every word of the lesson. What it claims of a run is written from the numbers that the run gave. */
import { type Fading, type LastLayers, type LessonRoles, NEAR, type Standing } from '../../src/lab/lesson.js';

/** Whether an answer or an aim was met; null where that is not yet to be said. */
export interface Verdict {
  met: boolean | null;
  /** The first words, which stand out. */
  lead: string;
  text: string;
}

/** What the sentences need to know of the run. */
export interface Circumstances {
  roles: LessonRoles;
  /** What a token of the task is called. */
  token: string;
  layers: number;
}

export const titles = ['Predict', 'Run', 'Compare', 'Lower the rate', 'Break Pre-LN'] as const;

export const controls = {
  open: 'Start the lesson',
  about: 'Five steps: predict, run, compare with theory, and turn both results round.',
  close: 'Close',
  back: 'Back',
  end: 'End of the lesson',
  run: 'Train all lanes',
  again: 'Train again with this rate',
  step1: 'Show step 1',
  erase: 'Erase my line',
  numbers: 'Or set the line by numbers',
  marks: ['at the start', 'after a quarter', 'at half', 'after three quarters', 'at the end'],
  rate: (lane: number) => `Largest rate of lane ${lane}`,
  none: 'None',
  setUp: 'Set up the lesson’s lanes',
  missing:
    'The lesson compares Post-LN without warm-up, Post-LN with warm-up and Pre-LN without warm-up. This run lacks one of them.',
  locked: 'The maker of this link has locked what this step changes.',
  strip: 'Go to the lesson',
} as const;

export function next(step: number): string {
  return `Next: ${titles[step + 1].toLowerCase().replace('pre-ln', 'Pre-LN')}`;
}

export function progress(step: number): string {
  return `Lesson, step ${step + 1} of ${titles.length}`;
}

/** What each step asks. */
export function task(step: number, { roles, token }: Circumstances): string {
  switch (step) {
    case 0:
      return (
        'Models that differ in two things only: same text, same order, same largest rate. Post-LN normalises after ' +
        'the addition, Pre-LN inside the branch. Warm-up starts with a small rate. ' +
        `Draw in the chart where lane ${roles.post + 1}, Post-LN without warm-up, will go.`
      );
    case 1:
      return (
        `Colour shows the size of each layer’s gradient. Watch lane ${roles.post + 1}. ` +
        'Which layer loses its gradient first, that is, falls below a hundredth of the last layer’s?'
      );
    case 2:
      return 'Go to step 1. How large is the last layer’s gradient in Pre-LN, as a share of Post-LN’s?';
    case 3:
      return (
        `Post-LN can train without warm-up. Lower the rate of lane ${roles.post + 1} until it ends half a nat ` +
        `below ${token} frequencies.`
      );
    default:
      return (
        `Now the other way: raise the rate of lane ${roles.pre + 1}, Pre-LN without warm-up, until it ends at ` +
        `${token} frequencies or above.`
      );
  }
}

/** Step 1: the line is drawn, or not yet. */
export function drawn(isDrawn: boolean): Verdict {
  return isDrawn
    ? { met: true, lead: 'Drawn.', text: 'It stays in the chart while the lanes train.' }
    : {
        met: null,
        lead: 'Not yet:',
        text: 'draw from left to right across the chart with the pointer, or set numbers.',
      };
}

/** Step 2: the answer to which layer fades. @param answer from 1; null is "none" */
export function faded(
  found: Fading | null,
  answer: number | null | undefined,
  ended: boolean,
  { layers }: Circumstances,
): Verdict {
  if (!found || (found.layer === null && !ended)) {
    const so = found
      ? ` So far layer ${found.smallest} had the least: ${times(found.share)} of layer ${layers}’s, at step ${found.step}.`
      : '';
    return { met: null, lead: 'Not yet:', text: `the run has not shown it.${so}` };
  }
  if (answer === undefined) return { met: null, lead: '', text: 'Choose an answer.' };
  const met = answer === found.layer;
  const lead = met ? 'Yes,' : 'No,';
  if (found.layer === null) {
    return {
      met,
      lead: `${lead} none.`,
      text: `In this run every layer kept more than a hundredth; the least was ${times(found.share)} in layer ${found.smallest}.`,
    };
  }
  return {
    met,
    lead: `${lead} layer ${found.layer}.`,
    text: `At step ${found.step} its gradient was less than a hundredth of layer ${layers}’s.`,
  };
}

/** Step 2, at the end: where the lane came to, and the reader's line. */
export function outcome(at: Standing | null, guess: number | null, lane: number, token: string): string {
  if (!at) return '';
  if (at.is === 'diverged')
    return `Lane ${lane} diverged at step ${at.step}: from there on its loss is no number.`;
  const where = {
    above: `Lane ${lane} is still above what ${token} frequencies alone give.`,
    at: `The loss stays where ${token} frequencies alone put it.`,
    learning: `The loss went somewhat below ${token} frequencies.`,
    trained: `In this run the loss went well below ${token} frequencies all the same.`,
  }[at.is];
  const yours = guess === null ? '' : ` Your line is at ${guess.toFixed(2)};`;
  return `${where}${yours} ${guess === null ? 'L' : 'l'}ane ${lane} is at ${at.loss.toFixed(2)}.`;
}

/** Choices of step 3. */
export const shares = [0.1, 0.5, 1, 2] as const;

export function shareName(share: number): string {
  return { 0.1: 'a tenth', 0.5: 'half', 1: 'the same', 2: 'twice' }[share] ?? String(share);
}

/** Factor between theory and run within which they are called close. */
const CLOSE = 1.5;

/** Step 3: theory beside this run. @param nearest the choice nearest to what was measured */
export function compared(
  found: LastLayers | null,
  isAtStep1: boolean,
  answer: number | undefined,
  nearest: number,
): Verdict {
  if (!found) return { met: null, lead: 'Not yet:', text: 'the lanes have not made a step.' };
  if (!isAtStep1) return { met: null, lead: 'Not yet:', text: 'what is shown is another step.' };
  if (answer === undefined) return { met: null, lead: '', text: 'Choose an answer.' };
  const met = answer === nearest;
  const apart = Math.max(found.theory / found.measured, found.measured / found.theory);
  const close = apart < CLOSE ? '' : ` Here they are a factor of ${apart.toFixed(1)} apart.`;
  return {
    met,
    lead: `${met ? 'Yes' : 'No'}, nearest to ${shareName(nearest)}.`,
    text:
      `Theory √(x̄ Post-LN / x̄ Pre-LN) = ${found.theory.toFixed(2)}, this run ${found.measured.toFixed(2)}.${close} ` +
      'Theory speaks of the first step; what happens to the lower layers comes later.',
  };
}

/** Step 4. @param warmed where Post-LN with warm-up came to, at `warmedRate` */
export function trained(
  at: Standing | null,
  ended: boolean,
  rate: number,
  warmed: Standing | null,
  warmedRate: number,
  { roles }: Circumstances,
): Verdict {
  const lane = roles.post + 1;
  if (!at || !ended) return { met: null, lead: 'Not yet:', text: `lane ${lane} has not ended.` };
  const wanted = (at.frequencies - 0.5).toFixed(2);
  if (at.is === 'diverged')
    return { met: false, lead: 'Not yet:', text: `lane ${lane} diverged at step ${at.step}.` };
  if (at.is !== 'trained') {
    // A rate too small is as far from the aim as one too large.
    const slow = at.is === 'above' ? ' It has not even come down to them: this rate may be too small.' : '';
    return { met: false, lead: 'Not yet:', text: `${at.loss.toFixed(2)}, wanted ${wanted}.${slow}` };
  }
  const other =
    warmed?.is === 'trained' && warmedRate > rate
      ? ` Lane ${roles.warmed + 1} did at ${warmedRate}, with warm-up: only the first updates were too large.`
      : '';
  return {
    met: true,
    lead: `At ${rate} it trains,`,
    text: `to ${at.loss.toFixed(2)}, without warm-up.${other}`,
  };
}

/** Step 5. */
export function broken(at: Standing | null, ended: boolean, rate: number, { roles }: Circumstances): Verdict {
  const lane = roles.pre + 1;
  if (!at || !ended) return { met: null, lead: 'Not yet:', text: `lane ${lane} has not ended.` };
  const wanted = (at.frequencies - NEAR).toFixed(2);
  if (at.is === 'trained' || at.is === 'learning') {
    return {
      met: false,
      lead: 'Not yet:',
      text: `at ${rate} Pre-LN still trains, to ${at.loss.toFixed(2)}; wanted ${wanted} or more.`,
    };
  }
  const how = at.is === 'diverged' ? `diverges at step ${at.step}` : `stops at ${at.loss.toFixed(2)}`;
  return {
    met: true,
    lead: `At ${rate} Pre-LN ${how}.`,
    text: 'Placement moves the largest rate that works. So does warm-up. Neither decides alone whether a model trains.',
  };
}

function times(share: number): string {
  return share >= 0.1 ? share.toFixed(2) : share.toPrecision(1);
}
