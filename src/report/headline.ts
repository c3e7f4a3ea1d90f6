/**
 * @file What a reader sees first: the loss over steps of the arms that the paper is about, and one sentence on it. Both
 * are read off the results; a run of other parts begins with its own first figure of a training.
 */
import type { Figure, Results, RunRecord, Series } from '../experiments/results.js';
import { formatNumber } from './wording.js';

export interface Headline {
  figure: Figure;
  sentence: string;
}

interface Arm {
  series: Series;
  /** `Post-LN`. */
  placement: string;
  warmup: boolean;
  maxLr: string;
  /** Its runs. */
  runs: RunRecord[];
}

/** `Post-LN, warm-up 400, maxLr 0.002`: an arm of the common grid, without a variant. */
const plainArm = /^(Post-LN|Pre-LN), (no warm-up|warm-up \d+), maxLr ([\d.e-]+)$/;

export function headline(results: Results): Headline | undefined {
  const curves = results.figures.filter(({ id, series }) => id.startsWith('valid-nll-') && series.length > 0);
  const arms = headlineArms(curves, results);
  const [first] = curves;
  if (!first || arms.length < 2) return firstTraining(results);
  const { id: _, experiment: __, ...rest } = first;
  const rates = new Set(arms.map(({ maxLr }) => maxLr));
  return {
    figure: {
      ...rest,
      id: 'headline',
      title: 'Loss with and without warm-up',
      figure: '',
      caption: first.caption,
      series: arms.map(({ series, maxLr }) => ({
        ...series,
        // Said once, in the sentence.
        label: rates.size === 1 ? series.label.replace(`, maxLr ${maxLr}`, '') : series.label,
      })),
    },
    sentence: sentenceOn(arms, first),
  };
}

/** Post-LN before Pre-LN, each without warm-up first. */
function headlineArms(curves: readonly Figure[], { runs, experiments = [] }: Results): Arm[] {
  const arms = new Map<string, Arm>();
  for (const [series, experiment] of curves.flatMap((figure) =>
    figure.series.map((one) => [one, figure.experiment] as const),
  )) {
    const parts = plainArm.exec(series.label);
    if (!parts || arms.has(series.label)) continue;
    const warmup = parts[2] !== 'no warm-up';
    // Dashed with a warm-up: a shorter one than the placement's own.
    if (warmup && series.dashed) continue;
    // Runs of other experiments may have the same label.
    const ids = experiments.find(({ name }) => name === experiment)?.runs;
    const mine = runs.filter(
      ({ id, label, placement }) =>
        label === series.label && placement === series.placement && (ids?.includes(id) ?? true),
    );
    arms.set(series.label, { series, placement: parts[1]!, warmup, maxLr: parts[3]!, runs: mine });
  }
  return [...arms.values()].sort(
    (a, b) =>
      Number(b.placement === 'Post-LN') - Number(a.placement === 'Post-LN') ||
      Number(a.warmup) - Number(b.warmup),
  );
}

const verbs: Record<RunRecord['status'], string> = {
  trained: 'trains',
  behind: 'stays behind',
  failed: 'does not train',
  diverged: 'diverges',
  measured: 'ends',
};

function sentenceOn(arms: readonly Arm[], { levels = [] }: Figure): string {
  const rates = [...new Set(arms.map(({ maxLr }) => maxLr))];
  const unigram = levels.find(({ label }) => label === 'unigram');
  let compared = false;
  const said = arms.map((arm) => {
    const { series, placement, warmup, runs: mine } = arm;
    const end = series.y.findLast((value) => value !== null);
    const value = end === undefined || end === null ? '' : formatNumber(end);
    const failed = mine.some(({ status }) => status === 'failed' || status === 'diverged');
    const beside =
      failed && unigram && !compared ? `; word frequencies alone give ${formatNumber(unigram.y)}` : '';
    if (beside) compared = true;
    const name = `${placement} ${warmup ? 'with' : 'without'} warm-up${rates.length > 1 ? ` at ${arm.maxLr}` : ''}`;
    return `${name} ${outcomeOf(mine)}${value ? ` (${value}${beside})` : ''}`;
  });
  const where = rates.length === 1 ? `At the maximal rate ${rates[0]}, ` : '';
  return `${where}${said.slice(0, -1).join(', ')}${said.length > 2 ? ',' : ''} and ${said.at(-1)}.`;
}

function outcomeOf(runs: readonly RunRecord[]): string {
  const statuses = [...new Set(runs.map(({ status }) => status))];
  if (statuses.length === 1) return verbs[statuses[0]!] ?? 'ends';
  const trained = runs.filter(({ status }) => status === 'trained').length;
  return runs.length > 0 ? `trains in ${trained} of ${runs.length} seeds` : 'ends';
}

/** The first figure whose lines go over steps, else the first of all. */
function firstTraining({ figures }: Results): Headline | undefined {
  const lines = figures.filter(({ kind, heatmap }) => (kind ?? 'lines') === 'lines' && !heatmap);
  const figure = lines.find(({ xLabel }) => /^(?:step|update)/.test(xLabel)) ?? lines[0] ?? figures[0];
  if (!figure) return undefined;
  const [sentence] = figure.caption.split(/(?<=\.) /);
  return { figure: { ...figure, id: 'headline' }, sentence: sentence ?? '' };
}
