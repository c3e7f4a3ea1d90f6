/** @file `prenorm report RESULTS`: draws the page of recorded results anew; nothing is run. */

import { dirname, join } from 'node:path';
import { DataError, PrenormError } from '../errors.js';
import type { Results } from '../experiments/index.js';
import { renderReport } from '../report/index.js';
import { put } from '../terminal/write.js';
import { EXIT } from './errors.js';
import { writeText } from './files.js';
import { readResults } from './results-file.js';
import { packageVersion } from './version.js';

export interface ReportOptions {
  out?: string;
  json?: boolean;
}

export async function report(path: string, { out, json }: ReportOptions): Promise<number> {
  const results = await readResults(path);
  const target = out ?? join(dirname(path), 'report.html');
  const page = drawn(results, path);
  await writeText(target, page);
  const { runs, claims, figures } = results;
  put(
    json
      ? `${JSON.stringify({ report: target, runs: runs.length, claims: claims.length, figures: figures.length, bytes: Buffer.byteLength(page) })}\n`
      : `Report: ${target}\n`,
  );
  return EXIT.done;
}

/** The file may come from anyone: whatever breaks over what it holds is its fault, and says so. */
export function drawn(results: Results, path: string): string {
  try {
    return renderReport(results, packageVersion());
  } catch (cause) {
    if (cause instanceof PrenormError) throw cause;
    throw new DataError('these results cannot be drawn: what they hold does not fit together', {
      path,
      hint: 'the file was altered, or written by another version',
      cause,
    });
  }
}
