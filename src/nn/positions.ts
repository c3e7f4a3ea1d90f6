/** @file Where a token stands: sinusoidal (Vaswani et al. 2017, section 3.5) or learned positions. */
import { add, gather, slice } from '../autograd/ops/index.js';
import { Parameter, Variable } from '../autograd/variable.js';
import { checkValue, integer, oneOf } from '../checks.js';
import { DataError } from '../errors.js';
import { cos64, pow64, sin64 } from '../runtime/math.js';
import { currentRuntime } from '../runtime/runtime.js';
import { persistentStorage } from '../tensor/tensor.js';
import { initializeParameter } from './init.js';
import { Module } from './module.js';

/**
 * `sinusoidal` (Vaswani et al. 2017, section 3.5), a `learned` table, or `rotary`, where the attentions turn queries and
 * keys instead (Su et al. 2021).
 */
export type PositionKind = 'sinusoidal' | 'learned' | 'rotary';
export const positionKinds: readonly PositionKind[] = ['sinusoidal', 'learned', 'rotary'];

/** Adds a position row to every token embedding; under `rotary` nothing. */
export class Positions extends Module {
  static override readonly name: string = 'Positions';
  /** Learned table (maxSeqLen, dModel); null for the others. */
  readonly weight: Parameter | null;
  readonly #table: Variable | null;

  constructor(
    kind: PositionKind,
    readonly maxSeqLen: number,
    dModel: number,
  ) {
    super();
    checkValue('Positions', 'kind', kind, oneOf(...positionKinds));
    checkValue('Positions', 'maxSeqLen', maxSeqLen, integer(1));
    checkValue('Positions', 'dModel', dModel, integer(1));
    this.weight =
      kind === 'learned' ? initializeParameter(new Parameter([maxSeqLen, dModel], 'position')) : null;
    this.#table = kind === 'sinusoidal' ? sinusoids(maxSeqLen, dModel) : null;
  }

  protected override freeTables(): void {
    this.#table?.storage.release();
  }

  /** What is added, (maxSeqLen, dModel); null under `rotary`. @internal */
  get table(): Variable | null {
    return this.weight ?? this.#table;
  }

  /** x (B, T, C) standing at positions start … start + T - 1; or x (B, 1, C) at the one that `at` (1) i32 holds. */
  forward(x: Variable, start = 0, at: Variable | null = null): Variable {
    const { table } = this;
    this.check(start, x.shape[1]);
    if (!table) return x;
    return add(x, at ? gather(table, at) : slice(table, 0, start, start + x.shape[1]));
  }

  /** @throws DataError unless there are positions start … start + length - 1 @internal */
  check(start: number, length: number): void {
    if (start + length > this.maxSeqLen) {
      throw new DataError(`sequence of ${start + length} tokens is longer than maxSeqLen ${this.maxSeqLen}`, {
        op: 'positions',
        path: this.path,
        expected: this.maxSeqLen,
        actual: start + length,
        hint: 'raise maxSeqLen or cut the sequence',
      });
    }
  }
}

/** PE(t, 2i) = sin(t / 10000^(2i/d)), PE(t, 2i+1) = cos(the same); (length, dModel). */
export function sinusoids(length: number, dModel: number): Variable {
  checkValue('sinusoids', 'length', length, integer(1));
  checkValue('sinusoids', 'dModel', dModel, integer(1));
  const runtime = currentRuntime();
  const values =
    runtime.precision === 'f64' ? new Float64Array(length * dModel) : new Float32Array(length * dModel);
  for (let i = 0; i < dModel; i++) {
    const frequency = 1 / pow64(10000, (i - (i % 2)) / dModel);
    for (let t = 0; t < length; t++) {
      values[t * dModel + i] = i % 2 === 0 ? sin64(t * frequency) : cos64(t * frequency);
    }
  }
  // In the runtime's memory once and for all, not copied there by every step.
  const storage = persistentStorage(runtime, 'f32', values.length);
  storage.write(0, values);
  return new Variable(storage, [length, dModel]);
}
