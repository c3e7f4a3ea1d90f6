/** @file Figures of the pre-training experiment as data: loss over updates, updates to thresholds, fine-tuned accuracy. */
import {
  atBestRate,
  fineTuned,
  POST,
  PRE,
  pooled,
  pretrainings,
  standardError,
  stepsTo,
  type Tuned,
} from '../judges/bert.js';
import type { Figure, RunRecord, Series } from '../results.js';
import { mean, median } from '../statistics.js';
import { bySeedCount } from './captions.js';

const FIGURE = 'Fig. 5';

function byLabel(runs: readonly RunRecord[]): [string, RunRecord[]][] {
  const groups = new Map<string, RunRecord[]>();
  for (const run of pretrainings(runs)) groups.set(run.label, [...(groups.get(run.label) ?? []), run]);
  return [...groups];
}

const warmed = (run: RunRecord) => (run.config.arm as { warmup: boolean }).warmup;

/** Values with the smallest and largest over seeds, where there are several. */
function band(groups: readonly number[][]): Pick<Series, 'y' | 'low' | 'high'> {
  const over = (f: (values: readonly number[]) => number) =>
    groups.map((values) => (values.length > 0 ? f(values) : null));
  const several = groups.some((values) => values.length > 1);
  return {
    y: over(mean),
    ...(several ? { low: over((v) => Math.min(...v)), high: over((v) => Math.max(...v)) } : {}),
  };
}

/** Validation loss of the masked tokens over the updates, every arm. */
export function bertCurves(runs: readonly RunRecord[]): Figure {
  const [first] = pretrainings(runs);
  return {
    id: 'bert-valid-loss',
    title: 'Validation loss over pre-training',
    caption: `Negative log-likelihood per masked token of held-out text, ${bySeedCount(
      pretrainings(runs),
      'mean over seeds',
    )}; dashed without warm-up. Linear decay everywhere.`,
    figure: FIGURE,
    xLabel: 'update',
    yLabel: 'valid loss',
    xScale: 'linear',
    yScale: 'linear',
    levels: first?.unigramNll === undefined ? [] : [{ label: 'unigram', y: first.unigramNll }],
    series: byLabel(runs).map(([label, group]) => {
      const points = group.flatMap(({ curve = [] }) =>
        curve.flatMap(({ step, validNll }) => (validNll === undefined ? [] : [{ step, validNll }])),
      );
      const x = [...new Set(points.map(({ step }) => step))].sort((a, b) => a - b);
      const at = (step: number) => points.flatMap((p) => (p.step === step ? [p.validNll] : []));
      return {
        label,
        placement: group[0].placement,
        dashed: !warmed(group[0]),
        x,
        ...band(x.map(at)),
      };
    }),
  };
}

/** Shares of the way from the unigram level to where Post-LN with warm-up ends at its best rate. */
const SHARES = [0.5, 0.85, 1];

/** Updates until each of three thresholds, per arm; an arm of which a seed does not get there has no point. */
export function bertThresholds(runs: readonly RunRecord[]): Figure {
  const reference = atBestRate(runs, POST);
  const figure: Figure = {
    id: 'bert-thresholds',
    title: 'Updates until the validation loss reaches a threshold',
    caption:
      'Thresholds are shares of the way from the unigram level to the final loss of Post-LN with warm-up at its best rate. Without a point: not reached in every seed.',
    figure: FIGURE,
    xLabel: 'share of the way',
    yLabel: 'updates',
    xScale: 'linear',
    yScale: 'linear',
    series: [],
  };
  if (reference.length === 0) return figure;
  const end = median(reference.map((run) => run.finalValidNll ?? Number.POSITIVE_INFINITY));
  const unigram = reference[0].unigramNll ?? Number.NaN;
  figure.series = byLabel(runs).map(([label, group]) => {
    const groups = SHARES.map((share) => {
      const found = group.map((run) => stepsTo(run, unigram - share * (unigram - end)));
      return found.some((step) => step === null) ? [] : (found as number[]);
    });
    return {
      label,
      placement: group[0].placement,
      dashed: !warmed(group[0]),
      x: SHARES,
      ...band(groups),
    };
  });
  return figure;
}

/** Two-sided 95 % quantiles of Student's t with n - 1 degrees of freedom, n = 2 to 10. */
const STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262];

/** Accuracy on dev over the pre-training checkpoint, with a 95 % interval over the fine-tuning seeds. */
export function bertFineTuning(runs: readonly RunRecord[]): Figure[] {
  const tuned = [PRE, POST].flatMap((arm) => pooled(fineTuned(runs, arm)) ?? []);
  if (tuned.length === 0) return [];
  const half = (values: readonly number[]) => {
    const t = STUDENT[Math.min(values.length, STUDENT.length + 1) - 2] ?? Number.NaN;
    return t * standardError(values);
  };
  const series = ({ run, steps, accuracies, scratch }: Tuned): Series => {
    const points = [scratch, ...accuracies];
    return {
      label: run.label,
      placement: run.placement,
      dashed: !warmed(run),
      x: [0, ...steps],
      y: points.map(mean),
      low: points.map((values) => mean(values) - half(values)),
      high: points.map((values) => mean(values) + half(values)),
    };
  };
  return [
    {
      id: 'bert-fine-tuning',
      title: 'Fine-tuned accuracy over the pre-training checkpoint',
      caption:
        'Mean over fine-tuning seeds with its 95 % interval (Student); the point at 0 is training from scratch. Rates were chosen on a part of the training pairs.',
      figure: FIGURE,
      xLabel: 'pre-training update',
      yLabel: 'accuracy on dev',
      xScale: 'linear',
      yScale: 'linear',
      levels: [
        { label: 'majority class', y: tuned[0].majority },
        { label: 'from scratch', y: mean(tuned[0].scratch) },
      ],
      series: tuned.map(series),
    },
  ];
}
