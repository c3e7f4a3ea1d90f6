/**
 * @file Reverse mode. Each op records one node with its own backward; `backward()` walks the reachable nodes
 * from the newest to the oldest, which is a topological order because a node can only use older results.
 * Nothing recurses, so depth is not limited by the JavaScript stack.
 */
import { callback, checkOptions, checkValue, flag, integer, optional } from '../checks.js';
import { formatShape, MemoryError, ShapeError } from '../errors.js';
import type { Frame } from '../runtime/arena.js';
import type { Ptr } from '../runtime/kernels.js';
import { currentRuntime, type Runtime } from '../runtime/runtime.js';
import { hostStorage, Tensor } from '../tensor/tensor.js';
import { Parameter, requireDType, type TapeNode, type Variable } from './variable.js';

interface RecordedNode extends TapeNode {
  readonly backward: (ctx: BackwardContext) => void;
  /** Where the values it saved live: once popped, the node cannot be walked any more. */
  readonly frame: Pick<Frame, 'alive'>;
}

/** Stands in for every node that a `backward()` has used up, so that the graph itself can be collected. */
const USED_UP: RecordedNode = {
  op: 'used up',
  inputs: [],
  outputs: [],
  sequence: -1,
  backward: () => {},
  frame: { alive: false },
};

let sequence = 0;
let gradEnabled = true;
let watcher: ((node: TapeNode) => void) | null = null;

/** How many ops have been recorded: two positions enclose what was recorded between them. */
export function tapePosition(): number {
  return sequence;
}

/** Runs `fn`; `watch` is called after each node's backward, while its gradients can be looked at. */
export function watchBackward<T>(watch: (node: TapeNode) => void, fn: () => T): T {
  const before = watcher;
  watcher = watch;
  try {
    return fn();
  } finally {
    watcher = before;
  }
}

/** Whether ops record themselves now. */
export function isGradEnabled(): boolean {
  return gradEnabled;
}

/**
 * Runs `fn` in an arena frame of its own without recording; what it returns (a tensor, or arrays and plain
 * objects of tensors) survives, everything else it made is freed.
 */
export function noGrad<T>(fn: () => T, runtime?: Runtime): T {
  return withGrad(false, () => inFrame('noGrad', fn, runtime));
}

/** Runs `fn` with ops that record themselves, or not. */
export function withGrad<T>(enabled: boolean, fn: () => T): T {
  const before = gradEnabled;
  gradEnabled = enabled;
  try {
    return fn();
  } finally {
    gradEnabled = before;
  }
}

/** Like `noGrad`, but recording: temporaries of `fn` are freed at its end, so finish with `backward()` inside. */
export function scope<T>(fn: () => T, runtime?: Runtime): T {
  return inFrame('scope', fn, runtime);
}

function inFrame<T>(op: string, fn: () => T, runtime = currentRuntime()): T {
  checkValue(op, 'the argument', fn, callback);
  const frame = runtime.arena.push();
  try {
    const value = fn();
    settleAll(value, 0);
    return value;
  } finally {
    runtime.arena.pop(frame);
  }
}

function settleAll(value: unknown, depth: number): void {
  if (value instanceof Tensor) {
    value.runtime.recording?.refuse('noGrad() or scope() hands a value on in the middle of the step');
    value.storage.settle();
  } else if (depth < 4 && Array.isArray(value)) for (const item of value) settleAll(item, depth + 1);
  else if (
    depth < 4 &&
    value !== null &&
    typeof value === 'object' &&
    Object.getPrototypeOf(value) === Object.prototype
  ) {
    for (const item of Object.values(value)) settleAll(item, depth + 1);
  }
}

/**
 * Links `outputs` to their op when a gradient can flow; otherwise the op leaves no trace.
 * `backward` reads the outputs' gradients from the context and hands on those of the inputs it is asked for.
 * @param flows whether one can: to an input, or to what the op reads beside them
 */
export function record(
  op: string,
  inputs: readonly Variable[],
  outputs: readonly Variable[],
  backward: (ctx: BackwardContext) => void,
  flows = inputs.some((input) => input.requiresGrad),
): void {
  if (!gradEnabled || !flows) return;
  const frame = outputs[0].runtime.currentFrame();
  const node: RecordedNode = { op, inputs, outputs, backward, sequence: sequence++, frame };
  for (const output of outputs) {
    output.requiresGrad = true;
    output.node = node;
  }
}

/**
 * Gradients under way, and their memory: when the op that made a variable has had its gradient, nobody reads that any more,
 * and the next gradient of the size lies there. So a backward takes the room of one layer and not of all.
 */
class Gradients {
  readonly #sizes = new Map<Ptr, number>();
  readonly #free = new Map<number, Ptr[]>();

  constructor(
    readonly runtime: Runtime,
    readonly touched: Set<Variable>,
  ) {}

  make(size: number): Ptr {
    const ptr = this.#free.get(size)?.pop() ?? this.runtime.allocate(size);
    this.#sizes.set(ptr, size);
    return ptr;
  }

  /** `ptr` was read for the last time, unless it, or a part of it, was handed on. */
  release(ptr: Ptr): void {
    const size = this.#sizes.get(ptr);
    if (!size) return;
    for (const { gradPtr } of this.touched) if (gradPtr >= ptr && gradPtr < ptr + 4 * size) return;
    this.#sizes.delete(ptr);
    const same = this.#free.get(size);
    if (same) same.push(ptr);
    else this.#free.set(size, [ptr]);
  }
}

/** What an op's backward sees: incoming gradients, and where to put outgoing ones. */
export class BackwardContext {
  readonly runtime: Runtime;

  constructor(
    private readonly gradients: Gradients,
    private readonly node: TapeNode,
  ) {
    this.runtime = gradients.runtime;
  }

  /** Room for a gradient, to be handed on with `pass`. */
  make(size: number): Ptr {
    return this.gradients.make(size);
  }

  /** Address of the gradient of output `index`; 0 when none arrived. */
  dout(index = 0): Ptr {
    return this.node.outputs[index].gradPtr;
  }

  wants(input: Variable | null | undefined): input is Variable {
    return !!input?.requiresGrad;
  }

  /** `write` fills the whole gradient of `input`; when there is one already, the new one is added to it. */
  overwrite(input: Variable, write: (dx: Ptr) => void): void {
    this.overwriteAll([input], ([dx]) => write(dx));
  }

  /** Like `overwrite` for several inputs that one kernel fills together. Inputs may repeat. */
  overwriteAll(inputs: readonly Variable[], write: (targets: Ptr[]) => void): void {
    const targets: Ptr[] = [];
    const pending: [Variable, Ptr][] = [];
    const unwanted: Ptr[] = [];
    for (const input of inputs) {
      if (this.#isUnwritten(input)) {
        targets.push(this.#existing(input));
        continue;
      }
      const fresh = input.gradPtr === 0 && !(input instanceof Parameter) && input.requiresGrad;
      const ptr = this.make(input.size);
      if (fresh) {
        input.gradPtr = ptr;
        this.gradients.touched.add(input);
      } else if (input.requiresGrad) pending.push([input, ptr]);
      else unwanted.push(ptr);
      targets.push(ptr);
    }
    write(targets);
    for (const [input, ptr] of pending) {
      this.runtime.kernels.addInto(this.#existing(input), ptr, input.size);
      unwanted.push(ptr);
    }
    for (const ptr of unwanted) this.gradients.release(ptr);
  }

  /** Address of a gradient that `input` has already, for kernels that add to it in their own pass; 0 when none. */
  arrived(input: Variable): Ptr {
    return input instanceof Parameter || !input.requiresGrad ? 0 : input.gradPtr;
  }

  /** For kernels that can add: `write` is told whether to accumulate (1) or overwrite (0). */
  accumulate(input: Variable, write: (dx: Ptr, accumulate: 0 | 1) => void): void {
    if (input.gradPtr === 0 && !(input instanceof Parameter)) {
      input.gradPtr = this.make(input.size);
      this.gradients.touched.add(input);
      write(input.gradPtr, 0);
    } else if (this.#isUnwritten(input)) write(this.#existing(input), 0);
    else write(this.#existing(input), 1);
  }

  /** A parameter whose gradient was set to zero without writing zeros: the caller overwrites all of it now. */
  #isUnwritten(input: Variable): boolean {
    return input instanceof Parameter && input.requiresGrad && !this.runtime.planning && input.takeZero();
  }

  /** For kernels that only add (scatter, norm parameters): the target is zeroed when new. */
  addTo(input: Variable, write: (dx: Ptr) => void): void {
    if (input.gradPtr === 0 && !(input instanceof Parameter)) {
      input.gradPtr = this.make(input.size);
      this.runtime.kernels.fill(input.gradPtr, 0, input.size);
      this.gradients.touched.add(input);
    }
    write(this.#existing(input));
  }

  /** Hands the gradient at `ptr` on unchanged. `owned` says nobody else reads or writes it from here on. */
  pass(input: Variable, ptr: Ptr, owned: boolean): void {
    if (owned && input.gradPtr === 0 && !(input instanceof Parameter)) {
      input.gradPtr = ptr;
      this.gradients.touched.add(input);
    } else {
      this.accumulate(input, (dx, accumulate) => {
        if (accumulate) this.runtime.kernels.addInto(dx, ptr, input.size);
        else this.runtime.kernels.copyForward(dx, ptr, input.size);
      });
    }
  }

  /** Has the gradients of `outputs`, made in a forward that was computed again, flow to what they were made of. */
  again(outputs: readonly Variable[]): void {
    const touched = new Set<Variable>();
    walk(this.runtime, reachable(outputs), touched);
    for (const variable of touched) if (variable instanceof Parameter) this.gradients.touched.add(variable);
  }

  #existing(input: Variable): Ptr {
    if (input instanceof Parameter && (input.gradPtr === 0 || input.gradIsZero)) {
      // While planning, nothing may be bound to the parameter, and its gradient takes no room in the arena.
      input.gradPtr = this.runtime.planning ? 1 : input.gradAddress();
      this.gradients.touched.add(input);
    }
    return input.gradPtr;
  }
}

/** What `backward` does besides computing gradients. */
export interface BackwardOptions {
  /** Keep the step's tensors and the graph, e.g. to inspect activations; end with `runtime.endStep()`. Default false. */
  retainGraph?: boolean;
  /** Address of the gradient of the loss itself, read while the backward runs; 1 without it. @internal */
  weightAt?: Ptr;
}

/**
 * Computes the gradient of `loss` (one element) with respect to every leaf that requires it. Parameters
 * accumulate into their gradient; other leaves get `grad`. Then the step ends: the arena goes back to where
 * the step began and the step's tensors can no longer be read, except `loss`.
 */
export function backward(loss: Variable, options: BackwardOptions = {}): void {
  checkOptions('backward', options, { retainGraph: optional(flag), weightAt: optional(integer(0)) });
  requireDType('backward', 'the loss', loss, 'f32');
  const runtime = loss.runtime;
  if (loss.size !== 1) {
    throw new ShapeError(`the loss must have one element, its shape is ${formatShape(loss.shape)}`, {
      op: 'backward',
      expected: 1,
      actual: loss.size,
      hint: 'reduce it with mean() or sum()',
    });
  }
  if (!loss.requiresGrad) {
    throw new ShapeError('the loss does not depend on anything that requires a gradient', {
      op: 'backward',
      hint: 'was it computed inside noGrad(), or from a frozen model?',
    });
  }
  const order = reachable([loss]);
  loss.storage.settle();
  const touched = new Set<Variable>([loss]);
  loss.gradPtr = runtime.allocate(1);
  if (options.weightAt) runtime.kernels.copyForward(loss.gradPtr, options.weightAt, 1);
  else runtime.kernels.fill(loss.gradPtr, 1, 1);
  // A parameter that is itself the loss has no node to carry the gradient to it.
  if (loss instanceof Parameter) runtime.kernels.addInto(loss.gradAddress(), loss.gradPtr, 1);
  try {
    walk(runtime, order, touched);
    for (const variable of touched) {
      if (variable.node === null && !(variable instanceof Parameter)) settleGradient(variable);
    }
  } finally {
    for (const variable of touched) variable.gradPtr = 0;
    if (!options.retainGraph) {
      for (const node of order) for (const output of node.outputs) output.node = USED_UP;
      runtime.endStep();
      runtime.nextMicrobatch();
    }
  }
}

/** The backward of every node that a gradient has arrived at. */
function walk(runtime: Runtime, order: readonly RecordedNode[], touched: Set<Variable>): void {
  const gradients = new Gradients(runtime, touched);
  for (const node of order) {
    if (!node.outputs.some((output) => output.gradPtr !== 0)) continue;
    // Retained gradients are read now: the op below may hand their memory on to its inputs.
    for (const output of node.outputs) if (output.retain && output.gradPtr !== 0) settleGradient(output);
    node.backward(new BackwardContext(gradients, node));
    watcher?.(node);
    for (const output of node.outputs) {
      const { gradPtr } = output;
      output.gradPtr = 0;
      // Nothing is left to settle of it, and what is released is held against fewer.
      touched.delete(output);
      gradients.release(gradPtr);
    }
  }
}

function settleGradient(variable: Variable): void {
  if (variable.runtime.planning) return;
  variable.runtime.recording?.refuse('a tensor that is no parameter wants its gradient');
  const values = variable.runtime.heap.floats(variable.gradPtr, variable.size).slice();
  const before = variable.node === null ? variable.settledGrad?.toArray() : undefined;
  if (before) for (let i = 0; i < values.length; i++) values[i] += before[i];
  variable.settledGrad = new Tensor(hostStorage(variable.runtime, 'f32', values), variable.shape);
}

/**
 * Nodes that `outputs`, such as the loss, depend on, newest first.
 * @throws MemoryError when a part of the graph is gone.
 */
function reachable(outputs: readonly Variable[]): RecordedNode[] {
  const seen = new Set<RecordedNode>();
  // Every node is made by `record`; variables only know the part of it they need.
  const stack = outputs.flatMap(({ node }) => node ?? []) as RecordedNode[];
  while (stack.length > 0) {
    const node = stack.pop() as RecordedNode;
    if (seen.has(node)) continue;
    if (!node.frame.alive) {
      throw new MemoryError(
        'the graph of this loss is gone: backward() used it up, or its step or scope has ended',
        {
          op: 'backward',
          hint: 'call it once per graph, inside the scope() that made it; add several losses up, or pass { retainGraph: true }',
        },
      );
    }
    seen.add(node);
    for (const input of node.inputs) {
      const before = input.node as RecordedNode | null;
      if (before && !seen.has(before)) stack.push(before);
    }
  }
  return [...seen].sort((a, b) => b.sequence - a.sequence);
}
