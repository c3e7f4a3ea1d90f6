/**
 * @file `npm run size [-- --write]`: what a page downloads, against the budgets. Bundles each way of importing the
 * package as a user's bundler would, and with --write renews the table of README.md. A missed
 * budget fails. Embedded data, the kernels of other arithmetics, threads and the browser's storage come on demand and are not counted;
 * the kernels that `init()` loads are.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const model = `
import { CausalLM } from './dist/nn/index.js';
import { lmStepper, sample } from './dist/generate/index.js';
import { decodeSafetensors } from './dist/io/index.js';
export { CausalLM, lmStepper, sample, decodeSafetensors };`;

/** Ways of importing, and the kernels that come with each. */
export const imports = {
  entry: { program: `export * from './dist/index.js';`, kernels: 'wasm' },
  inference: {
    program: `${model}\nexport { init } from './dist/inference.js';`,
    kernels: 'wasm-forward',
  },
  loading: {
    program: `
import { lmStepper, sample } from './dist/generate/index.js';
export { lmStepper, sample };
export { init, loadModel } from './dist/inference.js';`,
    kernels: 'wasm-forward',
  },
  external: { program: `export * from './dist/external.js';`, kernels: null },
};

/** Entries of their own: what each may add to a page that has the library entry, in bytes. */
const beyond = { tokenizers: 35_000, interop: 25_000 };

/** How much more a page loads with another entry beside the library's, in bytes after gzip. */
export async function addedBy(entry) {
  const both = `${imports.entry.program}\nexport * from './dist/${entry}/index.js';`;
  const [alone, together] = await Promise.all(
    [imports.entry.program, both].map(async (program) => gzipped(await bundle({ program, kernels: 'wasm' }))),
  );
  return together - alone;
}

const gzipped = (files) =>
  files.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);

/** Minified files that a page loads before it can compute. */
export async function bundle({ program, kernels }) {
  const { metafile, outputFiles } = await build({
    stdin: { contents: program, resolveDir: root },
    bundle: true,
    minify: true,
    splitting: true,
    format: 'esm',
    target: 'es2022',
    outdir: 'out',
    external: ['node:*'],
    metafile: true,
    write: false,
    absWorkingDir: root,
  });
  const outputs = metafile.outputs;
  const needed = new Set();
  // The package's own chunks carry the name of what they hold, or are the one that such a chunk loads.
  const isKernels = (path) =>
    kernels !== null &&
    (outputs[path]?.entryPoint ?? '').includes(`/${kernels}-`) &&
    !/relaxed|int12/.test(path);
  const visit = (path) => {
    if (needed.has(path) || !outputs[path]) return;
    needed.add(path);
    for (const { path: next, kind } of outputs[path].imports)
      if (kind === 'import-statement' || isKernels(next)) visit(next);
  };
  visit(Object.keys(outputs).find((path) => outputs[path].entryPoint === '<stdin>'));
  if (kernels !== null && needed.size < 2) throw new Error('the kernels are not among what is loaded');
  return outputFiles.filter(({ path }) => [...needed].some((name) => path.endsWith(`/${name}`)));
}

/** Bytes of the unpacked package. */
export function unpackedSize() {
  const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(output)[0].unpackedSize;
}

async function main() {
  const folder = join(root, 'build/size');
  rmSync(folder, { recursive: true, force: true });
  for (const [name, way] of Object.entries(imports)) {
    mkdirSync(join(folder, name), { recursive: true });
    (await bundle(way)).forEach(({ contents }, i) => {
      writeFileSync(join(folder, name, `${i}.js`), contents);
    });
  }
  const bin = createRequire(import.meta.url).resolve('size-limit/package.json');
  let results;
  try {
    results = execFileSync(process.execPath, [join(dirname(bin), 'bin.js'), '--json'], {
      cwd: root,
      encoding: 'utf8',
    });
  } catch (error) {
    results = error.stdout || error.stderr;
  }
  const kb = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;
  const judged = JSON.parse(results);
  const limits = JSON.parse(readFileSync(join(root, '.size-limit.json'), 'utf8'));
  const rows = judged.map(({ name, size, passed }, i) => [name, kb(size), limits[i].limit, passed]);
  for (const [entry, limit] of Object.entries(beyond)) {
    const added = await addedBy(entry);
    const name = `\`prenorm/${entry}\`, beyond what it shares with the library entry, min+gzip`;
    rows.push([name, kb(added), `${limit / 1000} KB`, added <= limit]);
  }
  const unpacked = unpackedSize();
  rows.push(['package, unpacked', `${(unpacked / 1e6).toFixed(2)} MB`, '3.1 MB', unpacked <= 3.1e6]);
  const table = [
    '| what | measured | budget | |',
    '|---|---|---|---|',
    ...rows.map(
      ([name, size, limit, passed]) => `| ${name} | ${size} | ${limit} | ${passed ? 'met' : 'MISSED'} |`,
    ),
  ].join('\n');
  console.log(table);
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const renewed = readme.replace(
    /(<!-- size -->\n)[\s\S]*?(<!-- \/size -->)/,
    (_, start, end) => `${start}${table}\n${end}`,
  );
  if (process.argv.includes('--write')) writeFileSync(join(root, 'README.md'), renewed);
  if (rows.some((row) => row[3] !== true)) process.exitCode = 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
