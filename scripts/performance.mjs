/**
 * @file Writes the measured tables of README.md and docs/performance.md from docs/results/bench.json and nothing else:
 * `node scripts/performance.mjs [--from FILE] [--check]`. `--from` first copies what `npm run bench -- --out FILE` wrote;
 * `--check` writes nothing and fails when a document is stale.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bench } from './built-bench.mjs';

const { checkResults, formatNumber, formatTarget, formatVerdict, markdownTable, summarize } = bench;

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const SOURCE = 'docs/results/bench.json';
const from = process.argv.includes('--from') ? process.argv[process.argv.indexOf('--from') + 1] : undefined;
if (from) {
  mkdirSync(dirname(SOURCE), { recursive: true });
  writeFileSync(SOURCE, `${JSON.stringify(checkResults(JSON.parse(readFileSync(from, 'utf8')), from))}\n`);
}
const results = checkResults(JSON.parse(readFileSync(SOURCE, 'utf8')), SOURCE);
const { rows } = results;
const documents = [
  ['README.md', '<!-- perf -->', '<!-- /perf -->', `${source()}\n\n${readmeTable()}\n\n${missesLine()}`],
  [
    'docs/performance.md',
    '<!-- bench:start -->',
    '<!-- bench:end -->',
    `${source()}\n\n${builds()}\n\n${table()}`,
  ],
  ['docs/performance.md', '<!-- misses:start -->', '<!-- misses:end -->', misses()],
];
let stale = false;
for (const [path, start, end, text] of documents) {
  const before = readFileSync(path, 'utf8');
  const a = before.indexOf(start) + start.length;
  const b = before.indexOf(end);
  if (a < start.length || b < a) throw new Error(`${path}: markers ${start} and ${end} are missing`);
  const after = `${before.slice(0, a)}\n${text}\n${before.slice(b)}`;
  if (after === before) continue;
  if (process.argv.includes('--check')) {
    console.error(`${path} is stale: run \`node scripts/performance.mjs\``);
    stale = true;
  } else writeFileSync(path, after);
}
process.exitCode = stale ? 1 : 0;

function source() {
  const { machine, versions, simd, load, seconds, quick } = results;
  const loads = `${load.before[0].toFixed(1)} before and ${load.after[0].toFixed(1)} after`;
  return `\`npm run bench${quick ? ' -- --quick' : ''}\` of Prenorm ${versions.prenorm} (${simd} kernels \`${versions.kernels[simd].slice(0, 12)}\`) on Node ${versions.node}, ${machine.cpu}, ${machine.cores} cores, ${machine.system}; load ${loads}, ${(seconds / 60).toFixed(1)} minutes. ${summarize(rows)}.`;
}

function builds() {
  const lines = Object.entries(results.versions.rivals).map(([name, build]) => `- ${name}: ${build}`);
  const locks = Object.entries(results.locks).map(([file, hash]) => `\`${file}\` ${hash.slice(0, 12)}`);
  return [...lines, `- lock files (SHA-256): ${locks.join(', ')}`].join('\n');
}

function table() {
  return markdownTable(rows);
}

/** The matrix products as one line per build, whole steps, tokens of a text, and every target that is missed. */
function readmeTable() {
  const judged = rows.filter(
    (row) =>
      row.target &&
      !row.name.startsWith('gemm ') &&
      (row.met === false || row.name.startsWith('step ') || / a token(,|$| beside)/.test(row.name)),
  );
  const lines = ['strict', 'relaxed'].flatMap((simd) => {
    const products = rows.filter((row) => row.name.startsWith(`gemm ${simd} `) && row.share !== null);
    if (products.length === 0) return [];
    const shares = products.map(({ share }) => 100 * (share ?? 0)).sort((a, b) => a - b);
    const met = products.filter((row) => row.met).length;
    const range = `${shares[0].toFixed(0)} to ${shares.at(-1).toFixed(0)} % of the peak loop`;
    return [
      `| ${products.length} matrix products, ${simd} | ${range} | ${formatTarget(products[0])} | ${met} of ${products.length} met |`,
    ];
  });
  const others = judged.map((row) => {
    const share = markdownTable([row]).split('\n')[2].split(' | ')[2];
    const value = row.value === null ? 'not measured' : `${formatNumber(row.value)} ${row.unit}`;
    const cells = [
      row.name,
      [value, share].filter(Boolean).join(', '),
      formatTarget(row),
      formatVerdict(row),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return ['| what | measured | target | |', '|---|---|---|---|', ...lines, ...others].join('\n');
}

function missesLine() {
  const missed = rows.filter((row) => row.met === false).length;
  const text = missed === 0 ? 'No target is missed.' : `${missed} targets are missed.`;
  return `${text} All rows, what each means, and why targets are missed: \`docs/performance.md\`.`;
}

function misses() {
  const missed = rows.filter((row) => row.met === false);
  if (missed.length === 0) return 'None.';
  return markdownTable(missed);
}
