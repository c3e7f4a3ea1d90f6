/** @file What `finetune` does before step 1, for programs and pages too: from a trained model and data to a recipe. */
import {
  anything,
  checkOptions,
  checkValue,
  having,
  integer,
  oneOf,
  optional,
  positive,
  type Rules,
  seed,
  text as textRule,
} from '../checks.js';
import { ConfigError } from '../errors.js';
import { isJsonObject } from '../json.js';
import { isModelKind } from '../nn/model-kinds.js';
import {
  type LoraTuning,
  type ModelKindName,
  noFiles,
  type OpenedData,
  openData,
  type Recipe,
  readData,
  type Selection,
  type TextCodec,
} from '../recipe/index.js';
import { rescaleRule } from '../recipe/rescale.js';
import { isLora, isSelection } from '../recipe/selection.js';
import { factsOf } from './facts.js';
import type { FitData } from './options.js';
import { findOrigin, nodeFiles } from './origin.js';
import { type FinetuneTask, type TuneBase, type TuneWishes, tuneImages, tuneRecipe } from './tune-recipe.js';

/** What a tuning is planned from. */
export interface TuningOptions {
  /** The trained model: its `kind` and complete `config`, and the tokenizer that its ids are of. What `loadModel` gives fits. */
  base: TuneBase & {
    /** What its ids are of; null for a model of images. */
    tokenizer: TextCodec | null;
  };
  /** Its weights, which the recipe begins from: safetensors as bytes, or the name of a file or folder. */
  weights: NonNullable<Recipe['weights']>;
  /** What to learn from, as `fit` takes it: running text, or texts with labels. Of images, the name of their file, or `digits`. */
  data: FitData;
  /** `lm` goes on with texts, `classify` finds their labels, `images` the classes of images; `tuningTask` guesses. */
  task: FinetuneTask;
  /** What is trained. Default: low-rank parts on every projection. */
  trainable?: Selection | LoraTuning;
  /**
   * How matrices that are not trained are stored: in 16 bits, half the memory, computing with the rounded weights. Default: as
   * float32.
   */
  dtype?: 'f16' | 'bf16';
  /**
   * Of norms that are trained: how often the way of every gamma counts in the model that comes of it, or several such numbers
   * to choose from by what is held out. Default 1: as trained.
   */
  rescaleNorms?: Recipe['rescaleNorms'];
  /** Largest rate. Default: by what is trained and by the width. */
  lr?: number;
  /** Updates in all. Default: as `epochs` say. */
  steps?: number;
  /** How often the data are seen; not beside `steps`. Default 3. */
  epochs?: number;
  /** Seed of initial values, data order and dropout. Default 0. */
  seed?: number;
}

const RULES: Rules<TuningOptions> = {
  base: {
    wanted: 'an object with kind, config and tokenizer',
    holds: (value) => isJsonObject(value) && isJsonObject(value.config) && isModelKind(value.kind),
  },
  weights: anything,
  data: anything,
  task: oneOf('lm', 'classify', 'images'),
  trainable: optional({
    wanted: 'a selection of parameters, or an object with lora',
    holds: (value) => isSelection(value) || isLora(value),
  }),
  dtype: optional(oneOf('f16', 'bf16')),
  rescaleNorms: optional(rescaleRule),
  lr: optional(positive),
  steps: optional(integer(1)),
  epochs: optional(positive),
  seed: optional(seed),
};

const codec = having('a tokenizer', 'encode', 'decode');
const EPOCHS = 3;

/** What was planned. */
export interface TuningPlan {
  /** Complete but for its tokenizer, which is the base's: give it to `prepareRun`, or put it in as `saved`. */
  recipe: Recipe;
  /** The data, open. */
  data: OpenedData;
}

/**
 * A classifier is tuned on labelled texts, and so is a masked model; a vision transformer on images; any other on labelled
 * texts where all lines have a tab.
 */
export function tuningTask(kind: ModelKindName, text: string): FinetuneTask {
  checkValue('tuningTask', 'kind', kind, { wanted: 'the kind of a model', holds: isModelKind });
  checkValue('tuningTask', 'text', text, textRule);
  if (kind === 'visionTransformer') return 'images';
  if (kind === 'textClassifier' || kind === 'pairClassifier' || kind === 'maskedLM') return 'classify';
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.length > 0 && lines.every((line) => line.includes('\t')) ? 'classify' : 'lm';
}

/**
 * The recipe by which `prenorm finetune` tunes a trained model on data: batches and evaluations by the size of the data, the
 * rate by what is trained. Equal options give equal recipes, and equal recipes equal bits, in a page as on the command line.
 * @throws ConfigError for an unknown key, a value out of range, and a base that cannot be tuned for the task or has no
 *   tokenizer; DataError for data that cannot be read, or are too little
 */
export async function planTuning(options: TuningOptions): Promise<TuningPlan> {
  const op = 'planTuning';
  checkOptions(op, options, RULES);
  const { base, weights, task, trainable = { lora: {} }, dtype, rescaleNorms } = options;
  const { lr, steps, epochs, seed = 0 } = options;
  if (steps !== undefined && epochs !== undefined) {
    throw new ConfigError('it is steps or epochs, not both', { op, hint: 'leave one of them out' });
  }
  const wishes = { base, weights, trainable, dtype, rescaleNorms, lr, seed };
  if (task === 'images') return planImages(options.data, { ...wishes, steps, epochs });
  const { tokenizer } = base;
  if (!codec.holds(tokenizer) || tokenizer === null) {
    throw new ConfigError('the base has no tokenizer, so it reads no texts', {
      op,
      expected: codec.wanted,
      actual: tokenizer,
      hint: 'load it with the tokenizer of its folder',
    });
  }
  const origin = await findOrigin(task, options.data);
  const content = { kind: origin.kind, ...origin.content } as Recipe['data'];
  // All rows, whatever is held out of them later; rows of labelled texts need a bound to be read, which decides nothing here.
  const whole = origin.hasValid ? content : { ...content, validation: 0 };
  const bound = task === 'classify' ? { batchSize: 1, maxLen: 8 } : {};
  const read = await readData({ ...whole, ...bound } as Recipe['data'], origin.sources);
  const facts = factsOf(task, read, origin.hasValid);
  const text = (read as unknown as { whole: string }).whole;
  const counted = task === 'lm' ? { tokens: tokenizer.encode(text).length } : {};
  const parts = { ...wishes, facts: { ...facts, ...counted }, content };
  const draft = tuneRecipe({ ...parts, steps: steps ?? 1 });
  const data = await openData({ data: draft.data }, { sources: origin.sources, tokenizer });
  const { maxSeqLen = 0 } = base.config as { maxSeqLen?: number };
  // Both kinds of batches know how many an epoch has.
  const { numBatches } = data.train(seed, maxSeqLen) as unknown as { numBatches: number };
  const all = steps ?? Math.max(1, Math.ceil((epochs ?? EPOCHS) * numBatches));
  return { recipe: tuneRecipe({ ...parts, steps: all }), data };
}

async function planImages(
  source: FitData,
  { steps, epochs = EPOCHS, ...wishes }: Omit<TuneWishes, 'steps'> & { steps?: number; epochs?: number },
): Promise<TuningPlan> {
  if (typeof source !== 'string') {
    throw new ConfigError('images must be given by the name of their file', {
      op: 'planTuning',
      expected: 'a name',
      actual: source,
      hint: "'digits', or a file of lines: class, then the pixels",
    });
  }
  const sources = nodeFiles() ?? noFiles;
  // Its classes are known once it is open, and its steps then.
  const draft = tuneImages(source, 1, { ...wishes, steps: 1 });
  const read = await readData(draft.data, sources);
  const data = await openData({ data: draft.data }, { sources }, read);
  const { batchSize = 1 } = draft.data as { batchSize?: number };
  const { cut } = read as unknown as { cut: number };
  const all = steps ?? Math.max(1, Math.ceil((epochs * cut) / batchSize));
  return { recipe: tuneImages(source, data.sizes.numClasses as number, { ...wishes, steps: all }), data };
}
