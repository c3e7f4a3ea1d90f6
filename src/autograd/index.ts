export { type GradcheckOptions, type GradcheckReport, gradcheck } from './gradcheck.js';
export * from './ops/index.js';
export { type BackwardOptions, backward, isGradEnabled, noGrad, scope } from './tape.js';
export { TokenCount } from './token-count.js';
export { Parameter, type ParameterRole, tensor, Variable } from './variable.js';
