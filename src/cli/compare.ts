/** @file `prenorm compare RUN RUN…`: runs over each other on a page, what differs, and which is better by how much. */

import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { ConfigError } from '../errors.js';
import { renderComparison } from '../report/compare-page.js';
import { type ComparedRun, type Comparison, compareRuns } from '../report/compare-runs.js';
import { renderComparisonText } from '../report/compare-terminal.js';
import { pageFiles } from '../report/page-files.js';
import { columnsOf, hasColor } from '../terminal/output.js';
import { put, putPainted } from '../terminal/write.js';
import { commandLine } from './command-line.js';
import { EXIT } from './errors.js';
import { readText, writeText } from './files.js';
import { readRun } from './read-run.js';
import { RunFolder } from './run-folder.js';
import { showPage } from './show-page.js';
import { packageVersion } from './version.js';

export interface CompareCommandOptions {
  out: string;
  open?: boolean;
  json?: boolean;
}

/** More lines than that nobody tells apart. */
const MOST = 12;

export async function compare(paths: readonly string[], options: CompareCommandOptions): Promise<number> {
  checkPaths(paths);
  const { out } = options;
  await checkOut(out);
  const runs: ComparedRun[] = [];
  // One after the other: of several that are refused, the first is always the one that is named.
  for (const path of paths) runs.push({ ...(await readRun(path)), ...pageOf(path, out) });
  const comparison = compareRuns(runs);
  const page = renderComparison(
    comparison,
    {
      command: commandLine(['compare', ...paths, '--out', out]),
      version: packageVersion(),
      written: new Date().toISOString(),
    },
    pageFiles('run'),
  );
  await writeText(out, page);
  if (options.json) put(`${JSON.stringify(resultOf(comparison, out), null, 1)}\n`);
  else {
    const strong = hasColor(process.stdout) ? (text: string) => `\x1b[1m${text}\x1b[22m` : undefined;
    const text = renderComparisonText(comparison, { columns: columnsOf(process.stdout), strong });
    putPainted(`${text}the page is ${out}\n`);
  }
  if (options.open) await showPage(out);
  return EXIT.done;
}

function checkPaths(paths: readonly string[]): void {
  if (paths.length < 2 || paths.length > MOST) {
    throw new ConfigError(`compare takes 2 to ${MOST} runs, got ${paths.length}`, {
      op: 'compare',
      expected: `2 to ${MOST}`,
      actual: paths.length,
      hint: 'give the folders of the runs',
    });
  }
  const real = paths.map((path) => (existsSync(path) ? realpathSync(path) : path));
  const twice = paths.find((_, at) => real.indexOf(real[at]) < at);
  if (twice !== undefined) {
    throw new ConfigError('the run is given twice', { path: twice, hint: 'give each run once' });
  }
}

/** A page of ours may be written anew; what is not, stays. */
async function checkOut(out: string): Promise<void> {
  if (!existsSync(out)) return;
  const hint = 'choose another name with --out';
  const isOurs = (await readText(out)).slice(0, 4000).includes('<meta name="generator" content="prenorm ');
  if (!isOurs) throw new ConfigError('a file that is no page of prenorm is in the way', { path: out, hint });
}

/** Where the run's own page lies, as a link from the comparison. */
function pageOf(path: string, out: string): { page?: string } {
  const { report } = new RunFolder(path).files;
  if (!existsSync(report)) return {};
  const folder = dirname(out);
  const way = relative(existsSync(folder) ? realpathSync(folder) : resolve(folder), realpathSync(report));
  return { page: join('.', way).split(sep).map(encodeURIComponent).join('/') };
}

function resultOf(
  { runs, differences, measure, unit, obstacles, common, end, verdict }: Comparison,
  out: string,
) {
  const rows = runs.map(({ name, history }, at) => ({
    run: name,
    steps: history.step,
    tokens: history.tokens,
    ...(common && { common: common.values[at] }),
    ...(end && { end: end.values[at] }),
  }));
  return {
    comparable: measure !== undefined,
    ...(measure && { measure, unit }),
    obstacles,
    runs: rows,
    differences: differences.map(({ name, values }) => ({
      key: name,
      values: values.map((value) => value ?? null),
    })),
    verdict,
    page: out,
  };
}
