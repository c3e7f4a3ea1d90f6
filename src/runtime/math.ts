/**
 * @file Double-precision transcendental functions for the host. JavaScript's own differ between engines in
 * the last bit; these run in the kernels and do not. Bounds stand beside them in assembly/math.ts.
 */
import { currentRuntime } from './runtime.js';

/** e^x */
export const exp64 = (x: number): number => currentRuntime().kernels.exp64(x);
/** natural logarithm */
export const log64 = (x: number): number => currentRuntime().kernels.log64(x);
/** x^y */
export const pow64 = (x: number, y: number): number => currentRuntime().kernels.pow64(x, y);
export const sin64 = (x: number): number => currentRuntime().kernels.sin64(x);
export const cos64 = (x: number): number => currentRuntime().kernels.cos64(x);
export const tanh64 = (x: number): number => currentRuntime().kernels.tanh64(x);
