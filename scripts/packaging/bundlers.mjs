/** @file What Vite, webpack and esbuild make of a program, in a browser. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inBrowser, inStatic } from './browser.mjs';
import { project, run, tools } from './folders.mjs';
import { html } from './pages.mjs';
import { withServer } from './server.mjs';

const bin = (path, file) => join(path, 'node_modules', file);
const projectFor = (tool, entry, files) => project(tools, `${tool}-${entry.replace('/', '-')}`, files);

/**
 * The packages lie one folder above these projects, and the server of Vite gives none from there unless told; kernels in a
 * file of their own want the package left as it is.
 */
const viteConfig = (entry) => `export default {
  logLevel: 'warn',
  ${entry === 'prenorm/external' ? "optimizeDeps: { exclude: ['prenorm'] }," : ''}
  server: { fs: { allow: ['..'] } },
  build: { target: 'es2022' },
};
`;
const viteProject = (tool, entry, files) =>
  projectFor(tool, entry, {
    'index.html': html(),
    'vite.config.js': viteConfig(entry),
    'package.json': '{"type":"module"}',
    ...files,
  });

export function viteDev(names, entry, files) {
  return viteServes(names, viteProject('vite-dev', entry, files), tools);
}

export function viteBuild(names, entry, files) {
  return viteBuilds(names, viteProject('vite-build', entry, files), tools);
}

/** A page from the server of Vite, which is installed in `home`. */
export function viteServes(names, path, home, options) {
  const command = (port) => [
    bin(home, 'vite/bin/vite.js'),
    ...['--port', String(port), '--strictPort', '--host', '127.0.0.1'],
  ];
  return withServer(command, path, async (url) => {
    const outcomes = [];
    for (const name of names) outcomes.push(await inBrowser(name, url, options));
    return outcomes;
  });
}

/** A page built by Vite and served as files. */
export function viteBuilds(names, path, home, options) {
  run(process.execPath, [bin(home, 'vite/bin/vite.js'), 'build'], path);
  return inStatic(names, join(path, 'dist'), options);
}

export function webpack(names, entry, files) {
  const path = projectFor('webpack', entry, {
    'webpack.config.cjs':
      "module.exports = { mode: 'production', entry: './main.js', target: ['web', 'es2022'], performance: { hints: false }, output: { filename: 'main.js' } };\n",
    ...files,
  });
  run(process.execPath, [bin(tools, 'webpack/bin/webpack.js'), '--fail-on-warnings'], path);
  writeFileSync(join(path, 'dist/index.html'), html());
  return inStatic(names, join(path, 'dist'));
}

/** One file out of everything, `import()` included. */
export function esbuild(names, entry, files) {
  const path = projectFor('esbuild', entry, { 'index.html': html({ script: './out.js' }), ...files });
  const args = ['main.js', '--bundle', '--minify', '--format=esm', '--outfile=out.js'];
  run(bin(tools, '.bin/esbuild'), args, path);
  return inStatic(names, path);
}
