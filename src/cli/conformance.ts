/** @file `prenorm conformance`: trains the fixed models and compares hashes with the pinned ones. */

import { type ConformanceResult, type ItemResult, runConformance } from '../conformance/index.js';
import type { ArithmeticName } from '../runtime/arithmetic.js';
import { capabilities } from '../runtime/capabilities.js';
import { strictWasmHash } from '../runtime/generated/wasm-hash.js';
import { forOutput } from '../terminal/output.js';
import { put } from '../terminal/write.js';
import { EXIT, note } from './errors.js';
import { type EngineOptions, start } from './start.js';
import { packageVersion } from './version.js';

export interface ConformanceCommand extends EngineOptions {
  json?: boolean;
  item?: string[];
}

export async function conformance(options: ConformanceCommand): Promise<number> {
  await start(options);
  const { threads, threadsReason, arithmetic } = capabilities();
  if (typeof options.threads === 'number' && options.threads !== threads)
    note(`conformance: ${threads} thread instead of ${options.threads}: ${threadsReason}`);
  const host = `Node ${process.version}, V8 ${process.versions.v8}, ${process.platform} ${process.arch}`;
  const write = (line: string): void => {
    if (!options.json) put(`${forOutput(line, process.stdout)}\n`);
  };
  write(`prenorm ${packageVersion()}; ${host}; ${arithmetic} arithmetic; threads: ${threads}`);
  const result = await runConformance({
    ...(options.item ? { only: options.item } : {}),
    onItem: (item) => write(line(item)),
  });
  if (options.json) {
    const value = {
      prenorm: packageVersion(),
      host,
      arithmetic,
      threads,
      kernels: strictWasmHash,
      ...result,
    };
    put(`${JSON.stringify(value, null, 1)}\n`);
  } else writeEnd(result, arithmetic);
  return result.ok ? EXIT.done : EXIT.failed;
}

const mark = (ok: boolean) => (ok ? 'same     ' : 'DIFFERENT');

function line({ name, hash, ok, expected }: ItemResult): string {
  const text = `${mark(ok)} ${name.padEnd(18)} ${hash}`;
  return ok ? text : `${text}\n${' '.repeat(20)}pinned    ${expected || '(nothing)'}`;
}

function writeEnd(result: ConformanceResult, arithmetic: ArithmeticName): void {
  if (result.total !== null) {
    const ok = result.total === result.expected;
    const total = `${mark(ok)} ${`total of list ${result.list}`.padEnd(18)} ${result.total}`;
    put(`${forOutput(total, process.stdout)}\n`);
  }
  if (!result.ok && arithmetic === 'relaxed')
    put(
      `${forOutput(`${arithmetic} arithmetic is not promised to give the same bits: see docs/determinism.md`, process.stdout)}\n`,
    );
}
