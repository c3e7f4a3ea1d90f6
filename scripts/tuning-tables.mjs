/**
 * @file The tables of docs/fine-tuning.md and of README.md from docs/results/tuning.json and nothing else: `tuning-evidence.mjs`
 * measures, this draws. `--check` says whether they are that.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const range = (numbers, digits) =>
  `${mean(numbers).toFixed(digits)} (${Math.min(...numbers).toFixed(digits)} to ${Math.max(...numbers).toFixed(digits)})`;
const mb = (bytes) => (bytes / 1e6).toFixed(1);
const nlls = (runs) =>
  range(
    runs.map(({ validNll }) => validNll),
    3,
  );
const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
const quote = (text) => `\`${text.replace(/\s+/g, ' ').replace(/`/g, "'").trim()}\``;
const count = (number) => number.toLocaleString('en');

function ofLm(lm) {
  const drawn = table(
    ['trained', 'parameters', 'held-out NLL', 'MB, plan()', 'MB, used', 'seconds'],
    lm.rows.map(({ method, runs }) => [
      method,
      count(runs[0].parameters),
      nlls(runs),
      mb(runs[0].planned),
      mb(runs[0].used),
      mean(runs.map(({ seconds }) => seconds)).toFixed(0),
    ]),
  );
  const said = [
    `Before, the base has ${lm.before.validNll.toFixed(3)} there. From ${quote(lm.prompt)} it goes on`,
    `${quote(lm.before.text)}; tuned by pairs ${quote(lm.rows[1].runs[0].text)}.`,
  ];
  return [drawn, '', ...said].join('\n');
}

const ofClasses = ({ rows }) =>
  table(
    ['labelled texts', 'begins', 'accuracy', 'held-out NLL'],
    rows.map(({ method, texts, runs }) => [
      count(texts),
      method,
      range(
        runs.map(({ metric }) => metric),
        3,
      ),
      nlls(runs),
    ]),
  );

function inShort({ rows, before, steps }) {
  const drawn = table(
    [`trained, ${steps} steps`, 'parameters', 'held-out NLL'],
    [
      ['nothing: the base as it is', '0', before.validNll.toFixed(3)],
      ...rows.map(({ method, runs }) => [method, count(runs[0].parameters), nlls(runs)]),
    ],
  );
  return `\`npm run tuning-evidence\`: a small byte-BPE language model, trained here on one text and read from its folder of Hugging Face, tuned on another; three seeds, mean (smallest to largest).\n\n${drawn}`;
}

/** What stands between which marks of which file. */
const tuningTables = ({ lm, classifier }) => [
  { file: 'docs/fine-tuning.md', name: 'tuning:lm', text: ofLm(lm) },
  { file: 'docs/fine-tuning.md', name: 'tuning:classifier', text: ofClasses(classifier) },
  { file: 'README.md', name: 'tuning', text: inShort(lm) },
];

/** Puts them in; with `isCheck` only says which is another. */
export function writeTuningTables(results, isCheck = false) {
  const stale = [];
  for (const { file, name, text } of tuningTables(results)) {
    const page = readFileSync(file, 'utf8');
    const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- /${name} -->`];
    const [before, rest] = page.split(begin);
    const [, after] = (rest ?? '').split(end);
    if (after === undefined) throw new Error(`${file} has no ${begin.trim()}`);
    const renewed = `${before}${begin}${text}${end}${after}`;
    if (renewed !== page) stale.push(`${file}: ${name}`);
    if (!isCheck) writeFileSync(file, renewed);
  }
  return stale;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isCheck = process.argv.includes('--check');
  process.chdir(fileURLToPath(new URL('..', import.meta.url)));
  const stale = writeTuningTables(JSON.parse(readFileSync('docs/results/tuning.json', 'utf8')), isCheck);
  if (isCheck && stale.length > 0) {
    console.error(`not what was measured: ${stale.join(', ')} (node scripts/tuning-tables.mjs)`);
    process.exit(1);
  }
}
