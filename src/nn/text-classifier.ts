/** @file `TextClassifier`: texts or pairs of texts to classes; from scratch, or from a pre-trained stack. */
import {
  broadcastTo,
  type CrossEntropyOptions,
  type CrossEntropyResult,
  concat,
  crossEntropy,
  embedding,
  poolTokens,
  reshape,
  scale,
  sigmoid,
  slice,
  softmax,
  where,
} from '../autograd/ops/index.js';
import { noGrad } from '../autograd/tape.js';
import { Variable } from '../autograd/variable.js';
import { checkOptions, flag, integer, oneOf, optional, type Rules } from '../checks.js';
import { ConfigError, checkKeys, FormatError, ShapeError } from '../errors.js';
import { currentRuntime, withRuntime } from '../runtime/runtime.js';
import { persistentStorage } from '../tensor/tensor.js';
import { batchTensor, type StepInputs } from './batch-tensor.js';
import { type ModelConfig, type ModelOptions, modelKeys, resolveConfig, stackConfig } from './config.js';
import { TokenEmbedding } from './embeddings.js';
import { initializeModel } from './init.js';
import { MaskedLM } from './masked-lm.js';
import { CausalLM, checkForward, type ForwardOptions, splitLossOptions } from './models.js';
import { Module, type StateDict } from './module.js';
import { PooledHead } from './pooled-head.js';
import { checkRoom } from './room.js';
import { TransformerEncoder } from './transformer.js';

/** Which vector stands for a text: of its first token, of its last one, or the mean of all. Padding takes no part. */
export type Pooling = 'first' | 'mean' | 'last';

/** What a text classifier has beside the stack. */
export interface ClassifierPart {
  /** Rows of the segment table, as in a masked language model of pairs; 0 for none. Default 0. */
  numSegments: number;
  /** Number of classes, which is the number of logits per text. */
  numClasses: number;
  /**
   * Which vector stands for a text: of its first token, of its last one, or the mean of all. Default `first`; `last` when
   * `causal`, where the first token has seen nothing of the text.
   */
  pooling: Pooling;
  /** Whether tokens see only those before them, as in a `CausalLM`, whose weights can be loaded then. Default false. */
  causal: boolean;
  /** Whether a text may have several classes, or none: a sigmoid for each instead of one softmax. Default false. */
  multiLabel: boolean;
  /**
   * What the classes weigh in the loss, in the order of their numbers: a text of a class of weight 2 counts like two
   * texts. With `multiLabel`, what a text that has the class weighs beside one that has not. Default: all 1.
   */
  classWeights?: readonly number[];
}

/** A complete configuration of `TextClassifier`. */
export interface TextClassifierConfig extends ModelConfig, ClassifierPart {}

/** What a user writes: as `ModelOptions`, and `numClasses`. */
export type TextClassifierOptions = ModelOptions &
  Partial<ClassifierPart> &
  Pick<TextClassifierConfig, 'numClasses'>;

/** Texts, or pairs of texts in one row, with their classes. */
export interface TextClassInput {
  /** (B, T) */
  ids: Int32Array;
  /** (B): tokens that are not padding; without it all are. */
  lengths?: Int32Array;
  /** (B, T): segment of each token; needed when the model has segments. */
  segments?: Int32Array;
  /**
   * (B): classes, -1 to ignore; with `multiLabel` (B, numClasses): 1 where the text has the class, 0 where not, -1 to
   * ignore. Only for `loss`.
   */
  labels?: Int32Array;
  batchSize: number;
  seqLen: number;
}

const weight = (value: unknown): boolean => typeof value === 'number' && value > 0 && value < Infinity;
const rules: Rules<ClassifierPart> = {
  numSegments: integer(0),
  numClasses: integer(1),
  pooling: oneOf('first', 'mean', 'last'),
  causal: flag,
  multiLabel: flag,
  classWeights: optional({
    wanted: 'a list of finite numbers > 0',
    holds: (list) => Array.isArray(list) && list.every(weight),
  }),
};

/**
 * A stack of encoder layers over token embeddings, one vector per text, and a head on it (dense, tanh, dropout, dense;
 * Devlin et al. 2019). Parameters that a `MaskedLM` or a `CausalLM` has too carry the same names, and with one seed the
 * same initial values. The result for a text depends neither on padding nor on the other texts of its batch.
 */
export class TextClassifier extends Module {
  static override readonly name: string = 'TextClassifier';
  readonly config: TextClassifierConfig;
  readonly embedding: TokenEmbedding;
  readonly encoder: TransformerEncoder;
  readonly head: PooledHead;
  /** (2, numClasses): ones, and the classes' weights. */
  readonly #weights: Variable | null;

  /** @throws ConfigError for an unknown key or a value out of range. */
  constructor(options: TextClassifierOptions) {
    super();
    checkKeys('TextClassifier', options, [...modelKeys, ...Object.keys(rules)]);
    const { numSegments = 0, numClasses, causal = false, multiLabel = false, ...others } = options;
    const { pooling = causal ? 'last' : 'first', classWeights, ...rest } = others;
    const own = { numSegments, numClasses, pooling, causal, multiLabel };
    const part: ClassifierPart = classWeights === undefined ? own : { ...own, classWeights };
    checkOptions('TextClassifier', part, rules);
    checkPart(part);
    const config = { ...resolveConfig('TextClassifier', rest), ...part };
    checkRoom('TextClassifier', config, config.numLayers, 0);
    this.config = config;
    this.embedding = new TokenEmbedding(config, numSegments);
    this.encoder = new TransformerEncoder(stackConfig(config, config.numLayers));
    this.head = new PooledHead(config.dModel, numClasses, config.dropout);
    this.#weights = classWeights === undefined ? null : weightTable(classWeights);
    this.assignPaths();
    initializeModel(this, config.init, config.seed);
  }

  /** Name of its kind in recipes and files. */
  get kind(): 'textClassifier' {
    return 'textClassifier';
  }

  /**
   * Takes over embedding and stack and, from a `MaskedLM` with a next-sentence head, its pooler; the classifier keeps
   * its own values.
   * @param pretrained the model, or its state dict, e.g. of a checkpoint kept from the middle of its training
   * @throws FormatError naming a tensor that is missing or has another shape; ConfigError for a `CausalLM` where
   * `causal` is false, or a `MaskedLM` where it is true. Nothing is changed then.
   */
  loadPretrained(pretrained: MaskedLM | CausalLM | StateDict): this {
    const { causal } = this.config;
    const [Other, expected] = causal ? [MaskedLM, 'CausalLM'] : [CausalLM, 'MaskedLM'];
    if (pretrained instanceof Other) {
      throw new ConfigError(`causal is ${causal}, the weights are of a ${Other.name}`, {
        op: 'TextClassifier.loadPretrained',
        expected,
        actual: Other.name,
        hint: `make the classifier with causal: ${!causal}, or pass its stateDict()`,
      });
    }
    const state = pretrained instanceof Module ? pretrained.stateDict() : pretrained;
    const taken: StateDict = new Map();
    for (const name of this.stateDict().keys()) {
      const theirs = name.replace(/^head\./, 'next_sentence.');
      const entry = state.get(theirs);
      if (entry && !name.startsWith('head.classifier.')) taken.set(name, entry);
      else if (!name.startsWith('head.')) {
        throw new FormatError(`the state dict has no ${theirs}`, {
          op: 'TextClassifier.loadPretrained',
          expected: theirs,
          actual: [...state.keys()],
          hint: `give it the state dict of a ${expected} of the same configuration`,
        });
      }
    }
    this.loadStateDict(taken, { strict: false });
    return this;
  }

  /** Logits (B, numClasses). */
  forward(batch: TextClassInput, options: ForwardOptions = {}): Variable {
    checkForward('TextClassifier', batch, options);
    const shape = [batch.batchSize, batch.seqLen];
    const { numSegments, causal, pooling } = this.config;
    if (numSegments > 0 && !batch.segments) {
      throw new ShapeError('the model has segments, the batch has none', { op: 'TextClassifier' });
    }
    const segments = numSegments > 0 ? batchTensor(batch.segments as Int32Array, shape) : null;
    const x = this.embedding.forward(batchTensor(batch.ids, shape), 0, segments);
    const lengths = batch.lengths ? batchTensor(batch.lengths, [batch.batchSize]) : null;
    const hidden = this.encoder.forward(x, causal ? { causal, lengths } : { lengths }, options.trace);
    return this.head.forward(pooling === 'first' ? hidden : poolTokens(hidden, pooling, lengths));
  }

  /** The arrays `loss` reads, so that the trainer may record a step and replay it. */
  inputs({ ids, lengths = NONE, segments = NONE, labels = NONE, ...rest }: TextClassInput): StepInputs {
    return { arrays: [ids, lengths, segments, labels], shape: `${rest.batchSize},${rest.seqLen}` };
  }

  protected override freeTables(): void {
    this.#weights?.storage.release();
  }

  /**
   * Mean cross-entropy per text; with `multiLabel`, mean binary cross-entropy per text and class. `classWeights` weigh
   * in the loss alone: `nll` is without them.
   */
  loss(batch: TextClassInput, options: CrossEntropyOptions & ForwardOptions = {}): CrossEntropyResult {
    if (!batch?.labels) throw new ShapeError('the batch has no labels', { op: 'TextClassifier.loss' });
    const [forward, rest] = splitLossOptions('TextClassifier.loss', options);
    const { numClasses, multiLabel } = this.config;
    const { batchSize } = batch;
    const table = this.#weights;
    if (!multiLabel) {
      const labels = batchTensor(batch.labels, [batchSize]);
      const logits = this.forward(batch, forward);
      if (!table) return crossEntropy(logits, labels, rest);
      const column = reshape(slice(table, 0, 1, 2), [numClasses, 1]);
      return crossEntropy(logits, labels, { ...rest, rowWeights: embedding(column, labels) });
    }
    const labels = batchTensor(batch.labels, [batchSize, numClasses]);
    // A sigmoid of z is a softmax of -z/2 and z/2.
    const half = reshape(scale(this.forward(batch, forward), 0.5), [batchSize, numClasses, 1]);
    const logits = concat([scale(half, -1), half], 2);
    if (!table) return crossEntropy(logits, labels, rest);
    const [without, having] = [0, 1].map((row) => broadcastTo(slice(table, 0, row, row + 1), labels.shape));
    return crossEntropy(logits, labels, { ...rest, rowWeights: where(labels, having, without) });
  }

  /** (B, numClasses), row-major: how probable each class is; without dropout. A row sums to 1 unless `multiLabel`. */
  probabilities(batch: TextClassInput): Float32Array {
    const { multiLabel } = this.config;
    const values = this.#evaluate(() => {
      const logits = this.forward(batch);
      return (multiLabel ? sigmoid(logits) : softmax(logits)).toArray();
    });
    return Float32Array.from(values);
  }

  /**
   * (B): the class with the largest logit, the first of equals; without dropout. With `multiLabel` (B, numClasses): 1
   * where the class is more probable than not.
   */
  predict(batch: TextClassInput): Int32Array {
    const { numClasses, multiLabel } = this.config;
    const logits = this.#evaluate(() => this.forward(batch).toArray());
    if (multiLabel) return Int32Array.from(logits, (logit) => (logit > 0 ? 1 : 0));
    return Int32Array.from({ length: batch.batchSize }, (_, b) => {
      let best = b * numClasses;
      for (let i = best + 1; i < (b + 1) * numClasses; i++) if (logits[i] > logits[best]) best = i;
      return best - b * numClasses;
    });
  }

  #evaluate<T>(run: () => T): T {
    return this.evaluating(() => withRuntime(this.runtime(), () => noGrad(run)));
  }
}

/** What single rules cannot say. */
function checkPart({ causal, pooling, numClasses, classWeights }: ClassifierPart): void {
  if (causal && pooling === 'first') {
    throw new ConfigError('the first token of a causal model has seen nothing of the text', {
      op: 'TextClassifier',
      expected: ['last', 'mean'],
      actual: pooling,
      hint: "use pooling 'last' or 'mean'",
    });
  }
  if (classWeights && classWeights.length !== numClasses) {
    throw new ConfigError(`classWeights has ${classWeights.length} numbers for ${numClasses} classes`, {
      op: 'TextClassifier',
      expected: numClasses,
      actual: classWeights.length,
    });
  }
}

/** In the runtime's memory once and for all, so that a recorded step finds it there. */
function weightTable(classWeights: readonly number[]): Variable {
  const { length } = classWeights;
  const storage = persistentStorage(currentRuntime(), 'f32', 2 * length);
  storage.write(0, [...classWeights.map(() => 1), ...classWeights]);
  return new Variable(storage, [2, length]);
}

const NONE = new Int32Array(0);

/** @deprecated It is `TextClassifier` now. */
export const PairClassifier = TextClassifier;
/** @deprecated It is `TextClassifier` now. */
export type PairClassifier = TextClassifier;
/** @deprecated It is `TextClassifierConfig` now. */
export type PairClassifierConfig = TextClassifierConfig;
/** @deprecated It is `TextClassifierOptions` now. */
export type PairClassifierOptions = TextClassifierOptions;
/** @deprecated It is `TextClassInput` now. */
export type PairClassInput = TextClassInput;
