/** @file The figures of a sweep: curves of the best settings, maps over two fields, and the score over a single field. */
import type { Figure, RunRecord, Series } from '../experiments/results.js';
import { mean } from '../experiments/statistics.js';
import { shortNames, valueText } from '../sweep/fields.js';
import { isSeed, type SweepResults, type SweepSetting, type SweptField } from '../sweep/results.js';
import { base } from './run-figures.js';
import { formatNumber } from './wording.js';

/** More lines than that nobody tells apart. */
const MOST_CURVES = 10;
/** Fields of which every two have a map, where nobody has chosen. */
const MOST_FIELDS = 4;
/** Maps beside each other. */
const MOST_PANELS = 8;

/** Two fields by their names: rows and columns of a map. */
export type MapAxes = readonly [rows: string, columns: string];

/** Every figure that has something to show. Without `maps`, every two of the first fields have one. */
export function sweepFigures(results: SweepResults, maps?: readonly MapAxes[]): Figure[] {
  const fields = results.fields.filter(({ name }) => !isSeed(name));
  const first = fields.slice(0, MOST_FIELDS);
  const axes = maps ?? first.flatMap((a, i) => first.slice(i + 1).map((b): MapAxes => [a.name, b.name]));
  return [
    ...curveFigures(results),
    ...(results.measure.kind === 'none' ? [] : axes.map((one) => mapFigure(results, fields, one))),
    ...(fields.length === 1 ? fieldFigures(results, fields[0]!) : []),
  ];
}

/** What a setting is called in a legend. */
export function settingName(setting: SweepSetting, short: ReadonlyMap<string, string>): string {
  const parts = Object.entries(setting.values).map(
    ([name, value]) => `${short.get(name) ?? name} ${valueText(value)}`,
  );
  return parts.length > 0 ? parts.join(', ') : 'all seeds';
}

export const shortOf = ({ fields }: SweepResults): Map<string, string> =>
  shortNames(fields.map(({ name }) => name));

function curveFigures(results: SweepResults): Figure[] {
  const { settings, runs } = results;
  const byId = new Map(runs.map((run) => [run.id, run]));
  const short = shortOf(results);
  const shown = settings.slice(0, MOST_CURVES);
  const byPlacement = results.fields.some(({ name }) => name === 'model.normPlacement');
  const draw = (valueOf: (point: Point) => number | undefined): Series[] =>
    shown.flatMap((setting): Series[] => {
      const group = setting.runs.flatMap((id) => byId.get(id) ?? []);
      const points = meanOver(group, valueOf);
      if (points.x.length === 0) return [];
      const label = settingName(setting, short);
      return [{ label, placement: byPlacement ? group[0]!.placement : label, ...points }];
    });
  const chosen =
    settings.length > shown.length
      ? ` The ${shown.length} best of ${settings.length} settings; all stand in results.json.`
      : '';
  const figures: [string, string, string, Series[]][] = [
    ['held-out', 'Held-out loss', 'Loss on what is held out, at each evaluation', draw((p) => p.validNll)],
    ['loss', 'Training loss', 'Loss of each tenth update in training', draw((p) => p.trainLoss)],
  ];
  return figures
    .filter(([, , , series]) => series.length > 0)
    .map(([id, title, caption, series]) => ({
      ...base(id, title, 'loss'),
      caption: `${caption}${
        series.some(({ low }) => low)
          ? ', mean over seeds; the band reaches from the lowest to the highest'
          : ''
      }.${chosen}`,
      series,
    }));
}

type Point = NonNullable<RunRecord['curve']>[number];

/** The mean over runs at the steps that all of them have, with the lowest and the highest. */
function meanOver(
  group: readonly RunRecord[],
  valueOf: (point: Point) => number | undefined,
): Pick<Series, 'x' | 'y' | 'low' | 'high'> {
  const curves = group.map(
    ({ curve = [] }) =>
      new Map(
        curve.flatMap((point) => {
          const value = valueOf(point);
          return typeof value === 'number' && Number.isFinite(value) ? [[point.step, value] as const] : [];
        }),
      ),
  );
  const [first = new Map<number, number>(), ...others] = curves;
  const x = [...first.keys()].filter((step) => others.every((curve) => curve.has(step)));
  const at = (step: number) => curves.map((curve) => curve.get(step) as number);
  const y = x.map((step) => mean(at(step)));
  if (group.length < 2) return { x, y };
  return {
    x,
    y,
    low: x.map((step) => Math.min(...at(step))),
    high: x.map((step) => Math.max(...at(step))),
  };
}

/** Numbers in their order; names in the order of the grid. */
function ordered({ values }: SweptField): unknown[] {
  const isNumeric = values.every((value) => typeof value === 'number');
  return isNumeric ? [...(values as number[])].sort((a, b) => a - b) : values;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The best of numbers, in the sense of the measure; null where there is none. */
function bestOf(results: SweepResults, values: readonly (number | null)[]): number | null {
  const there = values.filter((value) => value !== null);
  if (there.length === 0) return null;
  const { measure } = results;
  return measure.kind !== 'none' && measure.better === 'higher' ? Math.max(...there) : Math.min(...there);
}

function mapFigure(
  results: SweepResults,
  fields: readonly SweptField[],
  [rowName, columnName]: MapAxes,
): Figure {
  const { measure, settings } = results;
  const short = shortOf(results);
  const field = (name: string) => fields.find((one) => one.name === name) as SweptField;
  const [rows, columns] = [ordered(field(rowName)), ordered(field(columnName))];
  const others = fields.filter(({ name }) => name !== rowName && name !== columnName);
  const third = others.length === 1 && others[0]!.values.length <= MOST_PANELS ? others[0] : undefined;
  const cell = (row: unknown, column: unknown, panel?: unknown): number | null =>
    bestOf(
      results,
      settings
        .filter(
          ({ values }) =>
            same(values[rowName], row) &&
            same(values[columnName], column) &&
            (!third || same(values[third.name], panel)),
        )
        .map(({ median }) => median),
    );
  const panels = (third ? ordered(third) : [undefined]).map((panel) => ({
    label: third ? `${short.get(third.name)} ${valueText(panel)}` : measureName(results),
    values: rows.map((row) => columns.map((column) => cell(row, column, panel))),
  }));
  const [rowLabel, columnLabel] = [short.get(rowName) ?? rowName, short.get(columnName) ?? columnName];
  const isSpread = settings.some(({ runs }) => runs.length > 1);
  const best =
    others.length > (third ? 1 : 0) ? `, the best over ${others.map(({ name }) => name).join(', ')}` : '';
  return {
    ...base(`map-${rowLabel}-${columnLabel}`, `${rowLabel} and ${columnLabel}`, rowLabel),
    kind: 'heatmap',
    caption: `${capital(measureName(results))} at the best evaluation of each run${
      isSpread ? ', median over seeds' : ''
    }${best}. ${measure.kind !== 'none' && measure.better === 'higher' ? 'Higher' : 'Lower'} is better; hatched cells were not run, or a seed of theirs diverged.`,
    xLabel: columnLabel,
    heatmap: {
      rowLabel,
      columnLabel,
      rows: rows.map(valueText),
      columns: columns.map(valueText),
      valueLabel: measureName(results),
      panels,
    },
    series: [],
  };
}

export function measureName({ measure }: SweepResults): string {
  return measure.kind === 'none' ? 'no measure' : measure.name;
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

/** Of the only field: a line over numbers, bars over names. */
function fieldFigures(results: SweepResults, field: SweptField): Figure[] {
  const { measure, settings } = results;
  if (measure.kind === 'none') return [];
  const name = shortOf(results).get(field.name) ?? field.name;
  const found = ordered(field).flatMap((value) => {
    const setting = settings.find(({ values }) => same(values[field.name], value));
    return setting ? [{ value, ...setting }] : [];
  });
  const frame = {
    ...base(`over-${name}`, `${capital(measure.name)} over ${name}`, measure.name),
    caption: `At the best evaluation of each run${
      found.some(({ runs }) => runs.length > 1) ? ', median over seeds, from the lowest to the highest' : ''
    }.`,
    xLabel: name,
  };
  if (found.every(({ value }) => typeof value === 'number')) {
    const x = found.map(({ value }) => value as number);
    const isWide = x[0]! > 0 && x.at(-1)! / x[0]! >= 8;
    const series = {
      label: measure.name,
      placement: measure.name,
      x,
      y: found.map(({ median }) => median),
      low: found.map(({ low }) => low),
      high: found.map(({ high }) => high),
    };
    return [{ ...frame, xScale: isWide ? 'log' : 'linear', series: [series] }];
  }
  const series = found.map(({ value, median, low, high }) => ({
    label: valueText(value),
    placement: field.name === 'model.normPlacement' ? valueText(value) : `${name} ${valueText(value)}`,
    x: [0],
    y: [median],
    low: [low],
    high: [high],
  }));
  return [{ ...frame, kind: 'bars', series }];
}

/** A score with its spread, e.g. `2.134 (2.120 to 2.151)`. */
export function scoreText({ median, low, high }: SweepSetting): string {
  if (median === null) return low === null ? 'none' : `none (from ${formatNumber(low)})`;
  return low === high
    ? median.toFixed(4)
    : `${median.toFixed(4)} (${low?.toFixed(4)} to ${high?.toFixed(4)})`;
}
