/** @file Hosts beside Node and pages: Deno, Bun, WebKitGTK, service workers, Cloudflare's Workers, a limit of addresses. */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ISOLATION, serve } from '../../test/browsers/static-server.ts';
import { findWebKit, WebKitWindow } from '../../test/webkit.ts';
import { bun, deno } from '../conformance-hosts.mjs';
import { inStatic } from './browser.mjs';
import { blank, fixture, inNode, project, run, tools } from './folders.mjs';
import { digest, expectText, refused } from './outcome.mjs';
import { html, training, trainingInNode, withoutBundler, workerPage } from './pages.mjs';

export const workerFiles = (name, then, options = '{}') => ({
  [name]: `import { WorkerTrainer } from 'prenorm/worker';
import { trainInWorker } from './in-worker.js';
const outcome = await trainInWorker(WorkerTrainer, ${options});
${then};
`,
  'in-worker.js': fixture('in-worker.js'),
});

let expected;
/** The losses that Node has. */
function inNodesWorker() {
  expected ??= inNode(workerFiles('node-worker.mjs', 'console.log(JSON.stringify(outcome))'));
  if (!expected.losses) throw new Error(expected.error);
  return expected;
}

export function asInNode({ losses, threads, reason, error, where }, wanted = 2) {
  if (error) throw new Error(error);
  if (digest(losses) !== digest(inNodesWorker().losses)) throw new Error(`losses ${losses}`);
  if (threads !== wanted) throw new Error(`${threads} threads: ${reason}`);
  return { where, said: `${digest(losses)} as in Node, prenorm/worker, ${threads} threads` };
}

/** A program in Deno or Bun, where only the package is installed. */
function inHost([program, ...args], name, files) {
  const [first] = Object.keys(files);
  const path = project(blank, name, { 'package.json': '{"type":"module"}', ...files });
  return JSON.parse(run(program, [...args, first], path));
}

const hostCells = (name, command) => ({
  [name]: () => inHost(command(), name, trainingInNode('main.mjs')),
  [`${name}, two threads, external`]: () =>
    inHost(command(), name, trainingInNode('threads.mjs', 'prenorm/external', '{ threads: 2 }')),
  [`${name}, prenorm/worker, two threads`]: () =>
    asInNode(inHost(command(), name, workerFiles('worker.mjs', 'console.log(JSON.stringify(outcome))'))),
});

/** A page of `blank` in WebKitGTK; `shared`: with the variable that gives Debian's one SharedArrayBuffer. */
async function inWebKit(file, headers = {}, shared = false) {
  const programs = findWebKit();
  if (typeof programs === 'string') return { said: programs };
  const { url, server } = await serve(blank, headers);
  const before = process.env.JSC_useSharedArrayBuffer;
  if (shared) process.env.JSC_useSharedArrayBuffer = '1';
  const window = await WebKitWindow.open(programs).finally(() => {
    if (before === undefined) delete process.env.JSC_useSharedArrayBuffer;
    else process.env.JSC_useSharedArrayBuffer = before;
  });
  try {
    await window.goTo(`${url}/${file}`);
    await window.waitFor(() => 'outcome' in globalThis, 300_000);
    return await window.run(() => /** @type {any} */ (globalThis).outcome);
  } finally {
    await window.close();
    server.close();
    server.closeAllConnections();
  }
}

const addresses = (text) =>
  text
    .replaceAll("'prenorm/conformance'", "'/node_modules/prenorm/dist/conformance/index.js'")
    .replaceAll("'prenorm/worker'", "'/node_modules/prenorm/dist/worker/index.js'")
    .replaceAll("'prenorm'", "'/node_modules/prenorm/dist/index.js'");
const page = (name, files) =>
  project(blank, name, {
    'index.html': html(),
    ...Object.fromEntries(Object.entries(files).map(([file, text]) => [file, addresses(text)])),
  });

/** A module service worker computes every op forward and backward, which needs no embedded data, or says why not; the page asks it and waits. */
const serviceWorker = (options) => ({
  'main.js': `const { active, installing, waiting } = await navigator.serviceWorker.register('./worker.js', { type: 'module' });
navigator.serviceWorker.onmessage = ({ data }) => Object.assign(globalThis, data);
(active ?? installing ?? waiting).postMessage('train');
`,
  'worker.js': `import { init } from 'prenorm';
import { train } from './program.js';
addEventListener('message', (event) => event.waitUntil((async () => {
  const say = (stage) => event.source.postMessage({ stage });
  const outcome = await train(init, ${options}, say, ['ops']);
  event.source.postMessage({ outcome });
})()));
`,
  'program.js': fixture('program.js'),
});

const GO = '\nglobalThis.outcome = await trainInWorker(WorkerTrainer, options);\n';
/** A page whose worker is started under a policy. */
const policed = (options) => ({
  'main.js': `import { WorkerTrainer } from 'prenorm/worker';
import { trainInWorker } from './in-worker.js';
const options = ${options};${GO}`,
  'in-worker.js': fixture('in-worker.js'),
});
const TRUSTED = { ...ISOLATION, 'content-security-policy': "require-trusted-types-for 'script'" };
const WORKER = '/node_modules/prenorm/dist/worker/trainer-worker.js';

/** The package from a server of another origin, as a CDN has it. */
async function fromElsewhere(names) {
  const { url, server } = await serve(blank, {
    ...ISOLATION,
    'access-control-allow-origin': '*',
    'cross-origin-resource-policy': 'cross-origin',
  });
  try {
    const main = `import { WorkerTrainer } from '${url}/node_modules/prenorm/dist/worker/index.js';
import { trainInWorker } from './in-worker.js';
const options = {};${GO}`;
    const path = page('elsewhere', { 'main.js': main, 'in-worker.js': fixture('in-worker.js') });
    const outcomes = await inStatic(names, path, { headers: ISOLATION, allowed: url });
    return outcomes.map((outcome) => asInNode(outcome));
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** One file of CommonJS out of everything, as Electron's main process and AWS Lambda want it. */
function commonJs() {
  const path = project(tools, 'common-js', {
    'main.js': `import('prenorm').then(async ({ init }) => {
  const { train } = await import('./program.js');
  console.log(JSON.stringify(await train(init, {}, () => {})));
});
`,
    'program.js': fixture('program.js'),
  });
  const args = [
    'main.js',
    '--bundle',
    '--platform=node',
    '--format=cjs',
    '--outfile=out.cjs',
    '--log-level=error',
  ];
  run(join(tools, 'node_modules/.bin/esbuild'), args, path);
  return JSON.parse(run(process.execPath, ['out.cjs'], path));
}

/** A limit of 4 GB of addresses, which is not enough for what V8 reserves, and the switch that helps. */
function fewAddresses(...flags) {
  if (process.platform !== 'linux') return { said: 'skipped: needs Linux' };
  const path = project(blank, 'addresses', {
    'package.json': '{"type":"module"}',
    ...trainingInNode('main.mjs'),
  });
  const command = `ulimit -v 4000000; exec "$@"`;
  const args = ['-c', command, 'sh', process.execPath, ...flags, 'main.mjs'];
  return JSON.parse(execFileSync('sh', args, { cwd: path, encoding: 'utf8' }));
}

/** Every entry under its name; the package lies under a prefix of the server. */
function mapOfEntries(names) {
  const { exports } = JSON.parse(readFileSync(join(blank, 'node_modules/prenorm/package.json'), 'utf8'));
  const imports = Object.fromEntries(
    Object.entries(exports)
      .filter(([, target]) => target.default)
      .map(([entry, target]) => [
        `prenorm${entry.slice(1)}`,
        target.default.replace('./dist', '/app/lib/prenorm'),
      ]),
  );
  const head = `<script type="importmap">${JSON.stringify({ imports })}</script>`;
  const path = project(blank, 'prefixed/app', {
    'index.html': html({ head }),
    'main.js': training(),
    'program.js': fixture('program.js'),
  });
  cpSync(join(blank, 'node_modules/prenorm/dist'), join(path, 'lib/prenorm'), { recursive: true });
  return inStatic(names, join(blank, 'prefixed'), { file: '/app/index.html' });
}

/** @type {import('../../test/browser.ts').BrowserName[]} */
const chromium = ['chromium'];
/** @type {import('../../test/browser.ts').BrowserName[]} */
const both = ['chromium', 'firefox'];

export const hosts = {
  ...hostCells('deno', deno),
  ...hostCells('bun', bun),
  'webkitgtk, script module': async () => {
    page('webkit', { 'main.js': training(), 'program.js': fixture('program.js') });
    return inWebKit('webkit/index.html');
  },
  'webkitgtk, worker, two threads': async () => {
    page('webkit-worker', workerPage());
    const outcome = await inWebKit('webkit-worker/index.html', ISOLATION, true);
    if (outcome.hashes && outcome.threads !== 2)
      throw new Error(`${outcome.threads} threads: ${outcome.reason}`);
    return outcome;
  },
  'webkitgtk, prenorm/worker': async () => {
    page('webkit-trainer', policed('{ runtime: {} }'));
    const outcome = await inWebKit('webkit-trainer/index.html');
    return outcome.said ? outcome : asInNode(outcome, 1);
  },
  'commonjs bundle in node': commonJs,
  'ulimit -v': () => refused([fewAddresses()], /MemoryError MEMORY .*ulimit -v.*--disable-wasm-trap-handler/),
  'ulimit -v, without trap handler': () => fewAddresses('--disable-wasm-trap-handler'),
  'importmap of all entries, under a prefix': () => mapOfEntries(both),
  'service worker, kernels given': () => {
    const wasm = "{ wasm: fetch('/node_modules/prenorm/dist/chunks/prenorm-kernels.wasm') }";
    return withoutBundler(chromium, 'service-worker', serviceWorker(wasm));
  },
  'service worker': async () =>
    refused(
      await withoutBundler(chromium, 'service-worker-alone', serviceWorker('{}')),
      /EnvironmentError ENVIRONMENT .*import\(\).*give init\(\{ wasm \}\)/,
    ),
  'prenorm/worker from another origin, two threads': () => fromElsewhere(both),
  'trusted types, prenorm/worker': async () => {
    const path = page('trusted', policed('{}'));
    const options = { file: '/trusted/index.html', headers: TRUSTED };
    expectText(path, /trusted/);
    return refused(
      await inStatic(chromium, blank, options),
      /EnvironmentError ENVIRONMENT .*Trusted Types.*createScriptURL/,
    );
  },
  'trusted types, a policy of the page': async () => {
    page(
      'trusted-policy',
      policed(`{ worker: () => new Worker(
  trustedTypes.createPolicy('prenorm', { createScriptURL: (url) => url }).createScriptURL('${WORKER}'), { type: 'module' }) }`),
    );
    const options = { file: '/trusted-policy/index.html', headers: TRUSTED };
    return (await inStatic(chromium, blank, options)).map((outcome) => asInNode(outcome, 1));
  },
  'COEP on the page alone, prenorm/worker': async () => {
    page('coep', policed('{}'));
    const change = (path, headers) => (path.endsWith('.html') ? headers : {});
    const options = { file: '/coep/index.html', headers: ISOLATION, headersOf: change };
    return refused(
      await inStatic(chromium, blank, options),
      /EnvironmentError ENVIRONMENT .*Cross-Origin-Embedder-Policy it must be sent with that header/,
    );
  },
};
