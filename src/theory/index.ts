/**
 * @file The paper's predictions as functions, and measurements of the same quantities.
 * @module prenorm/theory
 */
export {
  type JacobianMeasurement,
  largestRelu,
  measureBranchScaling,
  measureInit,
  measureJacobian,
  measureReluNorm,
  type ScalingMeasurement,
  shareAbove,
} from './measure.js';
export * from './predictions.js';
export {
  frobenius,
  type LayerStatistics,
  Probe,
  type ProbeBatch,
  type ProbeConfig,
  type ProbeResult,
  probe,
  probeHiddenNorms,
} from './probe.js';
