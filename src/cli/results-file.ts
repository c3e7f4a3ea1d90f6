/** @file A results file as it comes from anywhere: measured, checked for its shape, and whether its bits are this version's. */
import { stat } from 'node:fs/promises';
import { pinned, pinnedFor } from '../conformance/index.js';
import { DataError } from '../errors.js';
import { isPresetName, presetNames, type Results } from '../experiments/index.js';
import { isJsonObject } from '../json.js';
import { type Arithmetic, arithmeticNames } from '../runtime/arithmetic.js';
import { readJson } from './files.js';
import { storedForm } from './run-store.js';

/** Far beyond any file of ours; the largest preset writes some megabytes. */
const MAX_BYTES = 256 * 1024 * 1024;

const isText = (value: unknown): value is string => typeof value === 'string';

/** What is wrong with the shape, at which path; undefined when nothing is. */
function fault(value: unknown): string | undefined {
  if (!isJsonObject(value) || value.format !== 'prenorm-results') return 'format must be "prenorm-results"';
  if (value.version !== 1) return 'version must be 1';
  if (!isText(value.preset) || !isPresetName(value.preset))
    return `preset must be one of ${presetNames.join(', ')}`;
  for (const key of ['prenorm', 'kernelHash']) if (!isText(value[key])) return `${key} must be a string`;
  if (value.conformance !== undefined && !isText(value.conformance)) return 'conformance must be a string';
  const isArithmetic = (name: unknown) => name === undefined || arithmeticNames.includes(name as Arithmetic);
  const kinds = arithmeticNames.join(', ');
  if (!isArithmetic(value.arithmetic)) return `arithmetic must be one of ${kinds}`;
  if (value.seed !== undefined && !Number.isSafeInteger(value.seed)) return 'seed must be a whole number';
  const lists: Record<string, (entry: Record<string, unknown>) => string | undefined> = {
    runs: (run) => {
      for (const key of ['id', 'experiment', 'label', 'hash'])
        if (!isText(run[key])) return `${key}, a string`;
      for (const key of ['steps', 'seconds']) if (typeof run[key] !== 'number') return `${key}, a number`;
      if (!isArithmetic(run.arithmetic)) return `arithmetic, one of ${kinds}`;
      return isJsonObject(run.config) && isText(run.config.kind) ? undefined : 'config, with a kind of run';
    },
    claims: (claim) => {
      if (!isText(claim.claim)) return 'claim, a string';
      return Array.isArray(claim.runHashes) ? undefined : 'runHashes, a list';
    },
    figures: (figure) => (isText(figure.id) ? undefined : 'id, a string'),
    experiments: ({ name, runs }) => {
      return isText(name) && Array.isArray(runs) && runs.every(isText)
        ? undefined
        : 'name and runs, ids of runs';
    },
  };
  for (const [name, faultOf] of Object.entries(lists)) {
    const list = value[name];
    if (name === 'experiments' && list === undefined) continue;
    if (!Array.isArray(list)) return `${name} must be a list`;
    for (const [i, entry] of list.entries()) {
      const missing = isJsonObject(entry) ? faultOf(entry) : 'an object';
      if (missing) return `${name}.${i} must have ${missing}`;
    }
  }
  const ids = (value.runs as { id: string }[]).map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  return twice === undefined ? undefined : `the run ${twice} stands twice`;
}

/** @throws DataError for a file that is no results file, is too large, or holds no runs */
export async function readResults(path: string): Promise<Results> {
  const size = (await stat(path).catch(() => undefined))?.size ?? 0;
  if (size > MAX_BYTES) {
    throw new DataError(`the file has ${size} bytes, a results file at most ${MAX_BYTES}`, { path });
  }
  const value = await readJson(path);
  const wrong = fault(value);
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
