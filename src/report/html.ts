/**
 * @file The report page of a reproduction, one self-contained file drawn from `Results` alone: what came out in one
 * figure and one sentence, then every experiment with its figures and, folded under each, the claims that it shows.
 */
import type { ClaimRow, Figure, Results } from '../experiments/results.js';
import { claimsFold, placeClaims, unexpectedClaims } from './claims.js';
import { figureMarkup } from './figure-markup.js';
import { plainFormula, prose } from './formulas.js';
import { type Headline, headline } from './headline.js';
import { type Content, html, type Markup } from './markup.js';
import { type PageFiles, pageFiles } from './page-files.js';
import { methodSection, runsSection, samplesSection, settingsSection } from './run-sections.js';
import { renderPage, sectionMarkup } from './shell.js';
import { type Thinned, thinFigures } from './thin.js';
import {
  expectation,
  formatDuration,
  fourNumbers,
  isExpected,
  outcome,
  score,
  tally,
  timing,
  untrained,
} from './wording.js';

const paper =
  'R. Xiong et al., On Layer Normalization in the Transformer Architecture, ICML 2020 (arXiv:2002.04745)';

/** One HTML page as text, drawn by this `version` of Prenorm; works from `file://` without a network. */
export function renderReport(
  results: Results,
  version = results.prenorm,
  files: PageFiles = pageFiles('report'),
): string {
  const first = headline(results);
  const thinned = thinFigures([...(first ? [first.figure] : []), ...results.figures]);
  // Figures stand on the page in this order, each with its place in the list of data.
  const groups = byExperiment(results);
  const sections = [
    {
      id: 'experiments',
      title: 'Experiments',
      parts: groups.map(({ name, title }) => ({ id: `experiment-${name}`, title })),
      body: contents(groups),
    },
    { id: 'runs', title: 'Runs', body: runsSection(results.runs) },
    { id: 'samples', title: 'Runs in detail', body: samplesSection(results.runs) },
    { id: 'method', title: 'Method', body: html`${methodSection()}${thinning(thinned)}` },
    { id: 'settings', title: 'Settings and environment', body: settingsSection(results) },
  ].filter(({ body }) => body !== undefined);
  return renderPage({
    title: `Layer-norm placement, reproduced: ${results.preset} preset`,
    maker: 'reproduce',
    version,
    sections,
    main: html`${opening(results, first)}
${sections.map(
  (section) =>
    html`${sectionMarkup(section)}${section.id === 'experiments' ? groups.map((group) => experimentSection(group, results, first ? 1 : 0)) : ''}`,
)}`,
    source: `Results of Prenorm ${results.prenorm}, drawn by Prenorm ${version}.`,
    figures: thinned.figures.map((figure) => ({
      ...figure,
      xLabel: plainFormula(figure.xLabel),
      yLabel: plainFormula(figure.yLabel),
    })),
    name: `prenorm-${results.preset}`,
    credit: `prenorm reproduce, preset ${results.preset}`,
    files,
  });
}

/** The first screen: the figure and its sentence, and beside them what came out in all. */
function opening(results: Results, first: Headline | undefined): Markup {
  return html`<h1>Layer-norm placement, reproduced</h1>
<p class="lead">After ${paper}.</p>
${adviceOf(results)}<div class="opening">
${first ? figureMarkup(first.figure, { index: 0, level: 2, height: 290, caption: heroCaption(first) }) : ''}
${summary(results)}
</div>
`;
}

/** What to do, where the runs were on one's own data. */
function adviceOf({ advice = [] }: Results): Markup | '' {
  if (advice.length === 0) return '';
  return html`<section aria-labelledby="advice-title">
<h2 id="advice-title">What to do with this data</h2>
${advice.map((sentence) => html`<p>${sentence}</p>`)}
</section>
`;
}

function heroCaption({ sentence, figure }: Headline): Markup {
  return html`<strong class="sentence">${prose(sentence)}</strong> <span class="fine">${prose(figure.caption)}${bands(figure)}</span>`;
}

function summary(results: Results): Markup {
  const { claims, runs, seconds, budgetSeconds, command, preset, environment } = results;
  const { expected, decided } = score(claims);
  const numbers = fourNumbers(claims);
  const over = budgetSeconds > 0 && seconds > budgetSeconds;
  const facts: [string, Content][] = [
    ['Preset', preset],
    ['Runs', String(runs.length)],
    [
      'Time',
      html`<span${over ? html` class="differ"` : ''}>${formatDuration(seconds)}</span>, ${
        budgetSeconds > 0 ? `of ${formatDuration(budgetSeconds)} allowed` : 'no budget'
      }`,
    ],
    ['Processes', String(environment.processes)],
    ['Command', html`<code>${command}</code>`],
  ];
  return html`<aside class="summary" aria-labelledby="summary-title">
<h2 id="summary-title">What came out</h2>
${
  claims.length > 0
    ? html`${
        numbers.length > 0
          ? html`<p class="score natures">As expected of what was decided:</p>
<dl class="pairs">${numbers.map(({ name, number }) => html`<div><dt>${name}</dt><dd><b>${number}</b></dd></div>`)}</dl>`
          : html`<p class="score"><b>${expected} of ${decided}</b> decided claims as expected</p>`
      }
<p class="tally">Of all ${claims.length}, ${tally(claims)}.</p>`
    : ''
}
<p id="outcome" class="${claims.length > 0 ? 'unseen' : ''}">${outcome(results)}</p>
${claims.every(isExpected) ? '' : html`<p class="differ">Not as expected:</p>${unexpectedClaims(results)}`}
${untrained(results) ? html`<p class="untrained">${untrained(results)}</p>` : ''}
<dl class="pairs">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
<p id="timing" class="${over ? '' : 'unseen'}">${timing(results)}</p>
</aside>`;
}

interface Group {
  name: string;
  title: string;
  claims: ClaimRow[];
  figures: Figure[];
  runs: number;
  seconds?: number;
  partial?: boolean;
}

/** In the order of the experiments; what belongs to none of them last. */
function byExperiment({ experiments = [], claims, figures }: Results): Group[] {
  const listed = experiments.map(({ name }) => name);
  const named = [...claims, ...figures].map(({ experiment = '' }) => experiment);
  const names = [...new Set([...listed, ...named.filter(Boolean), ...(named.includes('') ? [''] : [])])];
  const groups = names.map((name): Group => {
    const about = experiments.find((one) => one.name === name);
    return {
      name: name || 'other',
      title: about?.title ?? (name || (names.length === 1 ? 'Claims and figures' : 'Other')),
      claims: claims.filter(({ experiment = '' }) => experiment === name),
      figures: figures.filter(({ experiment = '' }) => experiment === name),
      runs: about?.runs.length ?? 0,
      ...(about ? { seconds: about.seconds } : {}),
      ...(about?.partial ? { partial: true } : {}),
    };
  });
  return groups.filter((group) => group.claims.length > 0 || group.figures.length > 0 || group.runs > 0);
}

/** What was run, how it came out, and where it stands. */
function contents(groups: readonly Group[]): Markup | undefined {
  if (groups.length === 0) return undefined;
  return html`<p>Claims stand folded under the figure that shows them. Each was registered before its runs, with a bar and the verdict
expected of it. The verdict says whether the claim <em>holds</em>; <em>as expected</em> says that this verdict is the
registered one, which may well be that it does not hold. The time of an experiment is the sum of its runs' own, which went
on side by side in several processes; a run that several experiments share counts in each.</p>
<ul class="contents">${groups.map(
    (group) =>
      html`<li><a href="#experiment-${group.name}">${group.title}</a> <span class="quiet">${facts(group)}</span></li>`,
  )}</ul>`;
}

function facts({ claims, runs, seconds, partial }: Group): Content {
  const parts: Content[] = [
    claims.length > 0 &&
      html`${claims.length} ${claims.length === 1 ? 'claim' : 'claims'}: ${tally(claims)}; <span class="${claims.every(isExpected) ? 'agree' : 'differ'}">${expectation(claims)}</span>`,
    runs > 0 && `${runs} ${runs === 1 ? 'run' : 'runs'}${partial ? ' of those it has' : ''}`,
    seconds !== undefined && `${formatDuration(seconds)} of runs`,
  ];
  return parts.filter(Boolean).map((part, index) => html`${index ? ' · ' : ''}${part}`);
}

function experimentSection(group: Group, results: Results, before: number): Markup {
  const { name, title, claims, figures } = group;
  const { under, rest } = placeClaims(claims, figures);
  const widths = widthsOf(figures);
  return html`<section id="experiment-${name}" class="experiment" aria-labelledby="experiment-${name}-title">
<h2 id="experiment-${name}-title">${title}</h2>
<p class="quiet">${facts(group)}</p>
<div class="figures">${figures.map(
    (figure, at) => html`<div class="shown${widths[at]}">
${figureMarkup(figure, {
  index: before + results.figures.indexOf(figure),
  caption: html`${prose(figure.caption)}${bands(figure)}`,
})}${claimsFold(under.get(figure) ?? [])}</div>
`,
  )}</div>
${claimsFold(rest, figures.length > 0 ? ' without a figure' : '')}</section>
`;
}

/** Figures stand in pairs; a legend that needs room beside it has a row of its own, and so has who would be alone. */
function widthsOf(figures: readonly Figure[]): string[] {
  const isWide = ({ series }: Figure) => series.length > 7;
  let before = 0;
  return figures.map((figure, at) => {
    if (isWide(figure)) before = 0;
    else if (before % 2 === 0 && (at + 1 === figures.length || isWide(figures[at + 1]!))) return ' wide';
    else before++;
    return isWide(figure) ? ' wide' : '';
  });
}

/** Said where there are bands and the caption does not speak of them. */
function bands({ series, caption, heatmap, kind }: Figure): string {
  if (heatmap || kind === 'bars' || /\b(?:band|interval|range)/i.test(caption)) return '';
  const banded = series.some(({ low, high }) => low?.some((value, at) => value !== high?.[at]));
  return banded ? ' Bands span the lowest to the highest seed.' : '';
}

/** What was left out of curves, if anything was. */
function thinning({ points, kept }: Thinned): Markup | undefined {
  if (points === 0) return undefined;
  return html`<p id="thinning">Of curves with more points than a screen has columns, the page keeps ${kept} of
${points}: in each column the first, the last, the lowest and the highest, as recorded. All of them stand in results.json.</p>`;
}
