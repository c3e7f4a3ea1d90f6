/** @file The page of a sweep: the best run and setting, curves and maps, every setting with its spread, every run. */
import type { RunRecord } from '../experiments/results.js';
import { withoutFolders } from '../io/recipe-names.js';
import { valueText } from '../sweep/fields.js';
import { isSeed, type SweepResults } from '../sweep/results.js';
import { scoreOf } from '../sweep/standings.js';
import { figuresMarkup } from './figure-markup.js';
import { html, type Markup } from './markup.js';
import type { PageFiles } from './page-files.js';
import { exact, factTable } from './run-page.js';
import { recipeRows } from './run-report.js';
import { renderPage, sectionMarkup } from './shell.js';
import { type MapAxes, measureName, scoreText, settingName, shortOf, sweepFigures } from './sweep-figures.js';
import { thinFigures } from './thin.js';
import { formatDuration, formatNumber, shortHash } from './wording.js';

/** Rows of a table; more are in the file of the results. */
const MOST_ROWS = 300;

export interface SweepPage {
  version: string;
  /** When it was written (ISO 8601). */
  written: string;
  /** Fields of the maps that were asked for. */
  maps?: readonly MapAxes[];
}

export function renderSweep(
  results: SweepResults,
  { version, written, maps }: SweepPage,
  files: PageFiles,
): string {
  const { name, runs, measure, failed } = results;
  const { figures } = thinFigures(sweepFigures(results, maps));
  const best = runs.find(({ id }) => id === results.best);
  const sections = [
    { id: 'curves', title: 'Curves and maps', body: figuresMarkup(figures, 'in results.json') },
    { id: 'settings', title: 'Settings', body: settingsTable(results) },
    { id: 'runs', title: 'Runs', body: runsTable(results) },
    ...(failed.length > 0 ? [{ id: 'failed', title: 'Not carried out', body: failedTable(results) }] : []),
    ...(best ? [{ id: 'best', title: 'The best recipe', body: bestRecipe(best) }] : []),
  ];
  const [head, ...rest] = verdict(results);
  return renderPage({
    title: `${name}: ${runs.length} runs`,
    maker: 'sweep',
    version,
    sections,
    main: html`<h1>${name}</h1>
<div class="status ${measure.kind === 'none' || failed.length > 0 ? 'bad' : 'good'}" id="verdict"><p><strong>${head}</strong>${rest.map((text) => html` ${text}`)}</p></div>
${sections.map(sectionMarkup)}`,
    source: html`Written by Prenorm ${version} on ${written.slice(0, 10)}: <code>${results.command}</code>.`,
    figures,
    files,
  });
}

/** What came out, in sentences; the same on the page and in the terminal. */
export function verdict(results: SweepResults): string[] {
  const { runs, settings, measure, failed, seconds, environment } = results;
  const short = shortOf(results);
  const diverged = runs.filter(({ status }) => status === 'diverged').length;
  const counts = [
    `${runs.length} ${runs.length === 1 ? 'run' : 'runs'} of ${settings.length} ${settings.length === 1 ? 'setting' : 'settings'} in ${formatDuration(seconds)} on ${environment.processes} ${environment.processes === 1 ? 'process' : 'processes'}`,
    ...(diverged > 0 ? [`${diverged} diverged`] : []),
    ...(failed.length > 0 ? [`${failed.length} could not be carried out`] : []),
  ];
  const closing = `${counts.join(', ')}.`;
  const best = runs.find(({ id }) => id === results.best);
  if (measure.kind === 'none') return [`No run is called the best: ${measure.why}.`, closing];
  if (!best) return ['No run came to an evaluation.', closing];
  const score = scoreOf(best, measure) as number;
  const sentences = [
    `The best run is ${best.label}: ${measure.name} ${score.toFixed(4)} at step ${best.measured?.bestStep}.`,
  ];
  const [first, second] = settings;
  const seeds = first?.runs.length ?? 0;
  if (seeds > 1 && first && first.median !== null) {
    const which = settings.length > 1 ? ` the best setting is ${settingName(first, short)}` : '';
    sentences.push(`Over ${seeds} seeds${which}: ${scoreText(first)}.`);
    if (second && second.median !== null && overlaps(first, second))
      sentences.push(
        `Its seeds overlap with those of ${settingName(second, short)}, so the order of the two may be chance.`,
      );
  } else if (settings.length > 1)
    sentences.push('Each setting has one seed: how much another would move it is not known from these.');
  return [...sentences, closing];
}

type Spread = SweepResults['settings'][number];

const overlaps = (a: Spread, b: Spread): boolean =>
  (a.low as number) <= (b.high as number) && (b.low as number) <= (a.high as number);

function wideTable(label: string, titles: readonly string[], rows: readonly Markup[], all: number): Markup {
  const more =
    all > rows.length ? html`<p class="fine">${rows.length} of ${all}; all stand in results.json.</p>` : '';
  return html`<div class="wide-table" tabindex="0" role="region" aria-label="${label}"><table class="numbers">
<thead><tr>${titles.map((title) => html`<th scope="col">${title}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table></div>
${more}`;
}

/** A row about each setting; the same on the page and in the terminal. */
export function settingRows(results: SweepResults): { titles: string[]; rows: string[][] } {
  const short = shortOf(results);
  const names = results.fields.map(({ name }) => name).filter((name) => !isSeed(name));
  const byId = new Map(results.runs.map((run) => [run.id, run]));
  const some = results.runs.some(({ status }) => status === 'diverged');
  const rows = results.settings.map((setting) => {
    const { values, runs, median, low, high } = setting;
    const diverged = runs.filter((id) => byId.get(id)?.status === 'diverged').length;
    return [
      names.length > 0 ? names.map((name) => valueText(values[name])) : ['all seeds'],
      String(runs.length),
      ...[median, low, high].map((value) => value?.toFixed(4) ?? ''),
      ...(some ? [diverged > 0 ? String(diverged) : ''] : []),
    ].flat();
  });
  const fields = names.length > 0 ? names.map((name) => short.get(name) ?? name) : ['Setting'];
  return {
    titles: [
      ...fields,
      'Runs',
      `Median ${measureName(results)}`,
      'Lowest',
      'Highest',
      ...(some ? ['Diverged'] : []),
    ],
    rows,
  };
}

function settingsTable(results: SweepResults): Markup {
  const { titles, rows } = settingRows(results);
  const shown = rows
    .slice(0, MOST_ROWS)
    .map(
      ([name, ...cells], at) =>
        html`<tr${at === 0 && results.best !== null ? html` class="best"` : ''}><th scope="row">${name}</th>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`,
    );
  return html`<p>The best first, each by the median over its seeds of what the best evaluation of a run found. A setting of which a seed diverged has no median.</p>
${wideTable('Settings', titles, shown, rows.length)}`;
}

function runsTable(results: SweepResults): Markup {
  const { runs, measure } = results;
  const titles = ['Run', 'Status', 'Best', 'at step', 'Held out, last', 'Steps', 'Time', 'Hash'];
  const rows = runs
    .slice(0, MOST_ROWS)
    .map(
      (run) =>
        html`<tr${run.id === results.best ? html` class="best"` : ''}><th scope="row">${run.label}</th>${[
          run.status === 'diverged' ? 'diverged' : 'trained',
          scoreOf(run, measure)?.toFixed(4) ?? '',
          formatNumber(run.measured?.bestStep as number | undefined),
          run.finalValidNll === undefined ? '' : exact(run.finalValidNll),
          String(run.steps),
          formatDuration(run.seconds),
        ].map(
          (cell) => html`<td>${cell}</td>`,
        )}<td><code title="${run.hash}">${shortHash(run.hash)}</code></td></tr>`,
    );
  return html`<p>The hash is over all losses and the final weights: equal recipes and data give it again, on any machine.</p>
${wideTable('Runs', titles, rows, runs.length)}`;
}

function failedTable({ failed }: SweepResults): Markup {
  return html`<table class="pairs"><tbody>${failed
    .slice(0, MOST_ROWS)
    .map(
      ({ label, error }) => html`<tr><th scope="row">${label}</th><td>${error}</td></tr>`,
    )}</tbody></table>`;
}

function bestRecipe({ config, id }: RunRecord): Markup {
  return html`<p>As JSON it stands in results.json, in the run <code>${id}</code> under <code>config.recipe</code>; in a file of its own
<code>prenorm train</code> takes it, and comes to the same bits.</p>
${factTable('Recipe', recipeRows(withoutFolders(config.recipe as object)))}`;
}
