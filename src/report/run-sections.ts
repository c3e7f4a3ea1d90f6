/** @file The lower half of the report: runs, samples, method, settings. */
import type { Results, RunRecord } from '../experiments/results.js';
import { prose } from './formulas.js';
import { badge, placementClass } from './fragments.js';
import { html, type Markup } from './markup.js';
import { formatDuration, formatNumber, formatShare, placementName, shortHash } from './wording.js';

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

/** One table per kind of run: kinds differ in what they measure, and a column that none fills is left out. */
export function runsSection(runs: readonly RunRecord[]): Markup | undefined {
  if (runs.length === 0) return undefined;
  const kinds = new Map<string, RunRecord[]>();
  for (const run of runs) kinds.set(run.experiment, [...(kinds.get(run.experiment) ?? []), run]);
  const signatures = new Set(runs.flatMap(({ bleu }) => (bleu ? [bleu.signature] : [])));
  return html`<p>p is the progress defined <a href="#method">below</a>; NLL is the final one on the validation part,
per token, without smoothing.${
    signatures.size
      ? html` BLEU stands with its 95&nbsp;% bootstrap interval; loops are the share of hypotheses that end in a repetition.`
      : ''
  }</p>
${[...kinds].map(([kind, group]) => runsTable(kind, group))}
${[...signatures].map((signature) => html`<p class="fine">BLEU signature: <code>${signature}</code></p>`)}`;
}

function runsTable(kind: string, runs: readonly RunRecord[]): Markup {
  const columns = runColumns.filter(({ sort }) => runs.some((run) => (sort(run) ?? '') !== ''));
  const counts = [...new Set(runs.map(({ status }) => status))].map(
    (status) => `${runs.filter((run) => run.status === status).length} ${status}`,
  );
  return html`<details class="all-runs"><summary>${runs.length} ${runs.length === 1 ? 'run' : 'runs'} of kind ${kind}: ${counts.join(', ')}</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Runs of kind ${kind}">
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
</details>
`;
}

/** Runs that differ in their seed alone stand together. */
export function samplesSection(runs: readonly RunRecord[]): Markup | undefined {
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

export function methodSection(): Markup {
  return html`<p>Whether a run has trained is read off its progress from guessing to the best Post-LN run:</p>
<p class="formula"><math display="block"><mi>p</mi><mo>=</mo><mfrac><mrow><mi>U</mi><mo>−</mo><mi mathvariant="normal">NLL</mi></mrow><mrow><mi>U</mi><mo>−</mo><mi>R</mi></mrow></mfrac></math></p>
<p><i>U</i> is the NLL of the unigram distribution of the training targets, which is what a model reaches that learns
nothing but word frequencies. <i>R</i> is the best validation NLL of Post-LN with warm-up at its own best rate. So
<i>p</i> is 0 for a model that guesses and 1 for the reference.</p>
<div class="columns">
<table class="plain"><caption>Status of a run</caption>
<tbody>
<tr><th scope="row"><span class="status trained">trained</span></th><td>${prose('p >= 0.85')}</td></tr>
<tr><th scope="row"><span class="status behind">behind</span></th><td>${prose('0.25 <= p < 0.85')}</td></tr>
<tr><th scope="row"><span class="status failed">failed</span></th><td>${prose('p < 0.25')}</td></tr>
<tr><th scope="row"><span class="status diverged">diverged</span></th><td>not a number, or ${prose('NLL > U + 1')}</td></tr>
<tr><th scope="row"><span class="status measured">measured</span></th><td>statistics only, nothing to train</td></tr>
</tbody></table>
<table class="plain"><caption>Verdict on a claim</caption>
<tbody>
<tr><th scope="row">${badge('holds')}</th><td>every seed is on the claimed side of the bar, and the median beyond the margin where there is one</td></tr>
<tr><th scope="row">${badge('does not hold')}</th><td>no seed is on the claimed side</td></tr>
<tr><th scope="row">${badge('not decided')}</th><td>seeds are on both sides, or the median lies within the margin</td></tr>
<tr><th scope="row">${badge('not tested')}</th><td>nothing to decide it with: the preset is too small, its runs were not part of the command, or no bar was registered; the claim says which</td></tr>
</tbody></table>
</div>
<p>Two kinds of bars know no <em>not decided</em>. Some are on a number over all seeds together, such as the slope of
their means: most of those on initial gradients and hidden states. Others, of the toy task, ask for a majority of seeds, and
say so; a claim lists the seeds on either side.</p>
<p>Bars and expected verdicts are fixed before the runs, and only seeds that chose no bar may judge. Arms of a
comparison share data order and initial values. A claim the paper makes that is known not to hold at this size is
expected not to hold, with the reason beside it.</p>`;
}

export function settingsSection({
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
