/**
 * @file `node scripts/mutate-kernels.mjs [KERNEL…]`: makes one kernel after the other wrong by one unit in the last
 * place and shows which item of the conformance run notices. Exit code 1 when a mutant goes unnoticed.
 */
import { register } from 'tsx/esm/api';

register();
const { detect, exempt, numericKernels, survey } = await import('../test/conformance/mutants.ts');
const wanted = process.argv.slice(2);
const kernels = wanted.length > 0 ? wanted : await numericKernels();
const whole = await survey();
let missed = 0;
for (const name of kernels) {
  const begun = performance.now();
  const item = await detect(name, whole);
  if (item === null) missed++;
  const seconds = ((performance.now() - begun) / 1000).toFixed(2);
  const why = whole.callers.has(name) ? 'UNNOTICED' : 'NEVER CALLED';
  console.log(`${name.padEnd(24)} ${(item ?? why).padEnd(18)} ${seconds} s`);
}
for (const [name, reason] of Object.entries(exempt)) console.log(`${name.padEnd(24)} left out: ${reason}`);
console.log(`${kernels.length - missed} of ${kernels.length} mutants change the total hash`);
process.exitCode = missed > 0 ? 1 : 0;
