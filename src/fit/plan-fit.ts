/** @file What `fit` and `prenorm fit` do before step 1: read the data, and choose the recipe. */
import { DataError } from '../errors.js';
import { checkRecipe, type ReadData, type Recipe, readData, type Sources } from '../recipe/index.js';
import type { WorkerSource } from '../worker/index.js';
import { recipeFor } from './budget.js';
import { type ChosenRecipe, type FitTask, fitLeast, vocabularySize } from './choose-recipe.js';
import { type DataFacts, factsOf } from './facts.js';
import { Here } from './here.js';
import { InWorker } from './in-worker.js';
import type { FitBudget, FitData } from './options.js';
import { dataKindOf, findOrigin, type Origin } from './origin.js';
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
  const content = { kind: dataKindOf(task), ...origin.content };
  const read = await readContent(task, content as Recipe['data'], origin);
  const facts = factsOf(task, read, origin.hasValid);
  const place =
    worker === false
      ? new Here(origin.sources)
      : new InWorker(task, read, origin.hasValid, worker === true ? undefined : worker);
  const whole = (chosen: ChosenRecipe): Recipe =>
    checkRecipe({ ...chosen, data: { ...chosen.data, ...origin.content } }, 'fit');
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
