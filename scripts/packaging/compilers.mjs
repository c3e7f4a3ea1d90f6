/** @file What TypeScript and AssemblyScript make of the package. */
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { blank, fixture, folder, project, root, run, tools } from './folders.mjs';

/** Every entry's types, found as Node finds them and as bundlers do. */
export function types() {
  for (const [module, resolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ]) {
    const files = { 'package.json': '{"type":"module"}', 'types.ts': fixture('types.ts') };
    const path = project(tools, `types-${resolution}`, files);
    const options = ['--noEmit', '--strict', '--target', 'es2022', '--types', '', '--ignoreConfig'];
    const how = ['--module', module, '--moduleResolution', resolution, '--lib', 'es2023,dom,dom.iterable'];
    const tsc = join(tools, 'node_modules/typescript/bin/tsc');
    run(process.execPath, [tsc, ...options, ...how, 'types.ts'], path);
  }
  return { said: 'bundler and nodenext resolve every entry' };
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
