/** The pool: starting, equal bits, failing workers, closing; and the binary that serves both kinds of memory. */
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { linear, noGrad, Parameter, tensor } from '../../src/autograd/index.js';
import { capabilities } from '../../src/runtime/capabilities.js';
import { createRuntime } from '../../src/runtime/init.js';
import { instantiateKernels, withUnsharedMemory } from '../../src/runtime/instantiate.js';
import { type Runtime, withRuntime } from '../../src/runtime/runtime.js';
import { asyncRefusal, bits, gaussians, refusal } from '../support.js';

const test = suite('runtime/threads');
const wasm = new Uint8Array(await readFile(new URL('../../build/kernels.wasm', import.meta.url)));

/** A product that is divided. */
function product(runtime: Runtime): string {
  return withRuntime(runtime, () => {
    const weight = new Parameter([150, 90], 'other').set(gaussians(150 * 90, 2)) as Parameter;
    const x = tensor(gaussians(333 * 90), { shape: [333, 90] });
    return bits(noGrad(() => linear(x, weight, null)).toArray());
  });
}

test('the number of threads is what was asked for, and changes no bit', async () => {
  const one = await createRuntime();
  assert.is(one.threads, 1);
  const expected = product(one);
  for (const threads of [2, 3, 5]) {
    const runtime = await createRuntime({ threads });
    assert.is(runtime.threads, threads);
    withRuntime(runtime, () => assert.equal(capabilities().threads, threads));
    for (let i = 0; i < 20; i++) assert.is(product(runtime), expected);
    runtime.close();
  }
});

test('auto takes as many threads as there are processors, at most 8', async () => {
  const runtime = await createRuntime({ threads: 'auto' });
  assert.ok(runtime.threads >= 1 && runtime.threads <= 8);
  assert.match(runtime.threadsReason, /processors are available|one/);
  runtime.close();
});

test('bad numbers of threads are refused', async () => {
  for (const threads of [0, -1, 1.5, 65, Number.NaN, 'many' as never])
    assert.is((await asyncRefusal(createRuntime({ threads }))).code, 'CONFIG', String(threads));
});

test('after close() the runtime goes on with one thread', async () => {
  const runtime = await createRuntime({ threads: 2 });
  const expected = product(runtime);
  runtime.close();
  runtime.close();
  assert.is(runtime.threads, 1);
  assert.is(runtime.threadsReason, 'the runtime was closed');
  assert.is(product(runtime), expected);
});

test('a kernel that fails in a thread is an error, and the runtime goes on with one thread', async () => {
  // The debug build asserts; rows whose target is no class fail in whichever thread has them.
  const debug = await readFile(new URL('../../build/kernels.debug.wasm', import.meta.url));
  const runtime = await createRuntime({ threads: 2, wasm: new Uint8Array(debug) });
  const { kernels, heap } = runtime;
  const rows = 4000;
  const ints = runtime.persistent.allocate(rows * 4);
  const floats = Array.from({ length: 3 }, () => runtime.persistent.allocate(rows * 4 * 4));
  const run = (): void => kernels.crossEntropyRows(floats[0], floats[1], 0, floats[2], ints, 0, rows, 4, 0);
  heap.writeInts(ints, new Int32Array(rows).fill(1));
  run();
  for (const bad of [rows - 1, 0]) {
    const again = bad === 0 ? await createRuntime({ threads: 2, wasm: new Uint8Array(debug) }) : runtime;
    const at = again === runtime ? ints : again.persistent.allocate(rows * 4);
    const work = again === runtime ? floats : floats.map(() => again.persistent.allocate(rows * 4 * 4));
    const targets = new Int32Array(rows).fill(1);
    targets[bad] = 4;
    again.heap.writeInts(at, targets);
    const error = refusal(() =>
      again.kernels.crossEntropyRows(work[0], work[1], 0, work[2], at, 0, rows, 4, 0),
    );
    assert.is(error.code, 'ENVIRONMENT');
    assert.is(again.threads, 1);
    again.heap.writeInts(at, new Int32Array(rows).fill(1));
    again.kernels.crossEntropyRows(work[0], work[1], 0, work[2], at, 0, rows, 4, 0);
  }
});

test('where workers do not start, one thread is used and the reason is told', async () => {
  const { getBuiltinModule } = process;
  try {
    process.getBuiltinModule = undefined as never;
    const runtime = await createRuntime({ threads: 4 });
    assert.is(runtime.threads, 1);
    assert.match(runtime.threadsReason, '20.16');
  } finally {
    process.getBuiltinModule = getBuiltinModule;
  }
});

test('threads keep no process alive, and an unclosed pool ends with it', () => {
  const code = `
    import { init, capabilities } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)};
    await init({ threads: 3 });
    console.log(capabilities().threads);`;
  const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    timeout: 20_000,
  });
  assert.equal([stdout.trim(), status], ['3', 0]);
});

test('one binary serves shared and unshared memory', async () => {
  const unshared = withUnsharedMemory(wasm);
  const changed = wasm.filter((byte, i) => byte !== unshared[i]);
  assert.equal([...changed], [3], 'one byte differs');
  assert.is(withUnsharedMemory(unshared), unshared);
  assert.instance((await instantiateKernels(wasm, 100)).memory.buffer, ArrayBuffer);
  assert.instance((await instantiateKernels(wasm, 100, true)).memory.buffer, SharedArrayBuffer);
});

test('a compiled module of either kind is taken as it is', async () => {
  for (const bytes of [wasm, withUnsharedMemory(wasm)]) {
    const module = await WebAssembly.compile(bytes);
    for (const shared of [false, true]) {
      const { memory } = await instantiateKernels(module, 100, shared);
      assert.is(memory.buffer instanceof SharedArrayBuffer, bytes === wasm);
    }
  }
});

test.run();
