/**
 * @file The step arena: a stack of allocations for activations, their gradients and workspace. A frame is a
 * mark on that stack; popping it frees everything above at once, which is why user code needs no dispose.
 *
 * The stack is a chain of segments, because persistent blocks grow in the same memory. An allocation never
 * straddles two segments; segments are kept for reuse, so a loop over the same shapes allocates nothing.
 */
export interface Frame {
  /** False once popped: tensors hold their frame and refuse to be read afterwards. */
  alive: boolean;
  readonly segment: number;
  readonly offset: number;
  readonly inUse: number;
}

interface Segment {
  start: number;
  size: number;
}

const ALIGN = 64;
const MIN_SEGMENT = 1 << 20;

export class Arena {
  readonly #segments: Segment[] = [];
  readonly #frames: Frame[] = [];
  readonly #reserve: (bytes: number) => number;
  #segment = 0;
  #offset = 0;
  #inUse = 0;
  #highWater = 0;
  /** Frames that were popped so far: memory handed out since may have been something else before. */
  pops = 0;

  /** @param reserve hands out `bytes` of fresh memory for a new segment, for good. */
  constructor(reserve: (bytes: number) => number) {
    this.#reserve = reserve;
  }

  get inUse(): number {
    return this.#inUse;
  }

  /** Most bytes ever in use at once. */
  get highWater(): number {
    return this.#highWater;
  }

  get depth(): number {
    return this.#frames.length;
  }

  get top(): Frame | undefined {
    return this.#frames[this.#frames.length - 1];
  }

  resetHighWater(): void {
    this.#highWater = this.#inUse;
  }

  push(): Frame {
    const frame = { alive: true, segment: this.#segment, offset: this.#offset, inUse: this.#inUse };
    this.#frames.push(frame);
    return frame;
  }

  /** Frees all that was allocated since `frame` was pushed, inner frames included. */
  pop(frame: Frame): void {
    if (!frame.alive) return;
    this.pops++;
    while (this.#frames.length > 0) {
      const inner = this.#frames.pop() as Frame;
      inner.alive = false;
      if (inner === frame) break;
    }
    this.#segment = frame.segment;
    this.#offset = frame.offset;
    this.#inUse = frame.inUse;
  }

  /** Pops everything. */
  clear(): void {
    const bottom = this.#frames[0];
    if (bottom) this.pop(bottom);
  }

  allocate(bytes: number): number {
    const size = Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN);
    let offset = this.#offset;
    for (let i = this.#segment; i < this.#segments.length; i++, offset = 0) {
      if (offset + size <= this.#segments[i].size) return this.#take(i, offset, size);
    }
    this.#segments.push(this.#newSegment(size)); // may throw: nothing has changed yet
    return this.#take(this.#segments.length - 1, 0, size);
  }

  /** Segments double, so that there are few; near the limit of the memory one gets what it needs. */
  #newSegment(size: number): Segment {
    const last = this.#segments[this.#segments.length - 1];
    const generous = Math.max(MIN_SEGMENT, size, last ? Math.min(last.size * 2, 1 << 26) : 0);
    try {
      return { start: this.#reserve(generous), size: generous };
    } catch (error) {
      if (generous === size) throw error;
      return { start: this.#reserve(size), size };
    }
  }

  #take(segment: number, offset: number, size: number): number {
    const ptr = this.#segments[segment].start + offset;
    this.#segment = segment;
    this.#offset = offset + size;
    this.#inUse += size;
    if (this.#inUse > this.#highWater) this.#highWater = this.#inUse;
    return ptr;
  }
}
