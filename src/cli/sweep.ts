/** @file `prenorm sweep GRID`: every recipe of a grid, side by side; results.json and report.html, and the best of them. */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../errors.js';
import type { RunRecord } from '../experiments/index.js';
import type { RecipeRun } from '../experiments/kinds/recipe.js';
import { renderMachines } from '../report/machines.js';
import { pageFiles } from '../report/page-files.js';
import type { MapAxes } from '../report/sweep-figures.js';
import { renderSweep } from '../report/sweep-page.js';
import { renderSweepText } from '../report/sweep-terminal.js';
import type { Arithmetic } from '../runtime/arithmetic.js';
import { shortNames } from '../sweep/fields.js';
import { isSeed, type SweepResults, type SweptField } from '../sweep/results.js';
import { bestRun, measureOf, settingsOf } from '../sweep/standings.js';
import { columnsOf, hasColor } from '../terminal/output.js';
import { put, putPainted } from '../terminal/write.js';
import { type CarriedOut, carryOut } from './carry-out.js';
import { commandLine } from './command-line.js';
import { EXIT, interrupted, oneLine } from './errors.js';
import { makeFolder, writeText } from './files.js';
import { holdFolder } from './folder-lock.js';
import { computedBy, madeBy } from './machine.js';
import { queueOf } from './queue-of.js';
import { RunStore } from './run-store.js';
import { showPage } from './show-page.js';
import { type EngineOptions, start } from './start.js';
import { readSweep, type Sweep } from './sweep-grid.js';
import { checkBuilds, sweepDryRun } from './sweep-plan.js';
import { packageVersion } from './version.js';

export interface SweepOptions extends EngineOptions {
  out?: string;
  resume?: boolean;
  dryRun?: boolean;
  json?: boolean;
  processes?: number;
  /** Fields of maps, each `ROWS,COLUMNS`. */
  map?: readonly string[];
  /** Show the page in the browser. */
  open?: boolean;
  /** Address of the Redis of a queue, which carries out the runs in place of this machine. */
  queue?: string;
  /** Share of the runs that another worker of the queue repeats. */
  verify?: number;
}

export async function sweep(path: string, options: SweepOptions): Promise<number> {
  const started = performance.now();
  const asked = options.arithmetic ?? options.simd;
  // Ranges of factors are computed by the kernels too.
  const arithmetic = await start(options);
  const grid = await readSweep(path, asked === undefined ? undefined : arithmetic);
  const maps = options.map?.map((text) => mapAxes(text, grid.fields));
  const out = options.out ?? join('runs', grid.name);
  const groups = byArithmetic(grid.runs).map(([kind, specs]) => ({
    store: new RunStore(join(out, 'runs'), kind, undefined, grid.folder),
    specs,
  }));
  // Data that are not there, and models that cannot be built, are said before anything is written or waited for.
  for (const { store, specs } of groups) for (const spec of specs) await store.dataHash(spec);
  await checkBuilds(path, grid, options);
  if (options.dryRun) {
    await sweepDryRun(grid, options);
    return EXIT.done;
  }
  const queue = await queueOf(options, grid.name, grid.runs);
  let release = (): void => {};
  try {
    release = await holdFolder(out);
    await makeFolder(join(out, 'runs'));
    const processes = Math.max(1, options.processes ?? cpus().length);
    const { resume, json: quiet, threads } = options;
    const carried = await carryOut(groups, {
      name: grid.name,
      processes,
      resume,
      quiet,
      threads,
      goOn: true,
      ...(queue && { execute: queue.execute, where: queue.where }),
    });
    if (!carried) return interrupted();
    const seconds = (performance.now() - started) / 1000 + carried.earlier / processes;
    const by = computedBy(groups);
    const results: SweepResults = {
      format: 'prenorm-sweep',
      version: 1,
      name: grid.name,
      folder: grid.folder,
      command: commandLine(['sweep', path, '--out', out]),
      ...madeBy(arithmetic, by.computedBy?.machines.length ?? processes),
      seconds,
      ...by,
      ...standings(grid, carried),
    };
    await report(results, out, maps, options);
    return results.failed.length > 0 ? EXIT.failed : EXIT.done;
  } finally {
    release();
    await queue?.close();
  }
}

function byArithmetic(runs: readonly RecipeRun[]): [Arithmetic, RecipeRun[]][] {
  const groups = new Map<Arithmetic, RecipeRun[]>();
  for (const run of runs) {
    const { arithmetic = 'strict' } = run.recipe;
    groups.set(arithmetic, [...(groups.get(arithmetic) ?? []), run]);
  }
  return [...groups];
}

function standings({ runs, fields }: Sweep, { records, failed }: CarriedOut) {
  const inOrder = runs.flatMap(({ id }): RunRecord[] => {
    const record = records.get(id);
    return record ? [record] : [];
  });
  const measure = measureOf(inOrder);
  return {
    fields,
    measure,
    settings: settingsOf(inOrder, fields, measure),
    best: bestRun(inOrder, measure)?.id ?? null,
    failed: runs.flatMap(({ id, label }) => {
      const error = failed.get(id);
      return error ? [{ id, label, error: oneLine(error.message) }] : [];
    }),
    runs: inOrder,
  };
}

async function report(
  results: SweepResults,
  out: string,
  maps: readonly MapAxes[] | undefined,
  options: SweepOptions,
): Promise<void> {
  const text = `${JSON.stringify(results, null, 1)}\n`;
  const page = join(out, 'report.html');
  await writeText(join(out, 'results.json'), text);
  const about = { version: packageVersion(), written: new Date().toISOString(), ...(maps && { maps }) };
  await writeText(page, renderSweep(results, about, pageFiles('run')));
  if (options.json) put(text);
  else {
    const strong = hasColor(process.stdout) ? (part: string) => `\x1b[1m${part}\x1b[22m` : undefined;
    const columns = columnsOf(process.stdout);
    putPainted(`\n${renderSweepText(results, { columns, strong })}`);
    put(renderMachines(results.computedBy, columns));
    put(`Report: ${page}\n`);
  }
  if (options.open) await showPage(page);
}

/** Two fields that vary, by their whole names or the short ones of the labels. */
function mapAxes(text: string, fields: readonly SweptField[]): MapAxes {
  const varied = fields.map(({ name }) => name).filter((name) => !isSeed(name));
  const short = shortNames(fields.map(({ name }) => name));
  const parts = text.split(',').map((part) => part.trim());
  const found = parts.map((part) => varied.find((name) => name === part || short.get(name) === part));
  const [rows, columns] = found;
  if (found.length === 2 && rows !== undefined && columns !== undefined && rows !== columns)
    return [rows, columns];
  throw new ConfigError(`a map is over two fields that vary, got ${text}`, {
    op: '--map',
    expected: varied,
    actual: text,
    hint: varied.length < 2 ? 'fewer than two fields vary: leave it out' : `e.g. ${varied[0]},${varied[1]}`,
  });
}
