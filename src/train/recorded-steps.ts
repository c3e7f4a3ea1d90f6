/**
 * @file Forward and backward of one batch, recorded where that is possible. A batch shape that comes a second time
 * is recorded; from the third time on its kernel calls are replayed, without a tape and without allocation, to the
 * same bits. What cannot be recorded runs eagerly, as everything does the first time.
 */
import { backward } from '../autograd/tape.js';
import { TokenCount } from '../autograd/token-count.js';
import type { Parameter } from '../autograd/variable.js';
import type { StepInputs } from '../nn/batch-tensor.js';
import {
  canReplay,
  forget,
  type RecordedProgram,
  record,
  replayProgram,
  toProgram,
} from '../runtime/dispatch.js';
import type { Runtime } from '../runtime/runtime.js';
import { persistentStorage, type Storage } from '../tensor/tensor.js';
import type { Trainable } from './trainable.js';

export interface StepResult {
  loss: number;
  /** Targets that counted, when the loss says. */
  count: number | undefined;
}

export interface StepCallbacks {
  /** What the batch's gradient is multiplied by, given its count; asked once, before the backward. */
  weigh: (count: number | undefined) => number;
  /** Called before the first gradient is written. */
  begin: () => void;
  /** Called with the loss, and whether gradients have been written; what it throws goes through. */
  check: (loss: number, begun: boolean) => void;
}

interface Recorded {
  program: RecordedProgram;
  loss: number;
  tokens: TokenCount;
  /** Whether the loss says a count. */
  counted: boolean;
  /** Parameters whose gradient the program overwrites, where others are added to. */
  overwrites: Parameter[];
}

const FOREIGN_COUNT = 'the count of the loss is not that of one crossEntropy';

/** A count that was not reported could not be known in a replay. */
function isForeign(count: number | undefined, { numLosses, valid }: TokenCount): boolean {
  return count !== undefined && (numLosses !== 1 || valid !== count);
}

/** Batch shapes that are remembered; the least recently used one is forgotten first. */
const MOST_PROGRAMS = 64;
const MOST_SIGHTED = 1024;

export class RecordedSteps<B> {
  /** Why steps are not recorded; null as long as they can be. */
  refusal: string | null = null;
  readonly #model: Trainable<B>;
  readonly #runtime: Runtime;
  /** One float: the weight of the batch whose backward runs. In memory, because equal shapes may weigh differently. */
  readonly #weight: Storage;
  #weigh: StepCallbacks['weigh'] = () => 1;
  readonly #programs = new Map<string, Recorded>();
  /** Shapes seen once. */
  readonly #sighted = new Set<string>();
  #parameters: Parameter[] = [];
  #version = -1;

  constructor(model: Trainable<B>, runtime: Runtime, enabled: boolean) {
    this.#model = model;
    this.#runtime = runtime;
    this.#weight = persistentStorage(runtime, 'f32', 1);
    if (!enabled) this.refusal = 'replay is off';
    else if (!model.inputs) this.refusal = 'the model does not declare the inputs of its loss';
  }

  /** Programs kept now. */
  get size(): number {
    return this.#programs.size;
  }

  /**
   * Adds the weighted gradient of the batch's loss to the parameters' gradients. It is one microbatch of the random
   * stream, eager or replayed, whatever the loss computes inside.
   */
  run(batch: B, smoothing: number | undefined, { check, ...callbacks }: StepCallbacks): StepResult {
    this.#weigh = callbacks.weigh;
    const { step, microbatch } = this.#runtime.randomPosition;
    const move = (to: number): void => this.#runtime.setRandomPosition(step, to);
    move(microbatch);
    const result = this.#run(batch, smoothing, {
      ...callbacks,
      check: (loss, begun) => {
        // A check that computes the step again sees its dropout.
        move(microbatch);
        check(loss, begun);
      },
    });
    move(microbatch + 1);
    return result;
  }

  #run(batch: B, smoothing: number | undefined, callbacks: StepCallbacks): StepResult {
    const inputs = this.refusal === null ? this.#model.inputs?.(batch) : undefined;
    if (!inputs || !canReplay(this.#runtime)) return this.#eager(batch, smoothing, callbacks);
    callbacks.begin();
    const check = (loss: number): void => callbacks.check(loss, true);
    const key = this.#key(inputs, smoothing);
    const known = this.#programs.get(key);
    if (known) {
      this.#programs.delete(key);
      this.#programs.set(key, known);
      return this.#replay(known, inputs, check);
    }
    if (!this.#sighted.has(key)) {
      if (this.#sighted.size >= MOST_SIGHTED) this.#sighted.clear();
      this.#sighted.add(key);
      return this.#eager(batch, smoothing, { begin: () => {}, check });
    }
    return this.#record(key, batch, inputs, smoothing, check);
  }

  /** Forgets all programs. */
  clear(): void {
    for (const { program } of this.#programs.values()) forget(program, this.#runtime);
    this.#programs.clear();
    this.#sighted.clear();
  }

  /** Gives its memory back; it cannot be used afterwards. */
  free(): void {
    this.clear();
    this.#weight.release();
  }

  #eager(
    batch: B,
    smoothing: number | undefined,
    { begin, check }: Omit<StepCallbacks, 'weigh'>,
  ): StepResult {
    const tokens = new TokenCount();
    const { loss, count } = this.#model.loss(batch, { smoothing, count: tokens });
    if (isForeign(count, tokens)) this.refusal ??= FOREIGN_COUNT;
    const value = loss.item();
    check(value, false);
    begin();
    this.#setWeight(count);
    backward(loss, { weightAt: this.#weight.address() });
    return { loss: value, count };
  }

  #setWeight(count: number | undefined): void {
    this.#runtime.heap.writeFloats(this.#weight.address(), [this.#weigh(count)]);
  }

  #record(
    key: string,
    batch: B,
    inputs: StepInputs,
    smoothing: number | undefined,
    check: (loss: number) => void,
  ): StepResult {
    const tokens = new TokenCount();
    const zero = this.#parameters.filter((parameter) => parameter.gradIsZero);
    const { value, recording } = record(this.#runtime, inputs.arrays, () => {
      const { loss, count } = this.#model.loss(batch, { smoothing, count: tokens });
      const { recording } = this.#runtime;
      if (isForeign(count, tokens)) recording?.refuse(FOREIGN_COUNT);
      const at = loss.ptr;
      this.#setWeight(count);
      recording?.eachReplay(() =>
        this.#setWeight(count === undefined ? undefined : (tokens.valid as number)),
      );
      backward(loss, { weightAt: this.#weight.address() });
      return { at, loss: loss.item(), count };
    });
    if (recording.refusal !== null) this.refusal = recording.refusal;
    else {
      if (this.#programs.size >= MOST_PROGRAMS) this.#forgetOldest();
      const program = toProgram(recording, this.#runtime);
      const overwrites = zero.filter((parameter) => !parameter.gradIsZero);
      const counted = value.count !== undefined;
      this.#programs.set(key, { program, loss: value.at, tokens, counted, overwrites });
    }
    check(value.loss);
    return { loss: value.loss, count: value.count };
  }

  #replay(
    { program, loss: at, tokens, counted, overwrites }: Recorded,
    inputs: StepInputs,
    check: (loss: number) => void,
  ): StepResult {
    const runtime = this.#runtime;
    replayProgram(program, runtime, inputs.arrays);
    for (const parameter of overwrites) parameter.takeZero();
    const loss = runtime.heap.floats(at, 1)[0];
    check(loss);
    return { loss, count: counted ? (tokens.valid as number) : undefined };
  }

  #forgetOldest(): void {
    const [key, { program }] = this.#programs.entries().next().value as [string, Recorded];
    forget(program, this.#runtime);
    this.#programs.delete(key);
  }

  /** All that decides which kernels run with which arguments. */
  #key({ arrays, shape }: StepInputs, smoothing = 0): string {
    const { graphVersion } = this.#runtime;
    if (graphVersion !== this.#version) {
      this.#version = graphVersion;
      this.clear();
      this.#parameters = this.#model.parameters();
    }
    let gradients = '';
    for (const parameter of this.#parameters)
      gradients += parameter.requiresGrad ? (parameter.gradIsZero ? 'w' : 'a') : '-';
    // Two inputs that are one array now may be two the next time.
    const layout = arrays.map((array) => `${array.length}:${arrays.indexOf(array)}`);
    return `${shape}|${layout}|${smoothing}|${gradients}`;
  }
}
