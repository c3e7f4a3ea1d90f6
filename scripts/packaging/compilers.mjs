/** @file What TypeScript and AssemblyScript make of the package. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { blank, fixture, folder, project, root, run, tools } from './folders.mjs';

/** The oldest compiler whose word counts, and the newest; both read the package's declarations whole. */
const COMPILERS = ['typescript-5.0', 'typescript'];

/** Every entry's types, found as Node finds them and as bundlers do, with the library `dom` and without any of a host. */
export function types() {
  for (const compiler of COMPILERS)
    for (const lib of ['es2023,dom,dom.iterable', 'es2023']) typesWith(compiler, lib);
  return { said: 'bundler and nodenext resolve every entry; TypeScript 5.0 to 7, with dom and without' };
}

function typesWith(compiler, lib) {
  for (const [module, resolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    const compilerOptions = {
      ...{ noEmit: true, strict: true, skipLibCheck: false, target: 'es2022', types: [] },
      ...{ module, moduleResolution: resolution, lib: lib.split(',') },
    };
    const console = 'declare const console: { log(...what: unknown[]): void };\n';
    const files = {
      'package.json': '{"type":"module"}',
      'tsconfig.json': JSON.stringify({ compilerOptions, include: ['*.ts'] }),
      'types.ts': fixture('types.ts'),
      ...(lib.includes('dom') ? {} : { 'console.d.ts': console }),
    };
    const path = project(tools, `types-${compiler}-${resolution}-${lib.replaceAll(',', '-')}`, files);
    run(process.execPath, [join(tools, `node_modules/${compiler}/bin/tsc`), '-p', '.'], path);
  }
}

/** examples/webpack-as-loader with the kernels' sources of the tarball: it must come to the tarball's kernels. */
export function asLoader() {
  const path = join(folder, 'as-loader/examples/webpack-as-loader');
  const skip = /node_modules|dist/;
  cpSync(join(root, 'examples/webpack-as-loader'), path, {
    recursive: true,
    filter: (source) => !skip.test(source.slice(root.length)),
  });
  const installed = join(blank, 'node_modules/prenorm');
  cpSync(join(installed, 'assembly'), join(folder, 'as-loader/assembly'), { recursive: true });
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], path);
  run('npm', ['run', '--silent', 'build'], path);
  mkdirSync(join(folder, 'as-loader/build'));
  cpSync(join(installed, 'dist/chunks/prenorm-kernels.wasm'), join(folder, 'as-loader/build/kernels.wasm'));
  const hashes = run(process.execPath, ['compare.js'], path).match(/[0-9a-f]{64}/g) ?? [];
  if (hashes.length !== 2 || hashes[0] !== hashes[1]) throw new Error(`hashes differ: ${hashes.join(' ')}`);
  return { said: `${hashes[0].slice(0, 16)} (kernels' hash, equal to the package's)` };
}
