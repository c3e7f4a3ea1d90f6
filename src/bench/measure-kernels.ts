/** @file Rows about single kernels: matrix products, and those that memory bounds. */
import { layerNorm, softmax, sum } from '../autograd/ops/index.js';
import { backward, noGrad, scope } from '../autograd/tape.js';
import { Parameter, tensor, type Variable } from '../autograd/variable.js';
import { Adam } from '../optim/index.js';
import type { Arithmetic } from '../runtime/arithmetic.js';
import { createRuntime } from '../runtime/init.js';
import { type Runtime, withRuntime } from '../runtime/runtime.js';
import { KernelTimers } from './kernel-timers.js';
import { beside, COPY_BEYOND, COPY_BYTES, type Plan, peakName, peakOf } from './measure-machine.js';
import { loadPeak } from './peak.js';
import { makeRow, missingRow, type Row } from './row.js';
import { targets } from './targets.js';
import { inTurns, leastDisturbed, sample, timed, untilNarrow } from './timing.js';

type Form = 'NN' | 'NT' | 'TN';
interface Product {
  form: Form;
  m: number;
  n: number;
  k: number;
  /** What the product is in a model. */
  use?: string;
}

const FORMS: Form[] = ['NN', 'NT', 'TN'];
const square = (size: number): Product[] => FORMS.map((form) => ({ form, m: size, n: size, k: size }));

/** Products of the models small (1024 tokens, d 128) and base (1024 tokens, d 256): forward NT, dx NN, dW TN. */
const LAYERS: Product[] = [
  { form: 'NT', m: 1024, n: 512, k: 128, use: 'small, feed-forward' },
  { form: 'NN', m: 1024, n: 128, k: 512, use: 'small, its dx' },
  { form: 'TN', m: 512, n: 128, k: 1024, use: 'small, its dW' },
  { form: 'NT', m: 1024, n: 2048, k: 128, use: 'small, logits' },
  { form: 'NT', m: 1024, n: 768, k: 256, use: 'base, qkv' },
  { form: 'NN', m: 1024, n: 256, k: 768, use: 'base, its dx' },
  { form: 'TN', m: 768, n: 256, k: 1024, use: 'base, its dW' },
];

export function products(quick: boolean): Product[] {
  if (quick) return [...square(256), ...LAYERS.slice(0, 3)];
  return [...square(256), ...square(512), ...square(1024), ...LAYERS];
}

export async function measureGemm(plan: Plan): Promise<Row[]> {
  const rows: Row[] = [];
  for (const build of ['strict', 'relaxed'] as const) {
    const peak = await peakOf(build);
    const list = products(plan.quick);
    const base = ({ form, m, n, k }: Product) =>
      ({
        name: `gemm ${build} ${form} ${m}x${n}x${k}`,
        unit: 'GFLOP/s',
        better: 'higher',
        reference: peakName(build),
        target: targets.gemm[build],
      }) as const;
    if (!peak) {
      rows.push(...list.map((product) => missingRow({ ...base(product), note: 'no relaxed SIMD here' })));
      continue;
    }
    plan.onProgress(`${list.length} products, ${build}`);
    const runtime = await createRuntime({ arithmetic: build, threads: 1 });
    const yardstick = timed(peak.run, plan.sampleMs / 4, 10);
    // The yardstick before each product; all products once a round, so that a row's rounds lie far apart.
    const subjects = list.map((product) => timed(gemmCall(runtime, product), plan.sampleMs));
    const { times, conditions } = await inTurns(
      subjects.map((subject) => beside(yardstick, subject)),
      plan,
    );
    list.forEach((product, i) => {
      const [peaks, own] = times[i];
      const samples = own.map((ms) => (2 * product.m * product.n * product.k) / ms / 1e6);
      const shares = samples.map((rate, round) => rate / (peak.flops / peaks[round] / 1e6));
      rows.push(makeRow({ ...base(product), samples, shares, conditions, note: product.use }));
    });
  }
  return rows;
}

/** The kernel itself on operands in place; what is allocated for a product is given back with the runtime. */
function gemmCall(runtime: Runtime, { form, m, n, k }: Product): () => void {
  const { kernels } = runtime;
  const [c, a, b] = [m * n, m * k, k * n].map((count) => filled(runtime, count));
  const [transA, transB] = [form === 'TN' ? 1 : 0, form === 'NT' ? 1 : 0];
  const work = runtime.workspace(kernels.gemmWorkspaceBytes());
  const [lda, ldb] = [transA ? m : k, transB ? k : n];
  return () => kernels.sgemm(c, a, b, m, n, k, lda, ldb, n, transA, transB, 0, work);
}

function filled(runtime: Runtime, count: number): number {
  const ptr = runtime.persistent.allocate(count * 4);
  runtime.heap.writeFloats(ptr, values(count));
  return ptr;
}

function values(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 1000) / 500 - 1);
}

/** Rows and columns of the norm's input: 32 MB, so that input and output together are beyond the caches. */
const NORM = { rows: 16384, cols: 512 };
/** Parameters of the optimizer: with gradients and moments 64 MB. */
const ADAM = 4 * 1024 * 1024;
const SOFTMAX = { rows: 2048, cols: 512 };

/** Kernels that stream through memory, as bytes per second over those of a copy; and the softmax. */
export async function measureMemoryBound(plan: Plan, arithmetic: Arithmetic): Promise<Row[]> {
  const rows: Row[] = [];
  const peak = await loadPeak('strict');
  const copy = timed(() => peak.copy(COPY_BYTES.beyond), plan.sampleMs);
  const copyRate = (ms: number) => (2 * COPY_BYTES.beyond) / ms / 1e6;
  plan.onProgress('layerNorm, Adam and softmax');
  const norm = await timedNorm(arithmetic);
  const adam = timed(await adamCall(arithmetic), plan.sampleMs);
  const exp = timed(await softmaxCall(arithmetic), plan.sampleMs);
  norm.run();
  const [copies, forward, backwards, adamTimes, softmaxTimes]: number[][] = [[], [], [], [], []];
  const round = (): number[] => {
    const copied = sample(copy);
    const times = leastDisturbed(norm.run);
    const updated = sample(adam);
    exp.run(); // the large arrays have pushed its own out of the caches
    const softened = sample(exp);
    copies.push(copied);
    forward.push(times.forward);
    backwards.push(times.backward);
    adamTimes.push(updated);
    softmaxTimes.push(softened);
    return [times.forward / copied, times.backward / copied, updated / copied, softened];
  };
  const conditions = await untilNarrow([round], plan);
  const streaming = (name: string, bytes: number, times: number[]): void => {
    const samples = times.map((ms) => bytes / ms / 1e6);
    rows.push(
      makeRow({
        name: `${name} (${(bytes / 1024 / 1024).toFixed(0)} MB moved)`,
        unit: 'GB/s',
        samples,
        shares: samples.map((rate, i) => rate / copyRate(copies[i])),
        reference: COPY_BEYOND,
        better: 'higher',
        target: targets.memoryBound,
        conditions,
      }),
    );
  };
  const bytes = NORM.rows * NORM.cols * 4;
  streaming('layerNorm forward', 2 * bytes, forward);
  streaming('layerNorm backward', 3 * bytes, backwards);
  // Reads parameter, gradient and two moments; writes parameter and moments.
  streaming('Adam', 7 * ADAM * 4, adamTimes);
  rows.push(
    makeRow({
      name: `softmax ${SOFTMAX.rows}x${SOFTMAX.cols}`,
      unit: 'ns/element',
      samples: softmaxTimes.map((ms) => (ms * 1e6) / (SOFTMAX.rows * SOFTMAX.cols)),
      better: 'lower',
      target: targets.softmax,
      conditions,
    }),
  );
  return rows;
}

/** Forward and backward of the op, counting the time of the norm's own kernels only. */
async function timedNorm(arithmetic: Arithmetic): Promise<{ run(): { forward: number; backward: number } }> {
  const runtime = await createRuntime({ arithmetic, threads: 1 });
  const timers = new KernelTimers(runtime);
  const shape = [NORM.rows, NORM.cols];
  const { x, weight, bias } = withRuntime(runtime, () => ({
    x: tensor(values(NORM.rows * NORM.cols), { shape, requiresGrad: true }),
    weight: new Parameter([NORM.cols], 'normWeight').set(values(NORM.cols)),
    bias: new Parameter([NORM.cols], 'normBias'),
  }));
  const of = (pattern: RegExp): number =>
    timers
      .totals()
      .filter(({ name }) => pattern.test(name))
      .reduce((total, { ms }) => total + ms, 0);
  return {
    run() {
      timers.reset();
      withRuntime(runtime, () => {
        backward(sum(layerNorm(x, weight, bias)));
        for (const parameter of [x, weight, bias]) parameter.zeroGrad();
      });
      return { forward: of(/^layerNorm.*Forward/), backward: of(/^layerNorm(?!.*Forward)/) };
    },
  };
}

async function adamCall(arithmetic: Arithmetic): Promise<() => void> {
  const runtime = await createRuntime({ arithmetic, threads: 1 });
  return withRuntime(runtime, () => {
    const parameter = new Parameter([ADAM], 'weight');
    parameter.set(values(ADAM));
    const optimizer = new Adam([parameter], { lr: 1e-3 });
    // Memory that was never written is one cached page, however large.
    runtime.heap.writeFloats(parameter.gradAddress(), values(ADAM));
    return () => withRuntime(runtime, () => optimizer.step());
  });
}

async function softmaxCall(arithmetic: Arithmetic): Promise<() => void> {
  const runtime = await createRuntime({ arithmetic, threads: 1 });
  const x: Variable = withRuntime(runtime, () =>
    tensor(values(SOFTMAX.rows * SOFTMAX.cols), { shape: [SOFTMAX.rows, SOFTMAX.cols] }),
  );
  return () => withRuntime(runtime, () => noGrad(() => scope(() => void softmax(x))));
}
