/** @file Which machine carried out how many runs of a queue, as a table for the terminal. */
import type { ComputedBy } from '../experiments/results.js';
import { table } from '../terminal/table.js';
import { shortHash } from './wording.js';

/** Titles and rows, the same on the page and in the terminal. */
export function machineRows({ machines, runs }: ComputedBy): { titles: string[]; rows: string[][] } {
  const counts = new Map<string, number>();
  for (const worker of Object.values(runs)) counts.set(worker, (counts.get(worker) ?? 0) + 1);
  return {
    titles: ['worker', 'runs', 'processor', 'cores', 'system', 'engine', 'prenorm', 'kernels'],
    rows: machines.map(({ worker, cpu, cores, platform, runtime, prenorm, kernelHash }) => [
      worker,
      String(counts.get(worker) ?? 0),
      cpu,
      String(cores),
      platform,
      runtime,
      prenorm,
      shortHash(kernelHash),
    ]),
  };
}

/** @param columns of the terminal; Infinity for a row in one line @returns nothing where no queue had a run */
export function renderMachines(computedBy: ComputedBy | undefined, columns: number): string {
  if (!computedBy) return '';
  const { titles, rows } = machineRows(computedBy);
  const lines = table(
    titles.map((title) => ({ title, right: title === 'runs' || title === 'cores' })),
    rows,
    { columns },
  );
  return `${lines.join('\n')}\n\n`;
}
