/**
 * @file The report page, one self-contained file drawn from `Results` alone. Text and tables are written here and
 * need no script; page/page.js adds the plots, sorting, downloads and the theme switch. Nothing is loaded: script
 * and style are inline and named by hash in the Content-Security-Policy, which forbids everything else.
 */
import type { ClaimRow, Figure, Results, RunRecord, Series, Verdict } from '../experiments/results.js';
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
import { type Content, embedJson, html, type Markup, raw } from './markup.js';
import {
  countExpected,
  formatDuration,
  formatNumber,
  formatShare,
  isExpected,
  median,
  outcome,
  placementName,
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
    { id: 'claims', short: 'Claims', title: 'Claims', body: claimsSection(results.claims) },
    { id: 'figures', short: 'Figures', title: 'Figures', body: figuresSection(results.figures) },
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

const verdictClass: Record<Verdict, string> = {
  holds: 'holds',
  'does not hold': 'not',
  'not decided': 'open',
  'not tested': 'open',
};

function badge(verdict: Verdict): Markup {
  return html`<span class="badge ${verdictClass[verdict] ?? 'open'}">${verdict}</span>`;
}

/** On a phone the rows become cards; explicit roles keep the table a table for screen readers. */
function claimsSection(claims: readonly ClaimRow[]): Markup | undefined {
  if (claims.length === 0) return undefined;
  const columns = ['What the paper says', 'Measured', 'Bar', 'Verdict', 'Expected'];
  return html`<p>Each claim was registered with its bar and its expected verdict before the runs that judge it.
Values are medians over seeds, with every seed beside them.</p>
<table class="claims" role="table" aria-labelledby="claims-title">
<thead role="rowgroup"><tr role="row">${columns.map(
    (title) => html`<th role="columnheader" scope="col">${title}</th>`,
  )}</tr></thead>
<tbody role="rowgroup">
${claims.map(claimRow)}</tbody>
</table>`;
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
<td role="cell" data-label="Measured">${
    perSeed.length === 0
      ? html`<span class="quiet">not measured</span>`
      : html`<b class="value">${formatNumber(median(perSeed))}</b>`
  }
<span class="metric">${prose(claim.metric)}</span>
${
  perSeed.length > 1
    ? html`<ul class="seeds" aria-label="Per seed">${perSeed.map(
        (value, index) =>
          html`<li><span>seed ${seeds[index] ?? index + 1}</span> ${formatNumber(value)}</li>`,
      )}</ul>`
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

function figuresSection(figures: readonly Figure[]): Markup | undefined {
  if (figures.length === 0) return undefined;
  return html`<p class="hint">Colour and first marker stand for the placement, the same in every figure. Click or press a legend
entry to hide a line; drag to zoom, double-click or press <kbd>0</kbd> to see all. With the plot focused, the
arrow keys read it value by value.</p>
<noscript><p>Scripts are off, so the plots are not drawn; the tables below each figure hold all their values.</p></noscript>
${figures.map(figureBlock)}`;
}

function figureBlock(figure: Figure, index: number): Markup {
  const id = `figure-${index + 1}`;
  const banded = figure.series.some(({ low, high }) => low && high);
  return html`<figure id="${id}" class="figure" aria-labelledby="${id}-title">
<div class="figure-head">
<h3 id="${id}-title">${figure.title} <span class="tag">${figure.figure}</span></h3>
<div class="tools">
<button type="button" data-reset="${index}" hidden>Reset zoom<span class="unseen"> of ${figure.title}</span></button>
<button type="button" data-csv="${index}" hidden>CSV<span class="unseen"> of ${figure.title}</span></button>
<button type="button" data-png="${index}" hidden>PNG<span class="unseen"> of ${figure.title}</span></button>
</div>
</div>
<div class="drawing">
<div class="plot" data-figure="${index}"></div>
<div class="legend" data-legend="${index}"></div>
</div>
<p class="readout unseen" data-readout="${index}" aria-live="polite"></p>
<figcaption id="${id}-caption">${prose(figure.caption)}${
    banded ? ' Bands span the lowest to the highest seed.' : ''
  }</figcaption>
<details><summary>Data<span class="unseen"> of ${figure.title}</span></summary>
<div class="scroll" tabindex="0" role="region" aria-label="Data of ${figure.title}">
${dataTable(figure)}
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

interface RunColumn {
  title: string;
  /** Sorted as numbers; text otherwise. */
  numeric?: boolean;
  hint?: string;
  sort(run: RunRecord): string | number | undefined;
  cell(run: RunRecord): Markup | string;
  /** Left out on phones, where the label says it too. */
  wide?: boolean;
}

const runColumns: RunColumn[] = [
  { title: 'Run', sort: (run) => run.label, cell: (run) => run.label },
  {
    title: 'Placement',
    wide: true,
    sort: (run) => placementName(run.placement),
    cell: (run) =>
      html`<span class="key ${placementClass(run.placement)}">${placementName(run.placement)}</span>`,
  },
  { title: 'Seed', numeric: true, sort: (run) => run.seed, cell: (run) => String(run.seed) },
  {
    title: 'Status',
    sort: (run) => run.status,
    cell: (run) => html`<span class="status ${run.status}">${run.status}</span>`,
  },
  {
    title: 'p',
    hint: 'Progress p',
    numeric: true,
    sort: (run) => run.progress,
    cell: (run) => formatNumber(run.progress),
  },
  {
    title: 'NLL',
    hint: 'Final valid NLL',
    numeric: true,
    sort: (run) => run.finalValidNll,
    cell: (run) => formatNumber(run.finalValidNll),
  },
  {
    title: 'BLEU',
    numeric: true,
    sort: (run) => run.bleu?.score,
    cell: (run) =>
      run.bleu
        ? html`${run.bleu.score.toFixed(1)} <span class="quiet">[${run.bleu.low.toFixed(1)}, ${run.bleu.high.toFixed(1)}]</span>`
        : '',
  },
  {
    title: 'Loops',
    numeric: true,
    sort: (run) => run.bleu?.loops,
    cell: (run) => (run.bleu ? formatShare(run.bleu.loops) : ''),
  },
  { title: 'Steps', numeric: true, sort: (run) => run.steps, cell: (run) => String(run.steps) },
  { title: 'Time', numeric: true, sort: (run) => run.seconds, cell: (run) => formatDuration(run.seconds) },
  {
    title: 'Hash',
    sort: (run) => run.hash,
    cell: (run) => html`<code title="${run.hash}">${shortHash(run.hash)}</code>`,
  },
];

function columnClass(numeric?: boolean, wide?: boolean): string {
  return `${numeric ? 'number' : 'text'}${wide ? ' wide' : ''}`;
}

function runsSection(runs: readonly RunRecord[]): Markup | undefined {
  if (runs.length === 0) return undefined;
  const columns = runColumns.filter(({ sort }) => runs.some((run) => sort(run) !== undefined));
  const signatures = new Set(runs.flatMap(({ bleu }) => (bleu ? [bleu.signature] : [])));
  return html`<p>p is the progress defined <a href="#method">below</a>; NLL is the final one on the validation part,
per token, without smoothing.${
    signatures.size
      ? html` BLEU stands with its 95&nbsp;% bootstrap interval; loops are the share of hypotheses that end in a repetition.`
      : ''
  }</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="runs-title">
<table class="runs">
<thead><tr>${columns.map(
    ({ title, hint, numeric, wide }, index) =>
      html`<th scope="col" class="${columnClass(numeric, wide)}" aria-sort="none"><button type="button" data-sort="${index}"${
        hint ? html` title="${hint}"` : ''
      } disabled>${title}</button></th>`,
  )}</tr></thead>
<tbody>
${runs.map(
  (run) =>
    html`<tr>${columns.map(({ numeric, wide, sort, cell }, index) => {
      const value = sort(run);
      const attributes = html` class="${columnClass(numeric, wide)}" data-value="${value ?? ''}"`;
      return index === 0
        ? html`<th scope="row"${attributes}>${cell(run)}</th>`
        : html`<td${attributes}>${cell(run)}</td>`;
    })}</tr>
`,
)}</tbody>
</table>
</div>
${[...signatures].map((signature) => html`<p class="fine">BLEU signature: <code>${signature}</code></p>`)}`;
}

/** Runs that differ in their seed alone stand together. */
function samplesSection(runs: readonly RunRecord[]): Markup | undefined {
  if (runs.length === 0) return undefined;
  const groups = new Map<string, RunRecord[]>();
  for (const run of runs) {
    const key = JSON.stringify([run.experiment, run.placement, run.label]);
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  return html`<div class="stack">${[...groups.values()].map((group) => {
    const { label, placement, experiment, config } = group[0]!;
    const count = group.reduce((sum, { samples }) => sum + (samples?.length ?? 0), 0);
    const about = [
      group.length === 1 ? `seed ${group[0]!.seed}` : `${group.length} seeds`,
      ...(count ? [`${count} ${count === 1 ? 'translation' : 'translations'}`] : []),
    ];
    return html`<details class="run"><summary><span class="key ${placementClass(placement)}">${label}</span>
<span class="quiet whole">${about.join(', ')}</span></summary>
${group.map(
  (run) => html`<h3>Seed ${run.seed} <code>${shortHash(run.hash)}</code></h3>
${run.samples?.length ? samplesTable(run) : ''}
${bleuDetails(run)}
`,
)}<h3>Settings</h3>
<dl class="pairs"><div><dt>experiment</dt><dd>${experiment}</dd></div>${Object.entries(config).map(
      ([name, value]) =>
        html`<div><dt>${name}</dt><dd>${typeof value === 'string' ? value : JSON.stringify(value)}</dd></div>`,
    )}${group.map(
      (run) => html`<div><dt>seed ${run.seed}</dt><dd>${run.id}, hash <code>${run.hash}</code></dd></div>`,
    )}</dl>
</details>
`;
  })}</div>`;
}

function samplesTable(run: RunRecord): Markup {
  return html`<table class="samples" role="table" aria-label="Translations of ${run.label}, seed ${run.seed}">
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col">Source</th><th role="columnheader" scope="col">Reference</th><th role="columnheader" scope="col">This run</th></tr></thead>
<tbody role="rowgroup">
${run.samples!.map(
  ({ source, reference, hypothesis }) =>
    html`<tr role="row"><td role="cell" data-label="Source" dir="auto">${source}</td><td role="cell" data-label="Reference" dir="auto">${reference}</td><td role="cell" data-label="This run" dir="auto">${
      hypothesis || html`<span class="quiet">(empty)</span>`
    }</td></tr>
`,
)}</tbody>
</table>`;
}

function bleuDetails({ bleu }: RunRecord): Markup | undefined {
  if (!bleu) return undefined;
  return html`<p class="fine">BLEU ${bleu.score.toFixed(2)}, 95&nbsp;% interval [${bleu.low.toFixed(2)}, ${bleu.high.toFixed(2)}],
brevity penalty ${bleu.brevityPenalty.toFixed(3)}, ${bleu.sentences} sentences, ${bleu.decoding},
${formatShare(bleu.loops)} loops; <code>${bleu.signature}</code></p>`;
}

function methodSection(): Markup {
  return html`<p>Whether a run has trained is read off its progress from guessing to the best Post-LN run:</p>
<p class="formula"><i>p</i> = (<i>U</i> − NLL) / (<i>U</i> − <i>R</i>)</p>
<p><i>U</i> is the NLL of the unigram distribution of the training targets, which is what a model reaches that learns
nothing but word frequencies. <i>R</i> is the best validation NLL of Post-LN with warm-up at its own best rate. So
<i>p</i> is 0 for a model that guesses and 1 for the reference.</p>
<div class="columns">
<table class="plain"><caption>Status of a run</caption>
<tbody>
<tr><th scope="row"><span class="status trained">trained</span></th><td>p ≥ 0.85</td></tr>
<tr><th scope="row"><span class="status behind">behind</span></th><td>0.25 ≤ p &lt; 0.85</td></tr>
<tr><th scope="row"><span class="status failed">failed</span></th><td>p &lt; 0.25</td></tr>
<tr><th scope="row"><span class="status diverged">diverged</span></th><td>not a number, or NLL &gt; U + 1</td></tr>
<tr><th scope="row"><span class="status measured">measured</span></th><td>statistics only, nothing to train</td></tr>
</tbody></table>
<table class="plain"><caption>Verdict on a claim</caption>
<tbody>
<tr><th scope="row">${badge('holds')}</th><td>all seeds on the claimed side of the bar, the median beyond the margin</td></tr>
<tr><th scope="row">${badge('does not hold')}</th><td>all seeds on the other side</td></tr>
<tr><th scope="row">${badge('not decided')}</th><td>seeds disagree, or the median lies within the margin</td></tr>
<tr><th scope="row">${badge('not tested')}</th><td>this preset is too small to say</td></tr>
</tbody></table>
</div>
<p>Bars and expected verdicts are fixed before the runs, and only seeds that chose no bar may judge. Arms of a
comparison share data order and initial values. A claim the paper makes that is known not to hold at this size is
expected not to hold, with the reason beside it.</p>`;
}

function settingsSection({
  settings,
  environment,
  prenorm,
  kernelHash,
  preset,
  command,
  ...rest
}: Results): Markup {
  const system: [string, string | Markup][] = [
    ['Command', html`<code>${command}</code>`],
    ['Preset', preset],
    ['Prenorm', prenorm],
    ['Kernels (SHA-256)', html`<code>${kernelHash}</code>`],
    ['Runtime', environment.runtime],
    ['Platform', environment.platform],
    ['Processor', `${environment.cpu}, ${environment.cores} ${environment.cores === 1 ? 'core' : 'cores'}`],
    ['Processes', String(environment.processes)],
    ['Format', `${rest.format}, version ${rest.version}`],
  ];
  const list = (pairs: readonly (readonly [string, string | Markup])[]) =>
    html`<dl class="pairs">${pairs.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
  return html`<div class="columns">
<div><h3>Settings</h3>
${list(settings.map(({ name, value }) => [name, value] as const))}</div>
<div><h3>Environment</h3>
${list(system)}</div>
</div>
<p>A run's hash is the SHA-256 over its losses and final weights. The same kernels give the same hash on any machine.</p>`;
}

/** Text in which the names of placements are not broken at their hyphen. */
function prose(text: string): Content {
  return text
    .split(/\b((?:Post|Pre|Peri)-LN\b)/)
    .map((part, index) => (index % 2 ? html`<span class="whole">${part}</span>` : part));
}

function placementClass(placement: string): string {
  return placement === 'post' || placement === 'pre' || placement === 'peri' ? placement : 'other';
}
