/**
 * @file The quick corner of `npm run conformance`: worker thread, kernels from a file, the debug build, other
 * languages and time zones, and, where PRENORM_OTHER_NODE names one, another line of Node.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pinned } from '../../src/conformance/index.js';

const test = suite('conformance/cells');
const file = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const ITEMS = ['translation-peri', 'vision'];
const expected = Object.fromEntries(ITEMS.map((item) => [item, pinned.items[item]]));

async function cell(options: object, env: Record<string, string> = {}, node = process.execPath) {
  const text = JSON.stringify({ threads: 1, items: ITEMS, ...options });
  const { stdout } = await promisify(execFile)(node, [file('scripts/conformance-child.mjs'), text], {
    env: { ...process.env, ...env },
  });
  return JSON.parse(stdout);
}

const cells: [name: string, options: object, env?: Record<string, string>][] = [
  ['a worker thread', { worker: true }],
  ['kernels from a file', { wasm: file('build/kernels.wasm') }],
  ['the debug build', { wasm: file('build/kernels.debug.wasm') }],
  [
    'a Turkish locale and an odd time zone',
    {},
    { LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8', TZ: 'Asia/Kathmandu' },
  ],
];
for (const [name, options, env] of cells) {
  test(name, async () => {
    const { hashes, error } = await cell(options, env);
    assert.equal(hashes, expected, error);
  });
}

for (const microKernel of ['dot', 'extmul']) {
  test(`int12 by ${microKernel}, in a worker thread and in the debug build`, async () => {
    const own = Object.fromEntries(ITEMS.map((item) => [item, pinned.int12.items[item]]));
    for (const options of [{ worker: true }, { wasm: file('build/kernels.debug.wasm') }]) {
      const { hashes, error } = await cell({ arithmetic: 'int12', microKernel, ...options });
      assert.equal(hashes, own, error);
    }
  });
}

test('the relaxed kernels from a file are told apart', async () => {
  const probe = file('build/kernels.relaxed.wasm');
  const { hashes, error } = await cell({ wasm: probe });
  // Node 20 does not know the instructions and refuses to compile them.
  if (error) assert.match(error, /could not be compiled/);
  else for (const item of ITEMS) assert.is.not(hashes[item], expected[item]);
});

const otherNode = process.env.PRENORM_OTHER_NODE;
if (otherNode) {
  test(`another Node (${otherNode})`, async () => {
    const { hashes, error } = await cell({}, {}, otherNode);
    assert.equal(hashes, expected, error);
  });
} else console.log('another Node: skipped, PRENORM_OTHER_NODE names no program');

test.run();
