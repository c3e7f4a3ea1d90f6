/** @file Judges pre-training runs (Fig. 5): how fast, at which rates, and what fine-tuning makes of their checkpoints. */

import type { BertArm } from '../kinds/bert.js';
import type { RunRecord } from '../results.js';
import { mean, median } from '../statistics.js';
import { bySeed, type Judged, NOT_RUN } from './judged.js';

const armOf = (run: RunRecord): BertArm => run.config.arm as unknown as BertArm;

/** Pre-training runs of an arm, whatever the arm leaves open. */
export function pretrainings(runs: readonly RunRecord[], arm: Partial<BertArm> = {}): RunRecord[] {
  return runs.filter(
    (run) =>
      run.experiment === 'bert' &&
      armOf(run).variant === arm.variant &&
      Object.entries(arm).every(([key, value]) => armOf(run)[key as keyof BertArm] === value),
  );
}

/** The rates of the grid, smallest first. */
export const ratesOf = (runs: readonly RunRecord[]): number[] =>
  [...new Set(pretrainings(runs).map((run) => armOf(run).maxLr))].sort((a, b) => a - b);

/** A run that diverged has no number and counts as infinitely bad. */
const final = (run: RunRecord): number =>
  run.status === 'diverged' ? Number.POSITIVE_INFINITY : (run.finalValidNll ?? Number.POSITIVE_INFINITY);

/** An arm at the rate where its median final loss is smallest. */
export function atBestRate(runs: readonly RunRecord[], arm: Omit<BertArm, 'maxLr'>): RunRecord[] {
  const groups = ratesOf(runs).map((maxLr) => pretrainings(runs, { ...arm, maxLr }));
  const found = groups.filter((group) => group.length > 0);
  return found.reduce((a, b) => (median(b.map(final)) < median(a.map(final)) ? b : a), found[0] ?? []);
}

export const PRE = { placement: 'pre', warmup: false } as const;
export const POST = { placement: 'post', warmup: true } as const;

/** Runs of both lists that share a seed. */
function paired(a: readonly RunRecord[], b: readonly RunRecord[]): [RunRecord, RunRecord][] {
  return a.flatMap((run) => {
    const other = b.find(({ seed }) => seed === run.seed);
    return other ? [[run, other] as [RunRecord, RunRecord]] : [];
  });
}

/** The first evaluated step with a loss of at most `loss`; null when there is none. */
export function stepsTo(run: RunRecord, loss: number): number | null {
  return run.curve?.find(({ validNll }) => validNll !== undefined && validNll <= loss)?.step ?? null;
}

/** Share of all updates in which Pre-LN without warm-up gets where Post-LN with it ends, each at its best rate. */
export function pretrainingSpeed(
  runs: readonly RunRecord[],
  bar: number,
  { exchanged = false } = {},
): Judged {
  const arms = [atBestRate(runs, PRE), atBestRate(runs, POST)] as const;
  const pairs = exchanged ? paired(arms[1], arms[0]) : paired(arms[0], arms[1]);
  if (pairs.length === 0) return NOT_RUN;
  if (pairs.some(([, post]) => !(final(post) < (post.unigramNll ?? Number.NaN)))) {
    const [[, { label }]] = pairs;
    return { ...NOT_RUN, reason: `${label} did not get below the unigram level` };
  }
  const perSeed = pairs.map(
    ([pre, post]) => (stepsTo(pre, final(post)) ?? Number.POSITIVE_INFINITY) / post.steps,
  );
  const [pre, post] = pairs[0];
  return {
    seeds: pairs.map(([run]) => run.seed),
    perSeed,
    metric: `updates of ${pre.label} to the final loss of ${post.label}, over all of its updates`,
    threshold: `<= ${bar}`,
    ...bySeed(perSeed.map((share) => share <= bar)),
    runHashes: pairs.flat().map(({ hash }) => hash),
  };
}

/** Whether one arm ends worse than another by more than a margin, or does not end at all. */
export function endsWorse(
  runs: readonly RunRecord[],
  arm: BertArm,
  reference: BertArm,
  margin: number,
): Judged {
  const pairs = paired(pretrainings(runs, arm), pretrainings(runs, reference));
  if (pairs.length === 0) return NOT_RUN;
  const perSeed = pairs.map(([run, other]) => final(run) - final(other));
  return {
    seeds: pairs.map(([run]) => run.seed),
    perSeed,
    metric: `final valid loss of ${pairs[0][0].label} minus that of ${pairs[0][1].label}`,
    threshold: `> ${margin}`,
    ...bySeed(perSeed.map((gap) => gap > margin)),
    runHashes: pairs.flat().map(({ hash }) => hash),
  };
}

export interface Tuned {
  run: RunRecord;
  /** Steps of the checkpoints, rising. */
  steps: number[];
  /** Accuracies per checkpoint and seed. */
  accuracies: number[][];
  scratch: number[];
  majority: number;
}

/** What fine-tuning measured in a run; null where there was none. */
export function tunedOf(run: RunRecord): Tuned | null {
  const { measured = {} } = run;
  const scratch = measured['accuracy@0'];
  const { majority } = measured;
  if (!Array.isArray(scratch) || typeof majority !== 'number') return null;
  const steps = Object.keys(measured)
    .flatMap((name) => (name.startsWith('accuracy@') ? [Number(name.slice(9))] : []))
    .filter((step) => step > 0)
    .sort((a, b) => a - b);
  const accuracies = steps.map((step) => measured[`accuracy@${step}`] as number[]);
  return { run, steps, accuracies, scratch, majority };
}

/** Standard error of the mean. */
export function standardError(values: readonly number[]): number {
  const m = mean(values);
  const squares = values.reduce((sum, v) => sum + (v - m) * (v - m), 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}

/** Whether the last checkpoint beats majority and scratch by two standard errors; if not, why. */
function gate({ run, accuracies, scratch, majority }: Tuned): string | null {
  const last = accuracies[accuracies.length - 1];
  const own = standardError(last);
  const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
  const reached = `${run.label}: fine-tuned ${percent(mean(last))}`;
  if (!(mean(last) - majority > 2 * own)) return `${reached}, majority ${percent(majority)}`;
  const both = Math.sqrt(own * own + standardError(scratch) * standardError(scratch));
  return mean(last) - mean(scratch) > 2 * both ? null : `${reached}, from scratch ${percent(mean(scratch))}`;
}

/** What was fine-tuned of an arm: after the longer pre-training, where there is one. */
export function fineTuned(runs: readonly RunRecord[], arm: Omit<BertArm, 'maxLr'>): Tuned[] {
  const long = pretrainings(runs, { ...arm, variant: 'long' });
  return (long.length > 0 ? long : pretrainings(runs, arm)).flatMap((run) => tunedOf(run) ?? []);
}

/** Fine-tunings after several pre-trainings as those of one: their seeds one after the other. */
export function pooled(all: readonly Tuned[]): (Tuned & { seeds: number[]; hashes: string[] }) | undefined {
  const [first] = all;
  if (!first) return undefined;
  return {
    ...first,
    accuracies: first.steps.map((_, i) => all.flatMap(({ accuracies }) => accuracies[i])),
    scratch: all.flatMap(({ scratch }) => scratch),
    seeds: all.flatMap(({ run }) => (run.config.fineTuning as { seeds: number[] }).seeds),
    hashes: all.map(({ run }) => run.hash),
  };
}

/** Accuracy of Pre-LN's earlier checkpoints minus that of Post-LN's, a mean over checkpoints, paired over seeds. */
export function fineTuningSpeed(runs: readonly RunRecord[], margin: number): Judged {
  const [pre, post] = [PRE, POST].map((arm) => pooled(fineTuned(runs, arm)));
  if (!pre || !post) return NOT_RUN;
  const refused = [pre, post].flatMap((arm) => gate(arm) ?? []);
  if (refused.length > 0) {
    return {
      ...NOT_RUN,
      reason: `pre-training is not ahead by two standard errors over the seeds (${refused.join('; ')})`,
    };
  }
  const early = pre.steps.slice(0, -1).map((_, i) => i);
  const perSeed = pre.scratch.map((_, s) =>
    mean(early.map((i) => pre.accuracies[i][s] - post.accuracies[i][s])),
  );
  const { met, verdict } = bySeed(perSeed.map((gap) => gap > 0));
  return {
    seeds: pre.seeds,
    perSeed,
    metric: `accuracy from ${pre.run.label} minus that from ${post.run.label}, mean over the checkpoints before the last`,
    threshold: `> 0 in every seed, median > ${margin}`,
    met,
    verdict: verdict === 'holds' && !(median(perSeed) > margin) ? 'not decided' : verdict,
    runHashes: [...pre.hashes, ...post.hashes],
  };
}
