/**
 * @file A tensor is a shape over a storage. A storage lives in one of three places:
 * - persistent: a block of the runtime's memory (parameters); freed when the storage is collected;
 * - arena: made by an op; gone when its frame is popped (`backward()`, the end of `noGrad` or `scope`);
 * - host: values in a typed array, copied into the arena when an op needs them. Inputs, constants and
 *   everything that outlives its frame are of this kind, so a loop that makes them never grows the memory.
 */
import { checkInts } from '../checks.js';
import { brief, DataError, formatShape, MemoryError, ShapeError } from '../errors.js';
import type { Ptr } from '../runtime/kernels.js';
import { currentRuntime, type HostPlace, type Runtime } from '../runtime/runtime.js';
import { formatTensor } from './format.js';
import { checkShape, type Shape, sameShape, sizeOf } from './shape.js';

/** Elements: 32-bit floats, or 32-bit integers for ids and lengths; frozen matrices may have floats of 16 bits. */
export type DType = 'f32' | 'i32' | 'f16' | 'bf16';
/** Values as JavaScript has them: Float32Array, or Float64Array in double precision, or Int32Array. */
export type HostArray = Float32Array | Float64Array | Int32Array;

export class Storage {
  constructor(
    readonly runtime: Runtime,
    readonly dtype: DType,
    readonly size: number,
    private place: { ptr: Ptr; frame: HostPlace['frame'] | null } | null,
    private host: HostArray | null,
  ) {}

  /** Address of the first element, after copying host values in when needed. */
  address(): Ptr {
    if (this.place && (this.place.frame === null || this.place.frame.alive)) return this.place.ptr;
    if (!this.host) throw popped();
    this.place = this.runtime.hostPlace(this.size);
    const { ptr } = this.place;
    if (this.dtype === 'i32') this.runtime.heap.writeInts(ptr, this.host);
    else this.runtime.heap.writeFloats(ptr, this.host);
    this.runtime.recording?.upload(ptr, this.host, (values) => {
      this.host = values;
    });
    return ptr;
  }

  /** Address of a matrix, for kernels that are told how it is stored. */
  matrix(): Ptr {
    return this.address();
  }

  /** Bytes of its elements. */
  get bytes(): number {
    return this.size * 4;
  }

  /** A copy of `count` values from element `offset`. */
  read(offset: number, count: number): HostArray {
    if (this.host) return this.host.slice(offset, offset + count);
    this.runtime.recording?.refuse('a computed value is read in the middle of the step');
    return this.#copy(offset, count);
  }

  #copy(offset: number, count: number): HostArray {
    if (!this.place) throw popped();
    if (this.place.frame && !this.place.frame.alive) throw popped();
    const ptr = this.place.ptr + offset * 4;
    if (this.dtype === 'i32') return this.runtime.heap.readInts(ptr, count);
    return this.runtime.heap.floats(ptr, count).slice();
  }

  write(offset: number, values: ArrayLike<number>): void {
    if (this.host) {
      this.host.set(values, offset);
      this.place = null;
      return;
    }
    this.runtime.recording?.refuse('a tensor is overwritten by the host in the middle of the step');
    this.runtime.valuesChanged();
    const ptr = this.address() + offset * 4;
    if (this.dtype === 'i32') this.runtime.heap.writeInts(ptr, values);
    else this.runtime.heap.writeFloats(ptr, values);
  }

  /** Set by `persistentStorage`: where the block goes back to. */
  block: PersistentBlock | null = null;

  /**
   * Gives a long-lived block back at once instead of when the garbage collector finds it, which it does not before a
   * synchronous loop ends. The storage must not be used any more.
   */
  release(): void {
    if (!this.block) return;
    releaser?.unregister(this);
    const { owner, ptr, bytes } = this.block;
    this.block = null;
    this.place = null;
    owner.release(ptr, bytes);
  }

  /** Moves the values to the host, so that they survive their frame. */
  settle(): void {
    if (this.host || !this.place || this.place.frame === null) return;
    this.host = this.#copy(0, this.size);
    this.place = null;
  }
}

function popped(): MemoryError {
  return new MemoryError('this tensor was freed when its step ended, or by free()', {
    op: 'tensor',
    hint: 'read it before backward(), return it from noGrad() or scope(), or carry it out with keep()',
  });
}

interface PersistentBlock {
  owner: Runtime['persistent'];
  ptr: Ptr;
  bytes: number;
}

/** Some hosts have none (Cloudflare's Workers before 2025-05-05): nothing is given back there by itself. */
const releaser =
  typeof FinalizationRegistry === 'function'
    ? new FinalizationRegistry<PersistentBlock>(({ owner, ptr, bytes }) => {
        owner.release(ptr, bytes);
      })
    : null;

/** Storage in the runtime's long-lived memory, zeroed. */
export function persistentStorage(runtime: Runtime, dtype: DType, size: number): Storage {
  return inBlock(runtime, size, (ptr) => new Storage(runtime, dtype, size, { ptr, frame: null }, null));
}

/** A storage over `slots` long-lived words of 32 bits, zeroed, which are given back with it. */
export function inBlock(runtime: Runtime, slots: number, make: (ptr: Ptr) => Storage): Storage {
  // While planning this is not the runtime's own allocator: the block goes back to where it came from.
  const owner = runtime.persistent;
  const ptr = owner.allocate(slots * 4);
  runtime.heap.zero(ptr, slots);
  const storage = make(ptr);
  storage.block = { owner, ptr, bytes: slots * 4 };
  releaser?.register(storage, storage.block, storage);
  return storage;
}

/** Storage in the current frame of the arena; contents are whatever was there. */
export function arenaStorage(runtime: Runtime, dtype: DType, size: number): Storage {
  const ptr = runtime.allocate(size);
  return new Storage(runtime, dtype, size, { ptr, frame: runtime.currentFrame() }, null);
}

/** Storage over an array of the caller's (not copied). */
export function hostStorage(runtime: Runtime, dtype: DType, values: HostArray): Storage {
  return new Storage(runtime, dtype, values.length, null, values);
}

/**
 * Numbers of a shape in a runtime's memory, row-major, without a gradient. Made by `tensor`, ops and modules.
 * Unless it is a leaf or a parameter it can be read until its step ends.
 */
export class Tensor {
  /** @internal */
  readonly storage: Storage;
  /** Sizes of its axes. */
  readonly shape: Shape;
  /** Number of elements. */
  readonly size: number;
  /** First element within the storage; views of a leading slice start later. @internal */
  readonly offset: number;

  /** @internal */
  constructor(storage: Storage, shape: Shape, offset = 0) {
    this.storage = storage;
    this.shape = shape;
    this.size = sizeOf(shape);
    this.offset = offset;
    if (offset + this.size > storage.size) {
      throw new ShapeError(`shape ${formatShape(shape)} does not fit ${storage.size} elements`, {
        op: 'tensor',
        expected: storage.size,
        actual: this.size,
      });
    }
  }

  /** The runtime whose memory holds it. */
  get runtime(): Runtime {
    return this.storage.runtime;
  }

  /** Kind of its elements. */
  get dtype(): DType {
    return this.storage.dtype;
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** Address of the first element; valid until the current frame is popped. @internal */
  get ptr(): Ptr {
    return this.storage.address() + this.offset * 4;
  }

  /** A copy of the values, row-major. */
  toArray(): HostArray {
    return this.storage.read(this.offset, this.size);
  }

  /** The single value of a tensor of one element. */
  item(): number {
    if (this.size !== 1) {
      throw new ShapeError(`item() needs one element, the shape is ${formatShape(this.shape)}`, {
        op: 'item',
        expected: 1,
        actual: this.size,
      });
    }
    return this.storage.read(this.offset, 1)[0];
  }

  /**
   * Overwrites the values in place; not seen by the tape.
   * @throws ShapeError for another number of values; DataError for what is no number, or does not fit an i32
   */
  set(values: ArrayLike<number>): this {
    if (values.length !== this.size) {
      throw new ShapeError(`needs ${this.size} values for ${formatShape(this.shape)}, got ${values.length}`, {
        op: 'set',
        expected: this.size,
        actual: values.length,
      });
    }
    checkNumbers('set', values, this.dtype);
    this.storage.write(this.offset, values);
    return this;
  }

  /** Shape and values as text, cut where there are many; also what `console.log` shows in Node. */
  toString(): string {
    return formatTensor(this.dtype, this.shape, this.toArray());
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** A string, a bigint or nothing at all would become NaN or 0, and an i32 would wrap. */
function checkNumbers(op: string, values: ArrayLike<number>, dtype: DType): void {
  if (dtype === 'i32') checkInts(op, 'values', values);
  else if (!(values instanceof Float32Array || values instanceof Float64Array)) {
    for (let i = 0; i < values.length; i++) {
      if (typeof values[i] === 'number') continue;
      throw new DataError(`values[${i}] must be a number, got ${brief(String(values[i]))}`, {
        op,
        expected: 'a number',
        actual: values[i],
      });
    }
  }
}

/** Makes values of `data` into host storage of the current runtime, checking the count. */
export function hostValues(
  data: number | ArrayLike<number> | NestedNumbers,
  shape: Shape | undefined,
  dtype: DType,
  runtime = currentRuntime(),
): { storage: Storage; shape: Shape } {
  const flat: number[] | HostArray = [];
  let inferred: number[] = [];
  let values: ArrayLike<number>;
  if (typeof data === 'number') values = [data];
  else if (!Array.isArray(data) && Number.isInteger((data as ArrayLike<number> | null)?.length)) {
    values = data as ArrayLike<number>;
    inferred = [values.length];
  } else {
    inferred = flatten(data as NestedNumbers, flat as number[]);
    values = flat;
  }
  const wanted = shape ?? inferred;
  checkShape('tensor', wanted);
  checkNumbers('tensor', values, dtype);
  if (sizeOf(wanted) !== values.length) {
    throw new ShapeError(
      `shape ${formatShape(wanted)} needs ${sizeOf(wanted)} values, got ${values.length}`,
      {
        op: 'tensor',
        expected: sizeOf(wanted),
        actual: values.length,
      },
    );
  }
  const Array_ = dtype === 'i32' ? Int32Array : runtime.precision === 'f64' ? Float64Array : Float32Array;
  return { storage: hostStorage(runtime, dtype, Array_.from(values)), shape: [...wanted] };
}

/** Rows of rows of numbers, all of one length per level. */
export type NestedNumbers = readonly (number | NestedNumbers)[];

const SCALAR: number[] = [];

/** Appends the numbers of nested arrays and returns their shape; a number has the shape []. */
function flatten(data: number | NestedNumbers, into: number[]): number[] {
  if (typeof data === 'number') {
    into.push(data);
    return SCALAR;
  }
  if (!Array.isArray(data) && !ArrayBuffer.isView(data)) {
    throw new DataError(`values must be numbers or nested arrays of them, got ${brief(data)}`, {
      op: 'tensor',
      actual: data,
    });
  }
  let inner = SCALAR;
  for (const [i, row] of (data as NestedNumbers).entries()) {
    const shape = flatten(row, into);
    if (i > 0 && !sameShape(inner, shape)) {
      throw new ShapeError(`rows of ${formatShape(inner)} and ${formatShape(shape)} do not make a tensor`, {
        op: 'tensor',
        expected: inner,
        actual: shape,
      });
    }
    inner = shape;
  }
  return [data.length, ...inner];
}
