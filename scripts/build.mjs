/**
 * @file Builds everything that is generated: `node scripts/build.mjs [--only wasm|dist]`.
 * 1. assembly/ to build/kernels{,.relaxed,.debug}.wasm with AssemblyScript;
 * 2. src/runtime/generated/: typed bindings made from the compiler's declarations, and the wasm as base64;
 * 3. src/bench/generated/: the benchmark's peak loops as base64;
 * 4. src/data/generated/: embedded data; web/lab/generated/: recorded figures;
 * 5. dist/: declarations and modules with tsc, the modules then joined with esbuild into one file per entry point and
 *    the chunks they share, because loading a hundred small files takes longer than everything else at the start.
 * 6. dist/pages/: scripts and styles of the pages that the package writes, bundled by build-pages.mjs.
 * Generated files carry a content hash, never a date, so equal sources give equal bytes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';
import binaryen from 'assemblyscript/binaryen';
import esbuild from 'esbuild';
import { buildPages } from './build-pages.mjs';
import { writtenText } from './library-text.mjs';
import { pruneDeclarations } from './prune-declarations.mjs';

const require = createRequire(import.meta.url);
const { deflateAsync } = require('@gfx/zopfli');
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
process.chdir(root);
const only = process.argv.includes('--only') ? process.argv[process.argv.indexOf('--only') + 1] : undefined;
const quiet = process.argv.includes('--quiet');
const log = (text) => quiet || console.log(text);

if (only !== 'dist') await buildWasm();
if (only !== 'wasm') {
  await import('./embed-data.mjs');
  await import('./embed-recorded.mjs');
  buildTypeScript();
  await joinModules();
  log(`dist/pages: ${await buildPages()} bytes`);
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
  // Integers have no relaxed form: int12 computes with the strict build.
  const relaxed = 'build/kernels.relaxed.wasm';
  writeFileSync(relaxed, without(readFileSync(relaxed), /^int12/).bytes);
  await writeBindings();
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
      'assembly/peak.ts',
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
    `// Auto-generated from assembly/peak.ts by \`node scripts/build.mjs\`. Do not edit.\n${lines.join('')}`,
  );
}

/** One typed interface for both implementations, from the declarations the compiler emits. */
async function writeBindings() {
  const declarations = readFileSync('build/kernels.d.ts', 'utf8');
  // What joins threads is no kernel: it has no reference and is never recorded.
  const joining = new Set(
    [...readFileSync('assembly/threads.ts', 'utf8').matchAll(/export function (\w+)/g)].map(
      (match) => match[1],
    ),
  );
  const functions = [];
  const sync = [];
  const parameters = [];
  const whole = [...joining];
  const plain = /export function (\w+)\(([^)]*)\): (\w+);/g;
  for (const match of declarations.matchAll(plain)) {
    const [, name, args, result] = match;
    (joining.has(name) ? sync : functions).push(`  ${name}(${args}): ${result};`);
    if (joining.has(name)) continue;
    if (result !== 'void') {
      whole.push(name);
      continue;
    }
    const names = args.split(', ').map((arg) => `'${arg.split(':')[0]}'`);
    parameters.push(`  ${name}: [${names.join(', ')}],`);
  }
  if (functions.length === 0) throw new Error('no kernels found in build/kernels.d.ts');
  const kernelsText = [
    '/** Every kernel; pointers are byte addresses, counts are elements. */',
    `export interface Kernels {\n${functions.join('\n')}\n}\n`,
    '/** Fork and join, from assembly/threads.ts. */',
    `export interface ThreadSync {\n${sync.join('\n')}\n}\n`,
    '/** Names of the functions that return something, or join threads: they are never recorded or divided. */',
    `export const unrecorded: string =\n  '${whole.join(' ')}';\n`,
  ].join('\n');
  const shared = readFileSync('assembly/shared.ts', 'utf8').replace(
    /^(export const \w+): i32 = (\d+);$/gm,
    (_, name, value) => `${name} = ${value};`,
  );
  const strict = readFileSync('build/kernels.wasm');
  const relaxed = readFileSync('build/kernels.relaxed.wasm');
  const header = (source) =>
    `// Auto-generated from ${source} by \`node scripts/build.mjs\`. Do not edit.\n// sha256 of the strict kernels: ${sha256(strict)}\n`;
  const hashLine = (name, bytes) => `export const ${name}WasmHash = '${sha256(bytes)}';\n`;
  mkdirSync('src/runtime/generated', { recursive: true });
  writeIfChanged('src/runtime/generated/kernels.ts', `${header('assembly/')}\n${kernelsText}`);
  const [, ...numbers] = shared.split(/^ \*\/\n/m);
  writeIfChanged('src/runtime/generated/shared.ts', `${header('assembly/shared.ts')}${numbers.join('')}`);
  // Apart, because only threads need them, and they come on demand.
  writeIfChanged(
    'src/runtime/generated/kernel-parameters.ts',
    `${header('assembly/')}\n/** Parameter names of the kernels that can be recorded and divided. */\nexport const kernelParameters = {\n${parameters.join('\n')}\n} as const;\n`,
  );
  writeIfChanged(
    'src/runtime/generated/wasm.ts',
    `${header('build/kernels.wasm')}\n/** Deflated. */\nexport const strictWasmBase64: string =\n  '${await deflated(without(strict, /^int12/).bytes)}';\n`,
  );
  // Whole, for int12, which few ask for: the others need not load its kernels.
  writeIfChanged(
    'src/runtime/generated/wasm-int12.ts',
    `${header('build/kernels.wasm')}\n/** Deflated. */\nexport const int12WasmBase64: string =\n  '${await deflated(strict)}';\n`,
  );
  writeIfChanged(
    'src/runtime/generated/wasm-relaxed.ts',
    `${header('build/kernels.relaxed.wasm')}\n/** Deflated. */\nexport const relaxedWasmBase64: string =\n  '${await deflated(relaxed)}';\n`,
  );
  // Apart, because who wants to name the kernels need not load them.
  writeIfChanged(
    'src/runtime/generated/wasm-hash.ts',
    `${header('build/')}\n${hashLine('strict', strict)}${hashLine('relaxed', relaxed)}`,
  );
  const forward = forwardOnly(strict);
  writeIfChanged(
    'src/runtime/generated/wasm-forward.ts',
    `${header('build/kernels.wasm')}\n/** Names of the kernels for training, which are not in it. */\nexport const leftOut: string =\n  '${forward.leftOut.filter((name) => !name.startsWith('int12')).join(' ')}';\n/** Deflated. */\nexport const forwardWasmBase64: string =\n  '${await deflated(forward.bytes)}';\n`,
  );
  log(`kernels: ${functions.length} functions, ${strict.length} bytes strict, ${relaxed.length} relaxed`);
}

/** The strict kernels without those that only training calls, and those that join threads: inference has one. */
function forwardOnly(strict) {
  const training =
    /Backward$|Step$|^crossEntropy|^dropout|^sgemmValid|^int12|^compactRows$|^clipScale$|^sumSquares$|^countNonFinite$|^stridedScatterAdd$|^threefryBlock$|^addScaledInto$|^dot$|Command$|Threads$/;
  return without(strict, training);
}

/** Kernels without those of a name. Functions are taken out, none is changed, so what is left computes the same bits. */
function without(kernels, pattern) {
  const module = binaryen.readBinary(kernels);
  module.setFeatures(binaryen.Features.All);
  const names = Array.from(
    { length: module.getNumExports() },
    (_, i) => binaryen.getExportInfo(module.getExportByIndex(i)).name,
  );
  const leftOut = names.filter((name) => pattern.test(name));
  for (const name of leftOut) module.removeExport(name);
  module.runPasses(['remove-unused-module-elements']);
  if (!module.validate()) throw new Error('what is left of the kernels is not valid');
  const bytes = Buffer.from(module.emitBinary());
  module.dispose();
  return { bytes, leftOut };
}

function buildTypeScript() {
  rmSync('dist', { recursive: true, force: true });
  const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { stdio: 'inherit' });
}

/**
 * Joins the modules that tsc made. The subpaths of the library (`prenorm/nn` and so on) become lists of names from
 * one file, dist/library.js: importing one of them loads few files, and bundlers still see each name by itself.
 * The worker thread lies beside the chunks, because the thread pool, which starts it, is in one of them.
 */
async function joinModules() {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
  const paths = Object.values(exports).flatMap((entry) => entry.default ?? []);
  const options = /** @satisfies {import('esbuild').BuildOptions} */ ({
    outdir: 'build/dist',
    bundle: true,
    format: /** @type {const} */ ('esm'),
    target: 'es2022',
    platform: /** @type {const} */ ('neutral'),
    external: ['node:*', 'commander', 'cli-progress', 'open', '@bufbuild/protobuf', 'bullmq', 'ioredis'],
    minifySyntax: true,
    metafile: /** @type {const} */ (true),
    logLevel: /** @type {const} */ ('warning'),
  });
  const nameOf = (path) => path.replace(/^\.\/dist\/|\.js$/g, '');
  const apart = [
    'conformance/index',
    'experiments/index',
    'reference/runtime',
    'external',
    'inference',
    'recipe/index',
    'interop/index',
    'interop/tuning',
    'tokenizers/index',
    'worker/index',
    'fit/train',
  ];
  const subpaths = paths.map(nameOf).filter((name) => !apart.includes(name));
  // The index has the subpaths as namespaces. As objects that a bundler may leave out they cost nothing where they
  // are not used, and no file of their own where the index is imported.
  const index = readFileSync('dist/index.js', 'utf8');
  const namespaces = [...index.matchAll(/export \* as (\w+) from '\.\/([^']*)\.js';\n/g)];
  writeFileSync(
    'dist/index.js',
    namespaces.reduce((text, [line]) => text.replace(line, ''), index),
  );
  // A namespace may have less than the subpath of its name: then it is a module of its own.
  const listed = [...new Set([...subpaths, ...namespaces.map(([, , path]) => path)])];
  const { metafile } = await esbuild.build({
    ...options,
    entryPoints: Object.fromEntries(listed.map((name) => [name, `dist/${name}.js`])),
    write: false,
  });
  const exported = (name) => metafile.outputs[`build/dist/${name}.js`].exports;
  const unique = (name, symbol) => `${name.split('/')[0]}_${symbol}`;
  const libraryFrom = (name) => (name.includes('/') ? '../library.js' : './library.js');
  const list = (name, from, line) => `export {${exported(name).map(line).join(',')}} from '${from}';\n`;
  const objects = namespaces.map(([, name, path]) => {
    const members = exported(path).map((symbol) => `${symbol}: ${unique(path, symbol)}`);
    const names = exported(path).map((symbol) => `${symbol} as ${unique(path, symbol)}`);
    return `import {${names}} from './${path}.js';
export const ${name} = { ${members} };\n`;
  });
  const library =
    objects.join('') +
    subpaths
      .map((name) => list(name, `./${name}.js`, (symbol) => `${symbol} as ${unique(name, symbol)}`))
      .join('');
  const entries = [
    ...apart.filter((name) => name !== 'external'),
    'worker/trainer-worker',
    'cli/main',
    'cli/bench',
    'bench/index',
  ].map((name) => [name, `dist/${name}.js`]);
  // Processes of `reproduce` are started by path too, from one of the chunks.
  entries.push(['chunks/child', 'dist/cli/child.js']);
  // Its kernels lie beside the chunks, so its own code has to lie there too.
  entries.push(['chunks/external', 'dist/runtime/external.js']);
  writeFileSync('dist/library.js', library);
  const joined = await esbuild.build({
    ...options,
    entryPoints: Object.fromEntries([...entries, ['library', 'dist/library.js']]),
    splitting: true,
    chunkNames: 'chunks/[name]-[hash]',
  });
  const worker = await esbuild.build({
    ...options,
    entryPoints: { 'chunks/kernel-worker': 'dist/runtime/kernel-worker.js' },
  });
  const outputs = { ...joined.metafile.outputs, ...worker.metafile.outputs };
  const program =
    /^dist\/(cli|bench|experiments|report|reference|theory|tokenizers|conformance|interop\/onnx)\//;
  const ends = ['chunks/kernel-worker.js', 'worker/trainer-worker.js'].map((name) => `build/dist/${name}`);
  const isProgram = (file) => {
    if (ends.includes(file)) return true;
    const inputs = Object.entries(outputs[file].inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
    return inputs.length > 0 && inputs.every(([input]) => program.test(input));
  };
  for (const file of readdirSync('dist', { recursive: true, encoding: 'utf8' }))
    if (file.endsWith('.js')) rmSync(join('dist', file));
  for (const file of Object.keys(outputs)) {
    const target = file.replace('build/dist', 'dist');
    mkdirSync(dirname(target), { recursive: true });
    // Imports for the order of side effects, which nothing here has: users' bundlers would warn about them.
    const text = readFileSync(file, 'utf8').replace(/^import "\.[^"]*";\n/gm, '');
    writeFileSync(target, await writtenText(text, isProgram(file)));
  }
  rmSync('build/dist', { recursive: true });
  copyFileSync('build/kernels.wasm', 'dist/chunks/prenorm-kernels.wasm');
  // npm links to it once, when it installs: a file that is written anew needs its run bit anew.
  chmodSync('dist/cli/main.js', 0o755);
  for (const name of subpaths) {
    const text = list(name, libraryFrom(name), (symbol) => `${unique(name, symbol)} as ${symbol}`);
    const spaces = `export {${namespaces.map(([, space]) => space)}} from './library.js';\n`;
    writeFileSync(`dist/${name}.js`, name === 'index' ? text + spaces : text);
  }
  writeFileSync(
    'dist/external.js',
    "export * from './index.js';\nexport { createRuntime, init } from './chunks/external.js';\n",
  );
  checkOnDemand(paths.map((path) => join(path)));
  pruneDeclarations(
    'dist',
    Object.values(exports).flatMap((entry) => entry.types ?? []),
  );
  log('dist: built');
}

/**
 * What `import()` loads must not need what is loaded already. A bundler puts such common code into the user's entry,
 * and where that waits for the import at its top level (`await init()`), each waits for the other, without a message.
 */
function checkOnDemand(entries) {
  const named = (file, pattern) =>
    [...readFileSync(file, 'utf8').matchAll(pattern)].map(([, path]) => join(dirname(file), path));
  const needs = (file, found = new Set()) => {
    if (found.has(file)) return found;
    found.add(file);
    for (const path of named(file, /\bfrom ?["'](\.[^"']*)["']/g)) needs(path, found);
    return found;
  };
  const loaded = new Set(entries.flatMap((file) => [...needs(file)]));
  for (const file of loaded) {
    for (const path of named(file, /\bimport\("(\.[^"]*)"\)/g)) {
      const common = [...needs(path)].filter((needed) => loaded.has(needed));
      if (common.length > 0) throw new Error(`${path}, loaded on demand, needs ${common} of the library`);
    }
  }
}

/** By zopfli, which finds 6 % more than zlib: every page that trains downloads these bytes. */
async function deflated(bytes) {
  const packed = await deflateAsync(bytes, { numiterations: 15 });
  return Buffer.from(packed).toString('base64');
}

function sha256(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

function writeIfChanged(path, text) {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  writeFileSync(path, text);
}
