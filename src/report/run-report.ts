/** @file What a run's page is drawn from: how the run stands, what its steps measured, and what it was made of. */
import { leaves } from '../recipe/leaves.js';
import type { RunHistory } from './run-history.js';

/** How a run stands. `failed`: an error that is no divergence ended it. */
export type RunState = 'running' | 'finished' | 'stopped' | 'interrupted' | 'diverged' | 'failed';

/** A line of a table. */
export interface Fact {
  name: string;
  value: string;
}

export interface RunReport {
  /** The folder, as it was named. */
  name: string;
  state: RunState;
  /** Why it ended, where that needs saying. */
  message?: string;
  /** Steps in all. */
  steps: number;
  history: RunHistory;
  /** The recipe as plain data, without content. */
  recipe: object;
  /** Parameters of the model. */
  parameters: number;
  /** Loss of a model that knows nothing, where that is known. */
  uninformed?: number;
  /** The step that `--resume` goes on from. */
  savedStep: number;
  /** Of data, tokenizer, kernels and, at the end, of the run. */
  hashes: readonly Fact[];
  /** Version, runtime, processor, threads. */
  host: readonly Fact[];
  commands: {
    /** Trains the same again. */
    repeat: string;
    /** Goes on with this run. */
    goOn: string;
  };
  /** Names of the files beside the page, the tables first. */
  files: readonly string[];
  /** Version of the package. */
  version: string;
  /** Seconds of this process so far. */
  seconds: number;
  /** The step from which this process went on; 0 where it began the run. */
  firstStep: number;
  /** Seconds until the last step, at the pace so far. */
  secondsLeft?: number;
  /** When the page was written (ISO 8601). */
  written: string;
  /** Seconds until it is written anew. */
  everySeconds: number;
}

/** What one held-out loss is the mean over. */
export function lossUnit(recipe: object): string {
  const { data } = recipe as { data?: { kind?: unknown } };
  if (data?.kind === 'images') return 'nats per image';
  const isText = data?.kind === 'labelledTexts' || data?.kind === 'labelledPairs';
  return isText ? 'nats per text' : 'nats per token';
}

/** What the recipe measures beside the loss. */
export function metricName(recipe: object): string {
  const { metric } = recipe as { metric?: unknown };
  return typeof metric === 'string' ? metric : 'metric';
}

/** Characters of a value of a recipe that are shown. */
const LONGEST = 160;
/** Values of a recipe that are shown. */
const MOST = 400;

/** A recipe as a table: paths and values; lists of plain values are one value. */
export function recipeRows(recipe: object): Fact[] {
  const rows: Fact[] = [];
  for (const [name, value] of leaves(recipe)) {
    if (name === '') break;
    if (rows.length >= MOST) break;
    rows.push({ name: cut(name), value: cut(leafText(value)) });
  }
  return rows;
}

/** A value of a recipe in a table. */
export function leafText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The beginning of a long text, and how long it is. */
export function cut(text: string, longest = LONGEST): string {
  return text.length <= longest ? text : `${text.slice(0, longest)}… (${text.length} characters)`;
}
