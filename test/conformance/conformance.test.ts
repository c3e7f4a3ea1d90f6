/** @file The pinned hashes hold here, and hashes depend on numbers alone. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { hashCheckpoint, hashNumbers } from '../../src/conformance/digest.js';
import { itemNames, pinned, runConformance } from '../../src/conformance/index.js';
import { encodeCheckpoint } from '../../src/io/checkpoint-file.js';
import { init } from '../../src/runtime/init.js';
import { asyncRefusal } from '../support.js';

const test = suite('conformance');
await init();

test('every item gives its pinned hash', async () => {
  const { items, total, ok } = await runConformance();
  const wrong = items.filter((item) => !item.ok).map(({ name, hash }) => `${name} ${hash}`);
  assert.equal(wrong, [], 'after a deliberate change of the bits: node scripts/pin-conformance.mjs');
  assert.is(total, pinned.total);
  assert.ok(ok);
  assert.equal(Object.keys(pinned.items), [...itemNames]);
});

test('in int12 every item gives its own pinned hash, on two threads and with either micro-kernel', async () => {
  for (const microKernel of ['dot', 'extmul'] as const) {
    const runtime = await init({ arithmetic: 'int12', microKernel, threads: microKernel === 'dot' ? 2 : 1 });
    const { items, total, ok } = await runConformance();
    assert.equal(
      items.filter((item) => !item.ok).map(({ name, hash }) => `${name} ${hash}`),
      [],
    );
    assert.is(total, pinned.int12.total);
    assert.ok(ok);
    runtime.close();
  }
  assert.is.not(pinned.int12.total, pinned.total);
  assert.equal(Object.keys(pinned.int12.items), [...itemNames]);
  await init({ arithmetic: 'strict' });
});

test('an item does not depend on those before it', async () => {
  const { items, total, ok } = await runConformance({ only: ['vision', 'translation-peri'] });
  assert.equal(
    items.map(({ name }) => name),
    ['translation-peri', 'vision'],
  );
  assert.ok(ok);
  assert.is(total, null);
});

test('an unknown item is refused by name', async () => {
  assert.match((await asyncRefusal(runConformance({ only: ['visoin'] }))).message, /"visoin".*causal-lm/);
});

test('the payload of a NaN is not hashed, its place is', () => {
  const withNaN = (bits: number, at: number) => {
    const values = new Float32Array(3);
    new Int32Array(values.buffer)[at] = bits;
    return hashNumbers(values);
  };
  assert.is(withNaN(0x7fc00000, 1), withNaN(0xffc01234 | 0, 1));
  assert.is.not(withNaN(0x7fc00000, 1), withNaN(0x7fc00000, 2));
  const doubles = (bits: bigint) => hashNumbers(new Float64Array(BigInt64Array.of(bits).buffer));
  assert.is(doubles(0x7ff8000000000000n), doubles(-0x0007000000000001n));
  assert.is.not(hashNumbers(Float32Array.of(0)), hashNumbers(Float32Array.of(-0)));
  assert.is.not(hashNumbers(Float32Array.of(1), Float32Array.of(2)), hashNumbers(Float32Array.of(1, 2)));
});

test('a checkpoint is hashed without the name of its kernels, and with everything else', () => {
  const make = (kernelHash: string, value: number, rate: number) =>
    hashCheckpoint(
      encodeCheckpoint({
        tensors: new Map([['x', { shape: [1], data: Float32Array.of(value) }]]),
        config: { rate },
        cursor: null,
        rng: null,
        step: 1,
        kernelHash,
      }),
    );
  assert.is(make('a', 1, 0.1), make('b', 1, 0.1));
  assert.is.not(make('a', 1, 0.1), make('a', 2, 0.1));
  assert.is.not(make('a', 1, 0.1), make('a', 1, 0.1 + 2 ** -56));
});

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const run = (flags: string[], ...args: string[]) =>
  spawnSync(process.execPath, [...flags, main, 'conformance', ...args], { encoding: 'utf8' });

test('the command prints items, says what is the same, and exits accordingly', () => {
  const good = run([], '--item', 'vision');
  assert.is(good.status, 0, good.stderr);
  assert.match(good.stdout, new RegExp(`same +vision +${pinned.items.vision}`));
  const json = JSON.parse(run([], '--item', 'vision', '--json').stdout);
  assert.is(json.items[0].hash, pinned.items.vision);
  assert.is(json.ok, true);
  const int12 = run([], '--item', 'vision', '--arithmetic', 'int12');
  assert.is(int12.status, 0, int12.stderr);
  assert.match(int12.stdout, new RegExp(`same +vision +${pinned.int12.items.vision}`));
  const both = run([], '--item', 'vision', '--arithmetic', 'int12', '--simd', 'strict');
  assert.is(both.status, 2);
  assert.match(both.stderr, /arithmetic is int12 and simd is strict/);
  // The relaxed build fuses multiplications with additions: other bits. Node 20 has to be asked for it.
  const flag = '--experimental-wasm-relaxed-simd';
  const flags = spawnSync(process.execPath, [flag, '-e', '0']).status === 0 ? [flag] : [];
  const relaxed = run(flags, '--item', 'vision', '--simd', 'relaxed');
  assert.is(relaxed.status, 1, relaxed.stderr);
  assert.match(relaxed.stdout, /DIFFERENT vision/);
  assert.match(relaxed.stdout, /relaxed arithmetic is not promised/);
});

test('a wrong item is a usage error of one line', () => {
  const { status, stderr } = run([], '--item', 'nothing');
  assert.is(status, 2);
  assert.is(stderr.trim().split('\n').length, 1);
});

test.run();
