/// <reference lib="esnext.disposable" />
/**
 * @file The base of all layers. A module's parameters and children are its own properties, found in the order
 * the constructor made them; state-dict keys are those property names in snake_case, as PyTorch writes them.
 */
import { Parameter } from '../autograd/variable.js';
import { checkOptions, checkValue, flag, optional, text } from '../checks.js';
import { FormatError, formatShape } from '../errors.js';
import type { Heap } from '../runtime/heap.js';
import { currentRuntime, type Runtime } from '../runtime/runtime.js';
import { sameShape } from '../tensor/shape.js';
import { type HostArray, Tensor } from '../tensor/tensor.js';
import { type ModelSummary, summarize } from './summary.js';

/** Values of a model by path (`encoder.layers.0.linear1.weight`), row-major. */
export type StateDict = Map<string, { shape: readonly number[]; data: HostArray }>;

/**
 * Base of layers and models. Parameters, modules and arrays of modules among its own properties are its children,
 * in the order the constructor made them. The library's classes say their `name`, because bundlers shorten it and
 * `summary()` shows it; a class of your own may do so too: `static override readonly name = 'MyLayer'`.
 */
export abstract class Module {
  /** Whether dropout is active; `train()` and `eval()` set it. */
  training = true;
  /** Path from the model's root, e.g. `encoder.layers.2.norm1`; empty until the root names it. */
  path = '';
  /** What is attached to its projections, for files. @internal */
  declare adapter?: { readonly config: object };
  /** Where the memory of a model lies; null for the parts of one. */
  #heap: Heap | null = null;

  /** When true, this module's keys carry no prefix of its own (the feed-forward part of a layer). */
  protected get transparent(): boolean {
    return false;
  }

  /**
   * Sets what an initialisation scheme does not know: called by `initializeModel` once all parameters are drawn.
   * `valueGain` is the gain that brings the scheme's V to Xavier's variance for a matrix of its own.
   */
  afterInit(_valueGain: number): void {}

  /** Calls `visit` with every direct child, what holds it, and its place where that is a list. */
  #eachChild(visit: (child: Module, property: string | null, place: number | null) => void): void {
    for (const [property, value] of Object.entries(this)) {
      if (value instanceof Module) visit(value, property, null);
      else if (Array.isArray(value)) {
        value.forEach((item, i) => {
          if (item instanceof Module) visit(item, property, i);
        });
      } else if (value instanceof Slot && value.module) visit(value.module, null, null);
    }
  }

  /** Direct children with their key segments. */
  children(): [string, Module][] {
    const found: [string, Module][] = [];
    this.#eachChild((child, property, place) => {
      if (property === null || (place === null && child.transparent)) found.push(['', child]);
      else found.push([place === null ? snakeCase(property) : `${snakeCase(property)}.${place}`, child]);
    });
    return found;
  }

  /** The tree, parents first: without paths, which take longer to make than a small model to read a token. */
  #modules(into: Module[] = []): Module[] {
    into.push(this);
    this.#eachChild((child) => child.#modules(into));
    return into;
  }

  /** Every module of the tree with its path, parents first. */
  *namedModules(prefix = ''): Generator<[string, Module]> {
    yield [prefix, this];
    for (const [name, child] of this.children()) yield* child.namedModules(join(prefix, name));
  }

  /** Every parameter with its path; one that is used twice (tied) appears once, under its owner. */
  *namedParameters(prefix = '', seen = new Set<Parameter>()): Generator<[string, Parameter]> {
    for (const [property, value] of Object.entries(this)) {
      if (value instanceof Parameter) {
        if (!seen.has(value)) {
          seen.add(value);
          yield [join(prefix, snakeCase(property)), value];
        }
      }
    }
    for (const [name, child] of this.children()) yield* child.namedParameters(join(prefix, name), seen);
  }

  /** All parameters of the tree, each once, in the order of `namedParameters`. */
  parameters(): Parameter[] {
    return [...this.namedParameters()].map(([, parameter]) => parameter);
  }

  /** The runtime its parameters live in. */
  runtime(): Runtime {
    for (const [, { runtime }] of this.namedParameters()) return runtime;
    return currentRuntime();
  }

  /** Number of parameter elements; with `trainable`, of those that are not frozen. */
  numParameters(
    options: {
      /** Count those that are not frozen alone. Default false. */
      trainable?: boolean;
    } = {},
  ): number {
    checkOptions('numParameters', options, { trainable: optional(flag) });
    return this.parameters().reduce((n, p) => (options.trainable && !p.requiresGrad ? n : n + p.size), 0);
  }

  /** Modules, shapes, parameters and memory; `String(model.summary())` is a table of 80 columns. */
  summary(): ModelSummary {
    return summarize(this, this.parameters());
  }

  /** Tells every module and parameter its path. The root of a model calls it once at the end of its constructor. */
  assignPaths(): void {
    for (const [path, module] of this.namedModules()) {
      module.path = path;
      module.#forget();
    }
    this.#heap = this.runtime().heap;
    this.#heap.models++;
    collected?.register(this, this.#heap, this);
    for (const [path, parameter] of this.namedParameters()) parameter.path = path;
  }

  /** It is no model of its own any more. */
  #forget(): void {
    if (!this.#heap) return;
    collected?.unregister(this);
    this.#heap.models--;
    this.#heap = null;
  }

  /**
   * Gives the memory of all parameters back at once. Without it that happens some time after nobody holds the model any
   * more, but never inside a synchronous loop. Whatever uses the model afterwards is refused; an optimizer over it has
   * a `free()` of its own, `Trainer.free()` is for all. `using` calls it, too.
   */
  free(): void {
    for (const [, module] of this.namedModules()) {
      module.#forget();
      module.freeTables();
    }
    for (const parameter of this.parameters()) parameter.free();
  }

  /** Gives back what the module holds beside parameters; what others share with it stays for them. */
  protected freeTables(): void {}

  /** `free()`, for `using`. */
  [Symbol.dispose](): void {
    this.free();
  }

  /** Switches the whole tree to training (dropout on), with `false` to evaluation. Returns itself. */
  train(mode = true): this {
    checkValue('train', 'mode', mode, flag);
    for (const module of this.#modules()) module.training = mode;
    return this;
  }

  /** The same as `train(false)`. */
  eval(): this {
    return this.train(false);
  }

  /** Calls `fn` with the whole tree in evaluation and leaves every module in the mode it was in. @internal */
  evaluating<T>(fn: () => T): T {
    const training = this.#modules().filter((module) => module.training);
    for (const module of training) module.training = false;
    try {
      return fn();
    } finally {
      for (const module of training) module.training = true;
    }
  }

  /** Sets the gradients of all parameters to 0. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.zeroGrad();
  }

  /**
   * Freezes the parameters for which `trainable` says false and thaws the others. Build the optimizer
   * afterwards: it holds state for trainable parameters only.
   */
  setTrainable(trainable: (path: string, parameter: Parameter) => boolean): this {
    for (const [path, parameter] of this.namedParameters())
      parameter.requiresGrad = trainable(path, parameter);
    return this;
  }

  /** Copies of all parameters by path. */
  stateDict(): StateDict {
    const state: StateDict = new Map();
    for (const [path, parameter] of this.namedParameters()) {
      state.set(path, { shape: parameter.shape, data: parameter.toArray() });
    }
    return state;
  }

  /**
   * Overwrites the parameters. With `strict` (default) the keys must agree exactly. Everything is checked
   * before anything is written.
   * @throws FormatError naming the missing or unexpected keys, or the tensor whose shape differs.
   */
  loadStateDict(
    state: StateDict | ReadonlyMap<string, Tensor>,
    options: {
      /** Whether the keys must agree exactly; else what fits is loaded. Default true. */
      strict?: boolean;
      /** What messages call the file that the state is from. Default: nothing. */
      path?: string;
    } = {},
  ): void {
    checkOptions('loadStateDict', options, { strict: optional(flag), path: optional(text) });
    const strict = options.strict ?? true;
    const own = new Map(this.namedParameters());
    const missing = [...own.keys()].filter((key) => !state.has(key));
    const unexpected = [...state.keys()].filter((key) => !own.has(key));
    if (strict && (missing.length > 0 || unexpected.length > 0)) {
      const part = (label: string, keys: string[]) =>
        keys.length
          ? `${label} ${keys.slice(0, 4).join(', ')}${keys.length > 4 ? ` and ${keys.length - 4} more` : ''}`
          : '';
      throw new FormatError(
        [part('missing', missing), part('unexpected', unexpected)].filter(Boolean).join('; '),
        {
          op: 'loadStateDict',
          path: options.path,
          expected: [...own.keys()],
          actual: [...state.keys()],
          hint: 'the file belongs to another configuration; pass { strict: false } to load what fits',
        },
      );
    }
    for (const [key, parameter] of own) {
      const entry = state.get(key);
      if (entry && !sameShape(entry.shape, parameter.shape)) {
        throw new FormatError(
          `${key} must have shape ${formatShape(parameter.shape)}, got ${formatShape(entry.shape)}`,
          {
            op: 'loadStateDict',
            path: options.path,
            expected: parameter.shape,
            actual: entry.shape,
          },
        );
      }
      if (entry && !(entry instanceof Tensor) && entry.data.length !== parameter.size) {
        throw new FormatError(`${key} must have ${parameter.size} values, got ${entry.data.length}`, {
          op: 'loadStateDict',
          path: options.path,
          expected: parameter.size,
          actual: entry.data.length,
        });
      }
    }
    for (const [key, parameter] of own) {
      const entry = state.get(key);
      if (entry) parameter.set(entry instanceof Tensor ? entry.toArray() : entry.data);
    }
  }
}

/**
 * A place in a module for another that comes and goes; while it is there it is a child, whose keys carry no prefix of its own.
 * @internal
 */
export class Slot<M extends Module = Module> {
  module: M | null = null;
}

/** Some hosts have no such registry. */
const collected = globalThis.FinalizationRegistry && new FinalizationRegistry<Heap>((heap) => heap.models--);

function join(prefix: string, name: string): string {
  if (!prefix) return name;
  return name ? `${prefix}.${name}` : prefix;
}

/** `inProjWeight` to `in_proj_weight`; digits stay where they are (`norm1`). */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
