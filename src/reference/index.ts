/**
 * @file Every kernel again in plain double-precision loops, over a Float64Array that answers to the same byte
 * addresses (one double per 4-byte slot). Imported by tests, gradcheck and bench only.
 */
import type { Kernels } from '../runtime/kernels.js';
import * as attention from './attention.js';
import * as attentionRow from './attention-row.js';
import * as bias from './bias.js';
import * as crossEntropy from './cross-entropy.js';
import * as elementwise from './elementwise.js';
import * as embedding from './embedding.js';
import * as gate from './gate.js';
import * as gemm from './gemm.js';
import * as half from './half.js';
import * as int12 from './int12.js';
import * as int12Packed from './int12-packed.js';
import * as layernorm from './layernorm.js';
import * as layout from './layout.js';
import * as linearCrossEntropy from './linear-cross-entropy.js';
import * as math from './math.js';
import * as optimizer from './optimizer.js';
import * as random from './random.js';
import * as reduce from './reduce.js';
import * as rmsnorm from './rmsnorm.js';
import * as rotary from './rotary.js';
import * as softmax from './softmax.js';
import * as top from './top.js';

type ReferenceKernels = {
  [Name in keyof Kernels]: (
    heap: Float64Array,
    ...args: Parameters<Kernels[Name]>
  ) => ReturnType<Kernels[Name]>;
};

/** One line per file of assembly/; a kernel without its reference does not type-check. */
const references: ReferenceKernels = {
  heapBase: () => 1024,
  ...rmsnorm,
  ...layernorm,
  ...attention,
  ...attentionRow,
  ...bias,
  ...crossEntropy,
  ...elementwise,
  ...embedding,
  ...gate,
  ...gemm,
  ...half,
  ...int12,
  ...int12Packed,
  ...layout,
  ...linearCrossEntropy,
  ...math,
  ...optimizer,
  ...random,
  ...reduce,
  ...rotary,
  ...softmax,
  ...top,
};

/** Binds all references to a heap, which may be replaced by a larger one between calls. */
export function createReferenceKernels(heap: () => Float64Array): Kernels {
  const bound: Record<string, (...args: number[]) => unknown> = {};
  for (const [name, kernel] of Object.entries(references)) {
    bound[name] = (...args) => (kernel as (h: Float64Array, ...a: number[]) => unknown)(heap(), ...args);
  }
  return bound as unknown as Kernels;
}
