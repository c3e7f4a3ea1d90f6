/**
 * @file Long-lived blocks: parameters, gradients, optimizer state. Freed blocks go to a list by size and are
 * reused for equal sizes; models of one program tend to repeat their shapes, so this is enough.
 */
const ALIGN = 64;
const CHUNK = 1 << 18;

export class PersistentAllocator {
  readonly #free = new Map<number, number[]>();
  readonly #reserve: (bytes: number) => number;
  #cursor = 0;
  #end = 0;
  #inUse = 0;

  constructor(reserve: (bytes: number) => number) {
    this.#reserve = reserve;
  }

  get inUse(): number {
    return this.#inUse;
  }

  allocate(bytes: number): number {
    const size = Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN);
    const reusable = this.#free.get(size)?.pop();
    if (reusable !== undefined) {
      this.#inUse += size;
      return reusable;
    }
    if (this.#cursor + size > this.#end) {
      const { start, length } = this.#newChunk(size); // may throw: nothing has changed yet
      // Two reservations in a row may be adjacent; then the remainder of the old chunk is still usable.
      if (start !== this.#end) this.#cursor = start;
      this.#end = start + length;
    }
    const ptr = this.#cursor;
    this.#cursor += size;
    this.#inUse += size;
    return ptr;
  }

  /** Near the limit of the memory a chunk is as small as what is asked for. */
  #newChunk(size: number): { start: number; length: number } {
    const generous = Math.max(CHUNK, size);
    try {
      return { start: this.#reserve(generous), length: generous };
    } catch (error) {
      if (generous === size) throw error;
      return { start: this.#reserve(size), length: size };
    }
  }

  release(ptr: number, bytes: number): void {
    const size = Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN);
    const list = this.#free.get(size);
    if (list) list.push(ptr);
    else this.#free.set(size, [ptr]);
    this.#inUse -= size;
  }
}
