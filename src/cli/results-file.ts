/** @file A results file as it comes from anywhere: measured, checked for its shape, and whether its bits are this version's. */
import { stat } from 'node:fs/promises';
import { pinned, pinnedFor } from '../conformance/index.js';
import { DataError } from '../errors.js';
import type { Results } from '../experiments/index.js';
import { readJson } from './files.js';
import { resultsFault } from './results-shape.js';
import { storedForm } from './run-store.js';

/** Far beyond any file of ours; the largest preset writes some megabytes. */
const MAX_BYTES = 256 * 1024 * 1024;

/** @throws DataError for a file that is no results file, is too large, or holds no runs */
export async function readResults(path: string): Promise<Results> {
  const size = (await stat(path).catch(() => undefined))?.size ?? 0;
  if (size > MAX_BYTES) {
    throw new DataError(`the file has ${size} bytes, a results file at most ${MAX_BYTES}`, { path });
  }
  const value = await readJson(path);
  const wrong = resultsFault(value);
  if (wrong) {
    throw new DataError(`not a results file of \`prenorm reproduce\`: ${wrong}`, {
      path,
      hint: 'give its results.json, or quick.json or standard.json of docs/results/',
    });
  }
  const results = value as Results;
  if (results.runs.length === 0) {
    throw new DataError('the results hold no runs, so there is nothing to compare', {
      path,
      hint: 'run prenorm reproduce again without --only, or with the id of a run that --dry-run lists',
    });
  }
  return { ...results, runs: results.runs.map(storedForm) };
}

/** Whether equal runs must have equal bits: the total of the conformance run decides, which files of 0.1.0 do not name. */
export function hasOurBits({ conformance, arithmetic = 'strict' }: Results): boolean {
  const totals = [pinnedFor(arithmetic).total, ...(arithmetic === 'strict' ? pinned.earlier : [])];
  return conformance !== undefined && totals.includes(conformance);
}
