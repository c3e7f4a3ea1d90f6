/** @file The import matrix: every way of importing the package that must work, and those that must say why not. */
import { ISOLATION } from '../../test/browsers/static-server.ts';
import { esbuild, viteBuild, viteDev, webpack } from './bundlers.mjs';
import { asLoader, types } from './compilers.mjs';
import { fixture, inNode } from './folders.mjs';
import { frameworks } from './frameworks.mjs';
import { hosts } from './hosts.mjs';
import { expectText, refused } from './outcome.mjs';
import {
  contentSecurityPolicy,
  trainingInNode,
  trainingPage,
  withImportMap,
  withoutBundler,
  workerPage,
} from './pages.mjs';
import { runners } from './runners.mjs';
import { inference, snippetInViteBuild, snippetInViteDev, snippetWithoutBundler } from './same-in-node.mjs';

const chromium = ['chromium'];
const both = ['chromium', 'firefox'];
const external = 'prenorm/external';

/** Name of a cell: what gives its outcome, or one per browser. They run in this order. */
export const cells = {
  // Node
  'node esm': () => inNode(trainingInNode('main.mjs')),
  'node require': () => inNode({ 'main.cjs': fixture('main.cjs'), ...trainingPage() }),
  'node worker thread': () =>
    inNode({ 'main-thread.mjs': fixture('main-thread.mjs'), ...trainingInNode('inside.mjs') }),
  'node two threads, external': () => inNode(trainingInNode('threads.mjs', external, '{ threads: 2 }')),

  // Bundlers
  'vite dev': () => viteDev(chromium, 'prenorm', trainingPage()),
  'vite build': () => viteBuild(both, 'prenorm', trainingPage()),
  'vite dev, external': () => viteDev(chromium, external, trainingPage(external)),
  'vite build, external': () => viteBuild(chromium, external, trainingPage(external)),
  'webpack 5': () => webpack(chromium, 'prenorm', trainingPage()),
  'webpack 5, external': () => webpack(chromium, external, trainingPage(external)),
  esbuild: () => esbuild(chromium, 'prenorm', trainingPage()),
  'esbuild, inference': () => inference(chromium),
  ...frameworks,
  'as-loader (kernels built by webpack)': asLoader,
  types,

  // Pages without a bundler
  'script module': () => withoutBundler(both, 'plain', trainingPage()),
  'script module, external': () => withoutBundler(both, 'external', trainingPage(external)),
  importmap: () => withImportMap(chromium, 'importmap', trainingPage()),

  // The snippet of docs/browsers.md: a worker trains
  'browser snippet, vite dev': () => snippetInViteDev(chromium),
  'browser snippet, vite build': () => snippetInViteBuild(chromium),
  'browser snippet, script module': () => snippetWithoutBundler(both),

  // Threads where they can be had, and a reason where they cannot
  'strict CSP, worker, two threads': async () => {
    const headers = { ...ISOLATION, ...contentSecurityPolicy(" 'wasm-unsafe-eval'") };
    const outcomes = await withoutBundler(both, 'csp', workerPage(), { headers });
    for (const { threads, reason } of outcomes)
      if (threads !== 2) throw new Error(`${threads} threads: ${reason}`);
    return outcomes;
  },
  'no isolation, threads auto': async () => {
    const outcomes = await withoutBundler(chromium, 'auto', trainingPage('prenorm', "{ threads: 'auto' }"));
    expectText(outcomes[0].reason, /not cross-origin isolated: serve it with/);
    return outcomes;
  },
  'no SharedArrayBuffer': async () => {
    const before = 'delete globalThis.SharedArrayBuffer;';
    const page = trainingPage('prenorm', '{ threads: 4 }');
    const outcomes = await withoutBundler(chromium, 'shared', page, { headers: ISOLATION, before });
    expectText(outcomes[0].reason, /no SharedArrayBuffer/);
    return outcomes;
  },

  // Hosts that are neither Node nor a page, and pages with policies
  ...hosts,

  // Test runners and Workers
  ...runners,

  // Hosts where it cannot work
  'CSP without wasm-unsafe-eval': async () => {
    const headers = contentSecurityPolicy();
    const outcomes = await withoutBundler(both, 'plain', trainingPage(), { headers });
    return refused(outcomes, /EnvironmentError ENVIRONMENT .*Content-Security-Policy.*wasm-unsafe-eval/);
  },
  'no SIMD': async () => {
    const before =
      "WebAssembly.validate = () => false; WebAssembly.compile = async () => { throw new WebAssembly.CompileError('invalid opcode 0xfd'); };";
    const outcomes = await withoutBundler(chromium, 'plain', trainingPage(), { before });
    return refused(outcomes, /EnvironmentError ENVIRONMENT .*no SIMD.*browser of 2023/);
  },
  'no WebAssembly': async () => {
    const before = 'delete globalThis.WebAssembly;';
    const outcomes = await withoutBundler(chromium, 'plain', trainingPage(), { before });
    return refused(outcomes, /EnvironmentError ENVIRONMENT .*no WebAssembly/);
  },
};
