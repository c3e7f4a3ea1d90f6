/**
 * @file What `prenorm reproduce` runs: presets, runs, claims and their verdicts.
 * @module prenorm/experiments
 */
export { placementName } from '../nn/placement-names.js';
export { type ProbeConfig, type ProbeResult, probe } from '../theory/index.js';
export {
  type Claim,
  type Experiment,
  type JudgeContext,
  type PresetName,
  presetNames,
  type Scale,
} from './experiment.js';
export { runGradients } from './gradients.js';
export { classifyRuns } from './judge-training.js';
export type { GradientsRecord, Judged } from './judged.js';
export { multi30kBars, multi30kRuns, multi30kSizes } from './multi30k.js';
export {
  experiments,
  isPresetName,
  judgeClaims,
  makeFigures,
  makePreset,
  type Preset,
  type PresetOptions,
} from './registry.js';
export type {
  ClaimRow,
  Figure,
  GradientPoint,
  Heatmap,
  Results,
  RunRecord,
  Series,
  Verdict,
} from './results.js';
export type { RunEnvironment, RunKind, RunOutcome, RunProgress, RunSpec } from './run-kind.js';
export { executeRun, kindOf, runKinds } from './run-kinds.js';
export type { GradientsRun, TranslationArm, TranslationData, TranslationRun } from './run-spec.js';
export {
  batchOptions,
  buildModel,
  type Evaluation,
  encodeSource,
  type PreparedData,
  prepareOnce,
  prepareTranslation,
  runTranslation,
} from './translation.js';
export {
  type EvaluatedWeights,
  fullTest,
  KeptWeights,
  scoreLowerTokens,
  scoreTranslations,
  type TestData,
  testScoreName,
  translateAll,
} from './translation-test.js';
