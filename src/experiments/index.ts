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
export type { GradientsRecord } from './judged.js';
export { multi30kBars, multi30kRuns, multi30kSizes } from './multi30k.js';
export {
  experiments,
  isPresetName,
  judgeClaims,
  makeFigures,
  makePreset,
  type Preset,
} from './registry.js';
export type { ClaimRow, Figure, GradientPoint, Results, RunRecord, Series, Verdict } from './results.js';
export type { RunEnvironment, RunKind, RunProgress, RunSpec } from './run-kind.js';
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
  fullTest,
  KeptWeights,
  scoreLowerTokens,
  scoreTranslations,
  testScoreName,
  translateAll,
} from './translation-test.js';
