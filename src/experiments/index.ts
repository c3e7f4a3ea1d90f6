/**
 * @file What `prenorm reproduce` runs: presets, runs, claims and their verdicts.
 * @module prenorm/experiments
 */
export type { Claim, Experiment, JudgeContext, PresetName, Scale } from './experiment.js';
export type { GradientsRecord, Judged } from './judges/judged.js';
export type { RunEnvironment, RunOutcome, RunProgress, RunSpec } from './kinds/run-kind.js';
export { executeRun } from './kinds/run-kinds.js';
export type {
  GradientsRun,
  PairsRecipe,
  TextRecipe,
  TranslationArm,
  TranslationRecipe,
  TranslationRun,
} from './kinds/run-spec.js';
export { experiments, judgeClaims, makePreset, type Preset, type PresetOptions } from './registry.js';
export type {
  ClaimRow,
  Figure,
  GradientPoint,
  Heatmap,
  LayerStack,
  Results,
  RunRecord,
  Series,
  Verdict,
} from './results.js';
