/** @file `reproduce --preset quick` over three workers that share nothing, row by row beside docs/results/quick.json. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { claim, Lab, now, prenorm, printTable } from './lab.mjs';

const recorded = resolve(import.meta.dirname, '../../docs/results/quick.json');

export async function quick() {
  const lab = new Lab();
  try {
    await lab.start();
    for (const name of ['lab-1', 'lab-2', 'lab-3']) await lab.worker(name, ['--concurrency', '1']);
    const cwd = lab.place('asking');
    const begun = now();
    const args = ['reproduce', '--preset', 'quick', '--out', 'out', '--queue', lab.address];
    const { code, stderr } = await prenorm(args, cwd);
    const seconds = now() - begun;
    claim(code === 0, `reproduce --preset quick --queue ends with ${code}`);
    if (code !== 0) console.log(stderr.slice(-2000));
    const rows = (path) => JSON.parse(readFileSync(path, 'utf8'));
    const here = rows(join(cwd, 'out/results.json'));
    const before = new Map(rows(recorded).runs.map((run) => [run.id, run]));
    const equal = here.runs.filter(({ id, hash }) => before.get(id)?.hash === hash);
    claim(
      equal.length === here.runs.length && before.size === here.runs.length,
      `${equal.length} of ${before.size} run hashes are those of docs/results/quick.json`,
    );
    const verified = await prenorm(['verify', join(cwd, 'out/results.json'), '--row', here.runs[0].id], cwd);
    claim(verified.code === 0, 'prenorm verify repeats a row of it');
    const counts = new Map();
    for (const worker of Object.values(here.computedBy.runs))
      counts.set(worker, (counts.get(worker) ?? 0) + 1);
    printTable(
      ['runs', 'hashes as in docs/results/quick.json', 'runs of each worker', 'minutes'],
      [[here.runs.length, equal.length, [...counts.values()].join(', '), (seconds / 60).toFixed(1)]],
    );
  } finally {
    await lab.end();
  }
}
