/**
 * @file Draws what docs/results/ shows of its recorded runs anew, after the code that judges or draws has changed: the
 * claims' words and the figures in quick.json, standard.json and field.json, and the pages of the longer two. Runs stay as they are, and
 * so do verdicts: where one would change, nothing is written. `npm run redraw`, or `npm run redraw -- --check`, which
 * writes nothing and fails when something is stale, the pages being built.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageVersion } from '../src/cli/version.ts';
import { judgeRecords, recordedPreset } from '../src/experiments/registry.ts';
import { renderReport } from '../src/report/index.ts';
import { init } from '../src/runtime/init.ts';
import { buildPages } from './build-pages.mjs';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
const check = process.argv.includes('--check');
await init();
if (!check) await buildPages();
const drawn = new Map();
for (const name of ['quick', 'standard', 'field']) {
  const path = `docs/results/${name}.json`;
  if (!existsSync(path)) continue;
  const results = JSON.parse(readFileSync(path, 'utf8'));
  const again = redrawn(results, path);
  drawn.set(path, `${JSON.stringify(again)}\n`);
  if (name !== 'quick') drawn.set(`docs/results/${name}.html`, renderReport(again, packageVersion()));
}
for (const [path, text] of drawn) {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue;
  if (check) {
    console.error(`${path} is stale: run \`npm run redraw\``);
    process.exitCode = 1;
  } else {
    writeFileSync(path, text);
    console.log(`${path}: drawn anew`);
  }
}

/**
 * The same results with the claims and figures of this version's code. A row stays as it was recorded where it was judged
 * by another bar, or registered with another expectation, than this version has; claims that the file does not have are not
 * added.
 */
function redrawn(results, path) {
  const { claims, figures } = judgeRecords(recordedPreset(results), structuredClone(results.runs));
  const plain = JSON.parse(JSON.stringify({ claims, figures }));
  const now = new Map(plain.claims.map((row) => [row.claim, row]));
  const older = results.prenorm !== packageVersion();
  const changed = [];
  const rows = results.claims.map((row) => {
    const again = now.get(row.claim);
    if (again && again.verdict === row.verdict && again.expected === row.expected) return again;
    const otherBar = !again || again.threshold !== row.threshold || again.expected !== row.expected;
    if (!older || !otherBar) changed.push(`${row.claim}: ${row.verdict}, now ${again?.verdict ?? 'gone'}`);
    return { ...row, nature: row.nature ?? again?.nature };
  });
  const added = plain.claims.filter(({ claim }) => !results.claims.some((row) => row.claim === claim));
  if (!older) changed.push(...added.map(({ claim }) => `${claim}: not in the file`));
  if (changed.length > 0)
    throw new Error(`${path}: verdicts would change, which is more than drawing: ${changed.join('; ')}`);
  return { ...results, claims: rows, figures: plain.figures };
}
