/** @file Trainings of `fit` in this thread. */
import {
  buildRun,
  type DataRecipe,
  heldOutScores,
  openData,
  type ReadData,
  type Recipe,
  readData,
  type Sources,
} from '../recipe/index.js';
import type { Tokenizer } from '../text/index.js';
import { Trainer } from '../train/index.js';
import type { OpenRun, Place } from './place.js';

/** Reads the data once for each way to hold out, and trains a tokenizer once for each size. */
export class Here implements Place {
  readonly #sources: Sources;
  readonly #read = new Map<string, ReadData>();
  readonly #tokenizers = new Map<string, Tokenizer>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  async open(recipe: Recipe, signal?: AbortSignal): Promise<OpenRun> {
    const size = JSON.stringify(recipe.tokenizer);
    const tokenizer = this.#tokenizers.get(size);
    const surroundings = { sources: this.#sources, ...(tokenizer && { tokenizer }) };
    const data = await openData(recipe, surroundings, await this.#readFor(recipe.data));
    const made = data.tokenizer as Tokenizer;
    this.#tokenizers.set(size, made);
    const { model, options } = buildRun(recipe, data);
    const trainer = new Trainer({ ...options, signal });
    return {
      tokens: data.tokens,
      run: () => trainer.run(),
      async finish() {
        if (trainer.best) model.loadStateDict(trainer.best.weights);
        model.eval();
        return { model, tokenizer: made, scores: heldOutScores({ model, data }) };
      },
      close: () => {},
    };
  }

  /** What is held out decides what reading gives. */
  async #readFor(data: DataRecipe): Promise<ReadData> {
    const { validation, holdOut } = data as { validation?: number; holdOut?: string };
    const key = JSON.stringify([validation, holdOut]);
    const read = this.#read.get(key) ?? (await readData(data, this.#sources));
    this.#read.set(key, read);
    return read;
  }
}
