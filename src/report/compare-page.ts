/** @file The page of a comparison: the sentence on which is better, the curves over each other, and what differs. */
import type { Figure } from '../experiments/results.js';
import { type ComparedRun, type Comparison, isShort, plannedSteps, type Standing } from './compare-runs.js';
import { figuresMarkup } from './figure-markup.js';
import { html, type Markup } from './markup.js';
import type { PageFiles } from './page-files.js';
import { base, heldOut, series, smoothing, thinning } from './run-figures.js';
import { exact, grouped } from './run-page.js';
import { lossUnit, metricName } from './run-report.js';
import { renderPage, sectionMarkup } from './shell.js';
import type { ThinnedCurve } from './thinned-curve.js';
import { formatNumber } from './wording.js';

export interface ComparisonPage {
  /** The command that made it. */
  command: string;
  version: string;
  /** When it was written (ISO 8601). */
  written: string;
}

export function renderComparison(
  comparison: Comparison,
  { command, version, written }: ComparisonPage,
  files: PageFiles,
): string {
  const { runs, verdict, measure } = comparison;
  const figures = comparisonFigures(runs);
  const sections = [
    {
      id: 'curves',
      title: 'Curves',
      body: figuresMarkup(figures, "in the files of the runs' folders"),
    },
    { id: 'standings', title: 'Numbers', body: standingsTable(comparison) },
    { id: 'differences', title: 'Recipes', body: differencesTable(comparison) },
  ];
  return renderPage({
    title: `${runs.length} runs compared`,
    maker: 'compare',
    version,
    sections,
    main: html`<h1>${runs.length} runs compared</h1>
<div class="status ${measure ? 'good' : 'bad'}" id="verdict"><p>${verdict.map((text, at) =>
      at === 0 ? html`<strong>${text}</strong>` : html` ${text}`,
    )}</p></div>
${sections.map(sectionMarkup)}`,
    source: html`Written by Prenorm ${version} on ${written.slice(0, 10)}: <code>${command}</code>.`,
    figures,
    files,
  });
}

function comparisonFigures(runs: readonly ComparedRun[]): Figure[] {
  const units = [...new Set(runs.map(({ recipe }) => lossUnit(recipe)))].join(', ');
  const overlay = (
    [id, title, yLabel]: [string, string, string],
    curveOf: (run: ComparedRun) => ThinnedCurve,
    { caption, ...rest }: Pick<Figure, 'caption'> & Partial<Figure>,
  ): Figure[] => {
    const curves = runs.map((run) => ({ name: run.name, curve: curveOf(run) }));
    const shown = curves.filter(({ curve }) => !curve.isEmpty);
    if (shown.length === 0) return [];
    const all = shown.map(({ name, curve }) => ({ name, points: curve.points() }));
    const widest = all.reduce((a, b) => (b.points.width > a.points.width ? b : a));
    const absent = curves.filter(({ curve }) => curve.isEmpty).map(({ name }) => name);
    return [
      {
        ...base(id, title, yLabel),
        ...rest,
        caption: `${caption}${smoothing(rest)}${absent.length ? ` Without ${absent.join(', ')}, which has none.` : ''}${thinning(widest.points)}`,
        series: all.map(({ name, points }) => series(name, points)),
      },
    ];
  };
  return [
    ...overlay(['held-out', 'Held-out loss', units], ({ history }) => heldOut(history.evaluations), {
      caption: 'Loss on what is held out, at each evaluation.',
    }),
    ...overlay(['loss', 'Training loss', units], ({ history }) => history.loss, {
      caption: 'Loss of each update in training.',
      smooth: true,
    }),
    ...overlay(
      ['bits', 'Bits per byte', 'bits per byte'],
      ({ history }) => heldOut(history.evaluations, 'bitsPerByte'),
      {
        caption: 'Bits per byte of the held-out text: the same measure for every tokenizer.',
      },
    ),
    ...overlay(
      ['metric', 'Metric', metricNames(runs)],
      ({ history }) => heldOut(history.evaluations, 'metric'),
      {
        caption: 'What each recipe measures beside the loss, at each evaluation.',
      },
    ),
    ...overlay(['rate', 'Learning rate', 'rate of the update'], ({ history }) => history.lr, {
      caption: 'The rate of each update.',
    }),
    ...overlay(
      ['gradient-norm', 'Gradient norm', 'joint 2-norm before clipping'],
      ({ history }) => history.gradNorm,
      {
        caption: 'The 2-norm of all gradients together, before clipping.',
        yScale: runs.some(({ history }) => history.gradNorm.points().y.some((y) => y !== null && y <= 0))
          ? 'linear'
          : 'log',
        smooth: true,
      },
    ),
    ...overlay(['speed', 'Speed', 'tokens per second'], ({ history }) => history.tokensPerSecond, {
      caption:
        'Targets per second of each step without an evaluation, each on the machine that it was trained on.',
      smooth: true,
    }),
  ];
}

function metricNames(runs: readonly ComparedRun[]): string {
  const judged = runs.filter(({ history }) => history.evaluations.some(({ metric }) => metric !== undefined));
  return [...new Set(judged.map(({ recipe }) => metricName(recipe)))].join(', ');
}

/** A row of numbers about each run; the same on the page and in the terminal. */
export function standingRows({ runs, common, measure }: Comparison): { titles: string[]; rows: string[][] } {
  const bits = runs.some(({ history }) =>
    history.evaluations.some(({ bitsPerByte }) => bitsPerByte !== undefined),
  );
  const metrics = runs.some(({ history }) => history.evaluations.some(({ metric }) => metric !== undefined));
  const titles = [
    'Run',
    'Steps',
    ...(common ? [`${measure === 'bitsPerByte' ? 'Bits per byte' : 'Held out'}, step ${common.step}`] : []),
    'Held out, last',
    'Held out, best',
    ...(bits ? ['Bits per byte, last'] : []),
    ...(metrics ? ['Metric, last'] : []),
    'Seen',
    'Per second',
  ];
  const rows = runs.map((run, at) => {
    const { name, history } = run;
    const { evaluations, measured, step, tokens } = history;
    const last = evaluations.at(-1);
    const finite = evaluations.filter(({ validNll }) => validNll !== null);
    const best = finite.reduce<(typeof finite)[number] | undefined>(
      (a, b) => (a && a.validNll! <= b.validNll! ? a : b),
      undefined,
    );
    return [
      name,
      isShort(run) ? `${step} of ${plannedSteps(run)}` : String(step),
      ...(common ? [common.values[at]?.value.toFixed(4) ?? ''] : []),
      last ? exact(last.validNll) : '',
      best ? `${exact(best.validNll)} (step ${best.step})` : '',
      ...(bits ? [last?.bitsPerByte?.toFixed(4) ?? ''] : []),
      ...(metrics ? [last?.metric === undefined ? '' : formatNumber(last.metric)] : []),
      grouped(tokens),
      measured.seconds > 0 ? formatNumber(measured.tokens / measured.seconds) : '',
    ];
  });
  return { titles, rows };
}

function standingsTable(comparison: Comparison): Markup {
  const { titles, rows } = standingRows(comparison);
  const places: (Standing | undefined)[] = [comparison.common, comparison.end];
  const best = places.find((place) => place !== undefined)?.order[0];
  return html`<div class="wide-table" tabindex="0" role="region" aria-label="Numbers of each run"><table class="numbers">
<thead><tr>${titles.map((title) => html`<th scope="col">${title}</th>`)}</tr></thead>
<tbody>${rows.map(([name, ...cells], at) => {
    const { page } = comparison.runs[at]!;
    return html`<tr${at === best ? html` class="best"` : ''}><th scope="row">${page ? html`<a href="${page}">${breakable(name!)}</a>` : breakable(name!)}</th>${cells.map(
      (cell) => html`<td>${cell}</td>`,
    )}</tr>`;
  })}</tbody></table></div>
<p class="fine">Held-out losses in ${comparison.unit === 'bits per byte' ? 'nats' : comparison.unit}. Seen: targets that counted, over all steps. Per second: such targets, on the machine that trained.</p>`;
}

function differencesTable({ runs, differences }: Comparison): Markup {
  if (differences.length === 0) return html`<p>The recipes are the same, and so are the data.</p>`;
  return html`<p>What is the same in all is left out.</p>
<div class="wide-table" tabindex="0" role="region" aria-label="Differences of the recipes"><table class="differences">
<thead><tr><th scope="col">Key</th>${runs.map(({ name }) => html`<th scope="col">${breakable(name)}</th>`)}</tr></thead>
<tbody>${differences.map(
    ({ name, values }) =>
      html`<tr><th scope="row">${breakable(name)}</th>${values.map((value) =>
        value === undefined
          ? html`<td class="fine">not given</td>`
          : html`<td>${Number.isNaN(Number(value)) ? breakable(value) : value}</td>`,
      )}</tr>`,
  )}</tbody></table></div>`;
}

/** Keys and folders may go on in the next line after a dot or a slash, and nowhere else. */
function breakable(name: string): Markup {
  return html`${name.split(/(?<=[./])(?=[^./\d])/).map((part, at) => (at === 0 ? html`${part}` : html`<wbr>${part}`))}`;
}
