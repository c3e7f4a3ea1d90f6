/**
 * @file `npm run bench [-- --quick] [-- --check] [-- --only PART…] [-- --out FILE] [-- --json]`: everything that
 * `prenorm bench` measures, plus start, size and the rivals. Installs and builds what is missing first.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

if (!existsSync(here('node_modules/esbuild'))) {
  process.stderr.write('bench: installing the rivals into bench/node_modules (npm ci), about 700 MB\n');
  execFileSync('npm', ['ci', '--ignore-scripts'], { cwd: here('.'), stdio: ['ignore', 2, 2] });
}
if (!existsSync(here('../dist/cli/bench.js'))) {
  process.stderr.write('bench: building the package (node scripts/build.mjs)\n');
  execFileSync(process.execPath, [here('../scripts/build.mjs')], { stdio: ['ignore', 2, 2] });
}
const { main } = await import('./main.mjs');
process.exitCode = await main(process.argv.slice(2));
