/**
 * @file Builds everything that is generated: `node scripts/build.mjs [--only wasm]`.
 * 1. assembly/ to build/kernels{,.relaxed,.debug}.wasm with AssemblyScript;
 * 2. src/runtime/generated/: typed bindings made from the compiler's declarations, and the wasm as base64;
 * 3. src/bench/generated/: the benchmark's peak loops as base64;
 * 4. src/data/generated/ and src/cli/generated/: embedded data and the report's plotting library;
 * 5. dist/ with tsc.
 * Generated files carry a content hash, never a date, so equal sources give equal bytes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : undefined;
const quiet = process.argv.includes('--quiet');
const log = (text) => quiet || console.log(text);

await buildWasm();
if (only !== 'wasm') {
  for (const step of ['./embed-data.mjs', './embed-report.mjs']) {
    if (existsSync(new URL(step, import.meta.url))) await import(step);
  }
  buildTypeScript();
}

async function buildWasm() {
  mkdirSync('build', { recursive: true });
  for (const target of ['strict', 'relaxed', 'debug']) {
    const extra = target === 'strict' ? ['--bindings', 'raw'] : [];
    const { error, stderr } = await asc.main(['--config', 'asconfig.json', '--target', target, ...extra]);
    if (error) {
      process.stderr.write(stderr.toString());
      throw error;
    }
  }
  writeBindings();
  await buildPeak();
}

/** The peak loops that speeds are compared with; their settings are the kernels', their source is the benchmark's. */
async function buildPeak() {
  const base64 = {};
  for (const target of ['strict', 'relaxed']) {
    const relaxed = target === 'relaxed' ? ['--use', 'RELAXED=1'] : [];
    const enable = `simd,bulk-memory${target === 'relaxed' ? ',relaxed-simd' : ''}`;
    const outFile = `build/peak.${target}.wasm`;
    const options = ['--outFile', outFile, '--runtime', 'stub', '--importMemory', '--noExportMemory'];
    const { error, stderr } = await asc.main([
      'bench/assembly/peak.ts',
      ...['--config', 'none', '-O3', '--noAssert', '--enable', enable, ...options, ...relaxed],
    ]);
    if (error) {
      process.stderr.write(stderr.toString());
      throw error;
    }
    base64[target] = readFileSync(outFile).toString('base64');
  }
  mkdirSync('src/bench/generated', { recursive: true });
  const lines = Object.entries(base64).map(
    ([target, text]) => `export const ${target}PeakBase64: string =\n  '${text}';\n`,
  );
  writeIfChanged(
    'src/bench/generated/peak.ts',
    `// Auto-generated from bench/assembly/peak.ts by \`node scripts/build.mjs\`. Do not edit.\n${lines.join('')}`,
  );
}

/** One typed interface for both implementations, from the declarations the compiler emits. */
function writeBindings() {
  const declarations = readFileSync('build/kernels.d.ts', 'utf8');
  const functions = [];
  const plain = /export function (\w+)\(([^)]*)\): (\w+);/g;
  for (const match of declarations.matchAll(plain)) {
    const [, name, parameters, result] = match;
    functions.push(`  ${name}(${parameters}): ${result};`);
  }
  if (functions.length === 0) throw new Error('no kernels found in build/kernels.d.ts');
  const strict = readFileSync('build/kernels.wasm');
  const relaxed = readFileSync('build/kernels.relaxed.wasm');
  const header = (source) =>
    `// Auto-generated from ${source} by \`node scripts/build.mjs\`. Do not edit.\n// sha256 of the strict kernels: ${sha256(strict)}\n`;
  mkdirSync('src/runtime/generated', { recursive: true });
  writeIfChanged(
    'src/runtime/generated/kernels.ts',
    `${header('assembly/')}\n/** Every kernel; pointers are byte addresses, counts are elements. */\nexport interface Kernels {\n${functions.join('\n')}\n}\n`,
  );
  writeIfChanged(
    'src/runtime/generated/wasm.ts',
    `${header('build/kernels.wasm')}\nexport const strictWasmHash = '${sha256(strict)}';\nexport const strictWasmBase64: string =\n  '${strict.toString('base64')}';\n`,
  );
  writeIfChanged(
    'src/runtime/generated/wasm-relaxed.ts',
    `${header('build/kernels.relaxed.wasm')}\nexport const relaxedWasmHash = '${sha256(relaxed)}';\nexport const relaxedWasmBase64: string =\n  '${relaxed.toString('base64')}';\n`,
  );
  log(`kernels: ${functions.length} functions, ${strict.length} bytes strict, ${relaxed.length} relaxed`);
}

function buildTypeScript() {
  rmSync('dist', { recursive: true, force: true });
  const require = createRequire(import.meta.url);
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { stdio: 'inherit' });
  log('dist: built');
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

function writeIfChanged(path, text) {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  writeFileSync(path, text);
}
