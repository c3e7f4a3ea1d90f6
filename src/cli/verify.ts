/** @file `prenorm verify RESULTS [--row ID]`: carries out recorded runs again and compares every number. */
import { ConfigError, DataError } from '../errors.js';
import { executeRun, kindOf, type Results, type RunRecord, type RunSpec } from '../experiments/index.js';
import { isJsonObject } from '../json.js';
import { formatDuration } from '../report/wording.js';
import { strictWasmHash } from '../runtime/generated/wasm-hash.js';
import { EXIT, interruptSignal } from './errors.js';
import { loadSplits, loadText, readJson } from './files.js';
import { progressBars } from './progress.js';
import { type EngineOptions, start } from './start.js';

export interface VerifyOptions extends EngineOptions {
  row?: string[];
  data?: string;
  json?: boolean;
}

export async function verify(path: string, options: VerifyOptions): Promise<number> {
  const results = await readResults(path);
  const rows = selectRows(results, options.row, path);
  await start(options);
  const signal = interruptSignal();
  const bars = progressBars({ quiet: options.json });
  if (results.kernelHash !== strictWasmHash) {
    bars.warn(
      `${path} was recorded with kernels ${results.kernelHash.slice(0, 12)}, these are ${strictWasmHash.slice(0, 12)}: bits may differ`,
    );
  }
  const checked = [];
  for (const row of rows) {
    const bar = bars.add(row.label, row.steps);
    const again = await executeRun(specOf(row, options.data), {
      load: loadSplits,
      loadText,
      signal,
      onProgress: ({ done, text }) => bar.update(done, text),
    });
    bar.stop();
    const differs = difference(comparable(row), comparable(again));
    checked.push({ row: row.id, recorded: row.hash, now: again.hash, equal: !differs, differs });
    bars.log(
      `${row.id}: ${differs ? `DIFFERS at ${differs}` : `equal, ${row.hash.slice(0, 12)}`}, ${formatDuration(again.seconds)}`,
    );
  }
  bars.stop();
  const equal = checked.filter((row) => row.equal).length;
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ file: path, rows: checked }, null, 1)}\n`
      : `${equal} of ${checked.length} rows equal in every bit\n`,
  );
  return equal === checked.length ? EXIT.done : EXIT.failed;
}

async function readResults(path: string): Promise<Results> {
  const value = (await readJson(path)) as Results;
  const complete =
    isJsonObject(value) &&
    value.format === 'prenorm-results' &&
    typeof value.kernelHash === 'string' &&
    Array.isArray(value.claims) &&
    Array.isArray(value.runs) &&
    value.runs.every((run) => isJsonObject(run?.config));
  if (complete) return value;
  throw new DataError('not a results file of `prenorm reproduce`', {
    path,
    hint: 'give its results.json, or one of docs/results/',
  });
}

/** The rows asked for, by id or by a claim that rests on them; without any, the cheapest of every kind. */
function selectRows(
  { runs, claims }: Results,
  wanted: readonly string[] | undefined,
  path: string,
): RunRecord[] {
  if (!wanted?.length) {
    const cheapest = new Map<string, RunRecord>();
    for (const run of runs) {
      const best = cheapest.get(run.experiment);
      if (!best || run.seconds < best.seconds) cheapest.set(run.experiment, run);
    }
    return [...cheapest.values()];
  }
  return wanted.flatMap((id) => {
    const hashes = claims.find(({ claim }) => claim === id)?.runHashes ?? [];
    const found = runs.filter((run) => run.id === id || hashes.includes(run.hash));
    if (found.length > 0) return found;
    throw new ConfigError(`there is no row "${id}"`, {
      op: 'verify',
      path,
      actual: id,
      hint: `use the id of a run or of a claim, e.g. ${runs[0]?.id}`,
    });
  });
}

/** A record's configuration is the specification it was made from. */
function specOf(row: RunRecord, data: string | undefined): RunSpec {
  const spec = { ...row.config } as unknown as RunSpec & { data?: { name: string } };
  kindOf(spec);
  if (data && spec.data && typeof spec.data === 'object') spec.data = { ...spec.data, name: data };
  return spec;
}

/** What must agree: all but the time it took, the paths of data, and what is set by comparison with other runs. */
function comparable({ seconds, status, progress, config, label, ...rest }: RunRecord): unknown {
  return JSON.parse(JSON.stringify(rest));
}

/** Path of the first difference, or null. */
function difference(a: unknown, b: unknown, at = ''): string | null {
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') {
    return Object.is(a, b) ? null : `${at || 'the record'} (${JSON.stringify(a)}, now ${JSON.stringify(b)})`;
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const found = difference(
      (a as Record<string, unknown>)[key],
      (b as Record<string, unknown>)[key],
      at ? `${at}.${key}` : key,
    );
    if (found) return found;
  }
  return null;
}
