/** @file The benchmark's JSON: what was measured, on what, with what. */

import { FormatError } from '../errors.js';
import type { Arithmetic } from '../runtime/arithmetic.js';
import type { Row } from './row.js';

export interface BenchResults {
  kind: 'prenorm-bench';
  version: 1;
  quick: boolean;
  simd: Arithmetic;
  machine: { cpu: string; cores: number; system: string };
  versions: {
    prenorm: string;
    node: string;
    v8: string;
    /** SHA-256 of the kernels' bytes. */
    kernels: { strict: string; relaxed: string };
    /** Builds of the rivals, where there are any. */
    rivals: Record<string, string>;
  };
  /** SHA-256 of lock files. */
  locks: Record<string, string>;
  /** Load averages of 1, 5 and 15 minutes. */
  load: { before: number[]; after: number[] };
  seconds: number;
  rows: Row[];
}

/**
 * Checks what was read from a file.
 * @throws FormatError naming the file and the first thing that is not as it should be.
 */
export function checkResults(value: unknown, path: string): BenchResults {
  const refuse = (message: string): never => {
    throw new FormatError(message, {
      path,
      hint: 'give a file that `prenorm bench --out` or `npm run bench -- --out` wrote',
    });
  };
  const results = value as BenchResults;
  if (typeof value !== 'object' || value === null || results.kind !== 'prenorm-bench') {
    return refuse('not the results of a benchmark');
  }
  if (results.version !== 1) return refuse(`results of version ${results.version}, 1 is expected`);
  if (!Array.isArray(results.rows)) return refuse('rows is missing');
  const names = new Set<string>();
  results.rows.forEach((row, i) => {
    const at = `rows[${i}]`;
    if (typeof row !== 'object' || row === null || typeof row.name !== 'string') refuse(`${at} has no name`);
    if (names.has(row.name)) refuse(`${at} is the second row "${row.name}"`);
    names.add(row.name);
    for (const key of ['value', 'iqr', 'share', 'shareIqr'] as const) {
      if (row[key] !== null && !Number.isFinite(row[key])) refuse(`${at}.${key} is not a number or null`);
    }
    if (typeof row.unit !== 'string') refuse(`${at}.unit is not a text`);
    if (row.better !== 'higher' && row.better !== 'lower') refuse(`${at}.better is not higher or lower`);
  });
  return results;
}
