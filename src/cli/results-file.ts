/** @file A results file as it comes from anywhere: measured, checked for its shape, and whether its bits are this version's. */
import { stat } from 'node:fs/promises';
import { pinned, pinnedFor } from '../conformance/index.js';
import { DataError } from '../errors.js';
import type { Results } from '../experiments/index.js';
import { isJsonObject } from '../json.js';
import { readJson } from './files.js';
import { resultsFault, sweepFault } from './results-shape.js';
import { storedForm } from './run-store.js';

/** Far beyond any file of ours; the largest preset writes some megabytes. */
const MAX_BYTES = 256 * 1024 * 1024;

/** What runs are carried out again from. */
export type Recorded = Pick<Results, 'prenorm' | 'conformance' | 'arithmetic' | 'runs' | 'claims'>;

/** Runs of a sweep, and the folder that names in their recipes are relative to. */
export interface RecordedSweep extends Recorded {
  folder: string;
}

/**
 * The results of `prenorm reproduce` or of `prenorm sweep`.
 * @throws DataError as `readResults`
 */
export async function readRecorded(path: string): Promise<{ results: Results } | { sweep: RecordedSweep }> {
  const value = await readValue(path);
  if (!isJsonObject(value) || value.format !== 'prenorm-sweep') return { results: resultsOf(value, path) };
  const wrong = sweepFault(value);
  if (wrong) {
    throw new DataError(`not a results file of \`prenorm sweep\`: ${wrong}`, {
      path,
      hint: 'give its results.json as it was written',
    });
  }
  const sweep = value as unknown as RecordedSweep;
  refuseEmpty(sweep, path);
  return { sweep: { ...sweep, claims: [], runs: sweep.runs.map(storedForm) } };
}

/** @throws DataError for a file that is no results file, is too large, or holds no runs */
export async function readResults(path: string): Promise<Results> {
  return resultsOf(await readValue(path), path);
}

async function readValue(path: string): Promise<unknown> {
  const size = (await stat(path).catch(() => undefined))?.size ?? 0;
  if (size > MAX_BYTES) {
    throw new DataError(`the file has ${size} bytes, a results file at most ${MAX_BYTES}`, { path });
  }
  return readJson(path);
}

function resultsOf(value: unknown, path: string): Results {
  const wrong = resultsFault(value);
  if (wrong) {
    throw new DataError(`not a results file of \`prenorm reproduce\`: ${wrong}`, {
      path,
      hint: 'give its results.json, or quick.json or standard.json of docs/results/',
    });
  }
  const results = value as Results;
  refuseEmpty(results, path);
  return { ...results, runs: results.runs.map(storedForm) };
}

function refuseEmpty({ runs }: Recorded, path: string): void {
  if (runs.length > 0) return;
  throw new DataError('the results hold no runs, so there is nothing to compare', {
    path,
    hint: 'run prenorm reproduce again without --only, or with the id of a run that --dry-run lists',
  });
}

/** Whether equal runs must have equal bits: the total of the conformance run decides, which files of 0.1.0 do not name. */
export function hasOurBits({ conformance, arithmetic = 'strict' }: Recorded): boolean {
  const totals = [pinnedFor(arithmetic).total, ...(arithmetic === 'strict' ? pinned.earlier : [])];
  return conformance !== undefined && totals.includes(conformance);
}
