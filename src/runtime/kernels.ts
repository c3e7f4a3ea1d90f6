/**
 * @file The kernel table as the host sees it. The type is generated from the compiler's own declarations;
 * both implementations (wasm and the double-precision reference) have exactly this shape.
 */
export { type Kernels, type ThreadSync, unrecorded } from './generated/kernels.js';

/** Address in the runtime's memory, in bytes; 0 stands for "not given". */
export type Ptr = number;
