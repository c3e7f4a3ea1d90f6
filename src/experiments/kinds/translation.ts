/**
 * @file Translation (paper, section 4 and Figs. 2 and 4): does Post-LN need warm-up, and does Pre-LN?
 *
 * Claim: without warm-up Post-LN fails at a rate at which it trains with warm-up; Pre-LN trains without.
 * Setting: encoder-decoder, tied embeddings, `fairseq` initialisation, Adam (0.9, 0.98), label smoothing 0.1,
 * no clipping, no weight decay; batches by token count; validation NLL un-smoothed, per token.
 * "No warm-up" means the common tail maxLr · min(1, sqrt(T0 / t)), T0 being the compared warm-up.
 */
import {
  checkOptions,
  finite,
  flag,
  integer,
  notNegative,
  oneOf,
  optional,
  type Rules,
  text,
} from '../../checks.js';
import type { Transformer } from '../../nn/index.js';
import { normPlacements } from '../../nn/placement-names.js';
import {
  buildRun,
  checkRecipe,
  contentHash,
  type OpenedPairs,
  openData,
  type ReadPairs,
  readData,
  type Sources,
} from '../../recipe/index.js';
import { wordLanguages } from '../../text/index.js';
import { plan, Trainer } from '../../train/index.js';
import { entropy } from '../statistics.js';
import { checkFirstSteps, withFirstSteps } from './first-steps.js';
import type { RunKind, RunOutcome, RunProgress } from './run-kind.js';
import type { PairsRecipe, TranslationArm, TranslationRun } from './run-spec.js';
import { trainCurve, trainedRecord } from './training-curve.js';
import { decodeTest, fullTest, KeptWeights } from './translation-test.js';

const opened = new Map<string, Promise<OpenedPairs>>();

/** Pairs as tokens, made once per process and content. */
export async function openPairs({ data, tokenizer }: PairsRecipe, sources?: Sources): Promise<OpenedPairs> {
  const content = await readPairs(data, sources);
  const key = JSON.stringify([data, tokenizer, hashOf(content)]);
  const made =
    opened.get(key) ?? (openData({ data, tokenizer }, { sources }, content) as Promise<OpenedPairs>);
  opened.set(key, made);
  return made;
}

const readPairs = (data: PairsRecipe['data'], sources?: Sources) =>
  readData(data, sources) as Promise<ReadPairs>;

/** The test part counts too: it is decoded. */
const hashOf = ({ sha256, pairs }: ReadPairs): string => contentHash([sha256, pairs.test ?? null]);

/** Hash of pairs, the test part included. */
export async function pairsHash({ data }: PairsRecipe, sources: Sources): Promise<string> {
  return hashOf(await readPairs(data, sources));
}

/** Entropy of the training targets' unigram distribution, one eos per sentence included: what a model knows without looking. */
function unigramNll({ pairs: { train }, tokenizer: { eosId } }: OpenedPairs): number {
  return entropy(train.flatMap(({ target }) => [...target, eosId]));
}

const armRules: Rules<TranslationArm> = {
  placement: oneOf(...normPlacements),
  warmup: flag,
  maxLr: notNegative,
  variant: optional(text),
};
const decodeRules: Rules<NonNullable<TranslationRun['decode']>> = {
  beamSize: integer(1, 64),
  lengthPenalty: finite,
  sentences: integer(1),
};
const fullTestRules: Rules<NonNullable<TranslationRun['fullTest']>> = {
  average: integer(1),
  language: oneOf(...wordLanguages),
};

export const translationKind: RunKind<TranslationRun> = {
  kind: 'translation',
  version: 2,
  keys: ['arm', 'recipe', 'decode', 'fullTest?', 'firstSteps?'],
  check({ id, arm, recipe, decode, fullTest, firstSteps }) {
    checkRecipe(recipe, id);
    checkOptions(`arm of ${id}`, arm, armRules);
    if (decode !== null) checkOptions(`decode of ${id}`, decode, decodeRules);
    if (fullTest !== undefined) checkOptions(`fullTest of ${id}`, fullTest, fullTestRules);
    if (firstSteps !== undefined) checkFirstSteps(id, firstSteps, recipe.optimizer);
  },
  dataHash: ({ recipe }, sources) => pairsHash(recipe, sources),
  async execute(spec, { onProgress, signal, sources }) {
    return runTranslation(spec, await openPairs(spec.recipe, sources), onProgress, signal);
  },
  cost: ({ recipe: { model, data, steps }, decode }) => {
    const width = (model.dModel / 64) * (model.dModel / 64);
    const perStep = 0.07 * width * ((model.numLayers ?? 6) / 6) * ((data.maxTokens ?? 1000) / 700);
    return steps * perStep + (decode ? (decode.sentences / 450) * decode.beamSize * 2 * width : 0);
  },
  steps: ({ recipe }) => recipe.steps,
  seeds: ({ recipe }) => [recipe.seed],
  async plan({ recipe }, { sources }) {
    const { options } = buildRun(recipe, await openPairs(recipe, sources));
    return plan(options.model, options.data.next()).peakBytes;
  },
};

/** Carries out one run. A diverged run (NaN) is a result, not an error. */
export async function runTranslation(
  run: TranslationRun,
  pairs: OpenedPairs,
  onProgress: (progress: RunProgress) => void = () => {},
  signal?: AbortSignal,
): Promise<RunOutcome> {
  const { recipe } = run;
  const prepared = buildRun(recipe, pairs);
  const model = prepared.model as Transformer;
  const options = run.firstSteps
    ? withFirstSteps(prepared.options, run.firstSteps, recipe.optimizer)
    : prepared.options;
  const trainer = new Trainer({ ...options, signal });
  const kept = run.fullTest && new KeptWeights(run.fullTest.average);
  const trained = await trainCurve(trainer, recipe.steps, onProgress, ({ step, validNll }) => {
    if (validNll !== undefined) kept?.add({ step, validNll, weights: model.stateDict() });
  });
  const { placement } = run.arm;
  const record: RunOutcome = {
    ...trainedRecord(run, { placement, seed: recipe.seed }, trainer, trained),
    unigramNll: unigramNll(pairs),
  };
  if (!run.decode || trained.diverged) return record;
  const test = kept
    ? fullTest(model, run, pairs, kept, () => trainer.evaluate())
    : decodeTest(model, run, pairs);
  return { ...record, ...test };
}
