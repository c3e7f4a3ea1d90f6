/**
 * @file What `prenorm reproduce` runs: presets, runs, claims and their verdicts.
 * @module prenorm/experiments
 */
export { type SourceSearch, translateAll } from '../generate/translate.js';
export { placementName } from '../nn/placement-names.js';
export { type ProbeConfig, type ProbeResult, probe } from '../theory/index.js';
export {
  type Claim,
  type Control,
  type Experiment,
  type JudgeContext,
  type PresetName,
  presetNames,
  type Scale,
} from './experiment.js';
export { multi30kBars, multi30kRuns, multi30kSizes } from './figures/multi30k.js';
export type { GradientsRecord, Judged } from './judges/judged.js';
export { classifyRuns } from './judges/training.js';
export type { FirstSteps } from './kinds/first-steps.js';
export { runGradients } from './kinds/gradients.js';
export { OWN_MARGIN, type OwnData, readOwnData, refuseTooSmall } from './kinds/own-data.js';
export type {
  RunCheckpoints,
  RunEnvironment,
  RunKind,
  RunOutcome,
  RunProgress,
  RunSpec,
} from './kinds/run-kind.js';
export { checkSpec, executeRun, kindOf, runKinds } from './kinds/run-kinds.js';
export type {
  GradientsRun,
  PairsRecipe,
  TextRecipe,
  TranslationArm,
  TranslationRecipe,
  TranslationRun,
} from './kinds/run-spec.js';
export { openPairs, runTranslation } from './kinds/translation.js';
export {
  type EvaluatedWeights,
  fullTest,
  KeptWeights,
  scoreLowerTokens,
  scoreTranslations,
  type TestData,
  testScoreName,
} from './kinds/translation-test.js';
export {
  experiments,
  isPresetName,
  judgeClaims,
  judgeRecords,
  makeFigures,
  makePreset,
  type Preset,
  type PresetOptions,
} from './registry.js';
export type {
  ClaimNature,
  ClaimRow,
  ComputedBy,
  ControlRow,
  Figure,
  GradientPoint,
  Heatmap,
  LayerStack,
  Machine,
  Results,
  RunRecord,
  Series,
  Verdict,
} from './results.js';
