/**
 * @file Muon (Jordan et al. 2024): momentum, made orthogonal, for the matrices of hidden layers; AdamW for the rest, in one
 * optimizer, so that clipping, groups, schedules and checkpoints are those of all others.
 */
import type { Parameter } from '../autograd/variable.js';
import {
  checkOptions,
  checkValue,
  flag,
  integer,
  iterable,
  notNegative,
  oneOf,
  optional,
  positive,
  type Rules,
  share,
} from '../checks.js';
import { HYPER_DECOUPLED_DECAY, HYPER_LR, SEGMENT } from '../runtime/generated/shared.js';
import { persistentStorage, type Storage } from '../tensor/tensor.js';
import { AdamW } from './adam.js';
import { divideForMuon, type MuonGroup } from './muon-groups.js';
import { newtonSchulzWork, orthogonalize } from './newton-schulz.js';

/** Options of Muon; the names are those of `torch.optim.Muon`, and of AdamW for what AdamW updates. */
export interface MuonOptions {
  /** Learning rate; a schedule replaces it step by step. */
  lr: number;
  /** Rate of what AdamW updates; a schedule multiplies both alike. Default: `lr`. */
  adamLr?: number;
  /** Share of the momentum that is kept, in [0, 1). Default 0.95. */
  momentum?: number;
  /** Nesterov's form. Default true. */
  nesterov?: boolean;
  /** Newton-Schulz iterations. Default 5. */
  nsSteps?: number;
  /**
   * What an orthogonal update of r rows and c columns is multiplied by: `matchRmsAdamW`, 0.2 · sqrt(max(r, c)), so that
   * its elements are as large as AdamW's and rates of AdamW fit (Liu et al. 2025, "Muon is scalable for LLM training");
   * `original`, sqrt(max(1, r / c)). Default 'matchRmsAdamW'.
   */
  adjustLr?: 'matchRmsAdamW' | 'original';
  /** Taken off the weights, `lr * weightDecay` of them a step, as in AdamW. Default 0.01. */
  weightDecay?: number;
  /** Decay rates of AdamW's moments. Default [0.9, 0.999]. */
  betas?: readonly [number, number];
  /** Added to the root of AdamW's second moment. Default 1e-8. */
  eps?: number;
}

const rules = (): Rules<MuonOptions> => ({
  lr: notNegative,
  adamLr: optional(notNegative),
  momentum: optional(share),
  nesterov: optional(flag),
  nsSteps: optional(integer(1, 100)),
  adjustLr: optional(oneOf('matchRmsAdamW', 'original')),
  weightDecay: optional(notNegative),
  betas: optional({
    wanted: 'two numbers in [0, 1)',
    holds: (betas) => Array.isArray(betas) && betas.length === 2 && betas.every(share.holds),
  }),
  eps: optional(positive),
});

const paramsRule = {
  ...iterable,
  wanted: 'model.parameters(), or groups { params, lr?, weightDecay?, muon? }',
};

/** A matrix that is made orthogonal by itself. */
interface Block {
  /** First element in the flat buffers. */
  offset: number;
  shape: readonly [rows: number, cols: number];
  scale: number;
}

/** Queries, keys and values lie in one parameter, and are three matrices. */
function matricesOf({ role, shape }: Parameter): (readonly [number, number])[] {
  const [rows, cols] = shape;
  if (role !== 'inProj') return [[rows, cols]];
  const kv = (rows - cols) / 2;
  return [
    [cols, cols],
    [kv, cols],
    [kv, cols],
  ];
}

const factors: { [K in NonNullable<MuonOptions['adjustLr']>]: (rows: number, cols: number) => number } = {
  matchRmsAdamW: (rows, cols) => 0.2 * Math.sqrt(Math.max(rows, cols)),
  original: (rows, cols) => Math.sqrt(Math.max(1, rows / cols)),
};

/**
 * Muon as torch.optim.Muon: B <- momentum B + g; O = the Newton-Schulz iteration of g + momentum B (Nesterov) or of B;
 * w <- w (1 - lr weightDecay) - lr factor O. It updates the matrices of hidden layers only, those of attention and
 * feed-forward in the numbered layers of a model; packed queries, keys and values count as three. Embeddings, the output
 * layer, heads, norms and biases are updated by AdamW, as the authors advise.
 *
 * Gradients, both buffers and their memory are AdamW's; where AdamW has its second moment, a hidden matrix has its last update.
 * @throws ConfigError as every optimizer does; for `muon: true` over anything else, and when nothing trainable is a hidden
 *   matrix.
 */
export class Muon extends AdamW {
  override readonly kind = 'muon';
  readonly #momentum: number;
  readonly #nesterov: boolean;
  readonly #steps: number;
  /** Groups of Muon come first, and so do their segments and their stretch of the buffers. */
  readonly #groups: number;
  readonly #segments: number = 0;
  readonly #elements: number = 0;
  readonly #blocks: readonly Block[];
  readonly #work: Storage;

  constructor(params: Iterable<Parameter> | MuonGroup[], options: MuonOptions) {
    checkOptions('Muon', options, rules());
    checkValue('optimizer', 'params', params, paramsRule);
    const { lr, adamLr, momentum = 0.95, nesterov = true, nsSteps = 5, adjustLr, ...rest } = options;
    const { muon, adam } = divideForMuon(params);
    const slower = adamLr === undefined ? adam : adam.map((group) => ({ lr: adamLr, ...group }));
    super([...muon, ...slower], { lr, ...rest });
    this.#momentum = momentum;
    this.#nesterov = nesterov;
    this.#steps = nsSteps;
    this.#groups = muon.length;
    const blocks: Block[] = [];
    let work = 0;
    const start = this.grads.address();
    for (const p of this.groups.slice(0, muon.length).flatMap((group) => group.params)) {
      let offset = (p.gradAddress() - start) / 4;
      this.#segments += Math.ceil(p.size / SEGMENT);
      for (const [rows, cols] of matricesOf(p)) {
        blocks.push({ offset, shape: [rows, cols], scale: factors[adjustLr ?? 'matchRmsAdamW'](rows, cols) });
        work = Math.max(work, newtonSchulzWork(rows, cols));
        offset += rows * cols;
      }
      this.#elements = offset;
    }
    this.#blocks = blocks;
    this.#work = persistentStorage(this.runtime, 'f32', work);
  }

  /** @internal */
  protected override hyperparameters(group: { lr: number; weightDecay: number }, slots: Float64Array): void {
    if (this.groups.slice(0, this.#groups).every((own) => own !== group)) {
      super.hyperparameters(group, slots);
      return;
    }
    slots[HYPER_LR] = group.lr;
    slots[HYPER_DECOUPLED_DECAY] = group.lr * group.weightDecay;
  }

  /** @internal */
  protected override update(clip: number): void {
    const { runtime, buffers } = this;
    const { kernels } = runtime;
    const n = this.#elements;
    const [grads, momentum, next] = [this.grads.address(), buffers.m.address(), buffers.v.address()];
    if (clip) kernels.scaleByForward(next, grads, clip, n);
    else kernels.copyForward(next, grads, n);
    kernels.scaleForward(momentum, momentum, this.#momentum, n);
    kernels.addInto(momentum, next, n);
    const work = this.#work.address();
    if (this.#nesterov) {
      runtime.heap.writeFloats(work, [this.#momentum]);
      kernels.addScaledInto(next, momentum, work, n);
    } else kernels.copyForward(next, momentum, n);
    for (const { offset, shape, scale } of this.#blocks) {
      orthogonalize(runtime, next + 4 * offset, shape, { steps: this.#steps, scale, work });
    }
    const [table, hyper] = [this.table.address(), this.hyper.address()];
    kernels.sgdStep(table, this.#segments, next, 0, hyper, 0);
    const rest = this.numSegments - this.#segments;
    if (rest > 0) kernels.adamStep(table + 16 * this.#segments, rest, grads, momentum, next, hyper, clip);
  }

  override free(): void {
    super.free();
    this.#work.release();
  }
}
