/** @file `import` and `init()` in fresh processes. */
import { execFileSync } from 'node:child_process';
import { bench } from '../scripts/built-bench.mjs';

const { makeRow, targets, untilNarrow } = bench;

const ENTRY = new URL('../dist/index.js', import.meta.url).href;
const PROGRAM = `const before = performance.now();
const { init } = await import(${JSON.stringify(ENTRY)});
await init();
console.log(performance.now() - before);`;

export async function measureStartup(plan) {
  const runs = plan.quick ? 10 : 25;
  plan.onProgress(`import and init(), ${runs} fresh processes`);
  const once = () =>
    Number(execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM], { encoding: 'utf8' }));
  once(); // brings the files into memory
  const samples = [];
  const round = () => {
    samples.push(once());
    return samples.slice(-1);
  };
  const conditions = await untilNarrow([round], { rounds: runs, mostRounds: 4 * runs });
  return [
    makeRow({ name: 'startup', unit: 'ms', samples, conditions, better: 'lower', target: targets.startup }),
  ];
}
