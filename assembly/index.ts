export * from './gate';
export { gemmWorkspaceBytes, sgemm, sgemmBatched, sgemmHalf } from './gemm';
export { embeddingForwardHalf } from './half';
export * from './int12';
export * from './int12-packed';
export { layerNormBackward, layerNormForward } from './layernorm';
export * from './rmsnorm';
export * from './attention';
export * from './attention-row';

export * from './bias';
export * from './cross-entropy';
export * from './elementwise';
export * from './embedding';
export * from './layout';
export * from './linear-cross-entropy';
export * from './optimizer';
export { dropoutForward, normalFill, threefryBlock, uniformFill } from './random';
export * from './reduce';
export * from './rotary';
export * from './softmax';
export * from './top';
export { cos64, exp64, log64, pow64, sin64, tanh64 } from './math64';

/** First byte above the compiler's own data; the host's memory starts here. */
export function heapBase(): usize {
  return __heap_base;
}
export * from './threads';
