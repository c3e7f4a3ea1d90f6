/** @file What `fit` and `prenorm fit` do before step 1: read the data, and choose the recipe. */
import { DataError } from '../errors.js';
import { SHARE } from '../recipe/data/content.js';
import { heldOutRows } from '../recipe/data/hold-out.js';
import { checkRecipe, type ReadData, type Recipe, readData, type Sources } from '../recipe/index.js';
import { markOf } from '../runtime/arithmetic.js';
import { currentRuntime } from '../runtime/runtime.js';
import type { WorkerSource } from '../worker/index.js';
import { recipeFor } from './budget.js';
import { type ChosenRecipe, type FitTask, fitLeast, vocabularySize } from './choose-recipe.js';
import { type DataFacts, factsOf } from './facts.js';
import { Here } from './here.js';
import { InWorker } from './in-worker.js';
import type { FitBudget, FitData } from './options.js';
import { findOrigin, type Origin } from './origin.js';
import type { Place } from './place.js';

/** What was chosen, and where it is carried out. */
export interface FitPlan {
  recipe: Recipe;
  place: Place;
  sources: Sources;
  /** Names of the classes in the order of their numbers; null without classes. */
  labels: readonly string[] | null;
}

/** What a plan is made from. */
export interface FitPlanOptions {
  task: FitTask;
  data: FitData;
  budget: FitBudget;
  seed: number;
  signal?: AbortSignal;
  /** As in `FitOptions`. */
  worker?: boolean | WorkerSource;
}

/** @throws DataError for data that cannot be read, or are too little */
export async function planFit({
  task,
  data,
  budget,
  seed,
  signal,
  worker = false,
}: FitPlanOptions): Promise<FitPlan> {
  const origin = await findOrigin(task, data);
  const content = { kind: origin.kind, ...origin.content };
  const read = await readContent(task, content as Recipe['data'], origin);
  if (task === 'classify' && !origin.hasValid) refuseSingleLabels(read, origin);
  const facts = factsOf(task, read, origin.hasValid);
  const place =
    worker === false
      ? new Here(origin.sources)
      : new InWorker(task, read, origin, worker === true ? undefined : worker);
  const whole = (chosen: ChosenRecipe): Recipe =>
    checkRecipe(
      {
        ...chosen,
        data: { ...chosen.data, ...content } as Recipe['data'],
        // A worker has a runtime of its own, which goes by the recipe.
        ...markOf(currentRuntime().arithmetic),
      },
      'fit',
    );
  const counted = task === 'lm' ? { tokens: await countTokens(facts, content as Recipe['data'], place) } : {};
  const chosen = await recipeFor(budget, { ...facts, ...counted, seed }, place, whole, signal);
  return {
    recipe: whole(chosen),
    place,
    sources: origin.sources,
    labels: (read as { classes?: readonly string[] }).classes ?? null,
  };
}

/**
 * All rows of the data in their order: what is held out of them is still to be chosen. Rows of labelled texts need a
 * bound to be read, which decides nothing here.
 */
async function readContent(
  task: FitTask,
  data: Recipe['data'],
  { sources, hasValid }: Pick<Origin, 'sources' | 'hasValid'>,
): Promise<ReadData> {
  const whole = hasValid ? data : { ...data, validation: 0 };
  return readData(
    (task === 'classify' ? { ...whole, batchSize: 1, maxLen: 8 } : whole) as Recipe['data'],
    sources,
  );
}

/**
 * A text is held out only where another with its label is left to train on.
 * @throws DataError for labels of which none leaves a text to hold out
 */
function refuseSingleLabels(read: ReadData, { content }: Origin): void {
  const rows = (read as ReadData & { parts: { train: { label: number; labels?: readonly number[] }[] } })
    .parts.train;
  // Too few are refused with what is needed.
  if (rows.length < fitLeast.classify) return;
  const labels = rows.map(({ label, labels: several = [label] }) => several);
  if (heldOutRows(rows.length, SHARE, 'spread', labels).length > 0) return;
  throw new DataError('no text can be held out to judge the model by: its labels occur once each', {
    path: 'source' in content ? content.source : 'data',
    expected: 'labels that several texts have',
    hint: 'the label is the last column; are these pairs to translate, or is it running text? Say so by the task',
  });
}

/** Tokens of the whole text: what a training on windows of one token, with nothing held out, would see. */
async function countTokens({ bytes }: DataFacts, data: Recipe['data'], place: Place): Promise<number> {
  // A token is a byte at least, and windows need two.
  if (bytes < fitLeast.lm) return bytes;
  const run = await place.open({
    model: { kind: 'causalLM', dModel: 4, numLayers: 1, numHeads: 1 },
    data: { ...data, validation: 0, batchSize: 1, seqLen: 1 } as Recipe['data'],
    tokenizer: { kind: 'bpe', vocabSize: vocabularySize('lm', bytes) },
    optimizer: { kind: 'sgd', lr: 0 },
    steps: 1,
  });
  run.close();
  if (run.tokens !== null) return run.tokens;
  throw new DataError('the tokens of the text are not known', { op: 'fit' });
}
