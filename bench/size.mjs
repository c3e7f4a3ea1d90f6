/** @file What one downloads: bundles of the entry, and the unpacked package. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { makeRow, targets } from '../dist/bench/index.js';

const root = fileURLToPath(new URL('..', import.meta.url));

const ENTRY = `export * from './dist/index.js';`;
const INFERENCE = `
import { init } from './dist/index.js';
import { CausalLM } from './dist/nn/index.js';
import { lmStepper, sample } from './dist/generate/index.js';
import { decodeSafetensors } from './dist/io/index.js';
export { init, CausalLM, lmStepper, sample, decodeSafetensors };`;

export async function measureSize(plan) {
  plan.onProgress('bundles and package size');
  const row = (name, bytes, target, note) =>
    makeRow({ name, unit: 'bytes', samples: [bytes], better: 'lower', target, note });
  const { unpackedSize } = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  )[0];
  return [
    row('library entry, min+gzip', await bundled(ENTRY), targets.entry, 'strict kernels inlined'),
    row('inference-only import, min+gzip', await bundled(INFERENCE), targets.inference),
    row('package, unpacked', unpackedSize, targets.unpacked, 'embedded data included'),
  ];
}

/**
 * Bytes after minifying and gzip of what a page loads to compute: the entry, what it imports, and the strict kernels,
 * which `init()` imports. Embedded data and the relaxed kernels come on demand and are not counted.
 */
async function bundled(contents) {
  const { metafile, outputFiles } = await build({
    stdin: { contents, resolveDir: root },
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
  const entry = Object.keys(metafile.outputs).find((path) => metafile.outputs[path].entryPoint === '<stdin>');
  const needed = new Set();
  const holdsKernels = (path) =>
    Object.keys(metafile.outputs[path]?.inputs ?? {}).some((input) => input.endsWith('generated/wasm.js'));
  const visit = (path) => {
    if (needed.has(path) || !metafile.outputs[path]) return;
    needed.add(path);
    for (const { path: next, kind } of metafile.outputs[path].imports) {
      if (kind === 'import-statement' || holdsKernels(next)) visit(next);
    }
  };
  visit(entry);
  const files = outputFiles.filter(({ path }) => [...needed].some((name) => path.endsWith(name)));
  return files.reduce((sum, { contents }) => sum + gzipSync(contents, { level: 9 }).length, 0);
}
