/**
 * @file `node scripts/mutate-kernels.mjs [KERNEL…]`: makes one kernel after the other wrong by one unit in the last
 * place and shows which item of the conformance run notices. Exit code 1 when a mutant goes unnoticed.
 */
import { register } from 'tsx/esm/api';

register();
const { detect, exempt, isInt12, numericKernels, survey } = await import('../test/conformance/mutants.ts');
const wanted = process.argv.slice(2);
const kernels = wanted.length > 0 ? wanted : await numericKernels();
let missed = 0;
// Those of one arithmetic after those of the other, each with a survey of its own.
await mutate('strict');
await mutate('int12');

/** @param {'strict' | 'int12'} arithmetic */
async function mutate(arithmetic) {
  const own = kernels.filter((name) => isInt12(name) === (arithmetic === 'int12'));
  if (own.length === 0) return;
  const whole = await survey(undefined, arithmetic);
  for (const name of own) {
    const begun = performance.now();
    const item = await detect(name, whole);
    if (item === null) missed++;
    const seconds = ((performance.now() - begun) / 1000).toFixed(2);
    const why = whole.callers.has(name) ? 'UNNOTICED' : 'NEVER CALLED';
    console.log(`${name.padEnd(24)} ${(item ?? why).padEnd(18)} ${seconds} s`);
  }
}
for (const [name, reason] of Object.entries(exempt)) console.log(`${name.padEnd(24)} left out: ${reason}`);
console.log(`${kernels.length - missed} of ${kernels.length} mutants change the total hash`);
process.exitCode = missed > 0 ? 1 : 0;
