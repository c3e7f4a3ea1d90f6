/** @file Trainings of `fit` in this thread. */
import { buildRun, openData, type ReadData, type Recipe, type Sources } from '../recipe/index.js';
import type { Tokenizer } from '../text/index.js';
import { Trainer } from '../train/index.js';
import type { OpenRun, Place } from './place.js';

/** Reads the data once, and trains a tokenizer once for each size. */
export class Here implements Place {
  readonly #read: ReadData;
  readonly #sources: Sources;
  readonly #tokenizers = new Map<string, Tokenizer>();

  constructor(read: ReadData, sources: Sources) {
    this.#read = read;
    this.#sources = sources;
  }

  async open(recipe: Recipe, signal?: AbortSignal): Promise<OpenRun> {
    const size = JSON.stringify(recipe.tokenizer);
    const tokenizer = this.#tokenizers.get(size);
    const surroundings = { sources: this.#sources, ...(tokenizer && { tokenizer }) };
    const data = await openData(recipe, surroundings, this.#read);
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
        return { model, tokenizer: made };
      },
      close: () => {},
    };
  }
}
