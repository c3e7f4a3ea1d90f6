/**
 * @file `npm run test:packaging [-- CELL…]`: packs the package, installs the tarball into empty folders as a stranger
 * would, and trains a little in every host and bundler. Each cell prints its hash, which must be the pinned one.
 * Tools and their versions: test/packaging/package.json. Needs a Chromium and a Firefox, and npm's registry or cache.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from '../test/browser.ts';
import { ISOLATION, serve } from '../test/browsers/static-server.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const fixtures = join(root, 'test/packaging');
const only = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'prenorm-packaging-'));
const blank = join(folder, 'blank');
const tools = join(folder, 'tools');
const browsers = {};
const rows = [];

const { pinned } = await import('../dist/conformance/index.js');
const digest = (lines) => createHash('sha256').update(lines.join('\n')).digest('hex').slice(0, 16);

const run = (command, args, cwd, env = {}) =>
  execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });

/** A folder of a project with these files in it; `import` finds the installed packages above it. */
function project(parent, name, files) {
  const path = join(parent, name);
  mkdirSync(path, { recursive: true });
  cpSync(join(fixtures, 'program.js'), join(path, 'program.js'));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
  return path;
}

const html = (head, script = './main.js') =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Cell</title><link rel="icon" href="data:,">${head}</head><body><script type="module" src="${script}"></script></body></html>`;
const page = (entry = 'prenorm', options = '{}') =>
  `import { init } from '${entry}';\nimport { train } from './program.js';\nglobalThis.outcome = await train(init, ${options});\n`;
const bins = (name) => join(tools, 'node_modules', name);
const esbuild = (path, args) => run(join(bins('.bin'), 'esbuild'), args, path);

/** What a page at `url` trains; anything it asks of another origin is a failure, and so is an error in the console. */
async function inBrowser(name, url, before = '') {
  browsers[name] ??= await launch(name);
  const tab = await browsers[name].newPage();
  try {
    const problems = [];
    tab.on('pageerror', (error) => problems.push(error.message));
    tab.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
    tab.on('request', (request) => {
      const other =
        !/^(data|blob):/.test(request.url()) && new URL(request.url()).origin !== new URL(url).origin;
      if (other) problems.push(`a request to ${request.url()}`);
    });
    if (before) await tab.evaluateOnNewDocument(before);
    await tab.goto(url);
    await tab
      .waitForFunction('globalThis.outcome !== undefined', { timeout: 120_000, polling: 200 })
      .catch((error) => {
        throw new Error([error.message, ...problems].join('\n'));
      });
    const outcome = await tab.evaluate('globalThis.outcome');
    if (problems.length > 0 && !outcome.error) throw new Error(problems.join('\n'));
    return outcome;
  } finally {
    await tab.close();
  }
}

/** The same, of files served from `path`. */
async function inStatic(names, path, { headers = {}, file = '/index.html', before } = {}) {
  const { url, server } = await serve(path, headers);
  try {
    const outcomes = [];
    for (const name of names) outcomes.push({ ...(await inBrowser(name, url + file, before)), where: name });
    return outcomes;
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A page without a bundler: specifiers are addresses. */
function unbundled(text) {
  return text.replace(/from 'prenorm(\/[\w]+)?'/g, (_, entry = '') => {
    const { exports } = JSON.parse(readFileSync(join(blank, 'node_modules/prenorm/package.json'), 'utf8'));
    return `from '${exports[`.${entry}`].default.replace('./', '/node_modules/prenorm/')}'`;
  });
}
const program = readFileSync(join(fixtures, 'program.js'), 'utf8');

/** Files of an unbundled page, in the root of the blank project, under names of their own. */
function staticPage(name, files) {
  const path = join(blank, name);
  mkdirSync(path, { recursive: true });
  for (const [file, text] of Object.entries({ 'program.js': program, ...files }))
    writeFileSync(join(path, file), file.endsWith('.js') ? unbundled(text) : text);
  return `/${name}/index.html`;
}

const node = (files) => {
  const path = project(blank, `node-${Object.keys(files)[0].replace(/\W/g, '-')}`, files);
  return JSON.parse(run(process.execPath, [Object.keys(files)[0]], path));
};

// The packages lie one folder above the project; Vite serves none from there unless told.
const viteConfig = (entry) =>
  `export default { logLevel: 'warn', ${entry === 'prenorm/external' ? "optimizeDeps: { exclude: ['prenorm'] }, " : ''}server: { fs: { allow: ['..'] } }, build: { target: 'es2022' } };\n`;
const viteProject = (name, entry) =>
  project(tools, name, {
    'index.html': html(''),
    'main.js': page(entry),
    'vite.config.js': viteConfig(entry),
    'package.json': '{"type":"module"}',
  });

async function viteDev(entry, names) {
  const path = viteProject(`vite-dev-${entry.replace('/', '-')}`, entry);
  const port = await freePort();
  const args = [
    join(bins('vite'), 'bin/vite.js'),
    '--port',
    String(port),
    '--strictPort',
    '--host',
    '127.0.0.1',
  ];
  const server = spawn(process.execPath, args, { cwd: path, stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const url = `http://127.0.0.1:${port}/`;
    for (let tries = 0; ; tries++) {
      const answer = await fetch(url).catch(() => null);
      if (answer?.ok) break;
      if (tries > 300) throw new Error('the server of Vite did not start');
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const outcomes = [];
    for (const name of names) outcomes.push({ ...(await inBrowser(name, url)), where: name });
    return outcomes;
  } finally {
    server.kill();
  }
}

async function viteBuild(entry, names) {
  const path = viteProject(`vite-build-${entry.replace('/', '-')}`, entry);
  run(process.execPath, [join(bins('vite'), 'bin/vite.js'), 'build'], path);
  return inStatic(names, join(path, 'dist'));
}

async function webpack(entry) {
  const path = project(tools, `webpack-${entry.replace('/', '-')}`, {
    'main.js': page(entry),
    'webpack.config.cjs':
      "module.exports = { mode: 'production', entry: './main.js', target: ['web', 'es2022'], performance: { hints: false }, output: { filename: 'main.js' } };\n",
  });
  run(process.execPath, [join(bins('webpack'), 'bin/webpack.js'), '--fail-on-warnings'], path);
  writeFileSync(join(path, 'dist/index.html'), html(''));
  return inStatic(['chromium'], join(path, 'dist'));
}

const CSP = (script) =>
  `default-src 'none'; script-src 'self'${script}; worker-src 'self'; connect-src 'self'; img-src data:`;
/** A page whose worker, a file of its own, trains with two threads; they run the package's kernel-worker.js. */
const workerPage = () =>
  staticPage('csp', {
    'index.html': html(''),
    'main.js':
      "const worker = new Worker('./worker.js', { type: 'module' });\nworker.onmessage = ({ data }) => { globalThis.outcome = data; };\nworker.onerror = (event) => { globalThis.outcome = { error: event.message }; };\n",
    'worker.js': `${page('prenorm', '{ threads: 2 }').replace(
      'globalThis.outcome = await train',
      'const outcome = await train',
    )}postMessage(outcome);\n`,
  });

const cells = {
  'node esm': () =>
    node({
      'main.mjs': `${page().replace('globalThis.outcome =', 'const outcome =')}console.log(JSON.stringify(outcome));\n`,
    }),
  'node require': () =>
    node({
      'main.cjs':
        "(async () => { const { init } = await import('prenorm'); const { train } = await import('./program.mjs'); console.log(JSON.stringify(await train(init))); })();\n",
      'program.mjs': program,
    }),
  'node worker thread': () =>
    node({
      'thread.mjs':
        "import { Worker } from 'node:worker_threads';\nnew Worker(new URL('./inside.mjs', import.meta.url)).on('message', (outcome) => console.log(JSON.stringify(outcome)));\n",
      'inside.mjs': `import { parentPort } from 'node:worker_threads';\n${page().replace('globalThis.outcome =', 'const outcome =')}parentPort.postMessage(outcome);\n`,
    }),
  'node two threads, external': () =>
    node({
      'threads.mjs': `${page('prenorm/external', '{ threads: 2 }').replace('globalThis.outcome =', 'const outcome =')}console.log(JSON.stringify(outcome));\n`,
    }),
  'vite dev': () => viteDev('prenorm', ['chromium']),
  'vite build': () => viteBuild('prenorm', ['chromium', 'firefox']),
  'vite dev, external': () => viteDev('prenorm/external', ['chromium']),
  'vite build, external': () => viteBuild('prenorm/external', ['chromium']),
  'webpack 5': () => webpack('prenorm'),
  'webpack 5, external': () => webpack('prenorm/external'),
  esbuild: () => {
    const path = project(tools, 'esbuild', { 'main.js': page(), 'index.html': html('', './out.js') });
    esbuild(path, ['main.js', '--bundle', '--minify', '--format=esm', '--outfile=out.js']);
    return inStatic(['chromium'], path);
  },
  'script module': () =>
    inStatic(['chromium', 'firefox'], blank, {
      file: staticPage('plain', { 'index.html': html(''), 'main.js': page() }),
    }),
  'script module, external': () =>
    inStatic(['chromium', 'firefox'], blank, {
      file: staticPage('plain-external', { 'index.html': html(''), 'main.js': page('prenorm/external') }),
    }),
  importmap: () => {
    const map = {
      imports: {
        prenorm: '/node_modules/prenorm/dist/index.js',
        'prenorm/conformance': '/node_modules/prenorm/dist/conformance/index.js',
      },
    };
    project(blank, 'importmap', {
      'index.html': html(`<script type="importmap">${JSON.stringify(map)}</script>`),
      'main.js': page(),
    });
    return inStatic(['chromium'], blank, { file: '/importmap/index.html' });
  },
  'strict CSP, worker, two threads': async () => {
    const outcomes = await inStatic(['chromium', 'firefox'], blank, {
      file: workerPage(),
      headers: { ...ISOLATION, 'content-security-policy': CSP(" 'wasm-unsafe-eval'") },
    });
    for (const { threads, reason } of outcomes)
      if (threads !== 2) throw new Error(`${threads} threads: ${reason}`);
    return outcomes;
  },
  'no isolation, threads auto': async () => {
    const file = staticPage('shared', {
      'index.html': html(''),
      'main.js': page('prenorm', "{ threads: 'auto' }"),
    });
    const outcomes = await inStatic(['chromium'], blank, { file });
    expectText(outcomes[0].reason, /not cross-origin isolated: serve it with/);
    return outcomes;
  },
  'as-loader (kernels built by webpack)': () => {
    const path = join(folder, 'as-loader/examples/webpack-as-loader');
    const skip = /node_modules|dist/;
    cpSync(join(root, 'examples/webpack-as-loader'), path, {
      recursive: true,
      filter: (source) => !skip.test(source.slice(root.length)),
    });
    // The sources of the tarball, not the repository's.
    cpSync(join(blank, 'node_modules/prenorm/assembly'), join(folder, 'as-loader/assembly'), {
      recursive: true,
    });
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], path);
    run('npm', ['run', '--silent', 'build'], path);
    mkdirSync(join(folder, 'as-loader/build'));
    cpSync(
      join(blank, 'node_modules/prenorm/dist/chunks/prenorm-kernels.wasm'),
      join(folder, 'as-loader/build/kernels.wasm'),
    );
    const hashes = run(process.execPath, ['compare.js'], path).match(/[0-9a-f]{64}/g) ?? [];
    if (hashes.length !== 2 || hashes[0] !== hashes[1]) throw new Error(`hashes differ: ${hashes.join(' ')}`);
    return { kernels: hashes[0].slice(0, 16) };
  },
  types: () => {
    for (const [module, resolution] of [
      ['nodenext', 'nodenext'],
      ['esnext', 'bundler'],
    ]) {
      const path = project(tools, `types-${resolution}`, { 'package.json': '{"type":"module"}' });
      cpSync(join(fixtures, 'types.ts'), join(path, 'types.ts'));
      const options = [
        '--module',
        module,
        '--moduleResolution',
        resolution,
        '--lib',
        'es2023,dom,dom.iterable',
      ];
      try {
        run(
          process.execPath,
          [
            join(bins('typescript'), 'bin/tsc'),
            '--noEmit',
            '--strict',
            '--target',
            'es2022',
            '--types',
            '',
            ...options,
            '--ignoreConfig',
            'types.ts',
          ],
          path,
        );
      } catch (error) {
        throw new Error(`${resolution}: ${error.stdout}`);
      }
    }
    return { said: 'bundler and nodenext resolve every entry' };
  },
  'CSP without wasm-unsafe-eval': () =>
    refused(
      { 'content-security-policy': CSP('') },
      '',
      /EnvironmentError ENVIRONMENT .*Content-Security-Policy.*wasm-unsafe-eval/,
      ['chromium', 'firefox'],
    ),
  'no SIMD': () =>
    refused(
      {},
      "WebAssembly.validate = () => false; WebAssembly.compile = async () => { throw new WebAssembly.CompileError('invalid opcode 0xfd'); };",
      /EnvironmentError ENVIRONMENT .*no SIMD.*browser of 2023/,
    ),
  'no WebAssembly': () =>
    refused({}, 'delete globalThis.WebAssembly;', /EnvironmentError ENVIRONMENT .*no WebAssembly/),
  'no SharedArrayBuffer': async () => {
    const file = staticPage('shared', {
      'index.html': html(''),
      'main.js': page('prenorm', '{ threads: 4 }'),
    });
    const outcomes = await inStatic(['chromium'], blank, {
      file,
      headers: ISOLATION,
      before: 'delete globalThis.SharedArrayBuffer;',
    });
    expectText(outcomes[0].reason, /no SharedArrayBuffer/);
    return outcomes;
  },
};

function expectText(text, pattern) {
  if (!pattern.test(text)) throw new Error(`it says: ${text}`);
}

async function refused(headers, before, pattern, names = ['chromium']) {
  const file = staticPage('plain', { 'index.html': html(''), 'main.js': page() });
  const outcomes = await inStatic(names, blank, { file, headers, before });
  for (const { error } of outcomes) expectText(error ?? 'no error', pattern);
  return { said: outcomes[0].error.slice(0, 110) };
}

function show(cell, { hashes, kernels, said, error, where, threads, reason }) {
  let text = said ?? error;
  let ok = said !== undefined;
  if (hashes) {
    const expected = hashes.map((line) => `${line.split(' ')[0]} ${pinned.items[line.split(' ')[0]]}`);
    ok = hashes.length > 0 && digest(hashes) === digest(expected);
    text = `${digest(hashes)}${ok ? '' : ` (pinned: ${digest(expected)})`}${threads > 1 ? `, ${threads} threads` : /isolated|Shared/.test(reason) ? ', 1 thread, says why' : ''}`;
  } else if (kernels) {
    ok = true;
    text = `${kernels} (kernels' hash, equal to the package's)`;
  }
  rows.push(ok);
  console.log(`| ${where ? `${cell}, ${where}` : cell} | ${text} | ${ok ? 'ok' : 'FAILED'} |`);
}

try {
  for (const path of [blank, tools]) mkdirSync(path);
  writeFileSync(join(blank, 'package.json'), '{"private":true}\n');
  const [{ filename, unpackedSize }] = JSON.parse(
    run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], root),
  );
  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline', join(folder, filename)];
  run('npm', install, blank);
  for (const file of ['package.json', 'package-lock.json']) cpSync(join(fixtures, file), join(tools, file));
  run('npm', ['ci', '--no-audit', '--no-fund', '--prefer-offline'], tools);
  run('npm', [...install, '--no-save'], tools);
  console.log(
    `${filename}: ${(unpackedSize / 1e6).toFixed(2)} MB unpacked\n\n| cell | hash | |\n|---|---|---|`,
  );
  for (const [name, cell] of Object.entries(cells)) {
    if (only.length > 0 && !only.some((word) => name.includes(word))) continue;
    try {
      for (const outcome of [await cell()].flat()) show(name, outcome);
    } catch (error) {
      show(name, { error: String(error.stderr || error.stdout || error.message).slice(0, 2000) });
    }
  }
} finally {
  for (const browser of Object.values(browsers)) await browser.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
const failed = rows.filter((ok) => !ok).length;
console.log(`\n${rows.length - failed} cells as pinned, ${failed} not`);
process.exitCode = failed > 0 || rows.length === 0 ? 1 : 0;
