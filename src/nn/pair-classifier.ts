/** @file `PairClassifier`, what a masked language model is fine-tuned as (BERT; the paper's section 4.3). */
import { type CrossEntropyOptions, type CrossEntropyResult, crossEntropy } from '../autograd/ops/index.js';
import { noGrad } from '../autograd/tape.js';
import type { Variable } from '../autograd/variable.js';
import { checkValue, integer } from '../checks.js';
import { checkKeys, FormatError, ShapeError } from '../errors.js';
import { withRuntime } from '../runtime/runtime.js';
import { batchTensor, type StepInputs } from './batch-tensor.js';
import { type ModelConfig, type ModelOptions, modelKeys, resolveConfig, stackConfig } from './config.js';
import { TokenEmbedding } from './embeddings.js';
import { initializeModel } from './init.js';
import type { MaskedLM } from './masked-lm.js';
import { checkForward, type ForwardOptions, splitLossOptions } from './models.js';
import { Module, type StateDict } from './module.js';
import { PooledHead } from './pooled-head.js';
import { checkRoom } from './room.js';
import { TransformerEncoder } from './transformer.js';

/** A complete configuration of `PairClassifier`. */
export interface PairClassifierConfig extends ModelConfig {
  /** Rows of the segment table, as in the masked language model; 0 for none. */
  numSegments: number;
  numClasses: number;
}

/** What a user writes: as `ModelOptions`, and `numClasses`. */
export type PairClassifierOptions = ModelOptions &
  Partial<Pick<PairClassifierConfig, 'numSegments'>> &
  Pick<PairClassifierConfig, 'numClasses'>;

/** Texts, or pairs of texts in one row, with a class each. */
export interface PairClassInput {
  /** (B, T) */
  ids: Int32Array;
  /** (B): tokens that are not padding; without it all are. */
  lengths?: Int32Array;
  /** (B, T): segment of each token; needed when the model has segments. */
  segments?: Int32Array;
  /** (B): classes, -1 to ignore; only for `loss`. */
  labels?: Int32Array;
  batchSize: number;
  seqLen: number;
}

/**
 * The encoder of a `MaskedLM` with a head on its first position (dense, tanh, dropout, dense). Parameters that both
 * models have carry the same names, and with one seed the same initial values.
 */
export class PairClassifier extends Module {
  readonly config: PairClassifierConfig;
  readonly embedding: TokenEmbedding;
  readonly encoder: TransformerEncoder;
  readonly head: PooledHead;

  /** @throws ConfigError for an unknown key or a value out of range. */
  constructor(options: PairClassifierOptions) {
    super();
    checkKeys('PairClassifier', options, [...modelKeys, 'numSegments', 'numClasses']);
    const { numSegments = 0, numClasses, ...rest } = options;
    checkValue('PairClassifier', 'numClasses', numClasses, integer(1));
    checkValue('PairClassifier', 'numSegments', numSegments, integer(0));
    const config = { ...resolveConfig('PairClassifier', rest), numSegments, numClasses };
    checkRoom('PairClassifier', config, config.numLayers, 0);
    this.config = config;
    this.embedding = new TokenEmbedding(config, numSegments);
    this.encoder = new TransformerEncoder(stackConfig(config, config.numLayers));
    this.head = new PooledHead(config.dModel, numClasses, config.dropout);
    this.assignPaths();
    initializeModel(this, config.init, config.seed);
  }

  /** Name of its kind in recipes and files. */
  get kind(): 'pairClassifier' {
    return 'pairClassifier';
  }

  /**
   * Takes over embedding, encoder and, where there is a next-sentence head, its pooler from a masked language model;
   * the classifier keeps its own values.
   * @param pretrained the model, or its state dict, e.g. of a checkpoint kept from the middle of its training
   * @throws FormatError naming a tensor that is missing or has another shape; nothing is changed then.
   */
  loadPretrained(pretrained: MaskedLM | StateDict): this {
    const state = pretrained instanceof Module ? pretrained.stateDict() : pretrained;
    const taken: StateDict = new Map();
    for (const name of this.stateDict().keys()) {
      const theirs = name.replace(/^head\./, 'next_sentence.');
      const entry = state.get(theirs);
      if (entry && !name.startsWith('head.classifier.')) taken.set(name, entry);
      else if (!name.startsWith('head.')) {
        throw new FormatError(`the state dict has no ${theirs}`, {
          op: 'PairClassifier.loadPretrained',
          expected: theirs,
          actual: [...state.keys()],
          hint: 'give it the state dict of a MaskedLM of the same configuration',
        });
      }
    }
    this.loadStateDict(taken, { strict: false });
    return this;
  }

  /** Logits (B, numClasses). */
  forward(batch: PairClassInput, options: ForwardOptions = {}): Variable {
    checkForward('PairClassifier', options);
    const shape = [batch.batchSize, batch.seqLen];
    const { numSegments } = this.config;
    if (numSegments > 0 && !batch.segments) {
      throw new ShapeError('the model has segments, the batch has none', { op: 'PairClassifier' });
    }
    const segments = numSegments > 0 ? batchTensor(batch.segments as Int32Array, shape) : null;
    const x = this.embedding.forward(batchTensor(batch.ids, shape), 0, segments);
    const lengths = batch.lengths ? batchTensor(batch.lengths, [batch.batchSize]) : null;
    return this.head.forward(this.encoder.forward(x, { lengths }, options.trace));
  }

  /** The arrays `loss` reads, so that the trainer may record a step and replay it. */
  inputs({ ids, lengths = NONE, segments = NONE, labels = NONE, ...rest }: PairClassInput): StepInputs {
    return { arrays: [ids, lengths, segments, labels], shape: `${rest.batchSize},${rest.seqLen}` };
  }

  /** Mean cross-entropy per pair. */
  loss(batch: PairClassInput, options: CrossEntropyOptions & ForwardOptions = {}): CrossEntropyResult {
    if (!batch.labels) throw new ShapeError('the batch has no labels', { op: 'PairClassifier.loss' });
    const [forward, rest] = splitLossOptions('PairClassifier.loss', options);
    return crossEntropy(this.forward(batch, forward), batchTensor(batch.labels, [batch.batchSize]), rest);
  }

  /** (B): the class with the largest logit, the first of equals; without dropout. */
  predict(batch: PairClassInput): Int32Array {
    const { numClasses } = this.config;
    const logits = this.evaluating(() =>
      withRuntime(this.runtime(), () => noGrad(() => this.forward(batch).toArray())),
    );
    return Int32Array.from({ length: batch.batchSize }, (_, b) => {
      let best = b * numClasses;
      for (let i = best + 1; i < (b + 1) * numClasses; i++) if (logits[i] > logits[best]) best = i;
      return best - b * numClasses;
    });
  }
}

const NONE = new Int32Array(0);
