/** @file The same sources give the same kernels, wherever they are compiled, and the bytes are pinned. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { pinned } from '../../src/conformance/index.js';
import { strictWasmHash } from '../../src/runtime/generated/wasm-hash.js';

const test = suite('kernels/reproducible');
const root = fileURLToPath(new URL('../../', import.meta.url));
const node = (...args: string[]) => spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });

test('this build, one on another path, and the pinned one have one SHA-256', () => {
  const { status, stdout, stderr } = node('scripts/check-reproducible.mjs', '--quick');
  assert.is(status, 0, `after a change of the kernels: node scripts/pin-conformance.mjs\n${stdout}${stderr}`);
  assert.is([...stdout.matchAll(/^same /gm)].length, 3);
});

test('prenorm info prints it', () => {
  const { kernels } = JSON.parse(node('dist/cli/main.js', 'info', '--json').stdout);
  assert.equal(kernels, pinned.kernels);
  assert.is(strictWasmHash, pinned.kernels.strict);
});

test.run();
