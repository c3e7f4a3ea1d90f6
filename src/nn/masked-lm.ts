/** @file `MaskedLM`, the bidirectional encoder of the paper's pre-training experiments (BERT; section 4.3). */
import {
  add,
  type CrossEntropyOptions,
  type CrossEntropyResult,
  crossEntropy,
  gather,
  reshape,
} from '../autograd/ops/index.js';
import { Parameter, type Variable } from '../autograd/variable.js';
import { checkOptions, flag, integer, type Rules } from '../checks.js';
import { ConfigError, checkKeys, ShapeError } from '../errors.js';
import { batchTensor, type StepInputs } from './batch-tensor.js';
import { type ModelConfig, type ModelOptions, modelKeys, resolveConfig, stackConfig } from './config.js';
import { TokenEmbedding } from './embeddings.js';
import { initializeModel } from './init.js';
import { Linear, type Norm } from './layers.js';
import { checkForward, type ForwardOptions, splitLossOptions } from './models.js';
import { Module } from './module.js';
import { makeNorm } from './norms.js';
import { PooledHead } from './pooled-head.js';
import { Projection } from './projection.js';
import { checkRoom } from './room.js';
import { TransformerEncoder } from './transformer.js';

/** A complete configuration of `MaskedLM`. */
export interface MaskedLMConfig extends ModelConfig {
  /** Rows of the segment table (BERT has 2); 0 for none. Default 0. */
  numSegments: number;
  /** Whether there is a head that judges whether the second segment follows the first. Default false. */
  nextSentence: boolean;
}

const rules: Rules<Pick<MaskedLMConfig, 'numSegments' | 'nextSentence'>> = {
  numSegments: integer(0),
  nextSentence: flag,
};

/** What a user writes: as `ModelOptions`, without segments and next-sentence head unless asked for. */
export type MaskedLMOptions = ModelOptions & Partial<Pick<MaskedLMConfig, 'numSegments' | 'nextSentence'>>;

/** Sequences with some tokens masked. */
export interface MaskedLMInput {
  /** (B, T): masked tokens are whatever the caller put there. */
  ids: Int32Array;
  /**
   * (B, T): the token that was there, -1 where nothing is to be predicted; only for `loss`. With `masked`, (M): the
   * tokens of those places.
   */
  targets?: Int32Array;
  /**
   * (M): places to predict as b·T + t, -1 for none, so that M may be the same for every batch of a shape. `loss`
   * then computes logits there alone.
   */
  masked?: Int32Array;
  /** (B): tokens that are not padding; without it all are. */
  lengths?: Int32Array;
  /** (B, T): segment of each token; needed when the model has segments. */
  segments?: Int32Array;
  /** (B): 1 where the second segment follows the first, 0 where not, -1 unknown. */
  nextSentence?: Int32Array;
  batchSize: number;
  seqLen: number;
}

/** Hidden vectors to logits: dense, GELU, norm, then the token table and a bias per token. */
export class MaskedLMHead extends Module {
  static override readonly name: string = 'MaskedLMHead';
  readonly transform: Linear;
  readonly norm: Norm;
  /** (vocabSize) */
  readonly bias: Parameter;
  readonly decoder: Linear | null;
  /** The token table, or the decoder's matrix, with the bias. @internal */
  readonly output: Projection;

  constructor(config: ModelConfig, table: Parameter) {
    super();
    this.transform = new Linear(config.dModel, config.dModel);
    this.norm = makeNorm(config);
    this.decoder = config.tiedEmbeddings
      ? null
      : new Linear(config.dModel, config.vocabSize, { bias: false });
    // Begins at 0 under every scheme, as BERT's does; it has no weight whose width could scale it.
    this.bias = new Parameter([config.vocabSize], 'attentionBias');
    this.output = new Projection(this.decoder ? this.decoder.weight : table, this.bias);
  }

  /** x (…, C) to logits (…, vocabSize). */
  forward(x: Variable): Variable {
    const h = this.norm.forward(this.transform.forward(x, 'gelu'));
    return this.output.forward(h);
  }
}

/**
 * A masked language model (Devlin et al. 2019): an encoder that sees both sides of a token and predicts the
 * masked ones. BERT itself is `{ numSegments: 2, nextSentence: true, positions: 'learned', activation: 'gelu',
 * embeddingNorm: true, embeddingScale: 1, normPlacement: 'post' }`.
 */
export class MaskedLM extends Module {
  static override readonly name: string = 'MaskedLM';
  readonly config: MaskedLMConfig;
  readonly embedding: TokenEmbedding;
  readonly encoder: TransformerEncoder;
  readonly head: MaskedLMHead;
  readonly nextSentence: PooledHead | null;

  /** @throws ConfigError for an unknown key or a value out of range. */
  constructor(options: MaskedLMOptions) {
    super();
    checkKeys('MaskedLM', options, [...modelKeys, ...Object.keys(rules)]);
    const { numSegments = 0, nextSentence = false, ...rest } = options;
    checkOptions('MaskedLM', { numSegments, nextSentence }, rules);
    const config = { ...resolveConfig('MaskedLM', rest), numSegments, nextSentence };
    checkRoom('MaskedLM', config, config.numLayers, 0);
    this.config = config;
    this.embedding = new TokenEmbedding(config, numSegments);
    this.encoder = new TransformerEncoder(stackConfig(config, config.numLayers));
    this.head = new MaskedLMHead(config, this.embedding.tokens.weight);
    this.nextSentence = nextSentence ? new PooledHead(config.dModel, 2) : null;
    this.assignPaths();
    initializeModel(this, config.init, config.seed);
  }

  /** Name of its kind in recipes and files. */
  get kind(): 'maskedLM' {
    return 'maskedLM';
  }

  /** Hidden vectors (B, T, C). */
  encode(batch: MaskedLMInput, options: ForwardOptions = {}): Variable {
    checkForward('MaskedLM', batch, options);
    const shape = [batch.batchSize, batch.seqLen];
    if (this.config.numSegments > 0 && !batch.segments) {
      throw new ShapeError('the model has segments, the batch has none', { op: 'MaskedLM' });
    }
    const segments = this.config.numSegments > 0 ? batchTensor(batch.segments as Int32Array, shape) : null;
    const x = this.embedding.forward(batchTensor(batch.ids, shape), 0, segments);
    const lengths = batch.lengths ? batchTensor(batch.lengths, [batch.batchSize]) : null;
    return this.encoder.forward(x, { lengths }, options.trace);
  }

  /** Logits (B, T, vocabSize) of the token at every position. */
  forward(batch: MaskedLMInput, options: ForwardOptions = {}): Variable {
    return this.head.forward(this.encode(batch, options));
  }

  /** The arrays `loss` reads, so that the trainer may record a step and replay it. */
  inputs(batch: MaskedLMInput): StepInputs {
    const {
      ids,
      targets = NONE,
      masked = NONE,
      lengths = NONE,
      segments = NONE,
      nextSentence = NONE,
    } = batch;
    return {
      arrays: [ids, targets, masked, lengths, segments, nextSentence],
      shape: `${batch.batchSize},${batch.seqLen},${batch.masked !== undefined},${numLabels(batch) > 0}`,
    };
  }

  /**
   * Mean cross-entropy per masked token; with labels of the next-sentence task, plus its mean per pair. `nll` and
   * `count` are of the masked tokens alone. Under accumulation, or with a `count`, the second term weighs as much as
   * the batch's share of the masked tokens.
   */
  loss(batch: MaskedLMInput, options: CrossEntropyOptions & ForwardOptions = {}): CrossEntropyResult {
    if (!batch?.targets) throw new ShapeError('the batch has no targets', { op: 'MaskedLM.loss' });
    const [forward, rest] = splitLossOptions('MaskedLM.loss', options);
    const hidden = this.encode(batch, forward);
    const rows = batch.batchSize * batch.seqLen;
    const places = batch.masked ? batchTensor(batch.masked, [batch.masked.length]) : null;
    const predicted = places ? gather(reshape(hidden, [rows, this.config.dModel]), places) : hidden;
    const targets = batchTensor(batch.targets, places ? places.shape : [batch.batchSize, batch.seqLen]);
    const tokens = crossEntropy(this.head.forward(predicted), targets, rest);
    if (!batch.nextSentence) return tokens;
    if (!this.nextSentence) {
      throw new ConfigError('the batch has next-sentence labels, the model no head for them', {
        op: 'MaskedLM.loss',
        hint: 'make the model with nextSentence: true',
      });
    }
    const known = numLabels(batch);
    if (known === 0) return tokens;
    const labels = batchTensor(batch.nextSentence, [batch.batchSize]);
    // A divisor other than the number of masked tokens weakens both terms alike.
    const count = typeof rest.count === 'number' ? (known * rest.count) / tokens.count : undefined;
    const next = crossEntropy(this.nextSentence.forward(hidden), labels, { count });
    return { ...tokens, loss: add(tokens.loss, next.loss) };
  }
}

function numLabels(batch: MaskedLMInput): number {
  return batch.nextSentence?.filter((label) => label >= 0).length ?? 0;
}

const NONE = new Int32Array(0);
