/**
 * @file The report page, one self-contained file drawn from `Results` alone. Text and tables are written here and
 * need no script; page/page.js adds the plots, sorting, downloads and the theme switch. Nothing is loaded: script
 * and style are inline and named by hash in the Content-Security-Policy, which forbids everything else.
 */
import type { ClaimRow, Figure, Results, Series } from '../experiments/results.js';
import { chart, heatmapTables } from './charts.js';
import { prose } from './formulas.js';
import { badge } from './fragments.js';
import {
  pageScript,
  pageScriptHash,
  pageStyle,
  pageStyleHash,
  uplotNotice,
  uplotScript,
  uplotScriptHash,
  uplotStyle,
  uplotStyleHash,
} from './generated/uplot.js';
import { embedJson, html, type Markup, raw } from './markup.js';
import { methodSection, runsSection, samplesSection, settingsSection } from './run-sections.js';
import {
  countExpected,
  formatDuration,
  formatNumber,
  isExpected,
  median,
  outcome,
  shortHash,
  timing,
} from './wording.js';

const paper =
  'R. Xiong et al., On Layer Normalization in the Transformer Architecture, ICML 2020 (arXiv:2002.04745)';

const policy = [
  "default-src 'none'",
  `script-src '${uplotScriptHash}' '${pageScriptHash}'`,
  `style-src '${uplotStyleHash}' '${pageStyleHash}'`,
  'img-src data: blob:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** One HTML page as text; works from `file://` without a network. */
export function renderReport(results: Results): string {
  const sections = [
    { id: 'claims', short: 'Claims', title: 'Claims', body: claimsSection(results) },
    { id: 'figures', short: 'Figures', title: 'Figures', body: figuresSection(results) },
    { id: 'runs', short: 'Runs', title: 'Runs', body: runsSection(results.runs) },
    {
      id: 'samples',
      short: 'Samples',
      title: 'Samples and settings of each run',
      body: samplesSection(results.runs),
    },
    { id: 'method', short: 'Method', title: 'How verdicts are reached', body: methodSection() },
    { id: 'settings', short: 'Settings', title: 'Settings and environment', body: settingsSection(results) },
  ].filter(({ body }) => body !== undefined);
  const data = { preset: results.preset, figures: results.figures };
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="prenorm ${results.prenorm}">
<title>Layer-norm placement, reproduced: ${results.preset} preset</title>
<style>${raw(uplotStyle)}</style>
<style>${raw(pageStyle)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header class="top">
<div class="bar">
<p class="brand">prenorm <span>reproduce</span></p>
<nav aria-label="Sections"><ul>${sections.map(
    ({ id, short }) => html`<li><a href="#${id}">${short}</a></li>`,
  )}</ul></nav>
<button type="button" id="theme" hidden>Dark theme</button>
</div>
</header>
<main id="main" tabindex="-1">
${summary(results)}
${contents(results)}
${sections.map(
  ({ id, title, body }) => html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${title}</h2>
${body}
</section>
`,
)}</main>
<footer><p>Drawn from results.json by Prenorm ${results.prenorm}. Plots: ${uplotNotice}</p></footer>
<p id="announce" class="unseen" role="status"></p>
<script type="application/json" id="data">${embedJson(data)}</script>
<script>${raw(uplotScript)}</script>
<script type="module">${raw(pageScript)}</script>
</body>
</html>
`.text;
}

function summary(results: Results): Markup {
  const { claims, runs, seconds, budgetSeconds } = results;
  const expected = countExpected(results);
  const over = budgetSeconds > 0 && seconds > budgetSeconds;
  const failed = runs.filter(({ status }) => status === 'failed' || status === 'diverged').length;
  const facts = [
    ['Claims as expected', `${expected} of ${claims.length}`, expected === claims.length ? 'good' : 'bad'],
    ['Time', formatDuration(seconds), over ? 'bad' : ''],
    ['Budget', budgetSeconds > 0 ? formatDuration(budgetSeconds) : 'none', ''],
    ['Runs', String(runs.length), ''],
    [
      'Seeds',
      String(new Set([...runs.map(({ seed }) => seed), ...claims.flatMap(({ seeds }) => seeds)]).size),
      '',
    ],
  ];
  return html`<h1>Layer-norm placement, reproduced</h1>
<p class="lead">After ${paper}.</p>
<div class="verdict ${expected === claims.length ? 'good' : 'bad'}">
<p><strong id="outcome">${outcome(results)}</strong>
<code>${results.command}</code> ran ${runs.length} ${runs.length === 1 ? 'run' : 'runs'} of the preset
${results.preset} on ${results.environment.processes} ${results.environment.processes === 1 ? 'process' : 'processes'}${
    failed ? `, ${failed} of which failed or diverged` : ''
  }. <span id="timing">${timing(results)}</span></p>
</div>
<dl class="facts">${facts.map(
    ([name, value, tone]) =>
      html`<div><dt>${name}</dt><dd${tone ? html` class="${tone}"` : ''}>${value}</dd></div>`,
  )}</dl>`;
}

/** On a phone the rows become cards; explicit roles keep the table a table for screen readers. */
function claimsSection(results: Results): Markup | undefined {
  const { claims } = results;
  if (claims.length === 0) return undefined;
  const columns = ['What the paper says', "The paper's number", 'Measured', 'Bar', 'Verdict', 'Expected'];
  return html`<p>Each claim was registered with its bar and its expected verdict before the runs that judge it.
Values are medians over seeds with their range; every seed stands below.</p>
${byExperiment(results, claims).map(
  ({ name, title, items }) => html`${title ? html`<h3 id="claims-${name}">${title}</h3>` : ''}
<table class="claims" role="table" aria-label="Claims${title ? `: ${title}` : ''}">
<thead role="rowgroup"><tr role="row">${columns.map(
    (title) => html`<th role="columnheader" scope="col">${title}</th>`,
  )}</tr></thead>
<tbody role="rowgroup">
${items.map(claimRow)}</tbody>
</table>
`,
)}`;
}

interface Group<T> {
  name: string;
  /** Empty where nothing says to which experiment the items belong. */
  title: string;
  items: T[];
}

/** In the order of the experiments, and what belongs to none of them last. */
function byExperiment<T extends { experiment?: string }>(results: Results, items: readonly T[]): Group<T>[] {
  const listed = (results.experiments ?? []).map(({ name }) => name);
  const names = [...new Set([...listed, ...items.map(({ experiment }) => experiment ?? '')])];
  const groups = names.map((name) => ({
    name,
    title: results.experiments?.find((one) => one.name === name)?.title ?? name,
    items: items.filter(({ experiment = '' }) => experiment === name),
  }));
  const filled = groups.filter((group) => group.items.length > 0);
  return [...filled.filter(({ name }) => name), ...filled.filter(({ name }) => !name)].map((group) =>
    group.name || filled.length === 1 ? group : { ...group, name: 'other', title: 'Other' },
  );
}

/** What was run, how long it took, and where it stands. */
function contents(results: Results): Markup | undefined {
  const { experiments = [], claims, figures } = results;
  if (experiments.length === 0) return undefined;
  const mine = (name: string) => (row: { experiment?: string }) => row.experiment === name;
  return html`<nav class="contents" aria-label="Experiments"><div class="scroll"><table class="plain"><caption>Experiments</caption>
<thead><tr><th scope="col">Experiment</th><th scope="col">Claims as expected</th><th scope="col">Figures</th><th scope="col">Runs</th><th scope="col">Time of its runs</th></tr></thead>
<tbody>${experiments.map(({ name, title, runs, seconds }) => {
    const judged = claims.filter(mine(name));
    const drawn = figures.filter(mine(name)).length;
    return html`<tr><th scope="row">${title} <code>${name}</code></th><td>${
      judged.length
        ? html`<a href="#claims-${name}">${judged.filter(isExpected).length} of ${judged.length}</a>`
        : 'none'
    }</td><td>${drawn ? html`<a href="#figures-${name}">${drawn}</a>` : 'none'}</td><td>${runs.length}</td><td>${formatDuration(seconds)}</td></tr>
`;
  })}</tbody></table></div></nav>`;
}

function claimRow(claim: ClaimRow): Markup {
  const { perSeed, seeds } = claim;
  const expected = isExpected(claim);
  return html`<tr role="row" id="claim-${claim.claim}" class="${expected ? 'as-expected' : 'unexpected'}">
<td role="cell"><p class="statement">${prose(claim.statement)}</p>
<p class="source"><span class="tag">${claim.figure}</span> <code>${claim.claim}</code></p>
${claim.reason ? html`<p class="reason"><b>Why:</b> ${prose(claim.reason)}</p>` : ''}
<details><summary>How it is judged, and the command<span class="unseen"> for ${claim.claim}</span></summary>
<p>${prose(claim.protocol)}</p>
<p class="copy"><code>${claim.command}</code>
<button type="button" data-copy="${claim.command}" hidden>Copy<span class="unseen"> the command of ${claim.claim}</span></button></p>
${
  claim.runHashes.length
    ? html`<p class="hashes">Rests on the runs ${claim.runHashes.map(
        (hash, index) => html`${index ? ', ' : ''}<code>${shortHash(hash)}</code>`,
      )}.</p>`
    : ''
}</details></td>
<td role="cell" data-label="The paper's number">${
    claim.paper ? prose(claim.paper) : html`<span class="quiet">none given</span>`
  }</td>
<td role="cell" data-label="Measured">${
    perSeed.length === 0
      ? html`<span class="quiet">not measured</span>`
      : html`<b class="value">${formatNumber(median(perSeed))}</b>${
          perSeed.length > 1 ? html` <span class="quiet">${range(perSeed)}</span>` : ''
        }`
  }
<span class="metric">${prose(claim.metric)}</span>
${
  perSeed.length > 1
    ? html`<details><summary>${perSeed.length} seeds<span class="unseen"> of ${claim.claim}</span></summary><ul class="seeds" aria-label="Per seed">${perSeed.map(
        (value, index) =>
          html`<li><span>seed ${seeds[index] ?? index + 1}</span> ${formatNumber(value)}</li>`,
      )}</ul></details>`
    : perSeed.length === 1
      ? html`<span class="quiet">one seed (${seeds[0] ?? 1})</span>`
      : ''
}</td>
<td role="cell" data-label="Bar"><span class="${claim.threshold.length < 20 ? 'whole' : 'bar-text'}">${prose(claim.threshold)}</span></td>
<td role="cell" data-label="Verdict">${badge(claim.verdict)}</td>
<td role="cell" data-label="Expected">${
    expected
      ? html`<span class="agree">as expected</span>`
      : html`<span class="differ">unexpected</span> <span class="quiet">expected: ${claim.expected}</span>`
  }</td>
</tr>
`;
}

/** Lowest to highest seed; a diverged one is counted, not skipped. */
function range(perSeed: readonly (number | null)[]): string {
  const finite = perSeed.filter((value): value is number => Number.isFinite(value));
  const lost = perSeed.length - finite.length;
  const span = finite.length
    ? `${formatNumber(Math.min(...finite))} to ${formatNumber(Math.max(...finite))}`
    : '';
  return lost ? `${span}${span ? ', ' : ''}${lost} diverged` : span;
}

function figuresSection(results: Results): Markup | undefined {
  const { figures } = results;
  if (figures.length === 0) return undefined;
  return html`<p class="hint">Colour and first marker stand for the placement, the same in every figure. Click or press a legend
entry to hide a line; drag to zoom, double-click or press <kbd>0</kbd> to see all. With the plot focused, the
arrow keys read it value by value.</p>
<noscript><p>Scripts are off, so the plots are not drawn; the tables below each figure hold all their values.</p></noscript>
${byExperiment(results, figures).map(
  ({ name, title, items }) => html`${title ? html`<h3 id="figures-${name}" class="group">${title}</h3>` : ''}
${items.map((figure) => figureBlock(figure, figures.indexOf(figure)))}`,
)}`;
}

function figureBlock(figure: Figure, index: number): Markup {
  const id = `figure-${index + 1}`;
  const still = chart(figure);
  const banded = !still && figure.series.some(({ low, high }) => low && high);
  return html`<figure id="${id}" class="figure" aria-labelledby="${id}-title">
<div class="figure-head">
<h3 id="${id}-title">${figure.title} <span class="tag">${figure.figure}</span></h3>
<div class="tools">
${
  still
    ? ''
    : html`<button type="button" data-reset="${index}" hidden>Reset zoom<span class="unseen"> of ${figure.title}</span></button>`
}
<button type="button" data-csv="${index}" hidden>CSV<span class="unseen"> of ${figure.title}</span></button>
<button type="button" data-png="${index}" hidden>PNG<span class="unseen"> of ${figure.title}</span></button>
</div>
</div>
${
  still
    ? html`<div class="chart scroll" data-chart="${index}" tabindex="0" role="group" aria-label="${figure.title}. Arrow keys read values.">${still}</div>`
    : html`<div class="drawing">
<div class="plot" data-figure="${index}"></div>
<div class="legend" data-legend="${index}"></div>
</div>`
}
<p class="readout unseen" data-readout="${index}" aria-live="polite"></p>
<figcaption id="${id}-caption">${prose(figure.caption)}${
    banded ? ' Bands span the lowest to the highest seed.' : ''
  }</figcaption>
<details><summary>Data<span class="unseen"> of ${figure.title}</span></summary>
<div class="scroll" tabindex="0" role="region" aria-label="Data of ${figure.title}">
${figure.heatmap ? heatmapTables(figure.heatmap) : dataTable(figure)}
</div>
</details>
</figure>
`;
}

function dataTable(figure: Figure): Markup {
  const xs = [...new Set(figure.series.flatMap(({ x }) => x))].sort((a, b) => a - b);
  const rows = new Map(xs.map((x): [number, Markup[]] => [x, []]));
  for (const series of figure.series) {
    const at = new Map(series.x.map((x, index) => [x, index]));
    for (const [x, cells] of rows) {
      const index = at.get(x);
      cells.push(html`<td>${index === undefined ? '' : dataCell(series, index)}</td>`);
    }
  }
  return html`<table class="data">
<caption>${figure.yLabel} by ${figure.xLabel}</caption>
<thead><tr><th scope="col">${figure.xLabel}</th>${figure.series.map(
    ({ label }) => html`<th scope="col">${label}</th>`,
  )}</tr></thead>
<tbody>
${[...rows].map(
  ([x, cells]) => html`<tr><th scope="row">${formatNumber(x)}</th>${cells}</tr>
`,
)}${(figure.levels ?? []).map(
  ({ label, y }) =>
    html`<tr><th scope="row">${label} (level)</th><td colspan="${figure.series.length}">${formatNumber(y)}</td></tr>
`,
)}</tbody>
</table>`;
}

function dataCell({ y, low, high }: Series, index: number): string {
  if (y[index] === null || y[index] === undefined) return 'none';
  const value = formatNumber(y[index]);
  const from = low?.[index];
  const to = high?.[index];
  if (typeof from !== 'number' || typeof to !== 'number' || from === to) return value;
  return `${value} (${formatNumber(from)} to ${formatNumber(to)})`;
}
