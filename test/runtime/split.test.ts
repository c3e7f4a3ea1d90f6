/** A kernel called part by part, as threads do, gives the bits of one call: for every kernel that is divided. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { kernelParameters } from '../../src/runtime/generated/kernel-parameters.js';
import { decodeCalls, encodeCalls, walkOf } from '../../src/runtime/program.js';
import { type KernelName, kernelNames, kernelNumber, partOf, splitOf } from '../../src/runtime/split.js';
import { type KernelHarness, loadKernels, numbers } from '../kernels/harness.js';

const test = suite('runtime/split');
const harness = await loadKernels();

/** Sizes by parameter; a number where a call needs another one. All are no multiples of tiles and chunks. */
const SIZES: Record<string, number> = {
  n: 60_011,
  rows: 301,
  cols: 203,
  eps: 1e-5,
  smoothing: 0.1,
  scale: 1.25,
  alpha: 1.5,
  value: 2.5,
  threshold: 6554,
  stream: 77,
  call: 3,
  first: 0,
  batch: 7,
  heads: 3,
  kvHeads: 3,
  queryLen: 35,
  keyLen: 41,
  dHead: 12,
  strideQ: 36,
  strideK: 72,
  strideV: 72,
  strideOut: 36,
  batchStrideKV: 41,
  causal: 1,
  queryOffset: 6,
  accumulate: 1,
  strideC: 37 * 53,
  strideA: 37 * 29,
  strideB: 29 * 53,
  ld: 203,
  rowsPerLength: 1,
  length: 41,
  start: 2,
  back: 0,
  numSegments: 9,
  extmul: 0,
  format: 1,
  capacity: 41,
  stepCount: 1,
  more: 0,
  stepRow: 41,
  stepKey: 1,
};
const GEMM = { lda: 0, ldb: 0, ldc: 0 };
const gemm = (m: number, n: number, k: number, transA: number, transB: number) => ({
  ...GEMM,
  m,
  n,
  k,
  transA,
  transB,
  lda: transA ? m : k,
  ldb: transB ? k : n,
  ldc: n,
});
/** With bits of floats as numbers of 16 bits; bfloat16 is the upper half of one. */
const HALF = [gemm(131, 61, 300, 0, 0), gemm(37, 203, 300, 0, 1), { ...gemm(37, 203, 300, 0, 0), format: 2 }];
const PRODUCTS = {
  sgemm: [
    gemm(131, 61, 300, 0, 0),
    gemm(131, 61, 300, 0, 1),
    gemm(131, 61, 300, 1, 0),
    gemm(130, 62, 300, 1, 1),
    gemm(37, 203, 300, 0, 0),
    gemm(37, 203, 300, 0, 1),
    gemm(37, 203, 300, 1, 0),
    gemm(9, 1011, 65, 0, 1),
  ],
  sgemmHalf: HALF,
  sgemmValidRows: [gemm(131, 61, 300, 0, 1), gemm(131, 161, 100, 0, 0)],
  sgemmValidRowsHalf: HALF,
  sgemmValidDepth: [gemm(131, 61, 300, 1, 0), gemm(37, 203, 300, 1, 0)],
  sgemmBatched: [gemm(37, 53, 29, 0, 0)],
  int12Gemm: [
    { ...gemm(131, 61, 300, 0, 0), extmul: 1 },
    gemm(131, 61, 300, 0, 1),
    gemm(131, 61, 300, 1, 0),
    gemm(130, 62, 300, 1, 1),
    gemm(37, 203, 300, 0, 0),
    gemm(37, 203, 300, 0, 1),
    gemm(37, 203, 300, 1, 0),
    gemm(9, 1011, 65, 0, 1),
  ],
  int12GemmHalf: HALF,
  int12GemmValidRowsHalf: HALF,
  int12GemmValidRows: [gemm(131, 61, 300, 0, 1), gemm(131, 161, 100, 0, 0)],
  int12GemmValidDepth: [gemm(131, 61, 300, 1, 0), gemm(37, 203, 300, 1, 0)],
  int12GemmBatched: [gemm(37, 53, 29, 0, 0)],
  int12GemmPacked: [gemm(1, 203, 300, 0, 1), gemm(5, 410, 300, 0, 1)],
};
/** Kernels with more than one case. */
const CASES: Partial<Record<KernelName, Record<string, number>[]>> = {
  ...PRODUCTS,
  attentionForward: [
    {},
    { causal: 0, queryOffset: 0 },
    { lengths: 0 },
    { threshold: 0 },
    { first: 5 },
    { kvHeads: 1 },
  ],
  attentionBackward: [
    {},
    { causal: 0, queryOffset: 0 },
    { lengths: 0 },
    { threshold: 0 },
    { first: 5 },
    { kvHeads: 1 },
  ],
  attentionRows: [
    { batch: 31 },
    { batch: 31, pages: 0, first: 2 },
    { batch: 31, stepRow: 1, stepKey: 0 },
    { batch: 31, stepCount: 0, more: 1, kvHeads: 1 },
  ],
  greatestRows: [{ rows: 150, count: 5 }],
  rotaryForward: [{}, { back: 1, first: 7 }],
  crossEntropyRows: [{}, { dlogits: 0, scale: 0 }],
};
const INTEGERS: Record<string, (i: number) => number> = {
  lengths: (i) => [41, 3, 0, 17, 40, 41, 1][i % 7],
  targets: (i) => (i % 9 === 4 ? -1 : (i * 13) % 203),
  ids: (i) => (i % 9 === 4 ? -1 : (i * 13) % 203),
  count: () => 117,
  counts: (i) => [41, 3, 0, 17, 40, 41, 1][i % 7],
  pages: (i) => (i * 13) % 9,
  cond: (i) => i % 3,
  rng: (i) => [5, 6, 7, 8][i % 4],
};

/** Kernels that read `scale` from memory; for the others it is a number. */
const SCALE_IS_ADDRESS = {
  addScaledInto: true,
  crossEntropyRows: true,
  scaleByForward: true,
};
const ELEMENTS = 66_000;
const VALUES = Array.from({ length: 16 }, (_, i) => numbers(ELEMENTS, i + 1));

/** The bytes of all operands but scratch. */
function contents(h: KernelHarness, name: KernelName, args: readonly number[]): Buffer {
  const pointers = args.filter((arg, i) => arg >= 1 << 14 && kernelParameters[name][i] !== 'workspace');
  const end = Math.max(...pointers) + ELEMENTS * 4;
  const scratch = args[kernelParameters[name].indexOf('workspace' as never)] ?? end;
  // Scratch is the last operand.
  return Buffer.from(h.memory.buffer.slice(1 << 14, Math.min(end, scratch)));
}

/** A call of `name` on fresh buffers of equal content at equal addresses. */
function prepare(h: KernelHarness, name: KernelName, overrides: Record<string, number>): number[] {
  h.reset();
  const given = { ...SIZES, ...overrides };
  const args = kernelParameters[name].map((parameter, i) => {
    if (parameter in overrides) return overrides[parameter];
    if (parameter in given && !(name in SCALE_IS_ADDRESS && parameter === 'scale')) return given[parameter];
    if (parameter === 'workspace') return h.workspace(1 << 21);
    const integer = INTEGERS[parameter];
    if (integer)
      return h.ints(
        parameter,
        Int32Array.from({ length: ELEMENTS }, (_, k) => integer(k)),
      );
    return h.input(parameter, VALUES[i]);
  });
  if (kernelParameters[name][0] === 'table') {
    const table: number[] = [];
    const parameters = h.input('parameters', numbers(9 * 512, 50));
    for (let s = 0; s < 9; s++) table.push(parameters + s * 512 * 4, s * 512, 512 - s * 7, s % 2);
    args[0] = h.ints('segments', table);
    args[kernelParameters[name].indexOf('hyper' as never)] = h.input(
      'hyperparameters',
      numbers(32, 9, 0.01, 0.5),
    );
    args[kernelParameters[name].indexOf('clip' as never)] = 0;
  }
  return args;
}

const divided = kernelNames.filter((name) => {
  const cases = CASES[name] ?? [{}];
  return cases.some((overrides) => splitOf(kernelNumber(name), prepare(harness, name, overrides)) !== null);
});

test('the kernels of a training step are divided', () => {
  for (const name of [
    'sgemm',
    'attentionForward',
    'attentionBackward',
    'layerNormForward',
    'adamStep',
  ] as const)
    assert.ok(divided.includes(name), name);
  assert.ok(divided.length > 30, divided.join());
});

for (const name of divided) {
  test(`${name}: parts equal the whole, and together are the whole`, () => {
    const kernel = kernelNumber(name);
    for (const overrides of CASES[name] ?? [{}]) {
      const args = prepare(harness, name, overrides);
      harness.runWasm(name, args as never);
      const whole = contents(harness, name, args);
      const split = splitOf(kernel, args);
      if (!split) continue;
      for (const threads of [2, 3, 4, 8]) {
        const again = prepare(harness, name, overrides);
        assert.equal(again, args);
        const at = kernelParameters[name].indexOf(split.along as never);
        let units = 0;
        const before = contents(harness, name, args);
        // In descending order: no part may need another one's result.
        for (let thread = threads - 1; thread >= 0; thread--) {
          const part = partOf(kernel, args, split, thread, threads, 0);
          if (!part) continue;
          units += part[at];
          harness.runWasm(name, part as never);
        }
        assert.is(units, args[at]);
        assert.ok(
          contents(harness, name, args).equals(whole),
          `${threads} threads, ${JSON.stringify(overrides)}`,
        );
        assert.not.ok(before.equals(whole), 'the call does something');
      }
    }
  });
}

test('a workspace of its own replaces the recorded one for other threads', () => {
  const args = prepare(harness, 'sgemm', gemm(131, 61, 300, 0, 0));
  const split = splitOf(kernelNumber('sgemm'), args);
  assert.ok(split);
  assert.is(partOf(kernelNumber('sgemm'), args, split, 1, 2, 4096)?.at(-1), 4096);
  assert.is(partOf(kernelNumber('sgemm'), args, split, 1, 2, 0)?.at(-1), args.at(-1));
});

test('small calls and kernels without a rule stay whole', () => {
  assert.is(splitOf(kernelNumber('addForward'), [64, 128, 192, 100]), null);
  assert.is(splitOf(kernelNumber('clipScale'), [64, 128, 1]), null);
  assert.is(kernelNumber('exp64'), -1);
});

test('threads meet around every divided call, and at the end', () => {
  const big = { kernel: kernelNumber('addForward'), args: [64, 128, 192, 1e6] };
  const small = { kernel: kernelNumber('addForward'), args: [64, 128, 192, 8] };
  const { kernels } = harness;
  const calls = [small, small, big, big, small];
  assert.equal(walkOf(calls, kernels, 0, 2, 0).join, [false, true, true, true, true]);
  assert.equal(walkOf(calls, kernels, 1, 2, 0).join, [true, true, true, true]);
  assert.equal(walkOf(calls, kernels, 1, 2, 0).run.map(Boolean), [false, true, true, false]);
  assert.equal(walkOf(calls, kernels, 0, 1, 0).join.some(Boolean), false);
  assert.equal(decodeCalls(encodeCalls(calls)), calls);
});

test.run();
