/** @file What an experiment is: the runs, claims and figures that belong to one figure of the paper. */
import type { Judged } from './judges/judged.js';
import type { OwnData } from './kinds/own-data.js';
import type { RunSpec } from './kinds/run-kind.js';
import type { ClaimNature, Figure, RunRecord, Verdict } from './results.js';

/**
 * Sizes to reproduce at: `quick` in minutes, `standard` in hours on the embedded data; `field` asks the paper's question of
 * what came after it; `own` asks the headline claims of any data; `own`, `multi30k` and `paper` need a folder of data.
 */
export type PresetName = 'quick' | 'standard' | 'field' | 'own' | 'multi30k' | 'paper';
/** All presets. */
export const presetNames: readonly PresetName[] = ['quick', 'standard', 'field', 'own', 'multi30k', 'paper'];

/** What decides the sizes of an experiment. Presets change sizes and seeds, never the code path. */
export interface Scale {
  preset: PresetName;
  /** Shifts every seed, for a fresh reproduction. */
  seed: number;
  /** Folder of one's own data, in place of the embedded. */
  data?: string;
  /** What the preset `own` knows of that folder. */
  own?: OwnData;
}

/** What a claim is judged with, beside the runs. */
export interface JudgeContext {
  preset: PresetName;
  /** The maximal rate at which placements are compared. */
  commonRate: number;
  /** Unigram NLL U of the translation data, when there is any. */
  unigramNll: number | null;
  /** Natural logarithm with the same bits everywhere. */
  log: (x: number) => number;
}

/** What must fail a claim's bar, so that the bar is known to be one that can be failed. */
export interface Control {
  /** The one factor in which it differs from what is judged: `with warm-up`. */
  factor: string;
  /** The judgement of the control under the claim's own bar. */
  judge(runs: readonly RunRecord[], context: JudgeContext): Judged;
}

/** One sentence of the paper, and how this package judges it. */
export interface Claim {
  /** Short id, e.g. `post-needs-warmup`. */
  claim: string;
  /** What the paper says. */
  statement: string;
  /** The paper's own number, in its words. */
  paper?: string;
  /** Where it says so. */
  figure: string;
  /** Id of the figure among its experiment's that shows it, where one does. */
  drawnIn?: string;
  /** How it is judged here, one sentence. */
  protocol: string;
  /** The verdict registered before the runs. */
  expected: Verdict | ((scale: Scale) => Verdict);
  /** Why, where `holds` is not expected. */
  reason?: string;
  nature: ClaimNature;
  /** What has to fail the same bar in the same preset; or why there is nothing that could. */
  control: Control | { none: string };
  /** Presets that judge it; default: all that run its experiment. */
  presets?: readonly PresetName[];
  /** The verdict from the experiment's records; `not tested` when they are missing. */
  judge(runs: readonly RunRecord[], context: JudgeContext): Judged;
}

/** The runs, claims and figures behind one figure or table. */
export interface Experiment {
  /** As in `--only`. */
  name: string;
  title: string;
  /** Takes part only when `--only` names it: other data than the preset's, or far more hours. */
  onRequest?: true;
  /** The runs of a preset; none where it has no place for them. Experiments may share runs: equal ids, equal runs. */
  runs(scale: Scale): RunSpec[];
  claims: readonly Claim[];
  /** Drawn from the experiment's own runs. */
  figures(runs: readonly RunRecord[], context: JudgeContext): Figure[];
  /** What to do, in sentences, where the experiment is on one's own data. */
  advice?(runs: readonly RunRecord[]): string[];
}

/** Claims that these presets judge and no other. */
export function judgedIn(presets: readonly PresetName[], claims: readonly Claim[]): Claim[] {
  return claims.map((claim) => ({ ...claim, presets }));
}
