/** @file What to do with one's own data: the best of the arms that were tried, and how sure that is, in plain sentences. */
import { placementName } from '../../nn/placement-names.js';
import type { RunRecord } from '../results.js';
import { bestNll, byRate, isEdge } from './across-seeds.js';

/** What a run on one's own data is compared by. */
export interface Arm {
  placement: 'post' | 'pre';
  warmup: boolean;
  maxLr: number;
}

/** The arm of a run, whatever its kind. */
export function armOf({ config }: RunRecord): Arm {
  const { arm, placement, warmup, recipe } = config as {
    arm?: Arm;
    placement?: Arm['placement'];
    warmup?: boolean;
    recipe?: { schedule?: { maxLr?: number } };
  };
  if (arm) return arm;
  return {
    placement: placement as Arm['placement'],
    warmup: warmup === true,
    maxLr: recipe?.schedule?.maxLr ?? Number.NaN,
  };
}

/** Fewer seeds than these advise nothing. */
const FEWEST = 3;

const rateOf = (run: RunRecord): number => armOf(run).maxLr;

/** A placement with or without warm-up, at its own best rate. */
interface Candidate {
  name: string;
  rate: number;
  median: number;
  runs: RunRecord[];
  isEdge: boolean;
  side: 'lowest' | 'highest';
}

function candidates(runs: readonly RunRecord[]): Candidate[] {
  const groups = new Map<string, RunRecord[]>();
  for (const run of runs) {
    const { placement, warmup } = armOf(run);
    const name = `${placementName(placement)} ${warmup ? `with a warm-up of ${warmupOf(run)} steps` : 'without warm-up'}`;
    groups.set(name, [...(groups.get(name) ?? []), run]);
  }
  return [...groups]
    .map(([name, own]): Candidate => {
      const [best] = byRate(own, rateOf);
      const side = best.rate === Math.min(...own.map(rateOf)) ? 'lowest' : 'highest';
      return { name, ...best, isEdge: isEdge(best.rate, own, rateOf), side };
    })
    .filter(({ median }) => Number.isFinite(median))
    .sort((a, b) => a.median - b.median);
}

function warmupOf({ config }: RunRecord): number {
  const { recipe } = config as { recipe?: { schedule?: { warmupSteps?: number } } };
  return recipe?.schedule?.warmupSteps ?? 0;
}

const nats = (value: number): string => value.toFixed(3);

/** Of the seeds that both have: by how much `behind` ends above `ahead`. */
function distances(ahead: Candidate, behind: Candidate): number[] {
  return ahead.runs.flatMap((run) => {
    const other = behind.runs.find(({ seed }) => seed === run.seed);
    return other ? [bestNll(other) - bestNll(run)] : [];
  });
}

/** The sentences of the page: what to do, how sure that is, and what to keep away from. None where too little was run. */
export function adviceOn(runs: readonly RunRecord[], margin: number): string[] {
  const ranked = candidates(runs);
  const [best, ...others] = ranked;
  const next = others[0];
  if (!best || !next) return [];
  const apart = distances(best, next);
  if (apart.length < FEWEST) return [];
  const clear = apart.filter((value) => value > margin).length;
  const seeds = apart.length;
  const sure =
    clear === seeds
      ? `Sure: in all ${seeds} seeds it is ahead of ${next.name} at ${next.rate}, the next best, by at least ${nats(Math.min(...apart))} nats, more than the margin of ${margin}.`
      : `Not sure: ${next.name} at ${next.rate} is within the margin of ${margin} nats in ${seeds - clear} of ${seeds} seeds (apart by ${apart.map(nats).join(', ')}). Either will do.`;
  const worst = ranked[ranked.length - 1];
  const away = distances(best, worst);
  const avoid =
    worst !== next && away.every((value) => value > margin)
      ? [
          `Keep away from ${worst.name}: at its own best rate (${worst.rate}) it ends ${nats(Math.min(...away))} nats higher at least.`,
        ]
      : [];
  const edge = best.isEdge
    ? [`${best.rate} is the ${best.side} rate that was tried: the best may lie beyond it.`]
    : [];
  return [
    `Use ${best.name} at a maximal rate of ${best.rate}: it gets to ${nats(best.median)} nats per token (median of ${best.runs.length} seeds).`,
    sure,
    ...avoid,
    ...edge,
    'It is advice for a model of this size on this data; rates fall as models grow.',
  ];
}
