/**
 * @file Optimizers with the conventions of `torch.optim`, gradient clipping, schedules of the learning rate.
 * @module prenorm/optim
 */
export { Adam, type AdamOptions, AdamW, RAdam } from './adam.js';
export { decayGroups } from './decay-groups.js';
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
