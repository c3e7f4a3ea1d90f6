/** @file LoRA (Hu et al. 2021, arXiv 2106.09685): an adapter of low-rank parts on the projections of a model. */
import type { Parameter } from '../autograd/variable.js';
import {
  checkOptions,
  checkValue,
  flag,
  having,
  integer,
  optional,
  positive,
  type Rules,
  seed,
  share,
} from '../checks.js';
import { brief, ConfigError } from '../errors.js';
import type { Module, StateDict } from '../nn/module.js';
import { withRuntime } from '../runtime/runtime.js';
import { LoraPair, LoraPart } from './lora-part.js';
import { addProduct, stateRule } from './merge.js';
import { ALL_TARGETS, chooseTargets, type Target, targetsOf } from './targets.js';

/** What an adapter is. */
export interface LoraConfig {
  /** Width of the low-rank product. */
  rank: number;
  /** The product counts `alpha / rank` times. */
  alpha: number;
  /** Which projections have one. */
  targets: readonly string[];
  /** Share of a projection's input that is dropped before it, while training. */
  dropout: number;
}

/** How an adapter is made. */
export interface LoraOptions {
  /** Width of the low-rank product. Default 8. */
  rank?: number;
  /** The product counts `alpha / rank` times. Default: twice the rank. */
  alpha?: number;
  /**
   * Projections by their names or paths: `in_proj` (queries, keys and values in one product), or `q_proj`, `k_proj`,
   * `v_proj` with one each, `out_proj`, `linear1`, `linear2`, `linear3`, and any `Linear` of a head. Default: `in_proj`,
   * `out_proj` and every matrix of the feed-forward.
   */
  targets?: readonly string[];
  /** Share of a projection's input that is dropped before the product, while training. Default 0. */
  dropout?: number;
  /** Seed of its initial values. Default 0. */
  seed?: number;
}

export const loraRules: Rules<LoraOptions> = {
  rank: optional(integer(1, 4096)),
  alpha: optional(positive),
  targets: optional({
    wanted: 'a list of names of projections',
    holds: (list) =>
      Array.isArray(list) && list.length > 0 && list.every((name) => typeof name === 'string' && name !== ''),
  }),
  dropout: optional(share),
  seed: optional(seed),
};

const modelRule = having('a model', 'namedModules', 'parameters', 'runtime');

interface Placed {
  target: Target;
  pair: LoraPair;
}

/** What is merged into a model's matrices, and these as they were. */
const merged = new WeakMap<Module, { adapter: LoraAdapter; before: Map<Parameter, ArrayLike<number>> }>();

/** The adapter that is attached to a model, apart from its matrices; null for none. */
export function attachedAdapter(model: Module): LoraAdapter | null {
  checkValue('attachedAdapter', 'model', model, modelRule);
  return (model.adapter as LoraAdapter | undefined) ?? null;
}

/**
 * Low-rank parts for the projections of one model. Attached, they take part in every forward pass, belong to
 * `model.parameters()` and are in its state dict as `….lora_a` (rank, in) and `….lora_b` (out, rank); detached, the model is
 * its base again. Of several on one model one is attached at a time. The base is never written to, unless by `merge`.
 */
export class LoraAdapter {
  /** Complete. */
  readonly config: LoraConfig;
  readonly #model: Module;
  readonly #placed: readonly Placed[];
  readonly #parts: ReadonlyMap<Target['projection'], LoraPart>;

  /**
   * Makes it, not attached yet: A from U(±1/sqrt(in)) by the generator, B of zeros, so that it changes nothing at first.
   * @throws ConfigError for a rank that is no whole number from 1, or above every matrix, and targets that the model has not
   */
  constructor(model: Module, options: LoraOptions = {}) {
    checkValue('LoraAdapter', 'model', model, modelRule);
    checkOptions('LoraAdapter', options, loraRules);
    const { rank = 8, alpha = 2 * rank, targets, dropout = 0, seed = 0 } = options;
    const wanted = targets ?? defaultTargets(model);
    const found = chooseTargets('LoraAdapter', model, wanted);
    for (const { path, projection } of found) {
      const most = Math.min(...projection.weight.shape);
      if (rank <= most) continue;
      throw new ConfigError(`rank ${rank} is larger than the matrix of ${path}, which has at most ${most}`, {
        op: 'LoraAdapter',
        expected: `<= ${most}`,
        actual: rank,
        hint: 'take a smaller rank, or targets whose matrices are larger',
      });
    }
    this.config = { rank, alpha, targets: [...wanted], dropout };
    this.#model = model;
    const parts = new Map<Target['projection'], Partial<Record<Target['key'], LoraPair>>>();
    this.#placed = withRuntime(model.runtime(), () =>
      found.map((target) => {
        const { path, key, projection, first, rows } = target;
        const inner = projection.weight.shape[1];
        const pair = new LoraPair(rank, inner, first, rows, alpha / rank, dropout);
        pair.path = path;
        pair.loraA.path = `${path}.lora_a`;
        pair.loraB.path = `${path}.lora_b`;
        pair.draw(seed);
        parts.set(projection, { ...parts.get(projection), [key]: pair });
        return { target, pair };
      }),
    );
    this.#parts = new Map([...parts].map(([projection, pairs]) => [projection, new LoraPart(pairs)]));
  }

  /** Its model. */
  get model(): Module {
    return this.#model;
  }

  /** Whether its model computes with it, apart from its matrices. */
  get attached(): boolean {
    return this.#model.adapter === this;
  }

  /** Whether it is in the matrices of its model. */
  get merged(): boolean {
    return merged.get(this.#model)?.adapter === this;
  }

  /** What is trained of it, in the order of the model. */
  parameters(): Parameter[] {
    return this.#placed.flatMap(({ pair }) => [pair.loraA, pair.loraB]);
  }

  /**
   * Has the model compute with it, in the place of another that was attached. Nothing is copied.
   * @throws ConfigError when one is merged into the model
   */
  attach(): this {
    const model = this.#model;
    if (this.attached) return this;
    this.#refuseMerged('attach');
    attachedAdapter(model)?.detach();
    for (const [projection, part] of this.#parts) projection.module = part;
    for (const part of this.#parts.values()) part.train(model.training);
    model.adapter = this;
    model.runtime().graphChanged();
    return this;
  }

  /** Takes it away: the model is its base again, to the bit. It can be attached later. */
  detach(): this {
    if (!this.attached) return this;
    for (const projection of this.#parts.keys()) projection.module = null;
    this.#model.adapter = undefined;
    this.#model.runtime().graphChanged();
    return this;
  }

  /**
   * Adds it to the matrices of the model, which then computes as fast as its base. A copy of these as they were is kept on
   * the host for `unmerge`, unless `forGood`.
   * @throws ConfigError when one is merged already, and for matrices stored in 16 bits, whose rounding would lose it
   */
  merge(
    options: {
      /** Keep no copy: it cannot be taken out again. Default false. */
      forGood?: boolean;
    } = {},
  ): this {
    checkOptions('LoraAdapter.merge', options, { forGood: optional(flag) });
    this.#refuseMerged('merge');
    const half = this.#placed.find(({ target }) => target.projection.weight.dtype !== 'f32');
    if (half) {
      const { path, projection } = half.target;
      throw new ConfigError(`the matrix of ${path} is stored in ${projection.weight.dtype}`, {
        op: 'LoraAdapter.merge',
        expected: 'f32',
        actual: projection.weight.dtype,
        hint: 'leave it attached, or save it and merge it into the base loaded without dtype',
      });
    }
    attachedAdapter(this.#model)?.detach();
    const before = new Map<Parameter, ArrayLike<number>>();
    for (const { target, pair } of this.#placed) {
      const { weight } = target.projection;
      const values = weight.toArray() as Float32Array;
      if (!before.has(weight)) before.set(weight, values.slice());
      const [rank, inner] = pair.loraA.shape;
      const sizes = { rank, inner, first: target.first, scale: pair.scale };
      addProduct(values, pair.loraA.toArray(), pair.loraB.toArray(), sizes);
      weight.set(values);
    }
    if (!options.forGood) merged.set(this.#model, { adapter: this, before });
    return this;
  }

  /**
   * Takes it out of the matrices again, which are then what they were to the bit.
   * @throws ConfigError when it is not in them, or was merged for good
   */
  unmerge(): this {
    const state = merged.get(this.#model);
    if (state?.adapter !== this) {
      throw new ConfigError('it is not merged into its model, or for good', { op: 'LoraAdapter.unmerge' });
    }
    for (const [weight, values] of state.before) weight.set(values);
    merged.delete(this.#model);
    return this;
  }

  #refuseMerged(method: string): void {
    if (!merged.has(this.#model)) return;
    throw new ConfigError('an adapter is merged into the model', {
      op: `LoraAdapter.${method}`,
      hint: 'unmerge() it first',
    });
  }

  /** Copies of its values by path: `encoder.layers.0.self_attn.q_proj.lora_a` and so on. */
  stateDict(): StateDict {
    const state: StateDict = new Map();
    for (const p of this.parameters()) state.set(p.path, { shape: p.shape, data: p.toArray() });
    return state;
  }

  /**
   * Overwrites its values. All is checked before anything is written.
   * @throws ConfigError naming what is missing, too much, or of another shape: an adapter for another model or other targets
   */
  loadStateDict(state: StateDict): void {
    checkValue('LoraAdapter.loadStateDict', 'state', state, stateRule);
    const own = new Map(this.parameters().map((p) => [p.path, p]));
    const refuse = (message: string, actual: unknown): void => {
      throw new ConfigError(message, {
        op: 'LoraAdapter.loadStateDict',
        expected: [...own.keys()],
        actual,
        hint: 'it is of an adapter with other targets or another rank, or for another model',
      });
    };
    for (const name of own.keys()) if (!state.has(name)) refuse(`${name} is missing`, [...state.keys()]);
    for (const [name, { shape, data }] of state) {
      const p = own.get(name);
      if (!p) refuse(`${brief(name)} is no part of it`, name);
      else if (shape.join() !== p.shape.join() || data.length !== p.size)
        refuse(`${name} must have the shape [${p.shape.join(', ')}], got [${shape.join(', ')}]`, shape);
    }
    for (const [name, { data }] of state) (own.get(name) as Parameter).set(data);
  }

  /** Detaches it and gives its memory back. */
  free(): void {
    this.detach();
    for (const parameter of this.parameters()) parameter.free();
  }
}

/** What the model has of `ALL_TARGETS`. */
function defaultTargets(model: Module): readonly string[] {
  const paths = targetsOf(model).map(({ path }) => path);
  return ALL_TARGETS.filter((name) => paths.some((path) => path === name || path.endsWith(`.${name}`)));
}
