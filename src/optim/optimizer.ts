/**
 * @file What all optimizers share. Gradients and moments are flat blocks, parallel to each other; a segment
 * table in the kernels' memory says which stretch belongs to which parameter and group, so that one kernel
 * call updates everything.
 */

import { sumSquares } from '../autograd/ops/in-place.js';
import { Parameter, runtimeOf } from '../autograd/variable.js';
import {
  anything,
  checkOptions,
  checkValue,
  iterable,
  notNegative,
  optional,
  type Rules,
} from '../checks.js';
import { brief, ConfigError, FormatError, NumericError } from '../errors.js';
import { HYPER_FIELDS, SEGMENT } from '../runtime/generated/shared.js';
import type { Ptr } from '../runtime/kernels.js';
import type { Runtime } from '../runtime/runtime.js';
import { type HostArray, persistentStorage, type Storage } from '../tensor/tensor.js';

/** Parameters with a rate or a weight decay of their own; what is left out is the optimizer's. */
export interface ParamGroup {
  params: Iterable<Parameter>;
  /** Overrides the optimizer's rate for this group; a schedule multiplies both alike. */
  lr?: number;
  /** Default: the optimizer's. */
  weightDecay?: number;
}

/** State of an optimizer as plain arrays, for checkpoints. */
export interface OptimizerState {
  /** The optimizer's `kind`. */
  kind: string;
  step: number;
  /** Rate of each group. */
  lrs: number[];
  /** Moments by name, all parameters one after the other with padding. */
  buffers: Record<string, HostArray>;
}

/** Parameters that share a rate, as the optimizer holds them. */
export interface OptimizerGroup {
  lr: number;
  /** Rate relative to the optimizer's; what a schedule keeps fixed. */
  lrScale: number;
  weightDecay: number;
  params: Parameter[];
}

const parameters = { ...iterable, wanted: 'model.parameters(), or groups { params, lr?, weightDecay? }' };

/** 64-byte alignment of each segment, in elements; the gap holds zeros, so norms may run over it. */
const PAD = 16;

/**
 * Base of all optimizers. It takes parameters or groups of them, holds their gradients in one block, and leaves out
 * those that are frozen.
 * A parameter belongs to the newest optimizer built over it; an older one refuses to step.
 * @throws ConfigError for an unknown option or group key, one out of range, a parameter that is given twice or is none,
 * and when nothing is trainable.
 */
export abstract class Optimizer {
  /** `sgd`, `adam`, `adamw`, `radam` or `muon`. */
  abstract readonly kind: string;
  readonly runtime: Runtime;
  readonly groups: OptimizerGroup[];
  /** Updates made so far. */
  stepCount = 0;
  /** @internal */
  protected readonly total: number;
  /** @internal */
  protected readonly numSegments: number;
  /** @internal */
  protected readonly grads: Storage;
  /** @internal */
  protected readonly table: Storage;
  /** @internal */
  protected readonly hyper: Storage;
  /** @internal */
  protected readonly buffers: Record<string, Storage> = {};
  readonly #clip: Storage;
  #clipped = false;
  #lr: number;

  constructor(params: Iterable<Parameter> | ParamGroup[], lr: number, weightDecay: number) {
    checkValue('optimizer', 'params', params, parameters);
    const given = [...params];
    const groups =
      given.length > 0 && isGroup(given[0]) ? (given as ParamGroup[]) : [{ params: given as Parameter[] }];
    for (const group of groups) checkOptions('optimizer', group, groupRules());
    this.#lr = lr;
    const places = new Map<Parameter, string>();
    this.groups = groups.map((group, g) => {
      const all = [...group.params];
      all.forEach((p, i) => {
        take(places, p, groups.length > 1 ? `number ${i} of group ${g}` : `number ${i}`);
      });
      const own = all.filter((p) => p.requiresGrad);
      const groupLr = group.lr ?? lr;
      return {
        lr: groupLr,
        lrScale: lr > 0 ? groupLr / lr : 1,
        weightDecay: group.weightDecay ?? weightDecay,
        params: own,
      };
    });
    const all = this.groups.flatMap((group, g) => group.params.map((p) => ({ p, g })));
    if (all.length === 0) {
      throw new ConfigError('there is no trainable parameter', {
        op: 'optimizer',
        hint: 'pass model.parameters(), and freeze fewer of them',
      });
    }
    this.runtime = runtimeOf('optimizer', ...all.map(({ p }) => p));
    let offset = 0;
    const rows: number[] = [];
    const offsets = all.map(({ p, g }) => {
      const start = offset;
      for (let i = 0; i < p.size; i += SEGMENT) {
        rows.push(p.ptr + i * 4, start + i, Math.min(SEGMENT, p.size - i), g);
      }
      offset += Math.ceil(p.size / PAD) * PAD;
      return start;
    });
    this.total = offset;
    this.numSegments = rows.length / 4;
    this.grads = persistentStorage(this.runtime, 'f32', this.total);
    all.forEach(({ p }, i) => {
      p.bindGrad(this.grads, offsets[i]);
    });
    this.table = persistentStorage(this.runtime, 'i32', rows.length);
    this.table.write(0, rows);
    this.hyper = persistentStorage(this.runtime, 'f32', this.groups.length * HYPER_FIELDS);
    this.#clip = persistentStorage(this.runtime, 'f32', 2);
  }

  /** The common rate; a group with a rate of its own keeps its ratio to it. */
  get lr(): number {
    return this.#lr;
  }

  set lr(value: number) {
    checkValue('optimizer', 'lr', value, notNegative);
    this.#lr = value;
    for (const group of this.groups) group.lr = value * group.lrScale;
  }

  /** Moments per parameter: Adam 2, SGD with momentum 1, plain SGD 0. */
  get numMoments(): number {
    return Object.keys(this.buffers).length;
  }

  /** Sets all gradients to 0; the next backward overwrites them, so that nothing is written here. */
  zeroGrad(): void {
    for (const { params } of this.groups) for (const p of params) p.zeroGrad();
  }

  /** Address of the gradients, after writing the zeros of those that no backward has reached. */
  #settledGrads(): Ptr {
    for (const { params } of this.groups) for (const p of params) if (p.gradIsZero) p.gradAddress();
    return this.grads.address();
  }

  /**
   * Scales the gradients of the next `step()` so that their joint 2-norm is at most `maxNorm`, as
   * torch.nn.utils.clip_grad_norm_ does (without touching the stored gradients). Returns the norm before.
   */
  clipGradNorm(maxNorm: number): number {
    checkValue('clipGradNorm', 'maxNorm', maxNorm, clipNorm);
    const { kernels, heap } = this.runtime;
    const at = this.#clip.address();
    kernels.sumSquares(at + 4, this.#settledGrads(), this.total);
    kernels.clipScale(at, at + 4, maxNorm);
    this.#clipped = true;
    return Math.sqrt(heap.floats(at + 4, 1)[0]);
  }

  /** Multiplies all gradients by one number. @internal */
  scaleGrads(factor: number): void {
    if (factor === 1) return;
    const { kernels, heap } = this.runtime;
    const at = this.#clip.address();
    const grads = this.#settledGrads();
    heap.writeFloats(at, [factor]);
    kernels.scaleByForward(grads, grads, at, this.total);
  }

  /** The joint 2-norm of all gradients. */
  gradNorm(): number {
    return Math.sqrt(sumSquares(this.runtime, this.#settledGrads(), this.total));
  }

  /** Updates every parameter from its gradient, and moves the random generator on to the count of its steps. */
  step(): void {
    for (const { lr, params } of this.groups) {
      if (!Number.isFinite(lr))
        throw new NumericError(`the learning rate is ${lr}`, { op: 'optimizer.step' });
      if (params.some((p) => !p.gradIn(this.grads))) {
        throw new ConfigError('a newer optimizer holds the gradients of these parameters', {
          op: 'optimizer.step',
          hint: 'one optimizer per set of parameters; use parameter groups for different rates',
        });
      }
    }
    this.stepCount++;
    const slots = new Float64Array(this.groups.length * HYPER_FIELDS);
    this.groups.forEach((group, g) => {
      this.hyperparameters(group, slots.subarray(g * HYPER_FIELDS, (g + 1) * HYPER_FIELDS));
    });
    this.hyper.write(0, slots);
    this.#settledGrads();
    this.update(this.#clipped ? this.#clip.address() : 0);
    this.#clipped = false;
    // Never back: an optimizer that takes turns with another one must not bring back the masks of earlier forwards.
    if (this.stepCount > this.runtime.randomPosition.step) this.runtime.setRandomPosition(this.stepCount, 0);
  }

  /** Fills one group's slots of the kernels (HYPER_LR and so on). @internal */
  protected abstract hyperparameters(group: { lr: number; weightDecay: number }, slots: Float64Array): void;
  /** @internal */
  protected abstract update(clip: number): void;

  /** @internal */
  protected buffer(name: string): Storage {
    this.buffers[name] ??= persistentStorage(this.runtime, 'f32', this.total);
    return this.buffers[name];
  }

  /**
   * Gives the memory of gradients, moments and tables back at once, as `free()` of a model does; the parameters stay.
   * It cannot be used afterwards.
   */
  free(): void {
    const own = [this.grads, this.table, this.hyper, this.#clip];
    for (const storage of [...own, ...Object.values(this.buffers)]) storage.release();
  }

  /** Everything `step()` depends on besides parameters and gradients. */
  stateDict(): OptimizerState {
    const buffers: Record<string, HostArray> = {};
    for (const [name, storage] of Object.entries(this.buffers)) buffers[name] = storage.read(0, this.total);
    return { kind: this.kind, step: this.stepCount, lrs: this.groups.map((group) => group.lr), buffers };
  }

  /** @throws FormatError when the state is of another optimizer or another set of parameters. */
  loadStateDict(state: OptimizerState): void {
    const names = Object.keys(this.buffers).sort().join(',');
    const fits =
      state.kind === this.kind &&
      state.lrs.length === this.groups.length &&
      Object.keys(state.buffers).sort().join(',') === names &&
      Object.values(state.buffers).every((values) => values.length === this.total);
    if (!fits) {
      throw new FormatError(
        `state of "${state.kind}" does not fit this ${this.kind} over ${this.total} elements`,
        {
          op: 'optimizer.loadStateDict',
          expected: { kind: this.kind, buffers: names, total: this.total },
          actual: { kind: state.kind, buffers: Object.keys(state.buffers) },
          hint: 'build the optimizer over the same model, groups and frozen set',
        },
      );
    }
    for (const [name, values] of Object.entries(state.buffers)) this.buffers[name].write(0, values);
    this.groups.forEach((group, i) => {
      group.lr = state.lrs[i];
    });
    const scaled = this.groups.find((group) => group.lrScale > 0);
    if (scaled && scaled.lr !== this.#lr * scaled.lrScale) this.#lr = scaled.lr / scaled.lrScale;
    this.stepCount = state.step;
    this.runtime.setRandomPosition(state.step, 0);
  }
}

const groupRules = (): Rules<ParamGroup> => ({
  params: anything,
  lr: optional(notNegative),
  weightDecay: optional(notNegative),
});

/** Infinity measures and clips nothing. */
const clipNorm = {
  wanted: 'a number > 0',
  holds: (value: unknown) => typeof value === 'number' && value > 0,
};

/** Notes where a parameter was given; one that is given twice would be in one of two groups only. */
function take(places: Map<Parameter, string>, p: Parameter, place: string): void {
  if (!(p instanceof Parameter)) {
    throw new ConfigError(`${place} is no parameter, but ${brief(String(p))}`, {
      op: 'optimizer',
      expected: 'a Parameter',
      actual: p,
      hint: 'pass model.parameters(), or groups { params, lr?, weightDecay? }',
    });
  }
  const before = places.get(p);
  if (before !== undefined) {
    throw new ConfigError(
      `the parameter ${p.path || 'without a path'} is given twice: as ${before} and ${place}`,
      {
        op: 'optimizer',
        actual: p.path,
        hint: 'each parameter belongs to one group, once',
      },
    );
  }
  places.set(p, place);
}

function isGroup(item: unknown): item is ParamGroup {
  return typeof item === 'object' && item !== null && 'params' in item;
}

/** Clips the joint gradient norm of an optimizer's parameters; see `Optimizer.clipGradNorm`. */
export function clipGradNorm(optimizer: Optimizer, maxNorm: number): number {
  return optimizer.clipGradNorm(maxNorm);
}

/** base^exponent for a whole exponent, by squaring: the same bits on every engine, unlike `**`. */
export function integerPower(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let n = exponent; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}
