/**
 * @file The kernel sources stay inside what two compilers understand: the current AssemblyScript, which made
 * build/kernels.wasm, and 0.18, to which the published webpack loader (as-loader) is tied. Both builds must give
 * the same bits for kernels of every family.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { instantiateKernels } from '../../src/runtime/instantiate.js';
import { KernelHarness, loadKernels, numbers } from './harness.js';

const test = suite('kernels/compilers');

interface LegacyCompiler {
  ready: Promise<void>;
  main(args: string[], io: object, done: (error: Error | null) => number): void;
}

/** Compiles assembly/index.ts with 0.18 in memory: no asconfig.json is read and no file is written. */
async function compileLegacy(): Promise<{ binary: Uint8Array; messages: string }> {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const asc = createRequire(import.meta.url)('assemblyscript-0.18/cli/asc') as LegacyCompiler;
  await asc.ready;
  let binary = new Uint8Array();
  let messages = '';
  const io = {
    stdout: { write: () => true },
    stderr: { write: (text: string) => (messages += text) },
    readFile: (name: string) => {
      const path = join(root, name);
      return name.endsWith('.ts') && existsSync(path) ? readFileSync(path, 'utf8') : null;
    },
    writeFile: (_name: string, contents: Uint8Array) => {
      binary = Uint8Array.from(contents);
    },
    listFiles: () => [],
  };
  const flags =
    '--enable simd --enable bulk-memory --enable threads --importMemory --noExportMemory --runtime stub';
  // Level 0 takes a tenth of the time of level 3, and the bits may depend on the level as little as on the compiler.
  const level = process.env.PRENORM_LEGACY_LEVEL ?? '0';
  const args = [...flags.split(' '), '--optimizeLevel', level, '--noAssert', '--binaryFile', 'kernels.wasm'];
  const failure = await new Promise<Error | null>((resolve) => {
    asc.main(['assembly/index.ts', ...args], io, (error) => {
      resolve(error);
      return 0;
    });
  });
  if (failure) throw new Error(`assemblyscript 0.18: ${failure.message}\n${messages}`);
  return { binary, messages };
}

const ROWS = 5;
const COLS = 21;
const N = ROWS * COLS;

/** Calls a family of kernels on fixed numbers and returns what they wrote, by kernel. */
type Family = (h: KernelHarness, show: (name: string, call: () => void) => void) => void;

const families: Record<string, Family> = {
  elementwise: (h, show) => {
    const k = h.kernels;
    const x = h.input('x', numbers(N, 1, -4, 4));
    const out = h.output('out', N);
    for (const name of [
      'relu',
      'gelu',
      'exp',
      'log',
      'tanh',
      'erf',
      'sin',
      'cos',
      'sigmoid',
      'sqrt',
      'silu',
      'geluTanh',
    ] as const) {
      show(`${name}Forward`, () => k[`${name}Forward`](out, x, N));
    }
    for (const name of ['gelu', 'silu', 'geluTanh'] as const)
      show(`${name}Backward`, () => k[`${name}Backward`](out, x, x, N));
    show('whereForward', () => k.whereForward(out, x, x, out, N));
    show('biasGeluBackward', () => k.biasGeluBackward(out, h.output('sums', COLS), x, x, ROWS, COLS));
    show('biasGeluForward', () => k.biasGeluForward(out, x, x, x, ROWS, COLS));
  },
  layout: (h, show) => {
    const x = h.input('x', numbers(N, 1));
    const out = h.output('out', N);
    show('stridedGather', () => h.kernels.stridedGather(out, x, 1, 1, COLS, ROWS, 0, 0, 1, COLS));
    show('stridedScatterAdd', () => h.kernels.stridedScatterAdd(out, x, 1, 1, COLS, ROWS, 0, 0, 1, COLS));
    const ids = h.ints('ids', [3, -1, 0, 2, 3]);
    const table = h.input('table', numbers(5 * 6, 2));
    show('rotaryForward', () => h.kernels.rotaryForward(out, x, table, ROWS, COLS, 3, 6, 3, 2, 1, 1));
    show('embeddingForward', () => h.kernels.embeddingForward(out, x, ids, ROWS, COLS, 1.7));
    show('embeddingBackward', () => h.kernels.embeddingBackward(out, x, ids, ROWS, COLS, COLS, 1.7));
  },
  softmax: (h, show) => {
    const k = h.kernels;
    const x = h.input('x', numbers(N, 1, -4, 4));
    const dout = h.input('dout', numbers(N, 2));
    const y = h.output('y', N);
    const dx = h.output('dx', N);
    const lengths = h.ints('lengths', [4, 0, COLS, 5, 1]);
    show('softmaxForward', () => k.softmaxForward(y, x, lengths, ROWS, COLS, 1));
    show('softmaxBackward', () => k.softmaxBackward(dx, dout, y, ROWS, COLS));
    show('logSoftmaxForward', () => k.logSoftmaxForward(y, x, ROWS, COLS));
    show('logSoftmaxBackward', () => k.logSoftmaxBackward(dx, dout, y, ROWS, COLS));
    const [loss, nll] = [h.output('loss', ROWS), h.output('nll', ROWS)];
    const scale = h.input('scale', [0.37]);
    const targets = h.ints('targets', [4, -1, 0, COLS - 1, 1]);
    show('crossEntropyRows', () => k.crossEntropyRows(loss, nll, dx, x, targets, scale, ROWS, COLS, 0.1));
  },
  reduce: (h, show) => {
    const k = h.kernels;
    const x = h.input('x', numbers(N, 1));
    const out = h.output('out', COLS);
    const index = h.intOutput('index', COLS);
    show('sumRows', () => k.sumRows(out, x, ROWS, COLS, COLS, 1));
    show('sumForward', () => k.sumForward(out, x, ROWS, COLS, 1));
    show('maxForward', () => k.maxForward(out, index, x, ROWS, COLS, 1));
    show('dot', () => k.dot(out, x, x, N));
    show('countNonFinite', () => k.countNonFinite(index, x, N));
  },
  random: (h, show) => {
    const rng = h.ints('rng', [1, 2, 3, 4]);
    const out = h.output('out', N);
    show('uniformFill', () => h.kernels.uniformFill(out, N, rng, 5, -1, 1));
    show('dropoutForward', () => h.kernels.dropoutForward(out, out, 0, N, 6554, 1.1, rng, 5, 2));
    show('normalFill', () => h.kernels.normalFill(out, N, rng, 5, 0, 1));
  },
  optimizer: (h, show) => {
    const p = h.input('p', numbers(N, 1));
    const grads = h.input('grads', numbers(N, 2));
    const m = h.input('m', new Float32Array(N));
    const v = h.input('v', new Float32Array(N));
    const table = h.ints('table', [p, 0, N, 0]);
    const hyper = h.input('hyper', [0.1, 0.9, 0.99, 1e-8, 0.01, 0.02, 0.1, 1.5, 0.9, 1, 0.5, 0, 0, 0, 0, 0]);
    show('adamStep', () => h.kernels.adamStep(table, 1, grads, m, v, hyper, 0));
    show('radamStep', () => h.kernels.radamStep(table, 1, grads, m, v, hyper, 0));
    show('sgdStep', () => h.kernels.sgdStep(table, 1, grads, m, hyper, 0));
  },
  norms: (h, show) => {
    const k = h.kernels;
    const x = h.input('x', numbers(N, 1));
    const residual = h.input('residual', numbers(N, 2));
    const weight = h.input('weight', numbers(COLS, 3));
    const [out, sum, dx] = [h.output('out', N), h.output('sum', N), h.output('dx', N)];
    const [mean, rstd] = [h.output('mean', ROWS), h.output('rstd', ROWS)];
    const [dweight, dbias] = [h.output('dweight', COLS), h.output('dbias', COLS)];
    show('layerNormForward', () => {
      k.layerNormForward(out, sum, mean, rstd, x, residual, weight, weight, ROWS, COLS, 1e-5);
    });
    show('layerNormBackward', () => {
      k.layerNormBackward(dx, dweight, dbias, out, x, sum, mean, rstd, weight, ROWS, COLS);
    });
    show('rmsNormForward', () => k.rmsNormForward(out, sum, rstd, x, residual, weight, ROWS, COLS, 1e-5));
    show('rmsNormBackward', () => k.rmsNormBackward(dx, dweight, out, x, sum, rstd, weight, ROWS, COLS));
  },
  gemm: (h, show) => {
    const k = h.kernels;
    const m = 37;
    const depth = 300;
    const [a, b] = [h.input('a', numbers(m * depth, 1)), h.input('b', numbers(m * depth, 2))];
    const c = h.output('c', m * m);
    const space = h.workspace(k.gemmWorkspaceBytes());
    show('sgemm NN', () => k.sgemm(c, a, b, m, m, depth, depth, m, m, 0, 0, 0, space));
    show('sgemm NT', () => k.sgemm(c, a, b, m, m, depth, depth, depth, m, 0, 1, 1, space));
    show('sgemm TN', () => k.sgemm(c, a, b, m, m, depth, m, m, m, 1, 0, 0, space));
    show('sgemmBatched', () => k.sgemmBatched(c, a, b, 3, 49, 91, 91, 7, 7, 13, 13, 7, 7, 0, 0, 0, space));
    // The older compiler has one micro-kernel, for both choices.
    for (const extmul of [0, 1]) {
      const shape = [m, m, depth, depth, depth, m, 0, 1, 1, space, extmul] as const;
      show(`int12Gemm NT ${extmul}`, () => k.int12Gemm(c, a, b, ...shape));
      show(`int12Gemm TN ${extmul}`, () =>
        k.int12Gemm(c, a, b, m, m, depth, m, m, m, 1, 0, 0, space, extmul),
      );
    }
  },
  attention: (h, show) => {
    const k = h.kernels;
    const [batch, heads, kvHeads, length, dHead] = [2, 2, 1, 70, 20];
    const stride = heads * dHead;
    const count = batch * length * stride;
    const shape = [batch, heads, kvHeads, length, length, dHead, stride, stride, stride, stride] as const;
    const [q, key, value] = [1, 2, 3].map((seed) => h.input(`operand${seed}`, numbers(count, seed)));
    const [out, dq, dk, dv] = ['out', 'dq', 'dk', 'dv'].map((name) => h.output(name, count));
    const [top, inverse, dots] = ['top', 'inverse', 'dots'].map((name) =>
      h.output(name, batch * heads * length),
    );
    const lengths = h.ints('lengths', [length, 9]);
    const space = h.workspace(k.attentionWorkspaceBytes(dHead));
    const rng = h.ints('rng', [5, 6, 7, 8]);
    for (const threshold of [0, 16384]) {
      const rest = [1, 0, 0.3, threshold, rng, 77, 3, 1, space] as const;
      show(`attentionForward, threshold ${threshold}`, () => {
        k.attentionForward(out, top, inverse, q, key, value, lengths, ...shape, length, ...rest);
      });
      show(`attentionBackward, threshold ${threshold}`, () => {
        const rows = [top, inverse, dots] as const;
        k.attentionBackward(dq, dk, dv, q, q, key, value, out, ...rows, lengths, ...shape, ...rest);
      });
    }
  },
};

/** Bits of everything in memory but workspaces after each call, by family and kernel. */
function conformance(h: KernelHarness): Map<string, string> {
  const results = new Map<string, string>();
  for (const [family, run] of Object.entries(families)) {
    h.reset();
    run(h, (name, call) => {
      call();
      results.set(`${family}: ${name}`, h.snapshot());
    });
  }
  for (const name of ['exp64', 'log64', 'sin64', 'cos64', 'tanh64'] as const) {
    results.set(name, [...numbers(40, 6, 0.01, 9)].map((x) => h.kernels[name](x)).join());
  }
  results.set('pow64', [...numbers(40, 6, 0.01, 9)].map((x, i) => h.kernels.pow64(x, i - 20)).join());
  return results;
}

let compiled: ReturnType<typeof compileLegacy> | undefined;
/** Compiled once, inside a test: a failure is then a failed test and not a crash of the whole run. */
const legacy = () => (compiled ??= compileLegacy());

test('assemblyscript 0.18 compiles the kernels without a warning', async () => {
  assert.is((await legacy()).messages, '');
});

test('both compilers export the same kernels', async () => {
  const instance = await instantiateKernels((await legacy()).binary as BufferSource);
  assert.equal(Object.keys(instance.kernels).sort(), Object.keys((await loadKernels()).kernels).sort());
});

test('both compilers give the same bits', async () => {
  const expected = conformance(await loadKernels());
  const actual = conformance(
    new KernelHarness(await instantiateKernels((await legacy()).binary as BufferSource)),
  );
  for (const [name, bits] of expected) assert.ok(actual.get(name) === bits, `${name} differs`);
});

test.run();
