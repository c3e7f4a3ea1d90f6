/** @file How much memory generating takes, before the first token. */
import { checkOptions, integer, optional, type Rules } from '../checks.js';
import { ConfigError } from '../errors.js';
import type { LibraryModel } from '../nn/model-kinds.js';
import { CausalLM, Transformer } from '../nn/models.js';
import { measure } from '../runtime/planning.js';
import { withRuntime } from '../runtime/runtime.js';
import { CachedLM, READ_AT_ONCE } from './cached-lm.js';
import { CachedTranslation } from './cached-translation.js';
import { LOGITS, mostProbable } from './scores.js';

/** What is generated at once. */
export interface GenerationShape {
  /** Texts, or translations, at once. Default 1. */
  texts?: number;
  /** Hypotheses of each, for beam search. Default 1. */
  beamSize?: number;
  /** Tokens of each text, its prompt included. Default: the model's maxSeqLen. */
  tokens?: number;
  /** Tokens of the longest source, for a translation. Default: the model's maxSeqLen. */
  sourceTokens?: number;
}

/** Bytes of memory that generating takes, by what they are for. */
export interface GenerationPlan {
  /** Bytes of parameters, as they are stored. */
  parameters: number;
  /** Bytes of keys and values of all texts. */
  cache: number;
  /** Bytes of those of one text, its hypotheses and its source included. */
  cachePerText: number;
  /** Bytes of matrices that are quantised once, in the arithmetic `int12`; else 0. */
  packed: number;
  /** Most bytes of activations and workspace at once. */
  activations: number;
  /** All of it. */
  peakBytes: number;
}

const rules = (maxSeqLen: number): Rules<GenerationShape> => ({
  texts: optional(integer(1)),
  beamSize: optional(integer(1)),
  tokens: optional(integer(1, maxSeqLen)),
  sourceTokens: optional(integer(1, maxSeqLen)),
});

const OP = 'planGeneration';

/**
 * Peak memory of generating texts of this shape with `model`, a `CausalLM` or a `Transformer`. Walks the real computation with
 * kernels that compute nothing.
 * @throws ConfigError for an unknown option or one out of range, or what generates no texts
 */
export function planGeneration(model: LibraryModel, shape: GenerationShape = {}): GenerationPlan {
  if (!(model instanceof CausalLM || model instanceof Transformer)) {
    throw new ConfigError('only a CausalLM and a Transformer generate texts', {
      op: OP,
      expected: 'CausalLM or Transformer',
      actual: model,
    });
  }
  const { maxSeqLen } = model.config;
  checkOptions(OP, shape, rules(maxSeqLen));
  const { texts = 1, beamSize = 1, tokens = maxSeqLen, sourceTokens = maxSeqLen } = shape;
  const found = { cache: 0, packed: 0 };
  const rows = Int32Array.from({ length: texts * beamSize }, (_, row) => Math.floor(row / beamSize));
  const runtime = model.runtime();
  const { peakBytes: activations } = withRuntime(runtime, () =>
    measure(runtime, () => {
      const cached =
        model instanceof CausalLM
          ? new CachedLM(model, texts)
          : new CachedTranslation(model, new Int32Array(texts * sourceTokens), new Int32Array(texts));
      if (cached instanceof CachedLM && tokens > 1) {
        const block = Math.min(READ_AT_ONCE, tokens - 1);
        cached.feed(new Int32Array(texts * block), LOGITS, block);
      }
      if (beamSize > 1) cached.follow(rows);
      cached.reserve(tokens);
      cached.feed(
        new Int32Array(rows.length),
        mostProbable(Math.min(2 * beamSize, model.config.vocabSize), 0),
      );
      found.cache = cached.cacheBytes;
      found.packed = cached.packedBytes;
    }),
  );
  const parameters = model.parameters().reduce((sum, { storage }) => sum + storage.bytes, 0);
  const { cache, packed } = found;
  return {
    parameters,
    cache,
    cachePerText: cache / texts,
    packed,
    activations,
    peakBytes: parameters + cache + packed + activations,
  };
}
