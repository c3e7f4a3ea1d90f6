/**
 * @file A variable is a tensor that may carry a gradient. It knows the node that produced it; nodes know
 * their inputs. There is no global tape: a graph lives as long as its last variable, or until `backward()`.
 */
import { checkOptions, checkValue, flag, oneOf, optional } from '../checks.js';
import { brief, ConfigError, formatShape, ShapeError } from '../errors.js';
import { FORMAT_BF16, FORMAT_F16 } from '../runtime/generated/shared.js';
import type { Ptr } from '../runtime/kernels.js';
import { currentRuntime, type Runtime } from '../runtime/runtime.js';
import { checkShape, type Shape, sizeOf } from '../tensor/shape.js';
import {
  arenaStorage,
  type DType,
  hostStorage,
  hostValues,
  type NestedNumbers,
  persistentStorage,
  type Storage,
  Tensor,
} from '../tensor/tensor.js';

/** One recorded op as its variables see it; the tape knows its backward. */
export interface TapeNode {
  readonly op: string;
  readonly inputs: readonly Variable[];
  readonly outputs: readonly Variable[];
  readonly sequence: number;
}

/** A tensor that ops take and give, and that may carry a gradient. */
export class Variable extends Tensor {
  /** Whether `backward()` is to compute its gradient. */
  requiresGrad: boolean;
  /** The op that produced this variable, or null for a leaf. @internal */
  node: TapeNode | null = null;
  /** Address of this variable's gradient while `backward()` runs, 0 when none has arrived. @internal */
  gradPtr: Ptr = 0;
  /** When set, `grad` keeps the gradient after `backward()` also for a variable that is not a leaf. @internal */
  retain = false;
  /** @internal Gradient carried out of the arena after `backward()`. */
  settledGrad: Tensor | null = null;

  /** @internal */
  constructor(storage: Storage, shape: Shape, offset = 0, requiresGrad = false) {
    super(storage, shape, offset);
    this.requiresGrad = requiresGrad;
  }

  /** The gradient of the last `backward()`, shape of the variable; null when there is none. */
  get grad(): Tensor | null {
    return this.settledGrad;
  }

  /** Keeps this variable's gradient after `backward()`. Returns itself. */
  retainGrad(): this {
    this.retain = true;
    return this;
  }

  /** Forgets the gradient. */
  zeroGrad(): void {
    this.settledGrad = null;
  }

  /** The same values without a history. */
  detach(): Variable {
    return new Variable(this.storage, this.shape, this.offset);
  }

  /** A copy of the values that outlives the step. */
  keep(): Variable {
    return new Variable(hostStorage(this.runtime, this.dtype, this.toArray()), this.shape);
  }
}

/** Where new parameters of a role and shape lie; null for where they usually do. */
export type ParameterPlaces = (runtime: Runtime, role: ParameterRole, shape: Shape) => Storage | null;

let places: ParameterPlaces | null = null;
let bytesOfMatrix = 4;
/** Bytes of a number of a matrix in the models being made. */
export const matrixBytes = (): number => bytesOfMatrix;

/**
 * Makes a model whose matrices `choose` gives a place, with so many bytes a number. Their values are to be loaded: they have
 * no initial ones.
 */
export function withPlaces<T>(choose: ParameterPlaces, bytes: number, make: () => T): T {
  const outer = [places, bytesOfMatrix] as const;
  [places, bytesOfMatrix] = [choose, bytes];
  try {
    return make();
  } finally {
    [places, bytesOfMatrix] = outer;
  }
}

/** Whether `x` gets its values later, and has no initial ones. */
export const awaitsValues = (x: Tensor): boolean => places !== null && x.dtype !== 'f32';

/** A trainable leaf in persistent memory; its gradient accumulates until `zeroGrad()`. */
export class Parameter extends Variable {
  /** Path in the model, e.g. `encoder.layers.0.linear1.weight`; set by the model that owns it. */
  path = '';
  /** What it is for. */
  readonly role: ParameterRole;
  #grad: { storage: Storage; offset: number } | null = null;
  /** The gradient counts as zero, whatever its memory holds: `zeroGrad()` writes nothing. */
  #isZero = false;

  constructor(shape: Shape, role: ParameterRole, runtime: Runtime = currentRuntime()) {
    checkShape('Parameter', shape);
    checkValue('Parameter', 'role', role, roleRule);
    super(places?.(runtime, role, shape) ?? persistentStorage(runtime, 'f32', sizeOf(shape)), shape, 0, true);
    // What is stored in 16 bits is for reading.
    this.requiresGrad = this.dtype === 'f32';
    this.role = role;
    runtime.graphChanged();
  }

  /** Has the values lie in `storage`, where they are already, and freezes them. @internal */
  moveTo(storage: Storage): void {
    this.free();
    this.#grad = null;
    this.#isZero = false;
    (this as { storage: Storage }).storage = storage;
    this.requiresGrad = false;
  }

  /** Address of the gradient block, made (zeroed) on first use; what it holds is the gradient. @internal */
  gradAddress(): Ptr {
    if (!this.#grad) this.bindGrad(persistentStorage(this.runtime, 'f32', this.size), 0);
    const { storage, offset } = this.#grad as { storage: Storage; offset: number };
    const address = storage.address() + offset * 4;
    if (this.takeZero()) this.runtime.kernels.fill(address, 0, this.size);
    return address;
  }

  /** Whether the gradient only counts as zero and its memory is to be overwritten. @internal */
  get gradIsZero(): boolean {
    return this.#isZero;
  }

  /** Like `gradIsZero`; from here on the memory counts, so the caller overwrites all of it. @internal */
  takeZero(): boolean {
    const isZero = this.#isZero;
    this.#isZero = false;
    return isZero;
  }

  /** Moves the gradient to `storage` (an optimizer's flat block), keeping its value. @internal */
  bindGrad(storage: Storage, offset: number): void {
    if (this.#grad && !this.takeZero())
      storage.write(offset, this.#grad.storage.read(this.#grad.offset, this.size));
    this.#grad = { storage, offset };
    this.runtime.graphChanged();
  }

  /** Gives its memory back, and that of a gradient of its own; nothing recorded over it holds any more. @internal */
  free(): void {
    this.storage.release();
    if (this.#grad?.storage.size === this.size) this.#grad.storage.release();
    this.runtime.graphChanged();
  }

  /** Whether the gradient lives in `storage`. @throws MemoryError when the parameter was freed @internal */
  gradIn(storage: Storage): boolean {
    this.storage.address();
    return this.#grad?.storage === storage;
  }

  override get grad(): Tensor | null {
    if (this.#isZero) this.gradAddress();
    return this.#grad ? new Tensor(this.#grad.storage, this.shape, this.#grad.offset) : null;
  }

  override zeroGrad(): void {
    this.#isZero = this.#grad !== null;
  }
}

/** What a parameter is for; decides its initial values and whether weight decay touches it. */
export type ParameterRole =
  | 'weight'
  | 'bias'
  | 'embedding'
  | 'position'
  | 'inProj'
  | 'attentionBias'
  | 'normWeight'
  | 'normBias'
  | 'other';

const roleRule = oneOf<ParameterRole>(
  'weight',
  'bias',
  'embedding',
  'position',
  'inProj',
  'attentionBias',
  'normWeight',
  'normBias',
  'other',
);

/**
 * Makes a constant from numbers, nested arrays or a typed array (shape inferred unless given).
 * @throws ShapeError for a shape that the values do not fill; DataError for what is no number, and with dtype `i32` for
 * a number that is no integer of 32 bits
 */
export function tensor(
  data: number | ArrayLike<number> | NestedNumbers,
  options: {
    /** Size of each axis; the values fill it row by row. Default: as the arrays are nested, else one axis. */
    shape?: Shape;
    /** Type of the elements. Default: `i32` of an Int32Array, else `f32`. */
    dtype?: 'f32' | 'i32';
    /** Whether `backward` gives it a gradient. Default false. */
    requiresGrad?: boolean;
  } = {},
): Variable {
  checkOptions('tensor', options, {
    shape: optional({ wanted: 'a shape', holds: Array.isArray }),
    dtype: optional(oneOf('f32', 'i32')),
    requiresGrad: optional(flag),
  });
  const dtype = options.dtype ?? (data instanceof Int32Array ? 'i32' : 'f32');
  const shape = options.shape ?? (typeof data === 'number' ? [] : undefined);
  const { storage, shape: finalShape } = hostValues(data, shape, dtype);
  return new Variable(storage, finalShape, 0, options.requiresGrad ?? false);
}

/** A fresh variable in the arena for an op's result. */
export function result(runtime: Runtime, shape: Shape, dtype: DType = 'f32'): Variable {
  return new Variable(arenaStorage(runtime, dtype, sizeOf(shape)), shape);
}

/** The common runtime of an op's operands. */
export function runtimeOf(op: string, ...operands: (Tensor | null | undefined)[]): Runtime {
  let runtime: Runtime | null = null;
  for (const operand of operands) {
    if (!operand) continue;
    if (runtime && operand.runtime !== runtime) {
      throw new ShapeError('operands belong to different runtimes', {
        op,
        hint: 'make all tensors of one computation inside the same withRuntime()',
      });
    }
    runtime = operand.runtime;
  }
  return runtime ?? currentRuntime();
}

/** Refuses what is no tensor. */
export function requireTensor(op: string, name: string, tensor: unknown): asserts tensor is Tensor {
  if (tensor instanceof Tensor) return;
  throw new ShapeError(`${name} must be a tensor, got ${brief(tensor)}`, {
    op,
    actual: tensor,
    hint: 'tensor(values) makes one',
  });
}

/** Refuses integer tensors where floats are needed and the other way round. */
export function requireDType(op: string, name: string, tensor: Tensor, dtype: DType): void {
  requireTensor(op, name, tensor);
  if (tensor.dtype !== dtype) {
    throw new ShapeError(`${name} must be ${dtype}, got ${tensor.dtype} ${formatShape(tensor.shape)}`, {
      op,
      expected: dtype,
      actual: tensor.dtype,
    });
  }
}

/**
 * How kernels are to read a frozen matrix: its format, 0 for f32, and its address.
 * @throws ShapeError for integers, ConfigError for one in 16 bits that wants a gradient
 */
export function readMatrix(op: string, name: string, matrix: Variable): { format: number; ptr: Ptr } {
  requireTensor(op, name, matrix);
  const { dtype, storage, offset } = matrix;
  const format = dtype === 'f16' ? FORMAT_F16 : dtype === 'bf16' ? FORMAT_BF16 : 0;
  if (format === 0) {
    requireDType(op, name, matrix, 'f32');
    return { format, ptr: matrix.ptr };
  }
  if (matrix.requiresGrad) {
    throw new ConfigError(`${name} is stored in ${dtype}, and only a frozen one may be`, {
      op,
      expected: 'requiresGrad false, or f32',
      actual: dtype,
      hint: 'load the model without dtype, or freeze this weight and train others, such as adapters',
    });
  }
  return { format, ptr: storage.matrix() + offset * 2 };
}
