/**
 * @file Writes the result tables of README.md and docs/paper.md from docs/results/ and the register of claims from
 * src/experiments/, from nothing else: `node scripts/paper-results.mjs [--from runs/quick/results.json] [--check]`.
 * `--from` first copies a new run's results; `--standard FILE` takes the longer preset's results from FILE, `--print`
 * prints its tables alone, `--check` writes nothing and fails when a document is stale.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tsImport } from 'tsx/esm/api';

const { experiments, makePreset } = await tsImport('../src/experiments/index.ts', import.meta.url);
const { controlOutcome, formatDuration, formatNumber, inFourNumbers, median } = await tsImport(
  '../src/report/wording.ts',
  import.meta.url,
);

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const SOURCE = 'docs/results/quick.json';
const from = process.argv.includes('--from') ? process.argv[process.argv.indexOf('--from') + 1] : undefined;
if (from) {
  mkdirSync(dirname(SOURCE), { recursive: true });
  writeFileSync(SOURCE, `${JSON.stringify(JSON.parse(readFileSync(from, 'utf8')))}\n`);
}
const results = JSON.parse(readFileSync(SOURCE, 'utf8'));
const STANDARD = option('--standard') ?? 'docs/results/standard.json';
const documents = [
  ['README.md', '<!-- reproduce -->', '<!-- /reproduce -->', readmeTable()],
  ['docs/paper.md', '<!-- claims:start -->', '<!-- claims:end -->', register()],
  ['docs/paper.md', '<!-- results:start -->', '<!-- results:end -->', `${claimTable()}\n\n${runTable()}`],
];
// The longer presets have sections of their own, one table per experiment.
for (const [name, path] of [
  ['standard', STANDARD],
  ['field', 'docs/results/field.json'],
]) {
  if (!existsSync(path)) continue;
  const longer = JSON.parse(readFileSync(path, 'utf8'));
  const text = experimentTables(longer, `docs/results/${name}.json`);
  if (process.argv.includes('--print')) console.log(text);
  else documents.push(['docs/paper.md', `<!-- ${name}:start -->`, `<!-- ${name}:end -->`, text]);
}
if (process.argv.includes('--print')) process.exit(0);
let stale = false;
for (const [path, start, end, text] of documents) {
  const before = readFileSync(path, 'utf8');
  const a = before.indexOf(start) + start.length;
  const b = before.indexOf(end);
  if (a < start.length || b < a) throw new Error(`${path}: markers ${start} and ${end} are missing`);
  const after = `${before.slice(0, a)}\n${text}\n${before.slice(b)}`;
  if (after === before) continue;
  if (process.argv.includes('--check')) {
    console.error(`${path} is stale: run \`node scripts/paper-results.mjs\``);
    stale = true;
  } else writeFileSync(path, after);
}
process.exitCode = stale ? 1 : 0;

/** A bar would end the table cell. */
function cell(text) {
  return text.replace(/^; /, '').replaceAll('|', '\\|');
}

function option(name) {
  return process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined;
}

/** Median and range over seeds; a diverged seed, `null` in JSON, shows. */
function spread({ perSeed }) {
  if (perSeed.length === 0) return '';
  const finite = perSeed.filter((value) => Number.isFinite(value));
  const lost = perSeed.length - finite.length;
  const middle = formatNumber(median(perSeed));
  const range =
    perSeed.length > 1 && finite.length
      ? [`${formatNumber(Math.min(...finite))} to ${formatNumber(Math.max(...finite))}`]
      : [];
  const notes = [...range, ...(lost ? [`${lost} diverged`] : []), `n = ${perSeed.length}`];
  return `${middle} (${notes.join(', ')})`;
}

/** Every registered claim, by experiment. */
function register() {
  const sections = experiments.map(({ name, title, claims }) => {
    const rows = claims.map(({ claim, statement, figure, protocol, expected, reason, presets }) => {
      const expectation =
        typeof expected === 'function' ? expected({ preset: 'standard', seed: 0 }) : expected;
      const why = reason && expectation !== 'holds' ? ` (${reason})` : '';
      const judged = `${protocol}${presets ? `; in \`${presets.join('`, `')}\`` : ''}${why}`;
      return `| \`${claim}\` | ${[statement, figure, judged, expectation].map(cell).join(' | ')} |`;
    });
    return `### ${title} (\`--only ${name}\`)\n\n| claim | statement | where | how it is judged | expected |\n|---|---|---|---|---|\n${rows.join('\n')}`;
  });
  return `Made from the register by \`scripts/paper-results.mjs\`.\n\n${sections.join('\n\n')}`;
}

function experimentTables(standard, path) {
  const names = [
    ...new Set([
      ...(standard.experiments ?? []).map(({ name }) => name),
      ...standard.claims.map((claim) => claim.experiment),
    ]),
  ];
  const sections = names.flatMap((name) => {
    const claims = standard.claims.filter((claim) => claim.experiment === name);
    if (claims.length === 0) return [];
    const about = standard.experiments?.find((experiment) => experiment.name === name);
    const rows = claims.map((claim) => {
      const measured = [spread(claim), claim.metric || claim.reason].filter(Boolean).join('; ');
      const cells = [
        claim.statement,
        claim.figure,
        claim.paper ?? '',
        measured,
        claim.threshold,
        claim.verdict,
        claim.expected,
        controlOf(claim),
      ];
      return `| ${cells.map(cell).join(' | ')} |`;
    });
    const time = about ? ` (${about.runs.length} runs, ${formatDuration(about.seconds)})` : '';
    return [
      `### ${about?.title ?? name ?? 'Other'}${time}\n\n| the paper says | where | its number | measured: median (range), and what it is | bar | verdict | expected | control |\n|---|---|---|---|---|---|---|---|\n${rows.join('\n')}`,
    ];
  });
  return `${source(standard)} ${inFourNumbers(standard.claims)} Made from \`${path}\` by \`scripts/paper-results.mjs\`.${missing(standard)}\n\n${sections.join('\n\n')}`;
}

/** What the register has and a record of an earlier version has not, or has under another bar or expectation. */
function missing(standard) {
  const preset = makePreset(standard.preset);
  const registered = preset.experiments.flatMap(({ experiment }) =>
    experiment.claims
      .filter(({ presets }) => !presets || presets.includes(standard.preset))
      .map(({ claim, expected }) => ({
        claim,
        expected: typeof expected === 'function' ? expected(preset.scale) : expected,
      })),
  );
  const rows = new Map(standard.claims.map((row) => [row.claim, row]));
  const names = (list) => list.map(({ claim }) => `\`${claim}\``).join(', ');
  const absent = registered.filter(({ claim }) => !rows.has(claim));
  const other = registered.filter(
    ({ claim, expected }) => rows.has(claim) && rows.get(claim).expected !== expected,
  );
  return [
    absent.length > 0
      ? ` This record is older than these claims and does not have them: ${names(absent)}.`
      : '',
    other.length > 0 ? ` These are registered otherwise since: ${names(other)}.` : '',
  ].join('');
}

function controlOf({ control, uncontrolled }) {
  if (!control) return uncontrolled ? `none: ${uncontrolled}` : '';
  return `${control.factor}: ${formatNumber(median(control.perSeed))}, ${controlOutcome(control)}`;
}

function source({ environment, prenorm, seconds } = results) {
  const minutes = `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `Prenorm ${prenorm}, ${environment.runtime}, ${environment.platform}, ${environment.cpu}, ${environment.processes} processes, ${minutes}.`;
}

function claimTable() {
  const rows = results.claims.map((claim) => {
    const value = claim.perSeed.length > 0 ? median(claim.perSeed).toPrecision(3) : '';
    const measured = value
      ? `${value} (${claim.seeds.length} ${claim.seeds.length > 1 ? 'seeds' : 'seed'})`
      : '';
    const cells = [
      claim.statement,
      claim.figure,
      `${measured}; ${claim.metric || claim.reason}`,
      claim.threshold,
    ];
    return `| ${[...cells, claim.verdict, claim.expected, controlOf(claim)].map(cell).join(' | ')} |`;
  });
  const head =
    '| the paper says | where | measured: median, and what it is | bar | verdict | expected | control |';
  return `${source()} ${inFourNumbers(results.claims)} Made from \`${SOURCE}\` by \`scripts/paper-results.mjs\`.\n\n${head}\n|---|---|---|---|---|---|---|\n${rows.join('\n')}`;
}

function trainings() {
  return results.runs.filter((run) => run.experiment === 'translation');
}

function runTable() {
  const rows = trainings().map(
    (run) =>
      `| ${run.label} | ${run.finalValidNll?.toFixed(3) ?? ''} | ${run.progress?.toFixed(2) ?? ''} | ${run.status} | ${run.bleu ? `${run.bleu.score.toFixed(1)} [${run.bleu.low.toFixed(1)}, ${run.bleu.high.toFixed(1)}]` : ''} | ${run.bleu ? `${(100 * run.bleu.loops).toFixed(0)} %` : ''} | \`${run.hash.slice(0, 12)}\` |`,
  );
  const unigram = trainings()[0]?.unigramNll;
  return `Unigram NLL U = ${unigram?.toFixed(3)}. BLEU (${trainings()[0]?.bleu?.decoding}, ${trainings()[0]?.bleu?.sentences} sentences) is for information.\n\n| run | valid NLL | progress p | status | BLEU [95 %] | loops | run hash |\n|---|---|---|---|---|---|---|\n${rows.join('\n')}`;
}

function readmeTable() {
  const rows = trainings().map(
    (run) =>
      `| ${run.label} | ${run.finalValidNll?.toFixed(3) ?? 'diverged'} | ${run.progress?.toFixed(2) ?? ''} | ${run.status} |`,
  );
  const others = results.claims.filter((claim) => claim.verdict !== 'holds');
  const notes = others.map((claim) => `${claim.verdict}: "${claim.statement}"`).join('; ');
  return `${source()} ${inFourNumbers(results.claims)} All hold but these: ${notes || 'none'}.\n\n| De-En translation, 6+6 layers, ${trainings()[0]?.steps} steps | valid NLL | progress p | status |\n|---|---|---|---|\n${rows.join('\n')}\n\np = 0 is knowing word frequencies only (NLL ${trainings()[0]?.unigramNll?.toFixed(3)}), p = 1 is Post-LN with warm-up at its best rate. All claims: \`docs/paper.md\`.`;
}
