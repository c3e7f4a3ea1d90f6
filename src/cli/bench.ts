/** @file `prenorm bench`: the parts of the benchmark that need no rival, and the comparison of two results. */

import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { compareResults } from '../bench/compare.js';
import { FULL, type Plan, QUICK } from '../bench/measure-machine.js';
import { type BenchResults, checkResults } from '../bench/results.js';
import type { Row } from '../bench/row.js';
import { type Part, parts } from '../bench/suite.js';
import { formatComparison, formatTable, summarize } from '../bench/table.js';
import { ConfigError, FormatError } from '../errors.js';
import { ARITHMETICS } from '../runtime/arithmetic.js';
import type { ArithmeticOptions } from '../runtime/arithmetic-options.js';
import { columnsOf, forOutput } from '../terminal/output.js';
import { put, tell } from '../terminal/write.js';
import { beginRun, enableRelaxedSimd } from './bench-machine.js';
import { EXIT } from './errors.js';
import { readJson, writeText } from './files.js';
import { start } from './start.js';

// For bench/, which runs the same parts and adds rivals.
export { beginRun, enableRelaxedSimd } from './bench-machine.js';
export { reportError } from './errors.js';

export interface BenchOptions extends ArithmeticOptions {
  quick?: boolean;
  only?: string[];
  out?: string;
  check?: boolean;
  compare?: string[];
  json?: boolean;
  threads?: number | 'auto';
  seed?: number;
}

export async function bench(options: BenchOptions): Promise<number> {
  if (options.compare) return compare(options.compare, options.json);
  const { threads = 1, seed = 0, quick = false } = options;
  const chosen = choose(parts, options.only);
  checkOut(options.out);
  enableRelaxedSimd();
  const arithmetic = await start({ arithmetic: options.arithmetic, simd: options.simd });
  const finish = beginRun({ quick, arithmetic });
  const plan = makePlan(quick, chosen.length);
  const rows: Row[] = [];
  for (const part of chosen) rows.push(...(await plan.part(part, { arithmetic, threads, seed })));
  return report(finish(rows), options);
}

/** The parts named by --only, or all. */
export function choose<P extends { name: string }>(all: readonly P[], only?: readonly string[]): P[] {
  if (!only) return [...all];
  const names = all.map(({ name }) => name);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new ConfigError(`--only does not know "${unknown}"`, {
      op: 'bench',
      expected: names,
      actual: unknown,
      hint: `use some of ${names.join(', ')}`,
    });
  }
  return all.filter(({ name }) => only.includes(name));
}

/** Refuses a file that could not be written, before minutes are spent. */
export function checkOut(out: string | undefined): void {
  if (out === undefined || existsSync(dirname(out))) return;
  throw new ConfigError('the folder does not exist', { path: out, hint: 'make it, or choose another --out' });
}

/** How to measure, telling on standard error what is being measured and for how long by now. */
export function makePlan(quick: boolean, total: number) {
  const started = performance.now();
  let done = 0;
  const say = (text: string): void => {
    const seconds = ((performance.now() - started) / 1000).toFixed(0).padStart(4);
    tell(`${seconds} s  ${text}\n`);
  };
  const plan: Plan = { ...(quick ? QUICK : FULL), onProgress: say };
  return {
    ...plan,
    say,
    async part(part: Part, options: Parameters<Part['measure']>[1]): Promise<Row[]> {
      say(`part ${++done} of ${total}: ${part.name}`);
      return part.measure(plan, options);
    },
  };
}

/** Prints and writes the results; the exit code is 1 when a target is missed and --check was given. */
export async function report(
  results: BenchResults,
  options: Pick<BenchOptions, 'out' | 'check' | 'json'>,
): Promise<number> {
  const text = `${JSON.stringify(results, null, 1)}\n`;
  if (options.out !== undefined) await writeText(options.out, text);
  put(
    options.json
      ? text
      : `${forOutput(heading(results), process.stdout)}\n\n${formatTable(results.rows, columnsOf(process.stdout))}\n`,
  );
  const missed = results.rows.filter((row) => row.met === false);
  if (!options.json) put(`${summarize(results.rows)}\n`);
  return options.check && missed.length > 0 ? EXIT.failed : EXIT.done;
}

export function heading({ machine, versions, simd, load, seconds }: BenchResults): string {
  const loads = `${load.before[0].toFixed(1)} before, ${load.after[0].toFixed(1)} after`;
  return [
    `prenorm ${versions.prenorm} (${simd}), Node ${versions.node}, ${machine.cpu}, ${machine.cores} cores`,
    `load ${loads}; ${seconds.toFixed(0)} s; kernels ${versions.kernels[ARITHMETICS[simd].build].slice(0, 12)}`,
    ...Object.entries(versions.rivals).map(([name, build]) => `${name}: ${build}`),
  ].join('\n');
}

async function compare(files: readonly string[], json?: boolean): Promise<number> {
  if (files.length !== 2) {
    throw new ConfigError(`--compare takes two files, got ${files.length}`, {
      op: 'bench',
      hint: 'prenorm bench --compare before.json after.json',
    });
  }
  const [before, after] = [
    checkResults(await readJson(files[0]), files[0]),
    checkResults(await readJson(files[1]), files[1]),
  ];
  for (const key of ['simd', 'quick'] as const) {
    if (before[key] === after[key]) continue;
    throw new FormatError(`${key} is ${after[key]}, it is ${before[key]} in ${files[0]}`, {
      path: files[1],
      hint: 'compare runs with the same options',
    });
  }
  const comparisons = compareResults(before, after);
  put(
    json
      ? `${JSON.stringify(comparisons, null, 1)}\n`
      : formatComparison(comparisons, columnsOf(process.stdout)),
  );
  return EXIT.done;
}
