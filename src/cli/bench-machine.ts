/** @file What the benchmark's JSON says about the machine, the versions and the files they are pinned by. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, release } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import type { BenchResults } from '../bench/results.js';
import type { Row } from '../bench/row.js';
import type { Arithmetic } from '../runtime/arithmetic.js';
import { relaxedWasmHash, strictWasmHash } from '../runtime/generated/wasm-hash.js';
import { packageVersion } from './version.js';

export interface RunDescription {
  quick: boolean;
  arithmetic: Arithmetic;
  /** Lock files to name by hash. */
  locks?: Record<string, URL>;
}

/** Node 20 has relaxed SIMD behind a flag; only the benchmark turns it on, to measure both builds there. */
export function enableRelaxedSimd(): void {
  if (process.versions.node.startsWith('20.')) setFlagsFromString('--experimental-wasm-relaxed-simd');
}

/** Notes time and load now; the function it returns makes the results, with the load at that moment. */
export function beginRun({ quick, arithmetic, locks = {} }: RunDescription) {
  const started = performance.now();
  const before = loadavg();
  return (rows: Row[], rivals: Record<string, string> = {}): BenchResults => ({
    kind: 'prenorm-bench',
    version: 1,
    quick,
    simd: arithmetic,
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      system: `${platform()} ${release()} ${arch()}`,
    },
    versions: {
      prenorm: packageVersion(),
      node: process.version,
      v8: process.versions.v8,
      kernels: { strict: strictWasmHash, relaxed: relaxedWasmHash },
      rivals,
    },
    locks: hashes(locks),
    load: { before, after: loadavg() },
    seconds: (performance.now() - started) / 1000,
    rows,
  });
}

function hashes(files: Record<string, URL>): Record<string, string> {
  const found = Object.entries(files).filter(([, url]) => existsSync(url));
  return Object.fromEntries(
    found.map(([name, url]) => [name, createHash('sha256').update(readFileSync(url)).digest('hex')]),
  );
}
