/** @file The part of this folder that `prenorm` has as `optim`: all but Muon and the groups of weight decay, which `prenorm/optim` adds. */
export { Adam, type AdamOptions, AdamW, RAdam } from './adam.js';
export {
  clipGradNorm,
  Optimizer,
  type OptimizerGroup,
  type OptimizerState,
  type ParamGroup,
} from './optimizer.js';
export {
  constant,
  cosine,
  type InverseSqrtOptions,
  inverseSqrt,
  linearDecay,
  makeSchedule,
  type Schedule,
  type ScheduleConfig,
  stepDecay,
  type WsdOptions,
  wsd,
} from './schedules.js';
export { SGD, type SGDOptions } from './sgd.js';
