/**
 * @file Translation (paper, section 4 and Figs. 2 and 4): does Post-LN need warm-up, and does Pre-LN?
 *
 * Claim: without warm-up Post-LN fails at a rate at which it trains with warm-up; Pre-LN trains without.
 * Setting: encoder-decoder, tied embeddings, `fairseq` initialisation, Adam (0.9, 0.98), label smoothing 0.1,
 * no clipping, no weight decay; batches by token count; validation NLL un-smoothed, per token.
 * "No warm-up" means the common tail maxLr · min(1, sqrt(T0 / t)), T0 being the compared warm-up.
 */
import {
  evaluationPairBatches,
  loadUiDeEn,
  type Pair,
  PairBatches,
  type PairSplits,
  type SplitLoader,
  type TokenPair,
} from '../../data/index.js';
import { Transformer } from '../../nn/index.js';
import { Adam, makeSchedule, type Optimizer, RAdam, SGD } from '../../optim/index.js';
import { log64 } from '../../runtime/math.js';
import { currentRuntime } from '../../runtime/runtime.js';
import { type Tokenizer, trainBPE } from '../../text/index.js';
import { plan, Trainer } from '../../train/index.js';
import { contentHash } from './run-inputs.js';
import type { RunKind, RunOutcome, RunProgress } from './run-kind.js';
import type { TranslationData, TranslationRun } from './run-spec.js';
import { trainCurve } from './training-curve.js';
import { decodeTest, fullTest, KeptWeights } from './translation-test.js';

/** Tokenised pairs with their tokenizer; `splits` are the texts. */
export interface PreparedData {
  tokenizer: Tokenizer;
  splits: PairSplits;
  train: TokenPair[];
  valid: TokenPair[];
  test: TokenPair[];
  /** Unigram NLL per target token of the training text, eos included: what a model knows without looking. */
  unigramNll: number;
}

const defaultLoader: SplitLoader = () => loadUiDeEn();

/** Tokenises a data set with a BPE trained on both sides of its training part. */
export async function prepareTranslation(
  data: TranslationData,
  load: SplitLoader = defaultLoader,
): Promise<PreparedData> {
  const splits = await load(data.name);
  const tokenizer = trainBPE(
    splits.train.flatMap((pair) => [pair[0], pair[1]]),
    { vocabSize: data.vocabSize },
  );
  const encode = (pairs: Pair[]): TokenPair[] =>
    pairs.map(([source, target]) => ({
      source: encodeSource(tokenizer, source),
      target: tokenizer.encode(target),
    }));
  const train = encode(splits.train);
  return {
    tokenizer,
    splits,
    train,
    valid: encode(splits.valid),
    test: encode(splits.test),
    unigramNll: unigramNll(train, tokenizer.vocabSize),
  };
}

const prepared = new Map<string, Promise<PreparedData>>();

/** Tokenised data, made once per process and content. */
export async function prepareOnce(
  data: TranslationData,
  load: SplitLoader = defaultLoader,
): Promise<PreparedData> {
  const splits = await load(data.name);
  const key = `${JSON.stringify(data)} ${contentHash([splits])}`;
  const made = prepared.get(key) ?? prepareTranslation(data, async () => splits);
  prepared.set(key, made);
  return made;
}

/** What an encoder reads: the tokens and an eos. The decoder's marks are added by the batches. */
export function encodeSource(tokenizer: Tokenizer, text: string): Int32Array {
  return tokenizer.encode(text, { eos: true });
}

/** Entropy of the training targets' unigram distribution, one eos per sentence included. */
function unigramNll(pairs: readonly TokenPair[], vocabSize: number): number {
  const counts = new Float64Array(vocabSize + 1);
  let total = 0;
  for (const { target } of pairs) {
    for (const id of target) counts[id]++;
    counts[vocabSize]++;
    total += target.length + 1;
  }
  let nll = 0;
  for (const count of counts) if (count > 0) nll -= (count / total) * log64(count / total);
  return nll;
}

/** The largest sequence the data holds, with bos or eos, so that positions fit. */
function longest(pairs: readonly TokenPair[]): number {
  return pairs.reduce((n, { source, target }) => Math.max(n, source.length, target.length + 1), 1);
}

/** The untrained model of a run, with positions for the longest sequence of the data. */
export function buildModel(run: Pick<TranslationRun, 'model' | 'seed'>, data: PreparedData): Transformer {
  const maxSeqLen = Math.max(longest(data.train), longest(data.valid), longest(data.test)) + 2;
  return new Transformer({ ...run.model, vocabSize: data.tokenizer.vocabSize, maxSeqLen, seed: run.seed });
}

/** Options of `PairBatches` for a data set; pairs that are too long are dropped. */
export function batchOptions(data: TranslationData, tokenizer: Tokenizer) {
  return {
    maxTokens: data.maxTokens,
    padId: tokenizer.padId,
    bosId: tokenizer.bosId,
    eosId: tokenizer.eosId,
    onTooLong: 'drop' as const,
  };
}

export function buildOptimizer(run: TranslationRun, model: Transformer): Optimizer {
  const { kind, betas, eps, momentum } = run.optimizer;
  const { maxLr } = run.arm;
  if (kind === 'sgd') return new SGD(model.parameters(), { lr: maxLr, momentum });
  if (kind === 'radam') return new RAdam(model.parameters(), { lr: maxLr, betas, eps });
  return new Adam(model.parameters(), { lr: maxLr, betas, eps });
}

export const translationKind: RunKind<TranslationRun> = {
  kind: 'translation',
  version: 1,
  inputs: ({ data }) => ({ pairs: [data.name] }),
  async execute(spec, { onProgress, signal, load }) {
    return runTranslation(spec, await prepareOnce(spec.data, load), onProgress, signal);
  },
  cost: ({ model, data, steps, decode }) => {
    const width = (model.dModel / 64) * (model.dModel / 64);
    const perStep = 0.07 * width * (model.numLayers / 6) * (data.maxTokens / 700);
    return steps * perStep + (decode ? (decode.sentences / 450) * decode.beamSize * 2 * width : 0);
  },
  steps: ({ steps }) => steps,
  seeds: ({ seed }) => [seed],
  async plan(spec, { load }) {
    const data = await prepareOnce(spec.data, load);
    const options = { ...batchOptions(spec.data, data.tokenizer), seed: spec.seed };
    return plan(buildModel(spec, data), new PairBatches(data.train, options).next()).peakBytes;
  },
};

/** Carries out one run. A diverged run (NaN) is a result, not an error. */
export async function runTranslation(
  run: TranslationRun,
  data: PreparedData,
  onProgress: (progress: RunProgress) => void = () => {},
  signal?: AbortSignal,
): Promise<RunOutcome> {
  currentRuntime().manualSeed(run.seed);
  const model = buildModel(run, data);
  const options = batchOptions(run.data, data.tokenizer);
  const trainer = new Trainer({
    model,
    data: new PairBatches(data.train, { ...options, seed: run.seed }),
    optimizer: buildOptimizer(run, model),
    schedule: makeSchedule(run.schedule),
    steps: run.steps,
    accumulate: run.accumulate,
    labelSmoothing: run.labelSmoothing,
    validation: [...evaluationPairBatches(data.valid, options)],
    evalEvery: run.evalEvery,
    signal,
  });
  const kept = run.fullTest && new KeptWeights(run.fullTest.average);
  const { curve, diverged, finalValidNll } = await trainCurve(
    trainer,
    run.steps,
    onProgress,
    ({ step, validNll }) => {
      if (validNll !== undefined) kept?.add({ step, validNll, weights: model.stateDict() });
    },
  );
  const record: RunOutcome = {
    id: run.id,
    experiment: 'translation',
    label: run.label,
    placement: run.arm.placement,
    seed: run.seed,
    config: { ...run } as unknown as Record<string, unknown>,
    status: diverged ? 'diverged' : 'measured',
    finalValidNll,
    steps: trainer.step,
    hash: trainer.hash(),
    unigramNll: data.unigramNll,
    curve,
  };
  if (run.decode && !diverged) {
    const test = kept
      ? fullTest(model, run, data, kept, () => trainer.evaluate())
      : decodeTest(model, run, data);
    Object.assign(record, test);
  }
  return record;
}
