/**
 * @file The rules of `fit`: from what is known of the data and the number of steps to a recipe. Nothing here reads,
 * measures or draws: equal facts give equal recipes. docs/training.md has the rules as a table, and says what they were
 * measured against (`node scripts/fit-grid.mjs`).
 */
import { checkOptions, integer, oneOf, optional, type Rules } from '../checks.js';
import { ConfigError, DataError } from '../errors.js';
import type { Recipe } from '../recipe/index.js';

/** What `fit` can train: a language model, a translator, a classifier of texts. */
export type FitTask = 'lm' | 'translate' | 'classify';

/** What the rules look at. */
export interface FitFacts {
  /** What is to be trained. */
  task: FitTask;
  /** UTF-8 bytes of the text, or of the lines of pairs or labelled texts to train on. */
  bytes: number;
  /** Tokens of the whole text with a vocabulary of `vocabularySize(task, bytes)`; only for `lm`, which needs them. Default 0. */
  tokens?: number;
  /** Pairs, or labelled texts, held-out ones included; not for `lm`, needed by the others. Default 0. */
  rows?: number;
  /** UTF-8 bytes of the longest side of a pair, or of the longest labelled text; not for `lm`. Default 1. */
  longest?: number;
  /** Rows of a validation part of its own, where there is one. Default: none, so a share is held out. */
  validRows?: number;
  /** Updates in all. */
  steps: number;
  /** Largest entry of `fitSizes` that may be taken: what the minutes allow. Default: the last. */
  largest?: number;
  /** Seed of the recipe. Default 0. */
  seed?: number;
}

/** A recipe without its content: `data` still lacks `source` or `text`. */
export type ChosenRecipe = Omit<Recipe, 'weights' | 'tokenizer'> & Required<Pick<Recipe, 'tokenizer'>>;

/** Width and depth of the models, small to large, and from how many bytes of text on each is taken. */
export const fitSizes = [
  { fromBytes: 0, dModel: 64, numLayers: 2 },
  { fromBytes: 50_000, dModel: 64, numLayers: 4 },
  { fromBytes: 200_000, dModel: 128, numLayers: 4 },
  { fromBytes: 20_000_000, dModel: 256, numLayers: 6 },
] as const;

/** Fewest tokens of a text, lines of pairs, and labelled texts that are trained on. */
export const fitLeast: Record<FitTask, number> = { lm: 100, translate: 20, classify: 20 };

const RULES: Rules<FitFacts> = {
  task: oneOf('lm', 'translate', 'classify'),
  bytes: integer(1),
  tokens: optional(integer(0)),
  rows: optional(integer(0)),
  longest: optional(integer(1)),
  validRows: optional(integer(0)),
  steps: integer(1),
  largest: optional(integer(0, fitSizes.length - 1)),
  seed: optional(integer(0)),
};

/** Entries of the byte-level BPE: more text can fill more of them; lines of pairs or classes are worth whole words. */
export function vocabularySize(task: FitTask, bytes: number): number {
  const steps = [50_000, 500_000, 5_000_000, 50_000_000];
  const class_ = steps.filter((least) => bytes >= least).length;
  const lm = [320, 512, 1024, 2048, 4096][class_];
  return task === 'lm' ? lm : 2 * lm;
}

/** Share that is held out of data without a part to validate with: a tenth, but no more than 100 kB or 1000 lines. */
function heldOutShare(bytes: number, rows?: number): number {
  const most = Math.min(100_000 / bytes, rows === undefined ? 1 : 1000 / rows);
  return Math.min(0.1, Math.max(1, Math.round(most * 10_000)) / 10_000);
}

/**
 * The recipe for these facts, by the rules of docs/training.md.
 * @throws ConfigError for facts that are missing or out of range; DataError for too little data, saying how much is
 *   needed
 */
export function chooseRecipe(facts: FitFacts): ChosenRecipe {
  checkOptions('chooseRecipe', facts, RULES);
  const { task, bytes, steps, largest = fitSizes.length - 1, seed = 0 } = facts;
  refuseTooLittle(facts);
  const batches = chooseBatches(facts);
  const { dModel, numLayers } = fitSizes[Math.min(sizeFor(bytes), largest)];
  const common = {
    dModel,
    numLayers: task === 'classify' ? 2 : numLayers,
    numHeads: dModel / 32,
    activation: 'gelu',
    dropout: dropoutOf((steps * batches.perStep) / batches.inTraining),
  } as const;
  const evaluations = Math.min(
    20,
    Math.max(1, Math.floor((0.6 * steps * batches.perStep) / batches.heldOut)),
  );
  return {
    model: batches.model(common),
    data: batches.data,
    tokenizer: { kind: 'bpe', vocabSize: vocabularySize(task, bytes) },
    optimizer: {
      kind: 'adamw',
      betas: [0.9, 0.98],
      weightDecay: 0.1,
      decay: 'matrices',
    },
    schedule: {
      kind: 'cosine',
      maxLr: rateOf(task, dModel),
      warmupSteps: Math.min(100, Math.ceil(steps / 20)),
      totalSteps: steps,
    },
    clipNorm: 1,
    ...(task === 'translate' ? { labelSmoothing: 0.1 } : {}),
    steps,
    evalEvery: Math.ceil(steps / evaluations),
    stopOnDivergence: true,
    seed,
  };
}

function refuseTooLittle({ task, tokens, rows }: FitFacts): void {
  const found = task === 'lm' ? tokens : rows;
  const what = { lm: 'tokens', translate: 'pairs', classify: 'labelled texts' }[task];
  if (found === undefined) {
    throw new ConfigError(`${task === 'lm' ? 'tokens' : 'rows'} must be given for the task ${task}`, {
      op: 'chooseRecipe',
      expected: what,
    });
  }
  if (found >= fitLeast[task]) return;
  throw new DataError(`there are ${found} ${what}, fit needs ${fitLeast[task]} at least`, {
    op: 'fit',
    expected: fitLeast[task],
    actual: found,
    hint: 'a model that can be used needs thousands of them',
  });
}

/** The entry of `fitSizes` for this much text. */
export function sizeFor(bytes: number): number {
  return fitSizes.filter(({ fromBytes }) => bytes >= fromBytes).length - 1;
}

/** Adam's best rate falls as the width grows (Yang et al. 2022); for short trainings about as its square root. */
function rateOf(task: FitTask, dModel: number): number {
  const at128 = task === 'classify' ? 0.003 : 0.005;
  return Math.round(at128 * Math.sqrt(128 / dModel) * 1e5) / 1e5;
}

/** By how often the training part is seen: what is read once needs none. */
function dropoutOf(epochs: number): number {
  return epochs < 2 ? 0 : epochs < 10 ? 0.1 : epochs < 40 ? 0.2 : 0.3;
}

interface Batches {
  data: ChosenRecipe['data'];
  model(common: object): ChosenRecipe['model'];
  /** Tokens (lm) or rows of a step, of the training part, and of what is held out. */
  perStep: number;
  inTraining: number;
  heldOut: number;
}

function chooseBatches(facts: FitFacts): Batches {
  const { task, bytes, tokens = 0, rows = 0, validRows, longest = 1 } = facts;
  const validation = heldOutShare(bytes, task === 'lm' ? undefined : rows);
  if (task === 'lm') {
    const inTraining = tokens - Math.floor(tokens * validation);
    // Four batches an epoch at least, so that a tiny text is not one batch again and again.
    const seqLen = [64, 32].find((length) => inTraining >= 4 * 16 * length) ?? 16;
    const batchSize = Math.min(16, Math.max(2, Math.floor(inTraining / (4 * seqLen))));
    return {
      data: { kind: 'text', validation, batchSize, seqLen },
      model: (common) => ({ kind: 'causalLM', ...common }) as ChosenRecipe['model'],
      perStep: batchSize * seqLen,
      inTraining,
      heldOut: tokens - inTraining,
    };
  }
  const own = validRows !== undefined;
  const heldOut = Math.max(1, own ? validRows : Math.floor(rows * validation));
  const inTraining = own ? rows - validRows : rows - heldOut;
  // Files are often sorted, by label or by length.
  const share = own ? {} : ({ validation, holdOut: 'spread' } as const);
  if (task === 'translate') {
    // A token is a byte or more, so nothing is longer than its bytes and two marks.
    const room = Math.min(2048, 8 * Math.ceil((longest + 2) / 8));
    const maxTokens = Math.min(4096, Math.max(1024, 2 * room));
    const perRow = Math.max(4, bytes / rows / 2);
    return {
      data: { kind: 'pairs', ...share, maxTokens, ...(longest + 2 > room ? { onTooLong: 'drop' } : {}) },
      model: (common) => ({ kind: 'transformer', ...common, maxSeqLen: room }) as ChosenRecipe['model'],
      perStep: maxTokens / perRow,
      inTraining,
      heldOut,
    };
  }
  const batchSize = Math.min(32, Math.max(2, Math.floor(inTraining / 4)));
  const maxLen = Math.min(128, 8 * Math.ceil((longest + 3) / 8));
  return {
    data: { kind: 'labelledTexts', ...share, batchSize, maxLen },
    model: (common) => ({ kind: 'textClassifier', pooling: 'mean', ...common }) as ChosenRecipe['model'],
    perStep: batchSize,
    inTraining,
    heldOut,
  };
}
