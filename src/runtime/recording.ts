/**
 * @file Recording a computation as a program that can be run again on other inputs of the same shapes.
 *
 * A recording holds the kernel calls with their addresses. What may differ the next time must not be among their
 * arguments: it lies in memory, and is written there before each replay. That are the declared inputs (ids,
 * lengths), and what ops register with `eachReplay` (a divisor that is counted from the ids). Anything else that
 * comes from the host, or is read by it in between, makes a computation one that cannot be recorded: `refusal` says
 * why, and eager execution goes on.
 */
import type { Arena } from './arena.js';
import type { Kernels, Ptr } from './kernels.js';
import type { PersistentAllocator } from './persistent.js';

/** An array of a batch, whose values may differ in the replay of a recorded step. */
export type InputArray = Int32Array | Float32Array;

/** One call of a kernel, with the arguments it had. */
export interface RecordedCall {
  kernel: keyof Kernels;
  args: number[];
}

/** One place in memory that is filled from an input before a replay. */
interface Upload {
  ptr: Ptr;
  input: number;
  /** Lets the tensor that stood for the input know its new values. */
  rebind: (values: InputArray) => void;
}

/** A long-lived block that belongs to a recording. */
export interface Block {
  owner: PersistentAllocator;
  ptr: Ptr;
  bytes: number;
}

/** Gives blocks back. */
export function releaseBlocks(blocks: readonly Block[]): void {
  for (const { owner, ptr, bytes } of blocks) owner.release(ptr, bytes);
}

export class Recording {
  readonly calls: RecordedCall[] = [];
  readonly uploads: Upload[] = [];
  readonly actions: (() => void)[] = [];
  /** Where the host writes once frames have come and gone within the step; they are there as long as a program replays this. */
  readonly blocks: Block[] = [];
  /** Alive until the recorded step ends: only then tensors take their values to lie in a block. */
  readonly frame = { alive: true };
  /** The random position was moved meanwhile, which a replay does not do. */
  moved = false;
  #refusal: string | null = null;

  /** @param pops frames that the arena had popped before it */
  constructor(
    readonly inputs: readonly InputArray[],
    readonly pops = 0,
  ) {}

  /** Why this cannot be replayed; null when it can. */
  get refusal(): string | null {
    return this.#refusal;
  }

  refuse(reason: string): void {
    this.#refusal ??= reason;
  }

  /** Memory of its own for `count` elements that the host writes; null where that of the frame is nobody else's before. */
  place(
    arena: Arena,
    owner: PersistentAllocator,
    count: number,
  ): { ptr: Ptr; frame: { alive: boolean } } | null {
    if (arena.depth <= 1 && arena.pops === this.pops) return null;
    const bytes = count * 4;
    const ptr = owner.allocate(bytes);
    this.blocks.push({ owner, ptr, bytes });
    return { ptr, frame: this.frame };
  }

  /** Host values were copied to `ptr`. */
  upload(ptr: Ptr, values: ArrayLike<number>, rebind: (values: InputArray) => void): void {
    const input = this.inputs.indexOf(values as InputArray);
    if (input < 0)
      this.refuse(`${values.length} host values are used that are not among the declared inputs`);
    else this.uploads.push({ ptr, input, rebind });
  }

  /** Has the host do something before each replay, after the inputs are in place. */
  eachReplay(action: () => void): void {
    this.actions.push(action);
  }
}
