/**
 * @file A computation that comes again and again with other ids, recorded once its shape comes a second time and replayed from
 * then on: the same kernels with the same arguments, without graph and modules. What cannot be recorded runs as before, to the
 * same bits.
 */
import { PackedWeights } from '../autograd/ops/packed-weights.js';
import { noGrad } from '../autograd/tape.js';
import { Variable } from '../autograd/variable.js';
import {
  canReplay,
  forget,
  type RecordedProgram,
  record,
  replayProgram,
  toProgram,
} from '../runtime/dispatch.js';
import type { Runtime } from '../runtime/runtime.js';
import type { Shape } from '../tensor/shape.js';
import { type HostArray, hostStorage } from '../tensor/tensor.js';

interface Recorded {
  /** What it lies in: addresses that are no part of the shape. */
  place: string;
  program: RecordedProgram;
  read: () => HostArray[];
}

interface Found {
  values: HostArray[];
  /** Reads them again, after a replay. */
  read: () => HostArray[];
}

/** Shapes kept; a search that loses rows does not come back to an earlier one. */
const MOST = 4;

/** The programs of what nobody released and nobody holds; they lead to what they compute with, not to who has them. */
interface Left {
  programs: Set<RecordedProgram>;
  runtime: Runtime;
}

const abandoned =
  typeof FinalizationRegistry === 'function'
    ? new FinalizationRegistry<Left>(({ programs, runtime }) => {
        for (const program of programs) forget(program, runtime);
      })
    : null;

export class RecordedTokens {
  readonly #runtime: Runtime;
  readonly #programs = new Map<string, Recorded>();
  readonly #made = new Set<RecordedProgram>();
  readonly #sighted = new Set<string>();
  #version = -1;
  #refused = false;
  readonly #weights: PackedWeights;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
    this.#weights = new PackedWeights(runtime);
    abandoned?.register(this, { programs: this.#made, runtime });
  }

  /** Bytes of matrices quantised for it. */
  get packedBytes(): number {
    return this.#weights.bytes;
  }

  /** Shapes that can be replayed now. */
  get size(): number {
    return this.#programs.size;
  }

  /**
   * The values of what `compute` returns, without gradients. It reads nothing from the host that changes between two calls of
   * one shape but `inputs`, through `inputTensor` of these very arrays.
   * @param shape names all else that it depends on, `place` what its addresses depend on
   */
  run(
    shape: string,
    place: string,
    inputs: readonly Int32Array[],
    compute: () => readonly Variable[],
  ): HostArray[] {
    const runtime = this.#runtime;
    const found = (): Found => this.#compute(compute);
    if (this.#refused || !canReplay(runtime)) return this.once(compute);
    if (runtime.graphVersion !== this.#version) {
      this.release();
      this.#version = runtime.graphVersion;
    }
    const known = this.#programs.get(shape);
    if (known?.place === place) {
      this.#weights.refresh();
      replayProgram(known.program, runtime, inputs);
      return known.read();
    }
    if (!this.#sighted.has(shape)) {
      this.#sighted.add(shape);
      return this.once(compute);
    }
    if (known) this.#forget(shape);
    const { value, recording } = record(runtime, inputs, found);
    if (recording.refusal !== null) this.#refused = true;
    else {
      for (const oldest of this.#programs.keys()) if (this.#programs.size >= MOST) this.#forget(oldest);
      const program = toProgram(recording, runtime);
      this.#made.add(program);
      this.#programs.set(shape, { place, program, read: value.read });
    }
    return value.values;
  }

  /** The same, where nothing is recorded. */
  once(compute: () => readonly Variable[]): HostArray[] {
    return this.#compute(compute).values;
  }

  #compute(compute: () => readonly Variable[]): Found {
    const runtime = this.#runtime;
    this.#weights.refresh();
    return noGrad(() => {
      // Not by toArray(): what the host reads meanwhile could not be replayed.
      const at = this.#weights.during(compute).map(({ ptr, size, dtype }) => ({ ptr, size, dtype }));
      const { heap } = runtime;
      const read = (): HostArray[] =>
        at.map(({ ptr, size, dtype }) =>
          dtype === 'i32' ? heap.readInts(ptr, size) : heap.floats(ptr, size).slice(),
        );
      return { read, values: read() };
    }, runtime);
  }

  #forget(shape: string): void {
    const { program } = this.#programs.get(shape) as Recorded;
    forget(program, this.#runtime);
    this.#made.delete(program);
    this.#programs.delete(shape);
  }

  /** Gives its memory back; it can be used further. */
  release(): void {
    for (const shape of [...this.#programs.keys()]) this.#forget(shape);
    this.#sighted.clear();
    this.#weights.release();
  }
}

/** An input as ops read it: the array itself, not a copy. */
export function inputTensor(runtime: Runtime, values: Int32Array, shape: Shape): Variable {
  return new Variable(hostStorage(runtime, 'i32', values), shape);
}
