/** @file Token and position embeddings, and the output projection that may share their table. */
import { add, type CrossEntropyOptions, type CrossEntropyResult } from '../autograd/ops/index.js';
import type { Parameter, Variable } from '../autograd/variable.js';
import { checkValue, integer } from '../checks.js';
import type { ModelConfig } from './config.js';
import { Dropout, Embedding, Linear, type Norm } from './layers.js';
import { Module } from './module.js';
import { makeNorm } from './norms.js';
import { Positions } from './positions.js';
import { Projection } from './projection.js';

/** ids (B, T) to vectors (B, T, C): scale · E[id] + segment + position, optional norm, dropout. */
export class TokenEmbedding extends Module {
  static override readonly name: string = 'TokenEmbedding';
  readonly tokens: Embedding;
  /** A vector per segment, for models of sentence pairs; null for none. */
  readonly segments: Embedding | null;
  readonly positions: Positions;
  readonly norm: Norm | null;
  readonly dropout: Dropout;
  readonly #scale: number;

  constructor(config: ModelConfig, numSegments = 0) {
    super();
    checkValue('TokenEmbedding', 'numSegments', numSegments, integer(0));
    this.tokens = new Embedding(config.vocabSize, config.dModel);
    this.segments = numSegments > 0 ? new Embedding(numSegments, config.dModel) : null;
    this.positions = new Positions(config.positions, config.maxSeqLen, config.dModel);
    this.norm = config.embeddingNorm ? makeNorm(config) : null;
    this.dropout = new Dropout(config.dropout);
    this.#scale = config.embeddingScale === 'sqrt' ? Math.sqrt(config.dModel) : config.embeddingScale;
  }

  /** `segments` (B, T) i32, where there are any; `at` (1) i32 holds the position of ids (B, 1), in the place of `start`. */
  forward(ids: Variable, start = 0, segments: Variable | null = null, at: Variable | null = null): Variable {
    const tokens = this.tokens.forward(ids, this.#scale);
    const sum = this.segments && segments ? add(tokens, this.segments.forward(segments)) : tokens;
    const x = this.positions.forward(sum, start, at);
    return this.dropout.forward(this.norm ? this.norm.forward(x) : x);
  }
}

/** Vectors (…, C) to logits (…, vocabSize). */
export class OutputProjection extends Module {
  static override readonly name: string = 'OutputProjection';
  readonly linear: Linear | null;
  /** Over the tokens' own table; null where the matrix is another. @internal */
  readonly tied: Projection | null;

  constructor(config: ModelConfig, tokens: Embedding) {
    super();
    this.tied = config.tiedEmbeddings ? new Projection(tokens.weight) : null;
    this.linear = this.tied ? null : new Linear(config.dModel, config.vocabSize, { bias: false });
  }

  get #projection(): Projection {
    return this.tied ?? (this.linear as Linear).projection;
  }

  /** The table (vocabSize, C): the tokens' own when tied. */
  get weight(): Parameter {
    return this.#projection.weight;
  }

  /** Logits, without a bias. */
  forward(x: Variable): Variable {
    return this.#projection.forward(x);
  }

  /** Cross-entropy of the logits of x (…, C) for `targets` (…); they are made by blocks of rows and not kept. @internal */
  crossEntropy(x: Variable, targets: Variable, options: CrossEntropyOptions): CrossEntropyResult {
    return this.#projection.crossEntropy(x, targets, options);
  }
}
