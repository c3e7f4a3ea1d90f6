/** @file The worker's side of a model out of a file: it is loaded, and answers; nothing is trained. */
import { noGrad } from '../autograd/index.js';
import { classify } from '../classify/index.js';
import { ConfigError, EnvironmentError } from '../errors.js';
import { generate, logProbabilities, translate } from '../generate/index.js';
import { type LoadedModel, modelFrom } from '../io/load-model.js';
import * as tuning from '../tuning/merge.js';
import { loadTokenizers } from './load-tokenizers.js';
import type { ModelRequests, WorkerModelReady } from './model-protocol.js';

type Handlers = {
  [N in keyof ModelRequests]: (payload: ModelRequests[N][0]) => Promise<ModelRequests[N][1]>;
};

export class ModelHost {
  #loaded: LoadedModel | null = null;
  /** What the other side has begun and not ended, by its number. */
  readonly #texts = new Map<number, AsyncGenerator<unknown, unknown, undefined>>();
  readonly #signals = new Map<number, { aborted: boolean }>();

  get #model(): LoadedModel {
    if (this.#loaded) return this.#loaded;
    throw new EnvironmentError('no model was loaded', { op: 'WorkerModel' });
  }

  readonly handlers: Handlers = {
    load: async ({ dtype, ...read }) => {
      this.#loaded = await modelFrom(read, { tokenizers: loadTokenizers, tuning, dtype });
      const { model, tokenizer, ...rest } = this.#loaded;
      const ready = { ...rest, tokenizer: tokenizer?.toJSON() ?? null, parameters: model.numParameters() };
      return ready as Omit<WorkerModelReady, 'capabilities'>;
    },
    beginText: async ({ call, prompt, options }) => {
      const { model, tokenizer } = this.#model;
      const given = { ...options, signal: { aborted: false } };
      // Everything is checked here; nothing is computed before the first piece is asked for.
      const text = generate(model as never, tokenizer as never, prompt as never, given);
      this.#signals.set(call, given.signal);
      this.#texts.set(call, text);
      return undefined;
    },
    nextText: async (call) => {
      const text = this.#texts.get(call);
      if (!text) throw new ConfigError('the text has ended', { op: 'generate' });
      const { done = false, value } = await text.next().catch((error) => {
        this.#end(call);
        throw error;
      });
      if (done) this.#end(call);
      return { done, value } as ModelRequests['nextText'][1];
    },
    endText: async (call) => {
      const text = this.#texts.get(call);
      this.#end(call);
      await text?.return(undefined);
      return undefined;
    },
    abort: async (call) => {
      const signal = this.#signals.get(call);
      if (signal) signal.aborted = true;
    },
    translate: async ({ call, sentences, options }) => {
      const { model, tokenizer } = this.#model;
      const signal = { aborted: false };
      this.#signals.set(call, signal);
      try {
        return await translate(model as never, tokenizer as never, sentences, { ...options, signal });
      } finally {
        this.#end(call);
      }
    },
    classify: async ({ texts, options }) => {
      const { model, tokenizer, labels } = this.#model;
      return classify(model as never, tokenizer, labels, texts, options);
    },
    logits: async (batch) => {
      const { model } = this.#model;
      return noGrad(() => {
        const logits = model.forward(batch as never);
        return { shape: [...logits.shape], values: Float32Array.from(logits.toArray()) };
      });
    },
    logProbabilities: async (text) => {
      const { model, tokenizer } = this.#model;
      return logProbabilities(model as never, tokenizer as never, text as never);
    },
  };

  #end(call: number): void {
    this.#texts.delete(call);
    this.#signals.delete(call);
  }
}
