/**
 * @file One training of a recipe, whatever its model and its data: what a sweep is made of. `measured` has the last
 * bits per byte and metric, and the best evaluation. No weights are kept, so `keepBest` decides nothing here.
 */
import { brief, DataError } from '../../errors.js';
import { sha256 } from '../../io/sha256.js';
import {
  checkRecipe,
  contentHash,
  type OpenedData,
  openData,
  type Recipe,
  readData,
} from '../../recipe/index.js';
import { prepareOn } from '../../recipe/prepare.js';
import { plan, type StepMetrics, Trainer } from '../../train/index.js';
import { KeptRun } from './kept-run.js';
import type { RunEnvironment, RunKind, RunOutcome, RunSpec } from './run-kind.js';
import { type TrainingCurve, trainCurve, trainedRecord } from './training-curve.js';

export interface RecipeRun extends RunSpec {
  kind: 'recipe';
  recipe: Recipe;
}

/** What a run reads: where names lead, and what reads tokenizers of others. */
type Reading = Pick<RunEnvironment, 'sources' | 'tokenizers'>;

/** Opened data of one process that are kept: runs that follow each other mostly share them. */
const MOST_OPENED = 4;
const openedBy = new WeakMap<object, Map<string, Promise<OpenedData>>>();

/** Data as tokens, made once per content; those of a module have a state, and are made for each run. */
export async function openOnce(recipe: Recipe, { sources, tokenizers }: Reading): Promise<OpenedData> {
  const { data, tokenizer } = recipe;
  const surroundings = { sources, ...(tokenizers && { tokenizers }) };
  if (data.kind === 'module') return openData(recipe, surroundings);
  const content = await readData(data, sources);
  const opened = openedBy.get(sources) ?? new Map<string, Promise<OpenedData>>();
  openedBy.set(sources, opened);
  const key = contentHash([{ ...data, text: undefined }, tokenizer, content.sha256]);
  const found = opened.get(key) ?? openData(recipe, surroundings, content);
  opened.delete(key);
  opened.set(key, found);
  for (const oldest of opened.keys()) {
    if (opened.size <= MOST_OPENED) break;
    opened.delete(oldest);
  }
  return found;
}

const hashOfTokenizer = ({ tokenizer }: OpenedData): string | undefined =>
  tokenizer?.toJSON ? contentHash(tokenizer.toJSON()) : undefined;

/** Hash of what a recipe reads beside its data: weights to begin from. */
async function hashOfWeights({ weights, model }: Recipe, { sources }: Reading): Promise<string | null> {
  if (weights === undefined) return null;
  if (typeof weights !== 'string') {
    throw new DataError('a run is plain data: its weights are the name of a file', {
      op: 'weights',
      actual: brief(weights),
      hint: 'write them into a file, and give its name',
    });
  }
  const path = sources.resolve(weights);
  const pretrained = await sources.pretrained?.(path, model.kind);
  if (!pretrained) return sha256(await sources.read(path));
  return contentHash([sha256(pretrained.bytes), pretrained.options]);
}

/** What a run has measured so far. */
interface Kept {
  curve: TrainingCurve['curve'];
  measured: Record<string, number>;
  samples?: RunOutcome['samples'];
}

/** What evaluations measured beside the loss: the last of each, and the best. */
class Evaluations {
  readonly measured: Record<string, number> = {};
  samples: RunOutcome['samples'];

  constructor(readonly hasMetric: boolean) {}

  /** Goes on from what was measured before. */
  restore({ measured, samples }: Kept): void {
    Object.assign(this.measured, measured);
    this.samples = samples;
  }

  take({ step, validNll, bitsPerByte, metric, isBest, samples }: StepMetrics): void {
    const { measured } = this;
    if (validNll === undefined) return;
    if (bitsPerByte !== undefined) measured.bitsPerByte = bitsPerByte;
    if (metric !== undefined) measured.metric = metric;
    if (isBest) {
      const best = this.hasMetric ? metric : validNll;
      Object.assign(measured, { bestStep: step, best, bestValidNll: validNll });
      if (bitsPerByte !== undefined) measured.bestBitsPerByte = bitsPerByte;
    }
    this.samples = samples?.map(({ prompt, text, reference = '' }) => ({
      source: prompt,
      reference,
      hypothesis: text,
    }));
  }
}

async function execute(spec: RecipeRun, environment: RunEnvironment): Promise<RunOutcome> {
  const { recipe } = spec;
  const opened = await openOnce(recipe, environment);
  const { options, model } = await prepareOn({ ...recipe, keepBest: false }, opened, environment.sources);
  const trainer = new Trainer({ ...options, signal: environment.signal });
  const evaluations = new Evaluations(recipe.metric !== undefined);
  const kept = new KeptRun<unknown, Kept>(environment.checkpoints, trainer);
  const before = await kept.restore();
  const curve = before?.curve ?? [];
  if (before) evaluations.restore(before);
  const onStep = (metrics: StepMetrics): Promise<void> => {
    evaluations.take(metrics);
    const { measured, samples } = evaluations;
    return kept.step(() => ({ curve, measured, ...(samples && { samples }) }));
  };
  const trained = await trainCurve(trainer, recipe.steps, environment.onProgress, onStep, curve);
  const { normPlacement = '' } = model.config as { normPlacement?: string };
  const tokenizerHash = hashOfTokenizer(opened);
  return {
    ...trainedRecord(spec, { placement: normPlacement, seed: recipe.seed ?? 0 }, trainer, trained),
    ...(tokenizerHash && { tokenizerHash }),
    measured: evaluations.measured,
    ...(evaluations.samples?.length && { samples: evaluations.samples }),
  };
}

/** Seconds of a token's forward and backward in 6 layers of width 64, with its share of the output layer. */
const SECONDS_PER_TOKEN = 7e-5;
/** Tokens of a row, roughly, where the recipe does not say. */
const ROW = 64;

/** Roughly: a sweep orders its runs by it, and what it says of hours it has measured. */
function tokensPerStep({ data, accumulate = 1 }: Recipe): number {
  const {
    maxTokens,
    batchSize,
    seqLen = ROW,
    maxLen = ROW,
  } = data as unknown as Record<string, number | undefined>;
  if (data.kind === 'text' || data.kind === 'tokens') return accumulate * (batchSize ?? 16) * seqLen;
  return accumulate * (maxTokens ?? (data.kind === 'pairs' ? 1000 : (batchSize ?? 32) * maxLen));
}

export const recipeKind: RunKind<RecipeRun> = {
  kind: 'recipe',
  version: 1,
  keys: ['recipe'],
  check: ({ id, recipe }) => void checkRecipe(recipe, id),
  async dataHash({ recipe }, sources, tokenizers) {
    const reading = { sources, tokenizers };
    const opened = await openOnce(recipe, reading);
    return contentHash([
      opened.sha256,
      hashOfTokenizer(opened) ?? null,
      await hashOfWeights(recipe, reading),
    ]);
  },
  execute,
  cost({ recipe }) {
    const { dModel = 64, dFF = 4 * dModel, numLayers = 6 } = recipe.model;
    const size = (numLayers * dModel * (2 * dModel + dFF)) / (6 * 64 * 6 * 64);
    return SECONDS_PER_TOKEN * size * tokensPerStep(recipe) * recipe.steps;
  },
  steps: ({ recipe }) => recipe.steps,
  seeds: ({ recipe }) => [recipe.seed ?? 0],
  async plan({ recipe }, environment) {
    const { options } = await prepareOn(recipe, await openOnce(recipe, environment), environment.sources);
    return plan(options.model, options.data.next()).peakBytes;
  },
};
