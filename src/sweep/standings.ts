/** @file How the runs of a sweep stand: what they may be compared by, the spread over seeds, and the best. */
import type { RunRecord } from '../experiments/results.js';
import { median } from '../experiments/statistics.js';
import { valuesOf } from './fields.js';
import { isSeed, type SweepMeasure, type SweepSetting, type SweptField } from './results.js';

/** As much of a recipe as decides what a loss means. */
interface Judged {
  data: { kind: string } & Record<string, unknown>;
  metric?: string;
}

const recipeOf = ({ config }: RunRecord): Judged => config.recipe as Judged;

/** Keys of data that decide how the same content is judged, by kind; of masked texts all but where it lies. */
const JUDGED_BY: Readonly<Record<string, readonly string[]>> = {
  pairs: ['onTooLong', 'validation', 'holdOut'],
  labelledTexts: ['labelSeparator', 'validation', 'holdOut'],
  labelledPairs: ['labelSeparator', 'validation', 'holdOut'],
  images: ['channels', 'validation', 'holdOut'],
  text: ['validation'],
  tokens: [],
  module: ['options'],
};

/** What the best evaluation of a run found, by what is measured. */
const KEYS = { nll: 'bestValidNll', bitsPerByte: 'bestBitsPerByte', metric: 'best' } as const;

/** What is the same in runs that may be compared. */
function judgedOn(run: RunRecord): string {
  const { data, metric } = recipeOf(run);
  const { kind, source: _, text: __, url: ___, ...rest } = data;
  const keys = JUDGED_BY[kind] ?? Object.keys(rest).sort();
  const dropsByLength = kind === 'pairs' && data.onTooLong === 'drop' ? [data.maxTokens ?? null] : [];
  return JSON.stringify([kind, metric ?? null, keys.map((key) => data[key] ?? null), dropsByLength]);
}

/** What runs are compared by; those that diverged have no say. */
export function measureOf(records: readonly RunRecord[]): SweepMeasure {
  const none = (why: string): SweepMeasure => ({ kind: 'none', why });
  const runs = records.filter(({ measured }) => measured?.best !== undefined);
  if (runs.length === 0) {
    const diverged = records.some(({ status }) => status === 'diverged');
    return none(diverged ? 'every run diverged before an evaluation' : 'nothing is held out');
  }
  if (new Set(runs.map(judgedOn)).size > 1)
    return none('the recipes hold out other data, or measure something else');
  // The data of a run are hashed with its tokenizer, and the text of both is the same where the recipes say so.
  const contents = new Set(runs.map(({ config }) => JSON.stringify(contentOf(config))));
  if (contents.size > 1) return none('the recipes read other data');
  const { metric } = recipeOf(runs[0]!);
  if (metric !== undefined) return { kind: 'metric', name: metric, better: 'higher' };
  const isSameTokens = new Set(runs.map(({ tokenizerHash }) => tokenizerHash)).size === 1;
  if (isSameTokens) return { kind: 'nll', name: 'held-out loss', better: 'lower' };
  if (runs.every(({ measured }) => measured?.bestBitsPerByte !== undefined))
    return { kind: 'bitsPerByte', name: 'bits per byte', better: 'lower' };
  return none('the tokenizers differ, and the bytes that the tokens spell are not known');
}

/** Where the content is. */
function contentOf(config: RunRecord['config']): unknown {
  const { source, text, url, ids, images } = (config.recipe as Judged).data;
  return [source, text, url, ids, images];
}

/** What a run reached at its best evaluation; null where it diverged. */
export function scoreOf({ status, measured }: RunRecord, measure: SweepMeasure): number | null {
  if (measure.kind === 'none' || status === 'diverged') return null;
  const value = measured?.[KEYS[measure.kind]];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** Runs that differ in nothing but seeds, together; the best setting first, by its median. */
export function settingsOf(
  records: readonly RunRecord[],
  fields: readonly SweptField[],
  measure: SweepMeasure,
): SweepSetting[] {
  const names = fields.map(({ name }) => name).filter((name) => !isSeed(name));
  const groups = new Map<string, { values: Record<string, unknown>; runs: RunRecord[] }>();
  for (const record of records) {
    const own = valuesOf(record.config.recipe as object);
    const values = Object.fromEntries(names.map((name) => [name, own.get(name) ?? null]));
    const key = JSON.stringify(values);
    const group = groups.get(key) ?? { values, runs: [] };
    group.runs.push(record);
    groups.set(key, group);
  }
  const settings = [...groups.values()].map(({ values, runs }): SweepSetting => {
    const scores = runs.map((run) => scoreOf(run, measure));
    const there = scores.filter((score) => score !== null);
    const isWhole = there.length === scores.length;
    return {
      values,
      runs: runs.map(({ id }) => id),
      scores,
      // A seed that diverged must not hide in a median.
      median: isWhole && there.length > 0 ? median(there) : null,
      low: there.length > 0 ? Math.min(...there) : null,
      high: there.length > 0 ? Math.max(...there) : null,
    };
  });
  const rank = ({ median }: SweepSetting): number =>
    median === null ? Number.POSITIVE_INFINITY : signed(median);
  const signed = (value: number): number =>
    measure.kind !== 'none' && measure.better === 'higher' ? -value : value;
  return settings
    .map((setting, at) => ({ setting, at }))
    .sort((a, b) => compare(rank(a.setting), rank(b.setting)) || a.at - b.at)
    .map(({ setting }) => setting);
}

/** Infinity less infinity is no number. */
const compare = (a: number, b: number): number => (a === b ? 0 : a < b ? -1 : 1);

/** The run with the best score; the first of several that are equal. */
export function bestRun(records: readonly RunRecord[], measure: SweepMeasure): RunRecord | null {
  if (measure.kind === 'none') return null;
  let best: { record: RunRecord; score: number } | null = null;
  for (const record of records) {
    const score = scoreOf(record, measure);
    if (score === null) continue;
    if (best === null || (measure.better === 'higher' ? score > best.score : score < best.score))
      best = { record, score };
  }
  return best?.record ?? null;
}
