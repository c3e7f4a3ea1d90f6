/**
 * @file Several runs beside each other: what differs in their recipes, whether their held-out losses may be compared, and
 * which is better by how much. Losses are compared only on the same held-out set, cut into the same tokens; where just
 * the tokens differ, by bits per byte.
 */
import type { RunEvaluation, RunHistory } from './run-history.js';
import { lossUnit, recipeRows } from './run-report.js';

/** What a run was judged on: from its checkpoint, which knows content by its hash. */
export interface RunIdentity {
  kind: string;
  /** SHA-256 of training and held-out content; of version 0.1 the first 16 digits of another one. */
  dataHash: string;
  /** Whether `dataHash` is of version 0.1. */
  isOld: boolean;
  /** Keys of the data beside its content, as they decide bits. */
  dataKeys: Readonly<Record<string, unknown>>;
  /** Hash of the tokenizer; null for data without one. */
  tokenizerHash: string | null;
}

export interface ComparedRun {
  /** The folder, as it was named. */
  name: string;
  /** The recipe as plain data. */
  recipe: object;
  history: RunHistory;
  identity: RunIdentity;
  /** Where its own page lies, seen from the comparison. */
  page?: string;
}

/** A key of the recipes that is not the same in all runs; undefined where a run does not have it. */
export interface Difference {
  name: string;
  values: (string | undefined)[];
}

export type Measure = 'validNll' | 'bitsPerByte';

/** Values of the runs at one step, or at the end of each. */
export interface Standing {
  /** The step that all have in common; null where each stands at its own end. */
  step: number | null;
  /** In the order of the runs; undefined for one that diverged. */
  values: ({ step: number; value: number } | undefined)[];
  /** Places of the runs that did not diverge, the best first. */
  order: number[];
}

export interface Comparison {
  runs: readonly ComparedRun[];
  differences: Difference[];
  /** Whether the seeds are all that differs. */
  seedsOnly: boolean;
  /** What they are compared by; undefined where they cannot be. */
  measure?: Measure;
  /** Name and unit of the measure, e.g. `nats per token`. */
  unit: string;
  /** Why they cannot be compared, one sentence each. */
  obstacles: string[];
  /** At the last step at which all were judged. */
  common?: Standing;
  /** At the last evaluation of each. */
  end?: Standing;
  /** Which is better by how much, in sentences. */
  verdict: string[];
}

/** Steps of a run's recipe; undefined for a recipe that does not say. */
export function plannedSteps({ recipe }: ComparedRun): number | undefined {
  const { steps } = recipe as { steps?: unknown };
  return typeof steps === 'number' ? steps : undefined;
}

/** Whether its file of steps ends before the recipe does, and nothing says why. */
export function isShort(run: ComparedRun): boolean {
  const { history } = run;
  return history.stopped === null && !history.hasDiverged && history.step < (plannedSteps(run) ?? 0);
}

/** Which runs go on, were interrupted or are cut, told before anything is said of their ends. */
function shortRuns(runs: readonly ComparedRun[]): string[] {
  const short = runs.filter(isShort);
  if (short.length === 0) return [];
  const ends = short.map((run) => `${run.name} ends at step ${run.history.step} of ${plannedSteps(run)}`);
  return [`${list(ends)}: ${short.length > 1 ? 'they are' : 'it is'} not at the end of the recipe.`];
}

export function compareRuns(runs: readonly ComparedRun[]): Comparison {
  const differences = differencesOf(runs);
  const seedsOnly =
    differences.length > 0 && differences.every(({ name }) => name === 'seed' || name.startsWith('seeds.'));
  const { obstacles, sameTokens } = obstaclesOf(runs);
  const measure: Measure = sameTokens ? 'validNll' : 'bitsPerByte';
  const unit = measure === 'validNll' ? lossUnit(runs[0]!.recipe) : 'bits per byte';
  const judged = runs.filter((run) => !run.history.hasDiverged);
  const missing = judged.filter(({ history }) => values(history, measure).length === 0);
  if (obstacles.length === 0 && missing.length > 0) {
    obstacles.push(
      measure === 'validNll'
        ? `${list(missing.map(({ name }) => name))} ${missing.length === 1 ? 'was' : 'were'} never judged on what is held out.`
        : `The tokenizers differ, so that a loss per token says nothing, and ${list(missing.map(({ name }) => name))} ${missing.length === 1 ? 'has' : 'have'} no bits per byte.`,
    );
  }
  const comparison: Comparison = { runs, differences, seedsOnly, unit, obstacles, verdict: [] };
  if (obstacles.length > 0) {
    return {
      ...comparison,
      verdict: [`Which is better cannot be said. ${obstacles.join(' ')}`, ...shortRuns(runs)],
    };
  }
  if (judged.length === 0) {
    return { ...comparison, verdict: [`None is better: ${diverged(runs)}.`] };
  }
  const common = atCommonStep(runs, measure);
  const end = atEnd(runs, measure);
  return {
    ...comparison,
    measure,
    common,
    end,
    verdict: [...verdictOf(comparison, measure, common, end), ...shortRuns(runs)],
  };
}

/** Rows of the recipes that are not the same everywhere, in the order of the first recipe that has them. */
function differencesOf(runs: readonly ComparedRun[]): Difference[] {
  const tables = runs.map(
    ({ recipe }) => new Map(recipeRows(recipe).map(({ name, value }) => [name, value])),
  );
  const names = [...new Set(tables.flatMap((table) => [...table.keys()]))];
  const differences = names
    .map((name) => ({ name, values: tables.map((table) => table.get(name)) }))
    .filter(({ values }) => new Set(values).size > 1);
  // A name that leads to other content, or names that lead to the same.
  const hashes = runs.map(({ identity }) => identity.dataHash);
  if (new Set(hashes).size > 1) {
    differences.push({ name: 'data (SHA-256)', values: hashes.map((hash) => hash.slice(0, 12)) });
  }
  return differences;
}

/** Keys that decide how the same content is judged, by kind of data; of masked texts all do. */
const judgedBy: Readonly<Record<string, readonly string[]>> = {
  pairs: ['onTooLong'],
  labelledTexts: ['labelSeparator'],
  labelledPairs: ['labelSeparator'],
  images: ['channels'],
  text: [],
  tokens: [],
};

/** What keeps the runs from being compared, each against the first; and whether their losses are over the same tokens. */
function obstaclesOf(runs: readonly ComparedRun[]): { obstacles: string[]; sameTokens: boolean } {
  const [first, ...others] = runs as [ComparedRun, ...ComparedRun[]];
  const obstacles: string[] = [];
  let sameTokens = true;
  for (const other of others) {
    const [a, b] = [first.identity, other.identity];
    const pair = `${first.name} and ${other.name}`;
    if (a.kind !== b.kind) {
      obstacles.push(`${pair} have other kinds of data (${a.kind}, ${b.kind}).`);
    } else if (!isKnownSame(a, b)) {
      obstacles.push(
        a.isOld !== b.isOld
          ? `${pair}: one is of version 0.1, which hashed its data in another way, so nobody can say whether they held out the same.`
          : `${pair} do not have the same data (SHA-256 ${a.dataHash.slice(0, 12)} and ${b.dataHash.slice(0, 12)}), so nobody can say that they held out the same.`,
      );
    } else {
      const keys = judgedBy[a.kind] ?? Object.keys({ ...a.dataKeys, ...b.dataKeys });
      const drops = a.kind === 'pairs' && a.dataKeys.onTooLong === 'drop' ? ['maxTokens'] : [];
      const differs = [...keys, ...drops].filter((key) => json(a.dataKeys[key]) !== json(b.dataKeys[key]));
      if (differs.length > 0)
        obstacles.push(`${pair} are judged in other ways: data.${differs.join(', data.')} differ.`);
    }
    sameTokens &&= a.tokenizerHash === b.tokenizerHash || !lossUnit(first.recipe).endsWith('token');
  }
  return { obstacles, sameTokens };
}

/** The hash of pairs has stayed the same since version 0.1, which kept the first 16 digits. */
function isKnownSame(a: RunIdentity, b: RunIdentity): boolean {
  if (a.isOld === b.isOld) return a.dataHash === b.dataHash;
  const [old, today] = a.isOld ? [a, b] : [b, a];
  return old.kind === 'pairs' && today.dataHash.startsWith(old.dataHash);
}

function json(value: unknown): string | undefined {
  return JSON.stringify(value);
}

function values({ evaluations }: RunHistory, measure: Measure): { step: number; value: number }[] {
  return evaluations.flatMap((evaluation: RunEvaluation) => {
    const value = evaluation[measure];
    return typeof value === 'number' ? [{ step: evaluation.step, value }] : [];
  });
}

function diverged(runs: readonly ComparedRun[]): string {
  return list(runs.map(({ name, history }) => `${name} diverged (at step ${history.step})`));
}

function atCommonStep(runs: readonly ComparedRun[], measure: Measure): Standing | undefined {
  const tables = runs.map((run) =>
    run.history.hasDiverged
      ? undefined
      : new Map(values(run.history, measure).map(({ step, value }) => [step, value])),
  );
  const judged = tables.filter((table) => table !== undefined);
  const step = [...judged[0]!.keys()].reverse().find((one) => judged.every((table) => table.has(one)));
  if (step === undefined) return undefined;
  return standing(
    step,
    tables.map((table) => table && { step, value: table.get(step)! }),
  );
}

function atEnd(runs: readonly ComparedRun[], measure: Measure): Standing {
  return standing(
    null,
    runs.map((run) => (run.history.hasDiverged ? undefined : values(run.history, measure).at(-1)!)),
  );
}

function standing(step: number | null, found: Standing['values']): Standing {
  const order = [...found.keys()]
    .filter((at) => found[at] !== undefined)
    .sort((a, b) => found[a]!.value - found[b]!.value || a - b);
  return { step, values: found, order };
}

function verdictOf(
  { runs, unit, seedsOnly }: Comparison,
  measure: Measure,
  common: Standing | undefined,
  end: Standing,
): string[] {
  const what = measure === 'validNll' ? `held-out loss in ${unit}` : unit;
  const lost = runs.filter(({ history }) => history.hasDiverged);
  const ends = end.values.filter((found) => found !== undefined);
  const only = ends.length === 1 ? runs[end.order[0]!]! : undefined;
  if (only) {
    const { step, value } = ends[0]!;
    return [
      `${only.name} is better: ${value.toFixed(4)} at step ${step} (${what}); ${diverged(lost)}.`,
      oneSeed(seedsOnly),
    ];
  }
  const isEnd = common && ends.every(({ step }) => step === common.step);
  const sentences: string[] = [];
  if (common) {
    const where = isEnd
      ? `At the end, step ${common.step}`
      : `At step ${common.step}, the last at which all were judged`;
    sentences.push(`${where}, ${ranking(runs, common)} (${what}).`);
  } else sentences.push('There is no step at which all were judged.');
  if (!isEnd) sentences.push(`At the end of each, ${ranking(runs, end)}${common ? '' : ` (${what})`}.`);
  if (lost.length > 0) sentences.push(`${diverged(lost)}, and ${lost.length > 1 ? 'are' : 'is'} not judged.`);
  const isEqual = ends.every(({ value }) => value === ends[0]!.value) && isEnd;
  if (isEqual) return sentences;
  sentences.push(oneSeed(seedsOnly));
  return sentences;
}

function oneSeed(seedsOnly: boolean): string {
  return seedsOnly
    ? 'They differ in nothing but the seed, so the difference is chance.'
    : 'Each is one run: how much another seed would move them is not known from these.';
}

/** `A is better: 2.1000, which is 0.2000 (8.7 %) below B`. */
function ranking(runs: readonly ComparedRun[], { step, values, order }: Standing): string {
  const name = (at: number) => runs[at]!.name;
  const at = (place: number) => (step === null ? ` (step ${values[place]!.step})` : '');
  const [best, ...rest] = order as [number, ...number[]];
  const low = values[best]!.value;
  const equals = rest.filter((place) => values[place]!.value === low);
  if (equals.length === rest.length) {
    return `${list(order.map((place) => `${name(place)}${at(place)}`))} are equal to the last bit: ${low.toFixed(4)}`;
  }
  const behind = rest
    .filter((place) => values[place]!.value !== low)
    .map((place) => {
      const gap = values[place]!.value - low;
      return `${digits(gap)} (${percent(gap / Math.abs(values[place]!.value))}) below ${name(place)}${at(place)}`;
    });
  const ahead = [best, ...equals].map((place) => `${name(place)}${at(place)}`);
  return `${list(ahead)} ${ahead.length > 1 ? 'are' : 'is'} ${rest.length > 1 ? 'best' : 'better'}: ${low.toFixed(4)}, ${list(behind)}`;
}

function digits(gap: number): string {
  return gap < 0.0001 ? gap.toExponential(1) : gap.toFixed(4);
}

function percent(share: number): string {
  return `${(100 * share).toPrecision(2)} %`;
}

/** `a`, `a and b`, `a, b and c`. */
function list(parts: readonly string[]): string {
  return parts.length < 2 ? (parts[0] ?? '') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
