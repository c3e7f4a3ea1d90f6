/** @file What a sweep leaves behind: plain data, from which its page is drawn and by which its runs can be repeated. */
import type { Results, RunRecord } from '../experiments/results.js';

/** A field of the recipes that is not the same in all of them. */
export interface SweptField {
  /** Where it stands in a recipe, e.g. `schedule.maxLr`. */
  name: string;
  /** Its values in the order of the runs, each once; null where a recipe leaves it out. */
  values: unknown[];
}

/** What runs are compared by. */
export type SweepMeasure =
  | { kind: 'nll' | 'bitsPerByte' | 'metric'; name: string; better: 'lower' | 'higher' }
  /** Nothing: why. */
  | { kind: 'none'; why: string };

/** Runs that differ in their seed only. */
export interface SweepSetting {
  /** By the names of the fields, seeds left out. */
  values: Record<string, unknown>;
  /** Ids of its runs. */
  runs: string[];
  /** Of the best evaluation of each run, in the order of `runs`; null for one that diverged or failed. */
  scores: (number | null)[];
  /** Of the scores; null where one of them is missing. */
  median: number | null;
  /** Of the scores that are there. */
  low: number | null;
  high: number | null;
}

/** A run that could not be carried out. */
export interface FailedRun {
  id: string;
  label: string;
  error: string;
}

/** What the results file of `prenorm sweep` holds. */
export interface SweepResults
  extends Pick<
    Results,
    | 'version'
    | 'command'
    | 'prenorm'
    | 'kernelHash'
    | 'conformance'
    | 'environment'
    | 'seconds'
    | 'computedBy'
  > {
  format: 'prenorm-sweep';
  /** Of the grid's file. */
  name: string;
  /** Names in the recipes are relative to it; seen from where the command ran. */
  folder: string;
  /** Seeds last. */
  fields: SweptField[];
  measure: SweepMeasure;
  /** The best first; those without a score last. */
  settings: SweepSetting[];
  /** Id of the run with the best score; null where nothing is compared. */
  best: string | null;
  failed: FailedRun[];
  /** In the order of the grid. */
  runs: RunRecord[];
}

/** Whether a field is one of the seeds. */
export const isSeed = (name: string): boolean => name === 'seed' || name.startsWith('seeds.');
