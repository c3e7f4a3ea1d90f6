/** @file Whole models: the encoder-decoder `Transformer` and the decoder-only `CausalLM`. */

import { lossRules } from '../autograd/ops/cross-entropy.js';
import { multiply } from '../autograd/ops/in-place.js';
import type { CrossEntropyOptions, CrossEntropyResult } from '../autograd/ops/index.js';
import type { Variable } from '../autograd/variable.js';
import { callback, checkOptions, checkValue, integer, optional, type Rules } from '../checks.js';
import { ShapeError } from '../errors.js';
import { batchTensor, type StepInputs } from './batch-tensor.js';
import { type ModelConfig, type ModelOptions, resolveConfig, stackConfig } from './config.js';
import { OutputProjection, TokenEmbedding } from './embeddings.js';
import { initializeModel } from './init.js';
import { Module } from './module.js';
import { embeddingInitGain } from './placements.js';
import { checkRoom } from './room.js';
import { TransformerDecoder, TransformerEncoder } from './transformer.js';
import type { Trace } from './transformer-layers.js';

const NONE = new Int32Array(0);

/** A batch of sentence pairs, as `PairBatches` makes them. */
export interface PairInput {
  /** (B, S), padded. */
  source: Int32Array;
  /** (B) */
  sourceLengths: Int32Array;
  /** (B, T): bos, then the target; padded. */
  targetInput: Int32Array;
  /** (B): tokens of `targetInput` that are not padding. */
  targetLengths: Int32Array;
  /** Next tokens, -1 where padded; only for `loss`. */
  targetOutput?: Int32Array;
  batchSize: number;
  sourceLen: number;
  targetLen: number;
}

/** What a forward pass does beside computing its result. */
export interface ForwardOptions {
  /** Receives named intermediates of every layer. */
  trace?: Trace;
}

const forwardRules: Rules<ForwardOptions> = { trace: optional(callback) };

export function checkForward(op: string, batch: { batchSize: number }, options: ForwardOptions): void {
  checkValue(op, 'batchSize of the batch', batch?.batchSize, integer(0));
  checkOptions(op, options, forwardRules);
}

/** What a model's `loss` hands on to its forward pass, and to the loss op. */
export function splitLossOptions(
  op: string,
  options: CrossEntropyOptions & ForwardOptions,
): [ForwardOptions, CrossEntropyOptions] {
  checkOptions(op, options, { ...forwardRules, ...lossRules });
  const { trace, ...rest } = options;
  return [{ trace }, rest];
}

/**
 * The encoder-decoder of the paper's translation experiments (section 4), source and target sharing one
 * vocabulary and table.
 */
export class Transformer extends Module {
  static override readonly name: string = 'Transformer';
  readonly config: ModelConfig;
  readonly embedding: TokenEmbedding;
  readonly encoder: TransformerEncoder;
  readonly decoder: TransformerDecoder;
  readonly output: OutputProjection;

  /** @throws ConfigError for an unknown key or a value out of range. */
  constructor(options: ModelOptions) {
    super();
    const config = resolveConfig('Transformer', options);
    checkRoom('Transformer', config, config.numEncoderLayers, config.numDecoderLayers);
    this.config = config;
    this.embedding = new TokenEmbedding(config);
    const { numEncoderLayers, numDecoderLayers, normPlacement, decoderNormPlacement } = config;
    this.encoder = new TransformerEncoder(
      stackConfig(config, numEncoderLayers, normPlacement, numDecoderLayers),
    );
    this.decoder = new TransformerDecoder(
      stackConfig(config, numDecoderLayers, decoderNormPlacement, numEncoderLayers),
    );
    this.output = new OutputProjection(config, this.embedding.tokens);
    this.assignPaths();
    initializeModel(this, config.init, config.seed);
  }

  /** Name of its kind in recipes and files. */
  get kind(): 'transformer' {
    return 'transformer';
  }

  override afterInit(): void {
    multiply(this.embedding.tokens.weight, embeddingInitGain(this.config));
  }

  /** source (B, S) i32, lengths (B) i32 to memory (B, S, C). */
  encode(source: Variable, lengths: Variable | null, trace?: Trace): Variable {
    return this.encoder.forward(this.embedding.forward(source), { lengths }, trace);
  }

  /** Logits (B, T, vocabSize) of the next token at every target position. */
  forward(batch: PairInput, options: ForwardOptions = {}): Variable {
    return this.output.forward(this.#decode(batch, options));
  }

  /** The decoder's result (B, T, C) for a whole batch. */
  #decode(batch: PairInput, options: ForwardOptions): Variable {
    checkForward('Transformer', batch, options);
    const { batchSize, sourceLen, targetLen } = batch;
    const sourceLengths = batchTensor(batch.sourceLengths, [batchSize]);
    const memory = this.encode(
      batchTensor(batch.source, [batchSize, sourceLen]),
      sourceLengths,
      options.trace,
    );
    return this.decoder.forward(
      this.embedding.forward(batchTensor(batch.targetInput, [batchSize, targetLen])),
      memory,
      { lengths: batchTensor(batch.targetLengths, [batchSize]) },
      { lengths: sourceLengths },
      options.trace,
    );
  }

  /** The arrays `loss` reads, so that the trainer may record a step and replay it. */
  inputs(batch: PairInput): StepInputs {
    const { source, sourceLengths, targetInput, targetLengths, targetOutput = NONE } = batch;
    return {
      arrays: [source, sourceLengths, targetInput, targetLengths, targetOutput],
      shape: `${batch.batchSize},${batch.sourceLen},${batch.targetLen}`,
    };
  }

  /** Mean cross-entropy per target token; the logits are made by blocks of rows and not kept. */
  loss(batch: PairInput, options: CrossEntropyOptions & ForwardOptions = {}): CrossEntropyResult {
    if (!batch?.targetOutput)
      throw new ShapeError('the batch has no targetOutput', { op: 'Transformer.loss' });
    const [forward, rest] = splitLossOptions('Transformer.loss', options);
    return this.output.crossEntropy(
      this.#decode(batch, forward),
      batchTensor(batch.targetOutput, [batch.batchSize, batch.targetLen]),
      rest,
    );
  }
}

/** A batch of token windows, as `TextWindows` makes them. */
export interface LmInput {
  /** (B, T) */
  ids: Int32Array;
  /** Next tokens, -1 where there is none. */
  targets?: Int32Array;
  batchSize: number;
  seqLen: number;
}

/** A decoder-only language model (GPT-like): a causal stack over token embeddings. */
export class CausalLM extends Module {
  static override readonly name: string = 'CausalLM';
  readonly config: ModelConfig;
  readonly embedding: TokenEmbedding;
  readonly encoder: TransformerEncoder;
  readonly output: OutputProjection;

  /** @throws ConfigError for an unknown key or a value out of range. */
  constructor(options: ModelOptions) {
    super();
    const config = resolveConfig('CausalLM', options);
    checkRoom('CausalLM', config, config.numLayers, 0);
    this.config = config;
    this.embedding = new TokenEmbedding(config);
    this.encoder = new TransformerEncoder(stackConfig(config, config.numLayers));
    this.output = new OutputProjection(config, this.embedding.tokens);
    this.assignPaths();
    initializeModel(this, config.init, config.seed);
  }

  /** Name of its kind in recipes and files. */
  get kind(): 'causalLM' {
    return 'causalLM';
  }

  /** Logits (B, T, vocabSize) of the next token at every position. */
  forward(batch: LmInput, options: ForwardOptions = {}): Variable {
    return this.output.forward(this.#encode(batch, options));
  }

  /** The arrays `loss` reads, so that the trainer may record a step and replay it. */
  inputs({ ids, targets = NONE, batchSize, seqLen }: LmInput): StepInputs {
    return { arrays: [ids, targets], shape: `${batchSize},${seqLen}` };
  }

  /** The stack's result (B, T, C). */
  #encode(batch: LmInput, options: ForwardOptions): Variable {
    checkForward('CausalLM', batch, options);
    const x = this.embedding.forward(batchTensor(batch.ids, [batch.batchSize, batch.seqLen]));
    return this.encoder.forward(x, { causal: true }, options.trace);
  }

  /** Mean cross-entropy per token; the logits are made by blocks of rows and not kept. */
  loss(batch: LmInput, options: CrossEntropyOptions & ForwardOptions = {}): CrossEntropyResult {
    if (!batch?.targets) throw new ShapeError('the batch has no targets', { op: 'CausalLM.loss' });
    const [forward, rest] = splitLossOptions('CausalLM.loss', options);
    return this.output.crossEntropy(
      this.#encode(batch, forward),
      batchTensor(batch.targets, [batch.batchSize, batch.seqLen]),
      rest,
    );
  }
}
