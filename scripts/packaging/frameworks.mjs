/** @file What Next, Parcel, rollup and Vite's and esbuild's rivals make of a program; each is installed in a folder of its own. */
import { join } from 'node:path';
import { ISOLATION } from '../../test/browsers/static-server.ts';
import { inBrowser, inStatic } from './browser.mjs';
import { fixture, ownFolder, project, run, tools } from './folders.mjs';
import { asInNode, workerFiles } from './hosts.mjs';
import { expectText } from './outcome.mjs';
import { html, training } from './pages.mjs';
import { withServer } from './server.mjs';

/** A component of Next whose effect runs a program and leaves its outcome where every page of a cell does. */
const component = (imports, call) => `'use client';
import { useEffect } from 'react';
${imports}
export default function Page() {
  useEffect(() => {
    ${call}.then((outcome) => { globalThis.outcome = outcome; });
  }, []);
  return <p>training</p>;
}
`;

const nextFiles = {
  'package.json': '{"private":true,"type":"module"}\n',
  'next.config.mjs': `export default {
  async headers() {
    return [{ source: '/:path*', headers: ${JSON.stringify(Object.entries(ISOLATION).map(([key, value]) => ({ key, value })))} }];
  },
};
`,
  'app/layout.jsx': `export default function Layout({ children }) {
  return <html lang="en"><head><link rel="icon" href="data:," /></head><body>{children}</body></html>;
}
`,
  'app/page.jsx': component(
    "import { init } from 'prenorm';\nimport { train } from './program.js';",
    'train(init, {})',
  ),
  'app/worker/page.jsx': component(
    "import { WorkerTrainer } from 'prenorm/worker';\nimport { trainInWorker } from '../in-worker.js';",
    'trainInWorker(WorkerTrainer)',
  ),
  'app/train/route.js': `import { init } from 'prenorm';
import { train } from '../program.js';
export const dynamic = 'force-dynamic';
export async function GET() {
  return Response.json(await train(init, {}));
}
`,
  'app/program.js': fixture('program.js'),
  'app/in-worker.js': fixture('in-worker.js'),
};

/** A built application of Next: its page, its page with a worker of two threads, and a handler in its server. */
function next(...flags) {
  process.env.NEXT_TELEMETRY_DISABLED = '1';
  const path = ownFolder('next', ['next', 'react', 'react-dom'], nextFiles);
  const program = join(path, 'node_modules/next/dist/bin/next');
  run(process.execPath, [program, 'build', ...flags], path);
  const command = (port) => [program, 'start', '--port', String(port), '--hostname', '127.0.0.1'];
  return withServer(command, path, async (url) => [
    await inBrowser('chromium', url),
    asInNode(await inBrowser('chromium', `${url}worker`)),
    { where: 'route handler', ...(await (await fetch(`${url}train`)).json()) },
  ]);
}

/** To follow `exports`, and to make no shared bundles, of which Parcel 2.16.4 loses modules in workers. */
const PARCEL = {
  '@parcel/resolver-default': { packageExports: true },
  '@parcel/bundler-default': { minBundles: 100_000 },
};

/** A page by Parcel, with the settings of docs/environments.md. */
async function parcel() {
  const path = ownFolder('parcel', ['parcel'], {
    'package.json': `${JSON.stringify({ private: true, ...PARCEL })}\n`,
    'index.html': html(),
    'main.js': training(),
    'program.js': fixture('program.js'),
    'worker/index.html': html(),
    ...workerFiles('worker/main.js', 'globalThis.outcome = outcome', '{ runtime: {} }'),
    'worker/in-worker.js': fixture('in-worker.js'),
  });
  const built = [];
  for (const page of ['.', 'worker']) {
    const dist = join(path, 'dist', page);
    run(
      process.execPath,
      [
        join(path, 'node_modules/parcel/lib/bin.js'),
        'build',
        `${page}/index.html`,
        '--no-cache',
        '--dist-dir',
        dist,
      ],
      path,
    );
    built.push(...(await inStatic(['chromium'], dist)));
  }
  return [built[0], asInNode(built[1], 1)];
}

const programs = {
  'main.js': training('prenorm', '{}', 'console.log(JSON.stringify(outcome))'),
  'threads.js': training('prenorm', '{ threads: 2 }', 'console.log(JSON.stringify(outcome))'),
  'program.js': fixture('program.js'),
};

/** A program for Node by rollup, as modules or, without `await` outside of functions, as CommonJS. */
function rollup(format) {
  const path = ownFolder('rollup', ['rollup', '@rollup/plugin-node-resolve'], {
    'package.json': '{"private":true,"type":"module"}\n',
    ...programs,
    'main-cjs.js': programs['main.js']
      .replace('const outcome = await', 'const going =')
      .replace(/console.*/, 'going.then((outcome) => console.log(JSON.stringify(outcome)));'),
  });
  const out = join(path, `out-${format}`);
  const [entry, ending] = format === 'cjs' ? ['main-cjs', 'cjs'] : ['main', 'js'];
  const names = ['--entryFileNames', `[name].${ending}`, '--chunkFileNames', `[name].${ending}`];
  const args = ['-p', '@rollup/plugin-node-resolve', `${entry}.js`, '-d', out, '-f', format, ...names];
  run(join(path, 'node_modules/.bin/rollup'), args, path);
  return JSON.parse(run(process.execPath, [join(out, `${entry}.${ending}`)], path));
}

/** One file of modules for Node; of two threads it says why there is one. */
function esbuildForNode() {
  const path = project(tools, 'esbuild-node', { 'package.json': '{"type":"module"}', ...programs });
  return ['main', 'threads'].map((name) => {
    const out = `${name}.out.mjs`;
    const args = [
      `${name}.js`,
      '--bundle',
      '--platform=node',
      '--format=esm',
      `--outfile=${out}`,
      '--log-level=error',
    ];
    run(join(tools, 'node_modules/.bin/esbuild'), args, path);
    const outcome = JSON.parse(run(process.execPath, [out], path));
    if (name === 'threads') expectText(outcome.reason, /a worker thread failed.*kernel-worker\.js/);
    return { where: name === 'main' ? 'one thread' : 'two asked for', ...outcome };
  });
}

export const frameworks = {
  'next build, turbopack': () => next(),
  'next build, webpack': () => next('--webpack'),
  parcel,
  'rollup for node, modules': () => rollup('es'),
  'rollup for node, commonjs': () => rollup('cjs'),
  'esbuild for node, modules': esbuildForNode,
};
