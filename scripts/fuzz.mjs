/**
 * @file `npm run fuzz -- [--seconds 120 | --executions N] [--parser NAME] [--seed N] [--case I]`: feeds every parser of files
 * from outside with inputs that are nearly right. Prints executions per parser; a failing input is minimised and
 * saved under .fuzz/, and the exit code is 1. `--seconds` and `--executions` are per parser; `--case` repeats one case.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { caseInput, execute, fuzz, minimize } from '../test/fuzz/loop.ts';
import { targets } from '../test/fuzz/targets.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    executions: { type: 'string' },
    parser: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    case: { type: 'string' },
  },
});
const chosen = targets.filter(({ name }) => !values.parser || name === values.parser);
if (chosen.length === 0) {
  console.error(
    `fuzz: no parser "${values.parser}"; there are ${targets.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}
const seed = Number(values.seed);
let failed = 0;
let total = 0;
for (const target of chosen) {
  if (values.case !== undefined) {
    await target.reset?.();
    const input = caseInput(target, seed, Number(values.case));
    console.log(`${target.name}: ${input.length} bytes, ${await execute(target, input)}`);
    continue;
  }
  const end = performance.now() + Number(values.seconds) * 1000;
  const report = await fuzz(target, {
    seed,
    done: (executions) =>
      values.executions === undefined ? performance.now() >= end : executions >= Number(values.executions),
  });
  total += report.executions;
  console.log(
    `${target.name}: ${report.executions} executions, ${report.accepted} accepted, ${report.failures.length} failures, slowest ${report.slowest.toFixed(0)} ms (seed ${seed})`,
  );
  for (const failure of report.failures) {
    failed++;
    await target.reset?.();
    const small = await minimize(target, failure);
    mkdirSync('.fuzz', { recursive: true });
    const path = `.fuzz/${target.name}-${seed}-${failure.index}`;
    writeFileSync(path, small);
    console.log(
      `  ${failure.kind}\n  repeat: npm run fuzz -- --parser ${target.name} --seed ${seed} --case ${failure.index}`,
    );
    console.log(`  minimised from ${failure.input.length} to ${small.length} bytes: ${path}`);
  }
}
if (values.case === undefined) console.log(`${total} executions, ${failed} failures`);
process.exitCode = failed > 0 ? 1 : 0;
