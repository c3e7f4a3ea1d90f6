export { judgeClaims, register } from './claims.js';
export { costOf, executeRun, prepareOnce } from './execute.js';
export { makeFigures } from './figures.js';
export { runGradients } from './gradients.js';
export { type ProbeConfig, type ProbeResult, probe } from './init-probe.js';
export { classifyRuns } from './judge-training.js';
export type { GradientsRecord } from './judged.js';
export { multi30kBars, multi30kRuns, multi30kSizes } from './multi30k.js';
export { makePreset, type Preset, type PresetName, placementName, presetNames } from './presets.js';
export type { ClaimRow, Figure, GradientPoint, Results, RunRecord, Series, Verdict } from './results.js';
export type {
  GradientsRun,
  RunProgress,
  RunSpec,
  TranslationArm,
  TranslationData,
  TranslationRun,
} from './run-spec.js';
export {
  batchOptions,
  buildModel,
  type Evaluation,
  encodeSource,
  type PreparedData,
  prepareTranslation,
  runTranslation,
  type SplitLoader,
  scoreTranslations,
  translateAll,
} from './translation.js';
