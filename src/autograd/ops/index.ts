export { type AttentionOptions, attention, crossAttention, selfAttention } from './attention.js';
export { add, addScalar, div, mul, scale, sub, where } from './binary.js';
export {
  type CrossEntropyOptions,
  type CrossEntropyResult,
  crossEntropy,
  type RowWeights,
} from './cross-entropy.js';
export { type CustomOp, customOp, ones, zeros } from './custom.js';
export { dropout } from './dropout.js';
export { embedding, gather } from './embedding.js';
export { broadcastTo, concat, permute, reshape, slice, transpose } from './layout.js';
export { type Activation, type LinearOptions, linear } from './linear.js';
export { linearCrossEntropy } from './linear-cross-entropy.js';
export { type MatmulOptions, matmul } from './matmul.js';
export { addLayerNorm, addRmsNorm, layerNorm, type NormOptions, type NormResult, rmsNorm } from './norm.js';
export { poolTokens } from './pool-tokens.js';
export { max, mean, type ReduceOptions, sum } from './reduce.js';
export { type RotaryOptions, rotary } from './rotary.js';
export { logSoftmax, softmax } from './softmax.js';
export { cos, exp, gelu, geluTanh, log, relu, sigmoid, silu, sin, sqrt, tanh } from './unary.js';
