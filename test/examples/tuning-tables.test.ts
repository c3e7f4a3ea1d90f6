/** The tables of README.md and docs/fine-tuning.md are what docs/results/tuning.json says. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';

const test = suite('examples: tables of tuning');

test('every table is drawn from what was measured', () => {
  const script = fileURLToPath(new URL('../../scripts/tuning-tables.mjs', import.meta.url));
  execFileSync(process.execPath, [script, '--check'], { stdio: 'pipe' });
});

test.run();
