/** @file How callers name an arithmetic. */
import { oneOf, optional, type Rules } from '../checks.js';
import { ConfigError } from '../errors.js';
import { type Arithmetic, arithmeticNames, type Build } from './arithmetic.js';

/** What a caller says about the arithmetic: one of the two, or neither. */
export interface ArithmeticOptions {
  /** How to compute. Default `strict`. */
  arithmetic?: Arithmetic;
  /** The earlier name of the first two. Default: as `arithmetic` says. */
  simd?: Build;
}

export const arithmeticRules: Rules<ArithmeticOptions> = {
  arithmetic: optional(oneOf(...arithmeticNames)),
  simd: optional(oneOf('strict', 'relaxed')),
};

/**
 * The arithmetic that was asked for; both are checked by `arithmeticRules`.
 * @throws ConfigError when both names are given and say different things.
 */
export function arithmeticOf(op: string, { arithmetic, simd }: ArithmeticOptions): Arithmetic {
  if (arithmetic !== undefined && simd !== undefined && arithmetic !== simd) {
    throw new ConfigError(`arithmetic is ${arithmetic} and simd is ${simd}, and they mean the same thing`, {
      op,
      path: 'simd',
      hint: 'give arithmetic only',
    });
  }
  return arithmetic ?? simd ?? 'strict';
}
