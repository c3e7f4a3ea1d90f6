/**
 * @file A matrix of which every number takes 16 bits. Only kernels that are told so read it; the host reads and writes it
 * as float32, a piece at a time.
 */
import { brief, ConfigError, DataError } from '../errors.js';
import { fromHalf, type HalfType, toHalf } from '../half.js';
import type { Ptr } from '../runtime/kernels.js';
import type { Runtime } from '../runtime/runtime.js';
import { type HostArray, inBlock, Storage } from './tensor.js';

/** Numbers that are converted at a time; even, so that pieces begin with whole words. */
const PIECE = 1 << 16;

class HalfStorage extends Storage {
  constructor(
    runtime: Runtime,
    readonly type: HalfType,
    size: number,
    ptr: Ptr,
  ) {
    super(runtime, type, size, { ptr, frame: null }, null);
  }

  /** @throws ConfigError always: whoever asks would take it for float32 */
  override address(): Ptr {
    throw new ConfigError(
      `a weight stored in ${this.type} is for linear layers, embeddings and losses alone, and is not trained`,
      {
        op: 'half storage',
        expected: 'f32',
        actual: this.type,
        hint: 'load the model without dtype, or freeze this weight and train others, such as adapters',
      },
    );
  }

  override matrix(): Ptr {
    return super.address();
  }

  override get bytes(): number {
    return this.size * 2;
  }

  override read(offset: number, count: number): HostArray {
    const { runtime, type } = this;
    runtime.recording?.refuse('a weight is read in the middle of the step');
    const values = runtime.precision === 'f64' ? new Float64Array(count) : new Float32Array(count);
    for (let done = 0; done < count; done += PIECE) {
      const from = offset + done;
      const length = Math.min(PIECE, count - done);
      const halves = this.#words(from, length);
      for (let i = 0; i < length; i++) values[done + i] = fromHalf(type, halves[(from & 1) + i]);
    }
    return values;
  }

  override write(offset: number, values: ArrayLike<number>): void {
    const { runtime, type } = this;
    runtime.recording?.refuse('a weight is overwritten by the host in the middle of the step');
    for (let done = 0; done < values.length; done += PIECE) {
      const from = offset + done;
      const length = Math.min(PIECE, values.length - done);
      // The other half of the first and of the last word stays.
      const halves = this.#words(from, length);
      for (let i = 0; i < length; i++) halves[(from & 1) + i] = narrowed(type, values[done + i]);
      runtime.heap.writeInts(this.matrix() + (from >> 1) * 4, new Int32Array(halves.buffer));
    }
  }

  /** Whole words around `count` numbers from number `offset` on. */
  #words(offset: number, count: number): Uint16Array {
    const first = offset >> 1;
    const words = this.runtime.heap.readInts(this.matrix() + first * 4, ((offset + count + 1) >> 1) - first);
    return new Uint16Array(words.buffer);
  }
}

/** @throws DataError for a finite number that 16 bits of this kind have no room for */
function narrowed(type: HalfType, value: number): number {
  const half = toHalf(type, value);
  if ((half & 0x7fff) !== (type === 'f16' ? 0x7c00 : 0x7f80) || Math.abs(value) === Infinity) return half;
  throw new DataError(`the weight ${brief(value)} is beyond the largest ${type}`, {
    op: 'half storage',
    expected: type === 'f16' ? 'at most 65504' : 'at most 3.39e38',
    actual: value,
    hint: type === 'f16' ? "take dtype: 'bf16', which has the range of f32" : 'load the model without dtype',
  });
}

/** A matrix of 16 bits a number in the runtime's long-lived memory, zeroed. */
export function halfStorage(runtime: Runtime, type: HalfType, size: number): Storage {
  return inBlock(runtime, Math.ceil(size / 2), (ptr) => new HalfStorage(runtime, type, size, ptr));
}
