export { Adam, type AdamOptions, AdamW, RAdam } from './adam.js';
export { clipGradNorm, Optimizer, type OptimizerState, type ParamGroup } from './optimizer.js';
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
} from './schedules.js';
export { SGD, type SGDOptions } from './sgd.js';
