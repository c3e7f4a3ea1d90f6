/** @file How many of a step's multiply-adds of matrix products are done in int12, counted from the calls of its kernels. */
import { kernelParameters } from '../runtime/generated/kernel-parameters.js';
import type { Heap } from '../runtime/heap.js';
import type { Runtime } from '../runtime/runtime.js';

type Named = Record<string, number>;
type Count = (v: Named, heap: Heap) => number;

const plain: Count = ({ m, n, k }) => m * n * k;
const batched: Count = ({ batch, m, n, k }) => batch * m * n * k;
const below = ({ count, first }: Named, heap: Heap, most: number): number =>
  Math.max(0, Math.min(most, heap.readInts(count, 1)[0] - first));
const validRows: Count = (v, heap) => below(v, heap, v.m) * v.n * v.k;
const validDepth: Count = (v, heap) => v.m * v.n * below(v, heap, v.k);

/** Pairs of a query and a key that it sees, over the batch, times products of heads' width a pair. */
const attention =
  (productsOfPair: number): Count =>
  ({ lengths, batch, heads, queryLen, keyLen, dHead, causal, queryOffset }, heap) => {
    const keys = lengths === 0 ? new Int32Array(batch).fill(keyLen) : heap.readInts(lengths, batch);
    let pairs = 0;
    for (const valid of keys) {
      const most = Math.min(keyLen, Math.max(0, valid));
      for (let t = 0; t < queryLen; t++) pairs += causal ? Math.min(most, t + queryOffset + 1) : most;
    }
    return productsOfPair * heads * pairs * dHead;
  };

/** Kernels that multiply matrices, by whether they do it in int12. Decoding one token at a time is no step. */
const COUNTS: Readonly<Record<string, { isInt12: boolean; count: Count }>> = {
  sgemm: { isInt12: false, count: plain },
  sgemmBatched: { isInt12: false, count: batched },
  sgemmValidRows: { isInt12: false, count: validRows },
  sgemmValidDepth: { isInt12: false, count: validDepth },
  int12Gemm: { isInt12: true, count: plain },
  int12GemmBatched: { isInt12: true, count: batched },
  int12GemmValidRows: { isInt12: true, count: validRows },
  int12GemmValidDepth: { isInt12: true, count: validDepth },
  // Scores and their weighted values; backward makes the scores again, and gradients of weights, values, queries and keys.
  attentionForward: { isInt12: false, count: attention(2) },
  attentionBackward: { isInt12: false, count: attention(5) },
};

/** Multiply-adds since the last reset. */
export interface MultiplyAdds {
  all: number;
  int12: number;
}

/** Counts what a runtime's kernels multiply; for a runtime of its own, before its first step. */
export class MultiplyAddCounter {
  #counts: MultiplyAdds = { all: 0, int12: 0 };

  constructor(runtime: Runtime) {
    runtime.tables.instrument((name, kernel) => {
      const counted = COUNTS[String(name)];
      if (!counted) return kernel;
      const names: readonly string[] = kernelParameters[name as keyof typeof kernelParameters];
      return (...args: number[]) => {
        const number = counted.count(Object.fromEntries(names.map((one, i) => [one, args[i]])), runtime.heap);
        this.#counts.all += number;
        if (counted.isInt12) this.#counts.int12 += number;
        return kernel(...args);
      };
    });
  }

  /** What was counted since the last call. */
  take(): MultiplyAdds {
    const counts = this.#counts;
    this.#counts = { all: 0, int12: 0 };
    return counts;
  }
}
