/** @file Test runners, whose pages are jsdom's, and Cloudflare's Workers; each is installed in a folder of its own. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixture, inNode, ownFolder, run } from './folders.mjs';
import { digest, expectText, refused } from './outcome.mjs';
import { withServer } from './server.mjs';

const files = {
  'in-runner.js': fixture('in-runner.js'),
  'in-worker.js': fixture('in-worker.js'),
  'program.js': fixture('program.js'),
};

let expected;
/** What every line of in-runner.js is in Node. */
function inNodesRunner() {
  expected ??= inNode({
    'run.mjs': "import { inRunner } from './in-runner.js';\nconsole.log(JSON.stringify(await inRunner()));\n",
    ...files,
  });
  return expected;
}

/** A test that leaves its outcome in a file; `imports` is what the runner does not have as globals. */
const testFile = (imports) => `${imports}import { writeFileSync } from 'node:fs';
import { inRunner } from './in-runner.js';
test('trains', async () => {
  writeFileSync('outcome.json', JSON.stringify(await inRunner()));
}, 300000);
`;

/** The trainings as pinned, and every other line as in Node, but for those of `other`, which must be said. */
function judgedRunner(path, other = {}) {
  const { hashes, error, lines } = JSON.parse(readFileSync(join(path, 'outcome.json'), 'utf8'));
  const wanted = Object.entries(inNodesRunner().lines);
  for (const [name, text] of wanted) {
    if (other[name]) expectText(lines[name] ?? '', other[name]);
    else if (lines[name] !== text) throw new Error(`${name}: ${lines[name]}; in Node: ${text}`);
  }
  const where = Object.keys(other).length > 0 ? `but for ${Object.keys(other)}` : 'all';
  return [
    { hashes, error, where: 'trainings' },
    { said: `${digest(wanted.flat())} as in Node, ${where}`, where: 'texts, models, worker' },
  ];
}

function vitest(environment) {
  const path = ownFolder('vitest', ['vitest', 'jsdom'], {
    'package.json': '{"private":true,"type":"module"}\n',
    ...files,
    'trains.test.js': testFile("import { test } from 'vitest';\n"),
  });
  run(
    process.execPath,
    [join(path, 'node_modules/vitest/vitest.mjs'), 'run', `--environment=${environment}`],
    path,
  );
  return judgedRunner(path);
}

/** As docs/environments.md says; its page has neither `Response` nor `structuredClone`. */
function jest(environment, other) {
  const path = ownFolder('jest', ['jest', 'jest-environment-jsdom'], {
    'package.json': '{"private":true,"type":"module"}\n',
    'jest.config.json': '{ "transform": {}, "testMatch": ["**/*.test.mjs"] }\n',
    ...files,
    'trains.test.mjs': testFile(''),
  });
  const modules = '--experimental-vm-modules';
  run(process.execPath, [modules, join(path, 'node_modules/jest/bin/jest.js'), '--env', environment], path);
  return judgedRunner(path, other);
}

/**
 * A Worker in workerd, as `wrangler dev` runs it. Of this date, so that there is no FinalizationRegistry.
 */
function wrangler(options) {
  process.env.WRANGLER_SEND_METRICS = 'false';
  const path = ownFolder('wrangler', ['wrangler'], {
    'wrangler.json': '{ "name": "cell", "main": "worker.js", "compatibility_date": "2024-09-01" }\n',
    'program.js': fixture('program.js'),
    'worker.js': `import { init } from 'prenorm';
import wasm from 'prenorm/kernels.wasm';
import { train } from './program.js';
export default {
  async fetch(request) {
    if (new URL(request.url).pathname !== '/train') return new Response('ready');
    const outcome = await train(init, ${options});
    return Response.json({ ...outcome, registry: typeof FinalizationRegistry });
  },
};
`,
  });
  const program = join(path, 'node_modules/wrangler/bin/wrangler.js');
  const command = (port) => [program, 'dev', '--port', String(port), '--ip', '127.0.0.1', '--local'];
  return withServer(command, path, async (url) => {
    const outcome = await (await fetch(`${url}train`)).json();
    if (outcome.registry !== 'undefined') throw new Error('there is a FinalizationRegistry');
    return outcome;
  });
}

export const runners = {
  'vitest, node': () => vitest('node'),
  'vitest, jsdom': () => vitest('jsdom'),
  'jest, node': () => jest('node', {}),
  'jest, jsdom': () =>
    jest('jsdom', {
      'loadModel of Response': /^$/,
      'prenorm/worker': /EnvironmentError ENVIRONMENT .*no structuredClone.*@jest-environment node/,
    }),
  'cloudflare worker, kernels imported': () => wrangler('{ wasm }'),
  'cloudflare worker': async () =>
    refused([await wrangler('{}')], /EnvironmentError ENVIRONMENT .*compiles no WebAssembly while it runs/),
};
