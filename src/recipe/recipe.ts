/**
 * @file A training as plain data. The same recipe trains by `prenorm train`, in a page's worker and inside an
 * experiment, to the same bits. Files hold it as JSON; in a page, content may stand in it as bytes too.
 */
import type {
  MaskedLMOptions,
  ModelOptions,
  TextClassifierOptions,
  VisionTransformerOptions,
} from '../nn/index.js';
import type { AdamOptions, MuonOptions, ScheduleConfig, SGDOptions } from '../optim/index.js';
import type { Arithmetic } from '../runtime/arithmetic.js';
import type { EarlyStopping } from '../train/index.js';
import type { DataRecipe } from './data-recipe.js';

/** A recipe gives seeds in `seeds`; sizes that the data knows may be left out. */
export type Sized<O, K extends keyof O> = Omit<O, K | 'seed'> & Partial<Pick<O, K>>;

/**
 * The model and its options. What the data knows may be left out: `vocabSize` (the tokenizer's), `maxSeqLen` of
 * models of one text (as long as its rows; of a transformer, 256 or what its longest line needs), `numClasses`, and
 * `imageSize` and `channels` of images.
 */
export type ModelRecipe =
  | ({ kind: 'causalLM' | 'transformer' } & Sized<ModelOptions, 'vocabSize'>)
  | ({ kind: 'maskedLM' } & Sized<MaskedLMOptions, 'vocabSize'>)
  | ({ kind: 'textClassifier' | 'pairClassifier' } & Sized<TextClassifierOptions, 'vocabSize' | 'numClasses'>)
  | ({ kind: 'visionTransformer' } & Sized<VisionTransformerOptions, 'imageSize' | 'numClasses'>);

/** The name of a kind of model. */
export type ModelKindName = ModelRecipe['kind'];

/**
 * Which parameters: `all`, `norms` (gamma and beta of every norm), `bias` (of everything; `biases` is the same), `head` (of a
 * model that has one; else its output projection, which may be the table of tokens), a pattern of paths in which `*` stands
 * for anything, e.g. `head.*`, or a regular expression between slashes, e.g. `/layers\.[01]\./`; or a list of these, whose
 * parts after a `!` take away again. In a list that begins with a `!`, everything is there at first.
 */
export type Selection = string | readonly string[];

/** Low-rank parts on the projections of a model are trained (Hu et al. 2021), and nothing of the model itself but `also`. */
export interface LoraTuning {
  /** What the parts are; `{}` for the defaults. */
  lora: {
    /** Width of the low-rank products. Default 8. */
    rank?: number;
    /** The products count `alpha / rank` times. Default: twice the rank. */
    alpha?: number;
    /**
     * Projections by their names or paths: `in_proj` (queries, keys and values in one), or `q_proj`, `k_proj`, `v_proj`,
     * `out_proj`, `linear1`, `linear2`, `linear3`, and any linear layer of a head. Default: `in_proj`, `out_proj` and every
     * matrix of the feed-forward.
     */
    targets?: readonly string[];
    /** Share of a projection's input that is dropped before the product. Default 0. */
    dropout?: number;
  };
  /** What is trained of the model itself. Default: the `head` of models that classify, nothing of others. */
  also?: Selection;
}

/** Parameters with a rate or weight decay of their own. A parameter belongs to the first group that matches it. */
export interface GroupRecipe {
  match: Selection;
  /** Rate of the group; with a schedule, the rate at its maximum. Default: the optimizer's. */
  lr?: number;
  /** Default: the optimizer's. */
  weightDecay?: number;
  /**
   * Of `muon` alone: whether it updates the group (true, for matrices of hidden layers only) or AdamW does. Default: each
   * what it is for.
   */
  muon?: boolean;
}

/** The optimizer and its options. The rate is `schedule.maxLr`, or `lr` where there is no schedule. */
export type OptimizerRecipe = {
  groups?: readonly GroupRecipe[];
  /**
   * What `weightDecay` is for: everything (default), or the matrices of linear layers, which spares norms, biases, embeddings
   * (a tied output projection is one) and positions. Groups with a `weightDecay` of their own keep it.
   */
  decay?: 'all' | 'matrices';
} & (
  | ({ kind: 'adam' | 'adamw' | 'radam' } & Partial<AdamOptions>)
  | ({ kind: 'sgd' } & Partial<SGDOptions>)
  | ({ kind: 'muon' } & Partial<MuonOptions>)
);

/** How a text becomes ids. */
export type TokenizerRecipe =
  /** Unicode characters, the `maxVocab - 1` most frequent ones (default 512). For `text` only. */
  | { kind: 'chars'; maxVocab?: number }
  /** Byte-level BPE trained on the training text; 259 (bytes and marks) at least. */
  | { kind: 'bpe'; vocabSize: number }
  /** What `toJSON()` of either made, or a file with it. */
  | { kind: 'saved'; json: unknown }
  | { kind: 'saved'; path: string };

/** How a model is trained, whatever it is and whatever it reads. */
export interface TrainingRecipe {
  /** What the optimizer may change: parts of the model, or low-rank parts put on it. Default `all`. */
  trainable?: Selection | LoraTuning;
  /** The optimizer's `kind` and its options. */
  optimizer: OptimizerRecipe;
  /** The schedule's `kind` and its options. Default: the optimizer's `lr`, constant. */
  schedule?: ScheduleConfig;
  /** Updates in all. */
  steps: number;
  /** Batches per update. Default 1. */
  accumulate?: number;
  /**
   * How it computes. A runtime of another arithmetic refuses the recipe; `prenorm train` and workers start the right one.
   * Default: as the runtime does, which is `strict` unless something else was asked for.
   */
  arithmetic?: Arithmetic;
  /** Largest joint gradient norm; larger ones are scaled down to it. Default: no bound. */
  clipNorm?: number;
  /** Share of the target's probability that is spread over the vocabulary, in [0, 1). Default 0. */
  labelSmoothing?: number;
  /**
   * Keep only what goes into each layer (`true`), or into every so many layers together, and compute the rest again in
   * the backward: less memory, about a third more time, the same bits. Default false.
   */
  recompute?: boolean | number;
  /** Seed of initial values, data order and dropout. Default 0. */
  seed?: number;
  /** Where one of the three has a seed of its own. Default: `seed` for all. */
  seeds?: {
    /** Seed of the initial values. Default: `seed`. */
    model?: number;
    /** Seed of the order of the data. Default: `seed`. */
    data?: number;
    /** Seed of dropout. Default: `seed`. */
    dropout?: number;
  };
  /** Evaluate every so many steps, and after the last. Default: only after the last. */
  evalEvery?: number;
  /** Keep the weights of the best evaluation beside the last. Default true where something is held out. */
  keepBest?: boolean;
  /** Ends the run when evaluations have not become better for a while; needs `evalEvery`. Default: it goes on to `steps`. */
  earlyStopping?: EarlyStopping;
  /** Ends the run with an error once it has diverged. Default: true by `prenorm train` and `sweep`, else false. */
  stopOnDivergence?: boolean;
  /** Measure the gradient norm of each layer every so many steps. Default: a hundred times or more by `prenorm train`, else never. */
  gradNormEvery?: number;
  /** Steps between two checkpoints, where they are kept. Default: 100 by `prenorm train`, else none before the end. */
  checkpointEvery?: number;
}

/** A training, whole. */
export interface Recipe extends TrainingRecipe {
  /** The model's `kind` and its options; what the data knows may be left out. */
  model: ModelRecipe;
  /**
   * Safetensors to begin from: bytes, or a file. A textClassifier also takes those of a maskedLM (a causal one: of a
   * causalLM), and begins its own head anew, as a visionTransformer does where theirs has another number of classes. Default: initial values by `seed`.
   */
  weights?: ArrayBufferView | ArrayBufferLike | string;
  /**
   * How matrices that are not trained are stored: in 16 bits a number, half the memory, computing with the rounded weights;
   * `f16` is the more exact, `bf16` has the range of float32. Needs `weights` and a `trainable`. Default: as float32.
   */
  dtype?: 'f16' | 'bf16';
  /**
   * Of a tuning of norms: how often the way of every gamma from where it began counts in the run's model, gamma' = before +
   * lambda (after - before); of several values the one with the lowest held-out loss. Needs `weights`. Default 1: as trained.
   */
  rescaleNorms?: number | readonly number[];
  /** The data's `kind`, where it is, and how it becomes batches. */
  data: DataRecipe;
  /** How texts become ids; other kinds of texts than `text` need `bpe` or `saved`. Default: characters for `text`. */
  tokenizer?: TokenizerRecipe;
  /** What evaluations measure beside the loss; then the best weights and early stopping go by it. Default: the loss alone. */
  metric?: MetricName;
  /**
   * What the model makes of the same inputs at each evaluation. Default: true by `prenorm train` with `evalEvery`, where
   * there is something to show; else false.
   */
  samples?: boolean | SamplesRecipe;
}

/** `accuracy` and `macroF1` (0 to 1) of models that classify, `bleu` (0 to 100; greedy translations) of a transformer. */
export type MetricName = 'accuracy' | 'macroF1' | 'bleu';

/** What is shown at each evaluation: continuations by a causalLM, translations, or labels of held-out examples. */
export interface SamplesRecipe {
  /** What a causalLM goes on from, or a transformer translates. Default: the first words, or sentences, held out. */
  prompt?: string;
  /** Continuations of the prompt (1), or held-out examples (3). */
  count?: number;
  /** Tokens of a continuation. Default 40. */
  length?: number;
}

/** The seed of each of the three, from `seeds` or `seed`. */
export function seedsOf({ seed = 0, seeds }: Pick<TrainingRecipe, 'seed' | 'seeds'>): {
  model: number;
  data: number;
  dropout: number;
} {
  return { model: seed, data: seed, dropout: seed, ...JSON.parse(JSON.stringify(seeds ?? {})) };
}
