/**
 * @file `npm run docs [-- --check]`: what is generated from the sources for readers. The op tables (docs/ops.md,
 * docs/op-kernels.md), the tables of options (docs/options.md) and the API pages (docs/reference/, not committed), which
 * TypeDoc makes from the comments of everything that is exported. `--check` writes nothing and fails when a table is stale
 * or something public, or an option of it, is undocumented, links nowhere or mentions a type that nobody can import. The
 * sources must be built, because some of them are generated.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = join(root, 'scripts/api-pages');
const check = process.argv.includes('--check');

function run(command, args, cwd) {
  try {
    execFileSync(command, args, { cwd, stdio: 'inherit' });
  } catch (error) {
    // What it printed says enough.
    process.exit(error.status ?? 1);
  }
}

for (const script of ['scripts/op-table.mjs', 'scripts/options-doc.mjs'])
  run(process.execPath, [script, ...(check ? ['--check'] : [])], root);
if (!existsSync(join(pages, 'node_modules')))
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], pages);
const strict = ['--emit', 'none', '--treatWarningsAsErrors', '--treatValidationWarningsAsErrors'];
run(process.execPath, ['node_modules/typedoc/bin/typedoc', ...(check ? strict : [])], pages);
