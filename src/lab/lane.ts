/**
 * @file One lane: an ordinary trainer, and after each of its steps a row of numbers. The trainer's bits are those of
 * `prenorm train` on the recipe of the lane; the digest goes over every number that is shown.
 */
import { NumericError } from '../errors.js';
import { sha256 } from '../io/sha256.js';
import { buildRun, encodeRun, openData, type PreparedRun, type Recipe } from '../recipe/index.js';
import { createRuntime } from '../runtime/init.js';
import { type Runtime, withRuntime } from '../runtime/runtime.js';
import { Trainer } from '../train/index.js';
import { encodeBytes } from '../utf8.js';
import { Instruments, type LabModel } from './instruments.js';
import {
  type AttentionPlace,
  type LaneShape,
  layoutOf,
  type RowLayout,
  SNAPSHOT_EVERY,
  type Snapshot,
} from './layout.js';
import { type References, referencesOf, sentenceOf } from './sentence.js';
import { written } from './writing.js';

/** How a lane ended. */
export type LaneEnd = 'done' | 'diverged';

/** What a lane goes on from. */
export interface SavedLane {
  checkpoint: Uint8Array<ArrayBuffer>;
  digest: string;
  /** Steps done. */
  step: number;
  /** What it had come to. */
  end: LaneEnd | null;
  /** Row of step 0, which cannot be measured any more. */
  row: Float64Array<ArrayBuffer>;
}

/** What is known before the first step. */
export interface LaneBeginning {
  shape: LaneShape;
  references: References;
  /** Which attention each part of a snapshot is. */
  attention: readonly AttentionPlace[];
  /** Row of step 0: what there is before any update; its loss and rate are NaN. */
  row: Float64Array<ArrayBuffer>;
  snapshot: Snapshot;
  step: number;
}

export class Lane {
  readonly beginning: LaneBeginning;
  readonly layout: RowLayout;
  readonly runtime: Runtime;
  readonly #run: PreparedRun;
  readonly #trainer: Trainer<unknown>;
  readonly #instruments: Instruments;
  #digest: string;
  #end: LaneEnd | null = null;

  private constructor(
    runtime: Runtime,
    run: PreparedRun,
    trainer: Trainer<unknown>,
    instruments: Instruments,
    beginning: LaneBeginning,
    digest: string,
    isDiverged: boolean,
  ) {
    this.runtime = runtime;
    this.#run = run;
    this.#trainer = trainer;
    this.#instruments = instruments;
    this.beginning = beginning;
    this.layout = layoutOf(beginning.shape);
    this.#digest = digest;
    if (isDiverged) this.#end = 'diverged';
    else if (trainer.step >= trainer.options.steps) this.#end = 'done';
  }

  /**
   * Reads the data, builds the model and measures it before the first step.
   * @throws DataError, ConfigError, MemoryError for what does not fit together, or in
   */
  static async open(recipe: Recipe, saved?: SavedLane, maxMemory?: number): Promise<Lane> {
    const runtime = await createRuntime({
      arithmetic: recipe.arithmetic ?? 'strict',
      ...(maxMemory === undefined ? {} : { maxMemory }),
    });
    const data = await openData(recipe);
    const { run, trainer, instruments, row, places, weights, texts } = withRuntime(runtime, () => {
      const run = buildRun(recipe, data);
      const { validation: _, validationBytes: __, keepBest: ___, ...options } = run.options;
      const trainer = new Trainer(options);
      const model = run.model as LabModel;
      const instruments = new Instruments(model, sentenceOf(data, model.config.maxSeqLen));
      const layout = layoutOf(instruments.shape);
      if (saved) trainer.restore(saved.checkpoint);
      const row = new Float64Array(layout.width);
      instruments.begin(row, layout);
      row[layout.loss] = row[layout.rate] = row[layout.gradient] = Number.NaN;
      const { places, weights } = instruments.attention();
      const texts = written(model, data);
      return { run, trainer, instruments, row, places, weights, texts };
    });
    const { shape } = instruments;
    const snapshot = { step: trainer.step, attention: weights, texts };
    const references = withRuntime(runtime, () => referencesOf(data));
    const first = saved?.row ?? row;
    const beginning = { shape, references, attention: places, row: first, snapshot, step: trainer.step };
    const digest = saved?.digest ?? sha256(encodeBytes(JSON.stringify(shape)), bytesOf(row));
    return new Lane(runtime, run, trainer, instruments, beginning, digest, saved?.end === 'diverged');
  }

  get step(): number {
    return this.#trainer.step;
  }

  get steps(): number {
    return this.#trainer.options.steps;
  }

  /** How it ended; null as long as there are steps to go. */
  get end(): LaneEnd | null {
    return this.#end;
  }

  /** SHA-256 over the bits of all rows so far. */
  get digest(): string {
    return this.#digest;
  }

  /** One update, and its row; null once the lane has ended. */
  train(): Float64Array<ArrayBuffer> | null {
    if (this.#end) return null;
    return withRuntime(this.runtime, () => {
      this.#instruments.beforeUpdate();
      const row = new Float64Array(this.layout.width);
      try {
        const { loss, lr, gradNorm } = this.#trainer.trainStep();
        row[this.layout.loss] = loss;
        row[this.layout.rate] = lr;
        row[this.layout.gradient] = gradNorm;
      } catch (error) {
        if (!(error instanceof NumericError)) throw error;
        // No number comes of this step, nor of any later one.
        this.#end = 'diverged';
        this.#digest = sha256(encodeBytes(`${this.#digest} diverged`));
        return null;
      }
      this.#instruments.afterUpdate(row, this.layout);
      this.#digest = sha256(encodeBytes(this.#digest), bytesOf(row));
      if (this.#trainer.step >= this.steps) this.#end = 'done';
      return row;
    });
  }

  /** Whether the step just done has a snapshot. */
  get hasSnapshot(): boolean {
    const { step } = this;
    return step % SNAPSHOT_EVERY === 0 || step === this.steps;
  }

  /** Attention and texts of now. */
  snapshot(): Snapshot {
    return withRuntime(this.runtime, () => ({
      step: this.step,
      attention: this.#instruments.attention().weights,
      texts: written(this.#run.model as LabModel, this.#run.data),
    }));
  }

  /** What another lane goes on from, bit for bit. */
  save(): SavedLane {
    const checkpoint = withRuntime(this.runtime, () => this.#trainer.save());
    const { digest, step, end } = this;
    return { checkpoint: checkpoint.slice(), digest, step, end, row: this.beginning.row.slice() };
  }

  /** The model as `loadModel` reads it. */
  weights(): Uint8Array {
    return withRuntime(this.runtime, () => encodeRun(this.#run, { best: null, step: this.step }));
  }

  /** Gives its memory back. */
  free(): void {
    withRuntime(this.runtime, () => this.#trainer.free());
  }
}

/** The bytes of a row; numbers that are none have one form. */
function bytesOf(row: Float64Array): Uint8Array {
  const bytes = new Uint8Array(row.slice().buffer);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < row.length; at++) {
    if (Number.isNaN(row[at])) {
      view.setUint32(8 * at, 0, true);
      view.setUint32(8 * at + 4, 0x7ff80000, true);
    }
  }
  return bytes;
}
