/**
 * Numbers on which the kernels and those who call them must agree. `scripts/build.mjs` hands them to the host as
 * src/runtime/generated/shared.ts: each is a line `export const NAME: i32 = VALUE;`.
 */

/** Rows whose share of the parameters' gradients is summed into one row of partials: part of the bits. */
export const CHUNK_ROWS: i32 = 32;

/** Bytes of the words that join threads: four, in cache lines of their own (threads.ts). */
export const CONTROL_WORDS: i32 = 256;

/** Elements of a segment of an optimizer at most: longer parameters are cut, so that threads get equal shares. */
export const SEGMENT: i32 = 8192;

/** f32 per group of an optimizer's `hyper`, and what lies where among them (optimizer.ts). */
export const HYPER_FIELDS: i32 = 16;
export const HYPER_LR: i32 = 0;
export const HYPER_BETA1: i32 = 1;
export const HYPER_BETA2: i32 = 2;
export const HYPER_EPS: i32 = 3;
/** L2, added to the gradient. */
export const HYPER_WEIGHT_DECAY: i32 = 4;
/** p *= 1 - this. */
export const HYPER_DECOUPLED_DECAY: i32 = 5;
export const HYPER_STEP_SIZE: i32 = 6;
export const HYPER_DENOM_SCALE: i32 = 7;
export const HYPER_MOMENTUM: i32 = 8;
export const HYPER_NESTEROV: i32 = 9;
export const HYPER_RECTIFICATION: i32 = 10;
/** 0: computed in the kernel as 1 - beta in f32, where 1 - 0.999 is off by 1e-5. */
export const HYPER_ONE_MINUS_BETA1: i32 = 11;
export const HYPER_ONE_MINUS_BETA2: i32 = 12;

/** How a matrix of 16 bits a number is stored (half.ts); 0 is f32. */
export const FORMAT_F16: i32 = 1;
export const FORMAT_BF16: i32 = 2;
