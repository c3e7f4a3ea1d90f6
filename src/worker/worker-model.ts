/** @file A model out of a file in a worker of its own: the page stays free while it computes, and needs no data set. */

import { abortSignal, checkValue, oneOf, optional } from '../checks.js';
import type { Classification, ClassifyOptions, TextOrPair } from '../classify/index.js';
import { checkKeys } from '../errors.js';
import type {
  Generated,
  GenerateOptions,
  Prompt,
  TextProbability,
  TranslateOptions,
  Translation,
} from '../generate/index.js';
import type { HalfType } from '../half.js';
import type { ModelSource } from '../io/load-model.js';
import { readSource } from '../io/model-source.js';
import type { Logits, ModelBatch, WorkerModelReady } from './model-protocol.js';
import { checkPlain } from './plain.js';
import type { RuntimeOptions } from './protocol.js';
import { WorkerLink } from './worker-link.js';
import type { WorkerSource } from './worker-port.js';

/** Where the model computes. */
export interface WorkerModelOptions {
  /**
   * Store the matrices in 16 bits a number: half the memory, computing with the rounded weights, as `loadModel` does. Default:
   * as float32.
   */
  dtype?: 'f16' | 'bf16';
  /** What `init` takes in the worker. Default: its defaults. */
  runtime?: RuntimeOptions;
  /** Where trainer-worker.js lies when a bundler has moved it, or a function that makes the worker. Default: beside this module. */
  worker?: WorkerSource;
}

/**
 * A model in a worker: `generate`, `translate`, `classify` and `logProbabilities` of the library and the `logits` of any
 * kind of model, to the same bits and with the same errors, and no data set.
 */
export class WorkerModel {
  /** Resolves when the model can be used; rejects with what is wrong with the file, as `loadModel`. */
  readonly ready: Promise<WorkerModelReady>;
  readonly #link: WorkerLink;
  #calls = 0;

  /**
   * @param source a file of `saveModel` or a checkpoint: bytes, which are copied, a Blob, a Response, or in Node a path
   * @throws ConfigError for an unknown option, or one that cannot cross
   */
  constructor(source: ModelSource, options: WorkerModelOptions = {}) {
    checkKeys('WorkerModel', options, ['runtime', 'worker', 'dtype']);
    const { runtime, worker, dtype } = options;
    checkValue('WorkerModel', 'dtype', dtype, optional(oneOf('f16', 'bf16')));
    checkPlain('WorkerModel', runtime, 'runtime');
    this.#link = new WorkerLink('WorkerModel', worker, runtime, () => {});
    this.ready = this.#load(source, dtype);
    this.ready.catch(() => {}); // told again to whoever asks for anything
  }

  async #load(source: ModelSource, dtype?: HalfType): Promise<WorkerModelReady> {
    try {
      const read = await readSource(source, undefined);
      const capabilities = await this.#link.up;
      return { capabilities, ...(await this.#link.ask('load', { ...read, dtype })) };
    } catch (error) {
      this.#link.end(error as Error);
      throw error;
    }
  }

  /**
   * Continues a prompt, as `generate` of `prenorm/generate`: yields text, of several prompts `{ index, text }`, without a
   * tokenizer ids. The worker computes a piece when it is asked for one: who stops reading stops its work.
   * @throws ConfigError, DataError as `generate`, at the first piece
   */
  generate(prompt: Prompt, options?: GenerateOptions): AsyncGenerator<string, Generated, undefined>;
  generate(
    prompts: readonly Prompt[],
    options?: GenerateOptions,
  ): AsyncGenerator<{ index: number; text: string }, Generated[], undefined>;
  generate(
    prompt: Prompt | readonly Prompt[],
    options: GenerateOptions = {},
  ): AsyncGenerator<never, never, undefined> {
    return this.#generate(prompt, options) as AsyncGenerator<never, never, undefined>;
  }

  async *#generate(
    prompt: Prompt | readonly Prompt[],
    given: GenerateOptions,
  ): AsyncGenerator<unknown, unknown, undefined> {
    const { call, options, signal, forget } = await this.#begin('generate', given);
    let over = false;
    try {
      checkPlain('generate', prompt, 'prompt');
      await this.#link.ask('beginText', { call, prompt, options });
      for (;;) {
        if (signal?.aborted) await this.#link.ask('abort', call);
        const { done, value } = await this.#link.ask('nextText', call);
        over = done;
        if (done) return value;
        yield value;
      }
    } catch (error) {
      over = true; // a generator that has thrown is at its end
      throw error;
    } finally {
      forget();
      if (!over) await this.#link.ask('endText', call).catch(() => {});
    }
  }

  /**
   * Translates sentences, as `translate` of `prenorm/generate`.
   * @throws ConfigError, DataError and AbortError as `translate`
   */
  async translate(sentences: readonly string[], given: TranslateOptions = {}): Promise<Translation[]> {
    const { call, options, signal, forget } = await this.#begin('translate', given);
    try {
      checkPlain('translate', sentences, 'sentences');
      if (signal?.aborted) throw new DOMException('the translation was aborted', 'AbortError');
      return await this.#link.ask('translate', { call, sentences, options });
    } finally {
      forget();
    }
  }

  /**
   * Texts to classes, as `classify` of `prenorm/classify`, by the labels in the file.
   * @throws ConfigError, DataError as `classify`
   */
  async classify(texts: readonly TextOrPair[], options: ClassifyOptions = {}): Promise<Classification[]> {
    await this.ready;
    checkPlain('classify', { texts, options }, 'classify');
    return this.#link.ask('classify', { texts, options });
  }

  /**
   * What the model's `forward` computes of a batch of arrays, without dropout: of a `VisionTransformer` for
   * `{ images, batchSize }`, of a `MaskedLM` for `{ ids, segments, batchSize, seqLen }`, and so of every kind.
   * @throws ShapeError as `forward`; ConfigError for what cannot cross
   */
  async logits(batch: ModelBatch): Promise<Logits> {
    await this.ready;
    checkPlain('logits', batch, 'batch');
    return this.#link.ask('logits', batch);
  }

  /**
   * How probable the model finds a text, or a target given its source, as `logProbabilities` of `prenorm/generate`.
   * @throws ConfigError, DataError as `logProbabilities`
   */
  async logProbabilities(
    text: string | ArrayLike<number> | readonly [source: string, target: string],
  ): Promise<TextProbability> {
    await this.ready;
    checkPlain('logProbabilities', text, 'text');
    return this.#link.ask('logProbabilities', text);
  }

  /** Ends the worker at once. What is under way is refused with an AbortError. */
  close(): void {
    this.#link.end(new DOMException('the model was closed', 'AbortError'));
  }

  /** A call that can be aborted: signals do not cross, so this side listens to them. */
  async #begin<O extends { signal?: { readonly aborted: boolean } }>(op: string, given: O) {
    await this.ready;
    const { signal, ...options } = given;
    checkValue(op, 'signal', signal, optional(abortSignal));
    checkPlain(op, options, 'options');
    const call = this.#calls++;
    const abort = () => void this.#link.ask('abort', call).catch(() => {});
    const listened = signal as Partial<AbortSignal> | undefined;
    listened?.addEventListener?.('abort', abort);
    return { call, options, signal, forget: () => listened?.removeEventListener?.('abort', abort) };
  }
}
