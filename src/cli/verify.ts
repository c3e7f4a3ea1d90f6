/**
 * @file `prenorm verify RESULTS [--row ID]`: carries out recorded runs again, of a sweep too, judges the claims again and draws the
 * figures again from the runs in the file, and compares all of it with what the file says.
 */

import { ConfigError, DataError, PrenormError } from '../errors.js';
import {
  checkSpec,
  executeRun,
  judgeRecords,
  kindOf,
  type Results,
  type RunEnvironment,
  type RunRecord,
  type RunSpec,
} from '../experiments/index.js';
import { recordedPreset } from '../experiments/registry.js';
import { formatDuration } from '../report/wording.js';
import type { Arithmetic } from '../runtime/arithmetic.js';
import { capabilities } from '../runtime/capabilities.js';
import { forOutput } from '../terminal/output.js';
import { put } from '../terminal/write.js';
import { EXIT, interruptSignal, isAbort } from './errors.js';
import { progressBars } from './progress.js';
import { hasOurBits, type Recorded, readRecorded } from './results-file.js';
import { fileSources, workingFolder } from './sources.js';
import { type EngineOptions, start } from './start.js';
import { loadTokenizers } from './tokenizers.js';
import { packageVersion } from './version.js';

export interface VerifyOptions extends EngineOptions {
  row?: string[];
  data?: string;
  json?: boolean;
}

/** `other version`: the file is another version's, and what differs may differ because of that. */
type Outcome = 'equal' | 'differs' | 'other version';

export async function verify(path: string, options: VerifyOptions): Promise<number> {
  const recorded = await readRecorded(path);
  const results: Recorded = 'sweep' in recorded ? recorded.sweep : recorded.results;
  const sources = 'sweep' in recorded ? fileSources(recorded.sweep.folder) : workingFolder;
  const rows = selectRows(results, options.row, path);
  for (const row of rows) kindOf(specOf(row, undefined));
  const arithmetics = arithmeticsOf(rows, options);
  await start({ ...options, otherwise: arithmetics[0] });
  const sameBits = hasOurBits(results);
  const sameVersion = sameBits && results.prenorm === packageVersion();
  const signal = interruptSignal();
  const bars = progressBars({ quiet: options.json });
  const checked: { row: string; recorded: string; now: string; equal: boolean; differs: string | null }[] =
    [];
  const refused: { row: string; reason: string }[] = [];
  const again = new Map<string, RunRecord>();
  let judged: Partial<ReturnType<typeof judgeAgain>> = {};
  try {
    for (const [i, row] of rows.entries()) {
      const reason = refusal(specOf(row, options.data));
      if (reason && sameVersion) throw unusable(path, `${row.id}: ${reason}`);
      if (reason) {
        refused.push({ row: row.id, reason });
        bars.log(`${row.id}: not carried out, its specification is another version's (${reason})`);
        continue;
      }
      const bar = bars.add(row.label, row.steps);
      const environment: Partial<RunEnvironment> = {
        sources,
        tokenizers: loadTokenizers,
        signal,
        onProgress: ({ done, text }) => bar.update(done, text),
      };
      if (capabilities().arithmetic !== arithmetics[i])
        await start({ ...options, otherwise: arithmetics[i] });
      const record = await reading(path, row.id, () => executeRun(specOf(row, options.data), environment));
      bar.stop();
      again.set(row.id, record);
      const differs = differenceOfRuns(row, record);
      checked.push({ row: row.id, recorded: row.hash, now: record.hash, equal: !differs, differs });
      const word = sameBits ? 'DIFFERS' : 'comes out otherwise';
      bars.log(
        `${row.id}: ${differs ? `${word} at ${differs}` : `equal, ${row.hash.slice(0, 12)}`}, ${formatDuration(record.seconds)}`,
      );
    }
    if ('results' in recorded) judged = await judgedAgain(recorded.results, again, path);
    for (const [what, { differs }] of Object.entries(judged)) {
      for (const one of differs) {
        bars.log(`${what}: ${one} ${sameVersion ? 'DIFFERS' : 'is another in this version'}`);
      }
    }
  } finally {
    bars.stop();
  }
  const equal = checked.filter((row) => row.equal).length;
  const runsDiffer = equal < checked.length;
  const judgedDiffer = Object.values(judged).some(({ differs }) => differs.length > 0);
  let outcome: Outcome = sameBits ? 'equal' : 'other version';
  if ((runsDiffer && sameBits) || (judgedDiffer && sameVersion)) outcome = 'differs';
  else if (judgedDiffer || refused.length > 0) outcome = 'other version';
  const count = ({ compared, differs }: Compared) => `${compared - differs.length} of ${compared}`;
  const { claims, statuses, figures } = judged;
  const judgements =
    claims && statuses && figures
      ? `claims judged again from the runs of the file: ${count(claims)} equal
statuses of runs set again: ${count(statuses)} equal
figures drawn again: ${count(figures)} equal
`
      : '';
  const closing: Record<Outcome, string> = {
    equal: 'equal\n',
    differs: 'DIFFERENT\n',
    'other version': `recorded by prenorm ${results.prenorm}, this is ${packageVersion()}: ${sameBits ? 'same bits, other runs, claims or figures' : 'bits moved since (CHANGELOG.md, Bits)'}; neither equal nor a difference\n`,
  };
  put(
    options.json
      ? `${JSON.stringify({ file: path, prenorm: results.prenorm, outcome, runs: results.runs.length, rows: checked, refused, ...judged }, null, 1)}\n`
      : forOutput(
          `of ${results.runs.length} runs ${checked.length} carried out again: ${equal} of ${checked.length} rows equal in every bit${refused.length > 0 ? `, ${refused.length} not carried out` : ''}
${judgements}not compared: times, machine, settings
${closing[outcome]}`,
          process.stdout,
        ),
  );
  return outcome === 'differs' ? EXIT.failed : EXIT.done;
}

/**
 * The arithmetic of each row.
 * @throws ConfigError for another one that was asked for: a row comes out equal in its own only
 */
function arithmeticsOf(rows: readonly RunRecord[], options: VerifyOptions): Arithmetic[] {
  const asked = options.arithmetic ?? options.simd;
  return rows.map(({ id, arithmetic = 'strict' }) => {
    if (asked === undefined || asked === arithmetic) return arithmetic;
    throw new ConfigError(`the row ${id} was computed in ${arithmetic} arithmetic`, {
      op: '--arithmetic',
      expected: arithmetic,
      actual: asked,
      hint: 'leave the option out: each row is carried out in its own',
    });
  });
}

/** Whatever breaks over what a file holds is the file's fault, and says so. */
async function reading<T>(path: string, what: string, use: () => T | Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (cause) {
    if (isAbort(cause)) throw cause;
    if (cause instanceof ConfigError) throw unusable(path, `${what}: ${cause.message}`, cause);
    if (cause instanceof PrenormError) throw cause;
    throw unusable(path, `${what} asks for what its file does not hold`, cause);
  }
}

function unusable(path: string, reason: string, cause?: unknown): DataError {
  return new DataError(`the runs of this file cannot be used: ${reason}`, {
    path,
    hint: 'it was altered, or written by another version',
    cause,
  });
}

/** Why this version cannot carry out a specification; undefined when it can. */
export function refusal(spec: RunSpec): string | undefined {
  try {
    checkSpec(spec);
  } catch (error) {
    // What else breaks is a member of another kind; its own words would be the engine's.
    return error instanceof PrenormError ? error.message : `its config is none of a run of kind ${spec.kind}`;
  }
}

/** The rows asked for, by id or by a claim that rests on them; without any, the cheapest of every kind. */
function selectRows(
  { runs, claims }: Recorded,
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
  const found = wanted.flatMap((id) => {
    const hashes = claims.find(({ claim }) => claim === id)?.runHashes ?? [];
    const rows = runs.filter((run) => run.id === id || hashes.includes(run.hash));
    if (rows.length > 0) return rows;
    throw new ConfigError(`there is no row "${id}"`, {
      op: 'verify',
      path,
      actual: id,
      hint: `use the id of a run or of a claim, e.g. ${runs[0].id}`,
    });
  });
  return [...new Set(found)];
}

/** A record's configuration is the specification it was made from; `data` is where its data lie here. */
function specOf(row: RunRecord, data: string | undefined): RunSpec {
  const spec = structuredClone(row.config) as unknown as RunSpec & {
    recipe?: { data?: { source?: string } };
    pairs?: { data: { source?: string } };
    data?: { name: string };
  };
  if (!data) return spec;
  for (const pairs of [spec.recipe?.data, spec.pairs?.data]) if (pairs?.source) pairs.source = data;
  if (spec.data?.name) spec.data.name = data;
  return spec;
}

interface Compared {
  compared: number;
  /** What differs, each with its first difference. */
  differs: string[];
}

/** `judgeAgain` of what a file holds. @throws DataError where that does not fit together */
export const judgedAgain = (results: Results, again: ReadonlyMap<string, RunRecord>, path: string) =>
  reading(path, 'a claim or a figure', () => judgeAgain(results, again));

/** Judges and draws again from the recorded runs; those carried out again say themselves whether they diverged. */
function judgeAgain(results: Results, again: ReadonlyMap<string, RunRecord>) {
  const runs = results.runs.map((run): RunRecord => {
    if (run.experiment !== 'translation') return { ...run, status: again.get(run.id)?.status ?? run.status };
    const { progress: _, ...bare } = run;
    const diverged = (again.get(run.id) ?? run).status === 'diverged';
    return { ...bare, status: diverged ? 'diverged' : 'measured' };
  });
  const { claims, figures } = judgeRecords(recordedPreset(results), runs);
  return {
    claims: compare(results.claims, claims, ({ experiment, claim }) => `${experiment}/${claim}`),
    figures: compare(results.figures, figures, ({ experiment, id }) => `${experiment}/${id}`),
    statuses: compare(
      results.runs.map(({ id, status, progress }) => ({ id, status, progress })),
      runs.map(({ id, status, progress }) => ({ id, status, progress })),
      ({ id }) => id,
    ),
  };
}

/** What must agree of a run: all but the time it took, the paths of data, and what is set by comparison with other runs. */
export function differenceOfRuns(recorded: RunRecord, now: RunRecord): string | null {
  const { dataHash } = now;
  // Files of 0.1.0 do not say what was read.
  if (recorded.dataHash !== undefined && recorded.dataHash !== dataHash) {
    return `dataHash: these are other data (${recorded.dataHash.slice(0, 12)}, now ${dataHash?.slice(0, 12)})`;
  }
  const comparable = ({ seconds, status, progress, config, label, dataHash, ...rest }: RunRecord) => rest;
  return difference(plain(comparable(recorded)), plain(comparable(now)));
}

/** A value as JSON gives it back: undefined members gone, null where no finite number is. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** Entries of both lists, paired by name. */
function compare<T>(recorded: readonly T[], now: readonly T[], nameOf: (entry: T) => string): Compared {
  const left = new Map(now.map((entry) => [nameOf(entry), entry]));
  const differs: string[] = [];
  for (const entry of recorded) {
    const name = nameOf(entry);
    const other = left.get(name);
    const found = other === undefined ? 'only in the file' : difference(plain(entry), plain(other));
    if (found) differs.push(`${name}: ${found}`);
    left.delete(name);
  }
  for (const name of left.keys()) differs.push(`${name}: not in the file`);
  return { compared: recorded.length + left.size, differs };
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
