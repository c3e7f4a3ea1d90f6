/** @file The page of a training, `report.html` in its folder: how it stands, its curves, samples, settings and hashes. */
import { figuresMarkup } from './figure-markup.js';
import { html, type Markup } from './markup.js';
import type { PageFiles } from './page-files.js';
import { runFigures } from './run-figures.js';
import { type Fact, lossUnit, metricName, type RunReport, recipeRows } from './run-report.js';
import { samplesSection } from './run-samples.js';
import { type FilledSection, renderPage, sectionMarkup } from './shell.js';
import { formatDuration, formatNumber } from './wording.js';

/** The whole page as text. While the run goes on, the page loads itself anew. */
export function renderRunPage(report: RunReport, files: PageFiles): string {
  const { name, state, steps, history, recipe, version } = report;
  const unit = lossUnit(recipe);
  const figures = runFigures(history, {
    unit,
    steps: state === 'running' ? steps : undefined,
    uninformed: report.uninformed,
    metric: metricName(recipe),
  });
  const sections: FilledSection[] = [
    {
      id: 'curves',
      title: 'Curves',
      body: figures.length
        ? figuresMarkup(figures, 'in the files named below')
        : html`<p>No step is finished yet.</p>`,
    },
    ...(history.samples.length ? [{ id: 'samples', title: 'Samples', body: samplesSection(history) }] : []),
    { id: 'settings', title: 'Settings', body: factTable('Recipe', recipeRows(recipe)) },
    { id: 'repeat', title: 'Repeat', body: repeatSection(report) },
    { id: 'files', title: 'Files', body: filesSection(report) },
  ];
  const done = state === 'running' ? `${history.step}/${steps}` : state;
  return renderPage({
    title: `${name} (${done})`,
    maker: 'run',
    version,
    sections,
    main: html`<h1>${name}</h1>
${statusBlock(report)}
${factsList(report, unit)}
${sections.map(sectionMarkup)}`,
    source: html`Written by Prenorm ${version} while it trained; the files of the folder have every step.`,
    figures,
    files,
  });
}

const tones: Record<RunReport['state'], string> = {
  running: 'going',
  finished: 'good',
  stopped: 'good',
  interrupted: 'going',
  diverged: 'bad',
  failed: 'bad',
};

/** How the run stands. The script reads when the page was written, and says so when nothing comes any more. */
function statusBlock(report: RunReport): Markup {
  const { state, steps, history, message, commands, savedStep, secondsLeft, written, everySeconds } = report;
  const { step } = history;
  const of = `${step} of ${steps}`;
  const heads: Record<RunReport['state'], string> = {
    running: step === 0 ? `Training: ${steps} steps to go` : `Training: step ${of}`,
    finished: `Finished: ${formatNumber(step)} steps`,
    stopped: `Stopped early, after step ${of}`,
    interrupted: `Interrupted after step ${of}`,
    diverged: `Diverged; ended after step ${of}`,
    failed: `Ended by an error after step ${of}`,
  };
  const goesOn = state === 'interrupted' || state === 'failed';
  const left =
    state === 'running' && secondsLeft !== undefined ? ` About ${formatDuration(secondsLeft)} left.` : '';
  return html`<div class="status ${tones[state]}" id="status" data-state="${state}">
<p><strong>${heads[state]}.</strong>${left}${message ? html` <span class="why">${sentence(message)}</span>` : ''}</p>
${state === 'running' ? html`<progress max="${steps}" value="${step}" aria-label="Steps done">${of}</progress>` : ''}
${
  goesOn
    ? html`<p>The last checkpoint is of step ${savedStep}. Go on from there with:</p>
<pre class="command" tabindex="0" role="region" aria-label="Command to go on"><code>${commands.goOn}</code></pre>`
    : ''
}
${
  state === 'diverged'
    ? html`<p>The last checkpoint is of step ${savedStep}. Going on from it as it is repeats the same steps to the bit, and ends in the same way. Give the recipe another schedule first, with a smaller rate or a warm-up, and then go on with:</p>
<pre class="command" tabindex="0" role="region" aria-label="Command to go on under another schedule"><code>${commands.goOn} --new-schedule</code></pre>`
    : ''
}
${
  state === 'running'
    ? html`<p class="fine" id="live" data-written="${written}" data-every="${everySeconds}" data-step="${step}"><span>As of <time datetime="${written}">${clock(written)}</time>. Written anew about every ${formatDuration(everySeconds)}. <span id="reloading">Reload the page to see newer numbers.</span></span> <button type="button" id="pause" hidden>Pause reloading</button></p>
<div id="silent" hidden><p><strong>Nothing has been written for <span id="silence"></span>.</strong> Either one step takes that long, or the process has ended without a word, as when it is killed. It goes on from its last checkpoint with:</p>
<pre class="command" tabindex="0" role="region" aria-label="Command to go on"><code>${commands.goOn}</code></pre></div>`
    : html`<p class="fine">Written <time datetime="${written}">${clock(written)}</time>.</p>`
}
</div>`;
}

function factsList({ history, recipe, parameters, seconds, firstStep }: RunReport, unit: string): Markup {
  const { recentLoss, evaluations, measured, step, tokens } = history;
  const last = evaluations.at(-1);
  const best = evaluations.reduce<(typeof evaluations)[number] | undefined>(
    (a, b) => (b.validNll !== null && (!a || a.validNll === null || b.validNll < a.validNll) ? b : a),
    undefined,
  );
  const isTokens = unit.endsWith('token');
  const facts: [name: string, value: string, note?: string][] = [
    ...(recentLoss
      ? ([
          ['Loss', exact(recentLoss.value), recentLoss.steps > 1 ? `mean of ${recentLoss.steps} steps` : ''],
        ] as const)
      : []),
    ...(last ? ([['Held out', exact(last.validNll), `${unit}, step ${last.step}`]] as const) : []),
    ...(best && best !== last
      ? ([['Best held out', exact(best.validNll), `step ${best.step}`]] as const)
      : []),
    ...(isTokens && typeof last?.validNll === 'number'
      ? ([['Perplexity', formatNumber(Math.exp(last.validNll))]] as const)
      : []),
    ...(last?.bitsPerByte === undefined ? [] : ([['Bits per byte', exact(last.bitsPerByte)]] as const)),
    ...(last?.metric === undefined ? [] : ([[metricName(recipe), formatNumber(last.metric)]] as const)),
    ...(measured.seconds > 0
      ? ([['Speed', formatNumber(measured.tokens / measured.seconds), 'targets per second']] as const)
      : []),
    ...(step > 0 ? ([['Seen', grouped(tokens), 'targets']] as const) : []),
    ['Parameters', grouped(parameters)],
    ['Time', formatDuration(seconds), firstStep > 0 ? `since step ${firstStep}, from which it went on` : ''],
  ].map(([name, value, note]) => [name!, value!, note]);
  return html`<dl class="facts">${facts.map(
    ([name, value, note]) =>
      html`<div><dt>${name}</dt><dd>${value}${note ? html` <span class="fine">${note}</span>` : ''}</dd></div>`,
  )}</dl>`;
}

function repeatSection({ commands, hashes, host, state }: RunReport): Markup {
  const finished = state === 'finished' || state === 'stopped';
  return html`<p>The same again, into a folder of its own${
    finished ? ', to the same hash of the run on any machine' : ''
  }:</p>
<pre class="command" tabindex="0" role="region" aria-label="Command to repeat the run"><code>${commands.repeat}</code></pre>
${factTable('Hashes', hashes, true)}
${factTable('Where it was trained', host)}`;
}

const about: Readonly<Record<string, string>> = {
  'metrics.csv': 'every step: rate, loss, gradient norm, tokens; evaluations',
  'gradients.csv': 'gradient norm of each layer',
  'samples.csv': 'samples of every evaluation',
  'speed.csv': 'seconds and tokens per second of every step',
  'config.json': 'the recipe, whole',
  'model.safetensors': 'the model, for loadModel and the commands',
};

function filesSection({ files }: RunReport): Markup {
  return html`<p>Beside this page lie the numbers it is drawn from, whole:</p>
<ul class="files">${files.map(
    (file) =>
      html`<li><a href="${encodeURIComponent(file)}">${file}</a>${about[file] ? html` <span class="fine">${about[file]}</span>` : ''}</li>`,
  )}</ul>`;
}

/** A table of names and values. */
export function factTable(caption: string, facts: readonly Fact[], areHashes = false): Markup {
  return html`<table class="pairs"><caption>${caption}</caption><tbody>${facts.map(
    ({ name, value }) =>
      html`<tr><th scope="row">${name}</th><td>${areHashes ? html`<code class="hash">${value}</code>` : value}</td></tr>`,
  )}</tbody></table>`;
}

/** Four digits behind the point, as the command prints losses. */
export function exact(value: number | null): string {
  return value === null ? 'not finite' : value.toFixed(4);
}

/** Digits in groups of three, which a line end does not part. */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** A date that reads the same everywhere. */
function clock(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC`;
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?)]$/.test(begun) ? begun : `${begun}.`;
}
