/**
 * @file Forward and backward of one batch, recorded where that is possible. A batch shape that comes a second time
 * is recorded; from the third time on its kernel calls are replayed, without a tape and without allocation, to the
 * same bits. What cannot be recorded runs eagerly, as everything does the first time.
 */
import { backward } from '../autograd/tape.js';
import { TokenCount } from '../autograd/token-count.js';
import type { Parameter } from '../autograd/variable.js';
import type { StepInputs } from '../nn/batch-tensor.js';
import { recordingKernels, replayProgram, toProgram } from '../runtime/dispatch.js';
import type { RecordedProgram, Runtime } from '../runtime/runtime.js';
import type { Trainable } from './trainable.js';

export interface StepResult {
  loss: number;
  /** Target tokens that were not ignored. */
  count: number;
}

interface LossOptions {
  smoothing?: number;
  /** Divisor of the loss; by default the number of tokens. */
  count?: number;
}

export interface StepCallbacks {
  /** Called before the first gradient is written. */
  begin: () => void;
  /** Called with the loss, and whether gradients have been written; what it throws goes through. */
  check: (loss: number, begun: boolean) => void;
}

interface Recorded {
  program: RecordedProgram;
  loss: number;
  tokens: TokenCount;
  /** Tokens of a loss that does not count them itself. */
  count: number;
  /** Parameters whose gradient the program overwrites, where others are added to. */
  overwrites: Parameter[];
}

/** Batch shapes that are remembered; the least recently used one is forgotten first. */
const MOST_PROGRAMS = 64;
const MOST_SIGHTED = 1024;

export class RecordedSteps<B> {
  /** Why steps are not recorded; null as long as they can be. */
  refusal: string | null = null;
  readonly #model: Trainable<B>;
  readonly #runtime: Runtime;
  readonly #programs = new Map<string, Recorded>();
  /** Shapes seen once. */
  readonly #sighted = new Set<string>();
  #parameters: Parameter[] = [];
  #version = -1;

  constructor(model: Trainable<B>, runtime: Runtime, enabled: boolean) {
    this.#model = model;
    this.#runtime = runtime;
    if (!enabled) this.refusal = 'replay is off';
    else if (!model.inputs) this.refusal = 'the model does not declare the inputs of its loss';
  }

  /** Programs kept now. */
  get size(): number {
    return this.#programs.size;
  }

  /**
   * Adds the gradient of the batch's loss to the parameters' gradients. It is one microbatch of the random stream,
   * eager or replayed, whatever the loss computes inside.
   */
  run(batch: B, options: LossOptions, { begin, check }: StepCallbacks): StepResult {
    const { step, microbatch } = this.#runtime.randomPosition;
    const move = (to: number): void => this.#runtime.setRandomPosition(step, to);
    move(microbatch);
    const result = this.#run(batch, options, {
      begin,
      check: (loss, begun) => {
        // A check that computes the step again sees its dropout.
        move(microbatch);
        check(loss, begun);
      },
    });
    move(microbatch + 1);
    return result;
  }

  #run(batch: B, options: LossOptions, callbacks: StepCallbacks): StepResult {
    const inputs = this.refusal === null ? this.#model.inputs?.(batch) : undefined;
    if (!inputs || !this.#runtime.canReplay) return this.#eager(batch, options, callbacks);
    callbacks.begin();
    const check = (loss: number): void => callbacks.check(loss, true);
    const key = this.#key(inputs, options.smoothing);
    const known = this.#programs.get(key);
    if (known) {
      this.#programs.delete(key);
      this.#programs.set(key, known);
      return this.#replay(known, inputs, options.count, check);
    }
    if (!this.#sighted.has(key)) {
      if (this.#sighted.size >= MOST_SIGHTED) this.#sighted.clear();
      this.#sighted.add(key);
      return this.#eager(batch, options, { begin: () => {}, check });
    }
    return this.#record(key, batch, inputs, options, check);
  }

  /** Forgets all programs. */
  clear(): void {
    for (const { program } of this.#programs.values()) this.#runtime.forget(program);
    this.#programs.clear();
    this.#sighted.clear();
  }

  #eager(batch: B, options: LossOptions, { begin, check }: StepCallbacks): StepResult {
    const result = this.#model.loss(batch, options);
    const loss = result.loss.item();
    check(loss, false);
    begin();
    backward(result.loss);
    return { loss, count: result.count };
  }

  #record(
    key: string,
    batch: B,
    inputs: StepInputs,
    { smoothing, count }: LossOptions,
    check: (loss: number) => void,
  ): StepResult {
    const tokens = new TokenCount(count);
    const zero = this.#parameters.filter((parameter) => parameter.gradIsZero);
    const { value, recording } = this.#runtime.record(inputs.arrays, recordingKernels, () => {
      const result = this.#model.loss(batch, { smoothing, count: tokens });
      const at = result.loss.ptr;
      backward(result.loss);
      return { at, loss: result.loss.item(), count: result.count };
    });
    if (recording.refusal !== null) this.refusal = recording.refusal;
    else {
      if (this.#programs.size >= MOST_PROGRAMS) this.#forgetOldest();
      const program = toProgram(recording, this.#runtime.replayHost());
      const overwrites = zero.filter((parameter) => !parameter.gradIsZero);
      this.#programs.set(key, { program, loss: value.at, tokens, count: value.count, overwrites });
    }
    check(value.loss);
    return { loss: value.loss, count: value.count };
  }

  #replay(
    { program, loss: at, tokens, count, overwrites }: Recorded,
    inputs: StepInputs,
    divisor: number | undefined,
    check: (loss: number) => void,
  ): StepResult {
    const runtime = this.#runtime;
    tokens.divisor = divisor;
    tokens.valid = null;
    replayProgram(program, runtime.replayHost(), inputs.arrays);
    for (const parameter of overwrites) parameter.takeZero();
    const loss = runtime.heap.floats(at, 1)[0];
    check(loss);
    return { loss, count: tokens.valid ?? count };
  }

  #forgetOldest(): void {
    const [key, { program }] = this.#programs.entries().next().value as [string, Recorded];
    this.#runtime.forget(program);
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
