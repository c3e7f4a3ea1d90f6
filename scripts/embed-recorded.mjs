/**
 * @file Puts recorded figures of docs/results/standard.json into web/lab/generated/recorded.ts, for the Lab: at most
 * 200 points a line, four digits a number. Run by scripts/build.mjs, or alone: `node scripts/embed-recorded.mjs`.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Figures by their names in the results; web/lab/presets.ts says what stands beside each. */
const names = [
  'valid-nll-fig2',
  'profile-translation',
  'valid-nll-fig4',
  'valid-nll-fig4-radam',
  'bert-valid-loss',
  'valid-nll-fig6',
  'toy-rescue',
  'theory-hidden',
  'peri-variance',
];
const MOST_POINTS = 200;
const MOST_BYTES = 60_000;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** The root, from where the module lies. */
const above = '../../..';
const results = JSON.parse(readFileSync(join(root, 'docs/results/standard.json'), 'utf8'));
const figures = Object.fromEntries(
  names.map((name) => {
    const figure = results.figures.find(({ id }) => id === name);
    if (!figure) throw new Error(`docs/results/standard.json has no figure ${name}`);
    const { id, title, caption, figure: of, xLabel, yLabel, xScale, yScale, levels, series } = figure;
    const thin = series.map(thinned);
    const shortLevels = levels?.map(({ label, y }) => ({ label, y: short(y) }));
    return [
      name,
      { id, title, caption, figure: of, xLabel, yLabel, xScale, yScale, levels: shortLevels, series: thin },
    ];
  }),
);
const text = [
  '// Auto-generated from docs/results/standard.json by `node scripts/embed-recorded.mjs`. Do not edit.',
  `import type { Figure } from '${above}/src/experiments/results.js';`,
  '',
  `/** The command that recorded them. */`,
  `export const command: string = ${JSON.stringify(results.command)};`,
  '',
  `export const recorded = ${JSON.stringify(figures)} as unknown as Readonly<Record<string, Figure>>;`,
  '',
].join('\n');
if (text.length > MOST_BYTES)
  throw new Error(`recorded figures: ${text.length} bytes, more than the ${MOST_BYTES} they may take`);
mkdirSync(join(root, 'web/lab/generated'), { recursive: true });
const path = join(root, 'web/lab/generated/recorded.ts');
if (!existsSync(path) || readFileSync(path, 'utf8') !== text) writeFileSync(path, text);

/** Every so many-th point, the first and the last among them. @param {any} series */
function thinned({ label, placement, dashed, x, y, low, high }) {
  const count = Math.min(x.length, MOST_POINTS);
  const places = Array.from({ length: count }, (_, at) =>
    Math.round((at * (x.length - 1)) / Math.max(1, count - 1)),
  );
  const pick = (/** @type {(number | null)[] | undefined} */ values) =>
    values && places.map((at) => short(values[at]));
  return { label, placement, dashed, x: pick(x), y: pick(y), low: pick(low), high: pick(high) };
}

/** @param {number | null} value */
function short(value) {
  return value === null ? null : Number(value.toPrecision(4));
}
