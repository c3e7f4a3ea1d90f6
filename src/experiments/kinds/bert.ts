/**
 * @file Runs of kind `bert`: one pre-training (masked tokens and next sentence, Devlin et al. 2019) of one placement,
 * and, where asked for, fine-tuning from several of its checkpoints and from scratch.
 */
import { evaluationMaskedPairs, MaskedPairBatches } from '../../data/index.js';
import { sha256 } from '../../io/index.js';
import { MaskedLM, type NormPlacement, type StateDict } from '../../nn/index.js';
import {
  checkTrainingRecipe,
  contentHash,
  type ModelRecipe,
  type Sources,
  type TrainingRecipe,
  trainerOptions,
} from '../../recipe/index.js';
import { plan, Trainer } from '../../train/index.js';
import { encodeBytes } from '../../utf8.js';
import type { RunRecord } from '../results.js';
import { type BertData, type PreparedBert, prepareBert, readBert } from './bert-data.js';
import { chooseRate, type FineTuning, fineTune, type Task } from './fine-tune.js';
import type { RunEnvironment, RunKind, RunOutcome, RunSpec } from './run-kind.js';
import { trainCurve, trainedRecord } from './training-curve.js';

export interface BertArm {
  placement: NormPlacement;
  warmup: boolean;
  maxLr: number;
  /** `long`: pre-trained for longer, to be fine-tuned. */
  variant?: 'long';
}

export interface BertRun extends RunSpec {
  kind: 'bert';
  arm: BertArm;
  data: BertData;
  /** Texts are those of `data`. */
  recipe: TrainingRecipe & { model: Extract<ModelRecipe, { kind: 'maskedLM' }>; seed: number };
  /** Steps after which weights are kept and fine-tuned; null for pre-training alone. */
  fineTuning: (FineTuning & { checkpoints: number[] }) | null;
}

const prepared = new Map<string, PreparedBert>();

/** Tokenised texts, made once per process and content. */
async function prepareOnce(data: BertData, sources: Sources): Promise<PreparedBert> {
  const raw = await readBert(data, sources);
  const key = contentHash([data, raw]);
  const known = prepared.get(key) ?? prepareBert(data, raw);
  prepared.set(key, known);
  return known;
}

function modelOptions({ recipe, data: { maxLen } }: BertRun, { marks }: PreparedBert) {
  const { kind: _, nextSentence: __, ...model } = recipe.model;
  return { ...model, vocabSize: marks.vocabSize, maxSeqLen: maxLen };
}

function build(run: BertRun, data: PreparedBert) {
  const { seed } = run.recipe;
  const { maxLen, maxTokens } = run.data;
  const rows = { marks: data.marks, seed, maxLen, maxTokens, lengthMultiple: 16 };
  return {
    model: new MaskedLM({ ...modelOptions(run, data), nextSentence: true, seed }),
    batches: new MaskedPairBatches(data.train, rows),
    // The same masks for every run: what is compared is the model.
    validation: [...evaluationMaskedPairs(data.valid, { ...rows, seed: 0 })],
  };
}

async function execute(run: BertRun, environment: RunEnvironment): Promise<RunOutcome> {
  const { recipe } = run;
  const data = await prepareOnce(run.data, environment.sources);
  const { model, batches, validation } = build(run, data);
  model.runtime().manualSeed(recipe.seed);
  const total = recipe.steps + (run.fineTuning ? tuningRuns(run) : 0);
  const trainer = new Trainer({
    ...trainerOptions(recipe, { model, data: batches, validation }),
    signal: environment.signal,
  });
  const kept = new Map<number, StateDict>();
  const trained = await trainCurve(trainer, total, environment.onProgress, ({ step }) => {
    if (run.fineTuning?.checkpoints.includes(step)) kept.set(step, model.stateDict());
  });
  const measured = run.fineTuning && !trained.diverged ? await tune(run, data, kept, environment, total) : {};
  const { placement } = run.arm;
  const record = trainedRecord(run, { placement, seed: recipe.seed }, trainer, trained);
  return {
    ...record,
    hash: sha256(encodeBytes(`${record.hash}${JSON.stringify(measured)}`)),
    unigramNll: data.unigramNll,
    measured,
  };
}

/** Fine-tunings of a run: a choice of rates and all seeds, from every checkpoint and from scratch. */
function tuningRuns({ fineTuning }: BertRun): number {
  if (!fineTuning) return 0;
  return (fineTuning.checkpoints.length + 1) * (fineTuning.rates.length + fineTuning.seeds.length);
}

/** `accuracy@STEP` and `accuracy@0` (from scratch), on dev, per seed; the rates chosen; the majority's accuracy. */
async function tune(
  run: BertRun,
  data: PreparedBert,
  kept: ReadonlyMap<number, StateDict>,
  environment: RunEnvironment,
  total: number,
): Promise<NonNullable<RunRecord['measured']>> {
  const tuning = run.fineTuning as NonNullable<BertRun['fineTuning']>;
  const task: Task = {
    marks: data.marks,
    maxLen: run.data.maxLen,
    model: { ...modelOptions(run, data), numClasses: data.numClasses },
  };
  const measured: NonNullable<RunRecord['measured']> = { majority: data.majority };
  const all = [...data.learn, ...data.choose];
  let done = run.recipe.steps;
  for (const [step, start] of [[0, null] as const, ...kept]) {
    const rate = await chooseRate(task, start, data.learn, data.choose, tuning, environment.signal);
    done += tuning.rates.length;
    const accuracies: number[] = [];
    for (const seed of tuning.seeds) {
      accuracies.push(await fineTune(task, start, all, data.dev, tuning, rate, seed, environment.signal));
      done++;
      const from = step === 0 ? 'scratch' : `step ${step}`;
      environment.onProgress({ done, total, text: `fine-tuning from ${from}` });
    }
    measured[`accuracy@${step}`] = accuracies;
    measured[`rate@${step}`] = rate;
  }
  return measured;
}

/** Seconds of a token's forward and backward in 6 layers of width 64, with its share of the output layer. */
const SECONDS_PER_TOKEN = 7e-5;
/** Of a labelled pair, roughly. */
const PAIR_TOKENS = 32;

export const bertKind: RunKind<BertRun> = {
  kind: 'bert',
  version: 2,
  keys: ['arm', 'data', 'recipe', 'fineTuning'],
  check({ id, recipe: { model: _, ...training } }) {
    checkTrainingRecipe(training, id);
  },
  dataHash: async ({ data }, sources) => contentHash(await readBert(data, sources)),
  execute,
  cost(run) {
    const { dModel, dFF = 4 * dModel, numLayers = 6 } = run.recipe.model;
    const size = (numLayers * dModel * (2 * dModel + dFF)) / (6 * 64 * 256);
    const tokens = run.recipe.steps * (run.recipe.accumulate ?? 1) * run.data.maxTokens;
    const epochs = tuningRuns(run) * (run.fineTuning?.epochs ?? 0);
    return SECONDS_PER_TOKEN * size * (tokens + epochs * 2 * run.data.taskPairs * PAIR_TOKENS);
  },
  steps: ({ recipe }) => recipe.steps,
  seeds: ({ recipe }) => [recipe.seed],
  async plan(run, { sources }) {
    const { model, batches } = build(run, await prepareOnce(run.data, sources));
    return plan(model, batches.next()).peakBytes;
  },
};
