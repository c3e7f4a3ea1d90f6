/**
 * @file `npm test`: builds what is stale, runs every test file with uvu, and closes with one line
 * `N passed, N failed`. A test file that never calls `run()` would pass silently, so that is a failure too.
 *
 * `node scripts/test.mjs [PATTERN…]` runs only the files whose path contains one of them.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
const patterns = process.argv.slice(2);
const all = readdirSync('test', { recursive: true })
  .map((file) => join('test', file))
  .filter((file) => file.endsWith('.test.ts'));
for (const pattern of patterns) {
  if (!all.some((file) => file.includes(pattern))) fail(`no test file matches "${pattern}"`);
}
const files = all
  .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
  .sort();

for (const file of files) {
  if (!/\.run\(\)/.test(readFileSync(file, 'utf8')))
    fail(`${file} never calls run(): its tests would not be carried out`);
}
if (isStale()) await build();

// Long files first, so that the last one does not run alone.
const weight = (file) => (/parity|cli|memory|examples|compilers|conformance|reproducible/.test(file) ? 0 : 1);
const queue = [...files].sort((a, b) => weight(a) - weight(b));
const totals = { passed: 0, failed: 0, skipped: 0 };
const started = performance.now();
// One more than there are processors: what drives a browser waits most of its time.
await Promise.all(Array.from({ length: Math.min(cpus().length + 1, 4) }, lane));
const seconds = ((performance.now() - started) / 1000).toFixed(0);
console.log(`\n${files.length} files, ${totals.skipped} skipped, ${seconds} s`);
console.log(`${totals.passed} passed, ${totals.failed} failed`);
process.exitCode = totals.failed > 0 ? 1 : 0;

async function lane() {
  for (let file = queue.shift(); file; file = queue.shift()) await runFile(file);
}

function runFile(file) {
  const begun = performance.now();
  /** @type {Promise<void>} */
  const ended = new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', '--expose-gc', file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, FORCE_COLOR: '0' },
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.stderr.on('data', (chunk) => {
      output += chunk;
    });
    child.on('close', (code) => {
      const count = (label) =>
        [...output.matchAll(new RegExp(`^\\s*${label}:\\s+(\\d+)`, 'gm'))].reduce(
          (n, m) => n + Number(m[1]),
          0,
        );
      const total = count('Total');
      const passed = count('Passed');
      const failed = total - passed;
      totals.passed += passed;
      // Where the program that it drives is not installed a file has no test, and says so (skipMessage of test/browser.ts).
      const isSkipped = total === 0 && code === 0 && /^\s*skipped(?:: no | without )/m.test(output);
      totals.skipped += count('Skipped') + (isSkipped ? 1 : 0);
      // A file that dies before its summary, or has no test, fails once.
      const broken = (total === 0 && !isSkipped) || (code !== 0 && failed === 0);
      totals.failed += failed + (broken ? 1 : 0);
      const mark = failed > 0 || broken ? 'FAIL' : 'ok  ';
      console.log(
        `${mark} ${relative('.', file)} (${passed}/${total}, ${((performance.now() - begun) / 1000).toFixed(1)} s)`,
      );
      if (mark === 'FAIL') console.log(output.replace(/^/gm, '     '));
      else
        for (const line of output.split('\n'))
          if (/skip/i.test(line) && !/Skipped:\s+0/.test(line)) console.log(`     ${line.trim()}`);
      resolve();
    });
  });
  return ended;
}

/** Whether a source is newer than the build; worker threads run the built files even in tests. */
function isStale() {
  if (!existsSync('dist/cli/main.js') || !existsSync('build/kernels.debug.wasm')) return true;
  const built = statSync('dist/cli/main.js').mtimeMs;
  return ['src', 'assembly', 'web'].some((folder) =>
    readdirSync(folder, { recursive: true })
      .map((file) => join(folder, file))
      .some((file) => /(?<!\.d)\.(ts|css)$/.test(file) && statSync(file).mtimeMs > built),
  );
}

function build() {
  /** @type {Promise<void>} */
  const built = new Promise((resolve, reject) => {
    spawn(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' }).on('close', (code) =>
      code === 0 ? resolve() : reject(new Error('the build failed')),
    );
  });
  return built;
}

function fail(message) {
  console.error(`test: ${message}`);
  console.log('0 passed, 1 failed');
  process.exit(1);
}
