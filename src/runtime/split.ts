/**
 * @file How a kernel call is divided among threads: each thread calls the same kernel on a part of its rows,
 * columns or batch. A rule says what is counted, how far each pointer moves per unit, and how much time the call
 * takes, roughly. Kernels without a rule run on one thread. What is divided depends on the call's arguments alone,
 * and no bit of a result depends on how it is divided: sums never run across a division.
 */
import { kernelParameters } from './generated/kernel-parameters.js';
import { CHUNK_ROWS } from './generated/shared.js';
import type { Kernels } from './kernels.js';

export type KernelName = keyof typeof kernelParameters;

type Named = Record<string, number>;

interface Split {
  /** The parameter that counts what is divided. */
  along: string;
  /** Parts begin at multiples of this: whole tiles, whole cache lines. */
  grain: number;
  /** Elements each pointer moves per unit. */
  pointers: Named;
  /** What other parameters grow by per unit. */
  shifts?: Named;
  /** Estimated time of the whole call in nanoseconds. */
  ns: number;
}

type Rule = (v: Named) => Split;

/** Below this a call is not worth a join. */
const WORTHWHILE_NS = 6000;

/** n elements; every pointer moves by one. */
const elements =
  (names: string, nsEach: number): Rule =>
  ({ n }) => ({ along: 'n', grain: 64, pointers: moving(names, 1), ns: n * nsEach });

/** rows of cols elements; `perRow` pointers move by one a row. */
const rows =
  (names: string, perRow: string, nsEach: number): Rule =>
  (v) => ({
    along: 'rows',
    grain: 4,
    pointers: { ...moving(names, v.cols), ...moving(perRow, 1) },
    ns: v.rows * v.cols * nsEach,
  });

/** Like `rows`, for kernels that also leave sums over chunks of rows. */
const chunked =
  (names: string, perRow: string, sums: string, nsEach: number): Rule =>
  (v) => ({
    ...rows(names, perRow, nsEach)(v),
    grain: CHUNK_ROWS,
    pointers: { ...moving(names, v.cols), ...moving(perRow, 1), ...moving(sums, v.cols / CHUNK_ROWS) },
  });

/** Sums over rows: by columns, so that each sum stays whole. */
const columns =
  (names: string, nsEach: number): Rule =>
  (v) => ({ along: 'cols', grain: 16, pointers: moving(names, 1), ns: v.rows * v.cols * nsEach });

/** By rows of the result, or by its columns: what is not divided is packed by every thread, so the longer side. */
const product: Rule = (v) => (v.m >= v.n ? byRows(v) : byColumns(v));
const productNs = (v: Named): number => (v.m * v.n * v.k) / 20;
const byRows: Rule = (v) => ({
  along: 'm',
  grain: 8,
  pointers: { c: v.ldc, a: v.transA ? 1 : v.lda },
  ns: productNs(v),
});
const byColumns: Rule = (v) => ({
  along: 'n',
  grain: 16,
  pointers: { c: 1, b: v.transB ? v.ldb : 1 },
  ns: productNs(v),
});

/** A B of 16 bits a number, beside a plain A. */
const halfProduct: Rule = (v) => {
  const { pointers, ...split } = product({ ...v, transA: 0 });
  return { ...split, pointers: pointers.b ? { ...pointers, b: pointers.b / 2 } : pointers };
};

/** In int12 the scales of a plain B depend on all rows of a transposed A: then columns are divided. */
const int12Product: Rule = (v) => (v.transA && !v.transB ? byColumns(v) : product(v));

/** A matrix packed in panels of 16 columns: for each block of 256 along k their scales and an even number of quads. */
const packedProduct: Rule = (v) => {
  let perColumn = 0;
  for (let pc = 0; pc < v.k; pc += 256) perColumn += 1 + Math.ceil(Math.min(256, v.k - pc) / 8) * 4;
  return { along: 'n', grain: 16, pointers: { c: 1, packed: perColumn }, ns: productNs(v) };
};

const validRows =
  (of: Rule): Rule =>
  (v) => {
    const split = of(v);
    return split.along === 'm' ? { ...split, shifts: { first: 1 } } : split;
  };

const products: Rule = (v) => ({
  along: 'batch',
  grain: 1,
  pointers: { c: v.strideC, a: v.strideA, b: v.strideB },
  ns: v.batch * productNs(v),
});

/** Attention by sequences of the batch; each has `keyRows` rows of keys and values. */
const sequences = (v: Named, keyRows: number, perNs: number): Split => ({
  along: 'batch',
  grain: 1,
  pointers: {
    out: v.queryLen * v.strideOut,
    top: v.heads * v.queryLen,
    inverse: v.heads * v.queryLen,
    q: v.queryLen * v.strideQ,
    k: keyRows * v.strideK,
    v: keyRows * v.strideV,
    lengths: 1,
  },
  shifts: { first: v.heads },
  ns: (v.batch * v.heads * v.queryLen * v.keyLen * (v.dHead + 8)) / perNs,
});

const optimizer: Rule = (v) => ({
  along: 'numSegments',
  grain: 1,
  pointers: { table: 4 },
  // The lengths lie in memory; most segments have the 8192 elements that a longer parameter is cut to.
  ns: v.numSegments * 4000,
});

const rules: { [N in KernelName]?: Rule } = {
  sgemm: product,
  sgemmHalf: halfProduct,
  sgemmValidRows: validRows(product),
  sgemmValidRowsHalf: validRows(halfProduct),
  sgemmValidDepth: product,
  sgemmBatched: products,
  int12Gemm: int12Product,
  int12GemmHalf: halfProduct,
  int12GemmValidRows: validRows(int12Product),
  int12GemmValidRowsHalf: validRows(halfProduct),
  int12GemmValidDepth: int12Product,
  int12GemmBatched: products,
  int12GemmPacked: packedProduct,
  attentionForward: (v) => sequences(v, v.batchStrideKV, 10),
  attentionBackward: (v) => {
    const split = sequences(v, v.keyLen, 4);
    const { q: dq, k: dk, v: dv, out: dout, top: dots } = split.pointers;
    return { ...split, pointers: { ...split.pointers, dq, dk, dv, dout, dots } };
  },
  attentionRows: (v) => ({
    along: 'batch',
    grain: 1,
    pointers: { out: v.strideOut, q: v.strideQ, counts: v.stepCount, pages: v.stepRow },
    shifts: { first: 1 },
    // How many keys there are lies in memory; half of the capacity on average.
    ns: (v.batch * v.heads * v.capacity * (v.dHead + 8)) / 10,
  }),
  greatestRows: (v) => ({
    along: 'rows',
    grain: 1,
    pointers: { values: v.count, ids: v.count, x: v.cols },
    ns: v.rows * v.cols * 0.3,
  }),
  layerNormBackward: chunked('dx dout dsum x', 'mean rstd', 'dweights dbiases', 0.8),
  rmsNormBackward: chunked('dx dout dsum x', 'rstd', 'dweights', 0.6),
  biasReluBackward: chunked('dx dout out', '', 'partials', 0.2),
  biasGeluBackward: chunked('dx dout pre', '', 'partials', 2),
  sumRows: columns('out x', 0.2),
  embeddingBackward: columns('dweight dout', 0.3),
  crossEntropyRows: rows('dlogits logits', 'loss nll targets', 1.3),
  layerNormForward: rows('out sum x residual', 'mean rstd', 0.4),
  rmsNormForward: rows('out sum x residual', 'rstd', 0.3),
  biasForward: rows('out x', '', 0.15),
  biasReluForward: rows('out x', '', 0.15),
  biasGeluForward: rows('out pre x', '', 1.5),
  softmaxBackward: rows('dx dout out', '', 0.5),
  logSoftmaxForward: rows('out x', '', 1.2),
  logSoftmaxBackward: rows('dx dout out', '', 1.2),
  embeddingForward: rows('out', 'ids', 0.3),
  embeddingForwardHalf: rows('out', 'ids', 0.4),
  addForward: elements('out a b', 0.15),
  subForward: elements('out a b', 0.15),
  mulForward: elements('out a b', 0.15),
  divForward: elements('out a b', 0.3),
  addInto: elements('acc x', 0.15),
  reluBackward: elements('dx dout out', 0.15),
  geluBackward: elements('dx dout x', 2),
  geluTanhBackward: elements('dx dout x', 1.5),
  siluBackward: elements('dx dout x', 1.5),
  tanhBackward: elements('dx dout out', 0.2),
  sigmoidBackward: elements('dx dout out', 0.2),
  reluForward: elements('out x', 0.15),
  geluForward: elements('out x', 1.5),
  geluTanhForward: elements('out x', 1.2),
  siluForward: elements('out x', 1.2),
  expForward: elements('out x', 1),
  logForward: elements('out x', 1.5),
  tanhForward: elements('out x', 1.5),
  erfForward: elements('out x', 2),
  sinForward: elements('out x', 20),
  cosForward: elements('out x', 20),
  sqrtForward: elements('out x', 0.5),
  sigmoidForward: elements('out x', 1.2),
  absForward: elements('out x', 0.15),
  scaleForward: elements('out x', 0.15),
  addScalarForward: elements('out x', 0.15),
  scaleByForward: elements('out x', 0.15),
  addScaledInto: elements('acc x', 0.15),
  dropoutForward: (v) => ({
    along: 'n',
    grain: 128,
    pointers: { out: 1, x: 1 },
    shifts: { first: 1 },
    ns: v.n * 0.8,
  }),
  rotaryForward: (v) => ({ ...rows('out x', '', 0.3)(v), shifts: { first: 1 } }),
  whereForward: elements('out cond a b', 0.2),
  fill: elements('out', 0.1),
  copyForward: elements('out x', 0.1),
  sgdStep: optimizer,
  adamStep: optimizer,
  radamStep: optimizer,
};

function moving(names: string, step: number): Named {
  return Object.fromEntries(names.split(' ').flatMap((name) => (name ? [[name, step]] : [])));
}

export const kernelNames = Object.keys(kernelParameters) as KernelName[];
const parameters = kernelNames.map((name) => kernelParameters[name] as readonly string[]);
const ruleOf = kernelNames.map((name) => rules[name]);
const workspaceAt = parameters.map((names) => names.indexOf('workspace'));

/** Number of a kernel in programs, -1 for what cannot be recorded. */
export function kernelNumber(name: keyof Kernels): number {
  return kernelNames.indexOf(name as KernelName);
}

/** How this call would be divided; null when one thread should do all of it. */
export function splitOf(kernel: number, args: readonly number[]): Split | null {
  const rule = ruleOf[kernel];
  if (!rule) return null;
  const names = parameters[kernel];
  const named: Named = {};
  for (let i = 0; i < names.length; i++) named[names[i]] = args[i];
  const split = rule(named);
  return split.ns >= WORTHWHILE_NS && named[split.along] > split.grain ? split : null;
}

/**
 * The arguments of one thread's part of a call, or null when nothing is left for it. `workspace` is the thread's
 * own scratch memory (0: as recorded).
 */
export function partOf(
  kernel: number,
  args: readonly number[],
  split: Split,
  thread: number,
  threads: number,
  workspace: number,
): number[] | null {
  const names = parameters[kernel];
  const at = names.indexOf(split.along);
  const units = Math.ceil(args[at] / split.grain);
  const first = Math.min(args[at], Math.floor((units * thread) / threads) * split.grain);
  const end = Math.min(args[at], Math.floor((units * (thread + 1)) / threads) * split.grain);
  if (end <= first) return null;
  const part = args.slice();
  part[at] = end - first;
  for (const name of Object.keys(split.pointers)) {
    const i = names.indexOf(name);
    // An address of 0 stands for "not given".
    if (part[i] !== 0) part[i] += first * split.pointers[name] * 4;
  }
  for (const [name, step] of Object.entries(split.shifts ?? {})) part[names.indexOf(name)] += first * step;
  if (workspace !== 0 && workspaceAt[kernel] >= 0) part[workspaceAt[kernel]] = workspace;
  return part;
}
