/** @file Refuses a step that cannot fit into memory before it starts, and says what needs how much. */
import { MemoryError } from '../errors.js';
import type { Optimizer } from '../optim/optimizer.js';
import { memoryHint } from '../runtime/heap.js';
import { type MemoryPlan, plan } from './plan.js';
import type { Trainable } from './trainable.js';

/** While a batch's estimate is this far below what is free, nothing is planned. */
const MARGIN = 4;

export class MemoryGuard<B> {
  readonly #model: Trainable<B>;
  readonly #optimizer: Optimizer;
  /** Elements and activations of the largest batch that was planned: what a step takes is about linear. */
  #known: { elements: number; activations: number } | null = null;
  #last: B | null = null;

  constructor(model: Trainable<B>, optimizer: Optimizer) {
    this.#model = model;
    this.#optimizer = optimizer;
  }

  /**
   * Plans the first batch, and later ones that may come near the limit.
   * @throws MemoryError when the activations alone exceed what is free
   */
  check(batch: B, step: number): void {
    this.#last = batch;
    const { runtime } = this.#optimizer;
    const limit = runtime.heap.maxBytes;
    if (limit === undefined || runtime.planning) return;
    const elements = elementsOf(batch);
    const free = limit - runtime.memory().persistentInUse;
    const known = this.#known;
    if (known) {
      if (elements <= known.elements && known.activations * MARGIN < free) return;
      const estimate = (known.activations / Math.max(1, known.elements)) * elements;
      if (estimate * MARGIN < free) return;
    }
    const planned = this.#plan(batch);
    if (!planned) return;
    if (planned.activations > free) throw this.#tooLarge(batch, step, planned, limit);
    if (elements > (known?.elements ?? 0)) this.#known = { elements, activations: planned.activations };
  }

  /** A step that ran out of memory all the same (the free part may be in pieces), told in the same words. */
  explain(error: unknown, step: number): unknown {
    const limit = this.#optimizer.runtime.heap.maxBytes;
    if (!(error instanceof MemoryError) || error.op !== 'memory' || limit === undefined || !this.#last)
      return error;
    const planned = this.#plan(this.#last);
    return planned ? this.#tooLarge(this.#last, step, planned, limit, error) : error;
  }

  /** Null for a model that does not run without its numbers. */
  #plan(batch: B): MemoryPlan | null {
    try {
      return plan(this.#model, batch, this.#optimizer.numMoments);
    } catch {
      return null;
    }
  }

  #tooLarge(batch: B, step: number, planned: MemoryPlan, limit: number, cause?: unknown): MemoryError {
    const { parameters, optimizer, activations, peakBytes } = planned;
    return new MemoryError(
      `step ${step} needs ${peakBytes} bytes: ${parameters} for parameters, ${optimizer} for gradients and moments, ${activations} for the activations of a batch with ${sizesOf(batch)}; the limit is ${limit}`,
      {
        op: 'Trainer',
        expected: peakBytes,
        actual: limit,
        hint: memoryHint(
          this.#optimizer.runtime.heap,
          'use smaller batches with accumulate, recompute, shorter sequences, or raise init({ maxMemory })',
        ),
        cause,
      },
    );
  }
}

function elementsOf(batch: unknown): number {
  let sum = 0;
  for (const value of Object.values(batch ?? {})) if (ArrayBuffer.isView(value)) sum += value.byteLength / 4;
  return sum;
}

/** `batchSize 4, seqLen 64`: the numbers a batch says about itself. */
function sizesOf(batch: unknown): string {
  const sizes = Object.entries(batch ?? {}).filter(([, value]) => typeof value === 'number');
  return sizes.map(([key, value]) => `${key} ${value}`).join(', ') || 'no named sizes';
}
