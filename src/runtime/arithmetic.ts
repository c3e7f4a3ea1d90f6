/**
 * @file The one table of arithmetics: which build computes, and how precisely. Everything that depends on the arithmetic
 * asks this table.
 */

/** A build of the kernels. */
export type Build = 'strict' | 'relaxed';

/**
 * How a runtime computes. `strict` (the default) and `int12` give the same bits on every host; `relaxed` does not.
 * `int12` multiplies matrices in exact integers of 12 bits with shared scales, in about half the time of strict products.
 */
export type Arithmetic = 'strict' | 'relaxed' | 'int12';

/** The instructions that `int12` multiplies with; they change its speed, never a bit. */
export type MicroKernel = 'dot' | 'extmul';

interface Traits {
  /** The compiled kernels; null where they are not compiled. */
  readonly build: Build | null;
  /** Of what is stored. */
  readonly precision: 'f32' | 'f64';
}

export const ARITHMETICS = {
  strict: { build: 'strict', precision: 'f32' },
  relaxed: { build: 'relaxed', precision: 'f32' },
  /** Other kernels in the place of some: src/runtime/int12-kernels.ts. */
  int12: { build: 'strict', precision: 'f32' },
  reference: { build: null, precision: 'f64' },
} as const satisfies Record<Arithmetic | 'reference', Traits>;

/** A key of the table. */
export type ArithmeticName = keyof typeof ARITHMETICS;

/** What `init` and commands take, the default first. */
export const arithmeticNames: readonly Arithmetic[] = ['strict', 'relaxed', 'int12'];

/** What records of a run say of its arithmetic: nothing of `strict`, so that what lies there keeps its bytes and hashes. */
export function markOf(arithmetic: ArithmeticName): { arithmetic?: Arithmetic } {
  return arithmetic === 'strict' || arithmetic === 'reference' ? {} : { arithmetic };
}
