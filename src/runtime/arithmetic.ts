/**
 * @file The one table of arithmetics: which build computes, how precisely, what takes the place of the usual products,
 * and what vouches for it. Everything that depends on the arithmetic asks this table.
 */
import type { Kernels } from './kernels.js';

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
  /** Kernels that are called in the place of others, with the micro-kernel as one more argument. */
  readonly instead: Partial<Record<keyof Kernels, keyof Kernels>>;
  /** What it is compared with: the references as they are, or with the same replacements. */
  readonly oracle: 'reference' | 'reference with replacements' | null;
  /** Whether every host gives the same bits, so that hashes of it are pinned (src/conformance/pinned.ts). */
  readonly pinned: boolean;
}

const asTheyAre = { precision: 'f32', instead: {}, oracle: 'reference' } as const;

export const ARITHMETICS = {
  strict: { ...asTheyAre, build: 'strict', pinned: true },
  relaxed: { ...asTheyAre, build: 'relaxed', pinned: false },
  int12: {
    build: 'strict',
    precision: 'f32',
    instead: {
      sgemm: 'int12Gemm',
      sgemmBatched: 'int12GemmBatched',
      sgemmValidRows: 'int12GemmValidRows',
      sgemmValidDepth: 'int12GemmValidDepth',
    },
    oracle: 'reference with replacements',
    pinned: true,
  },
  reference: { build: null, precision: 'f64', instead: {}, oracle: null, pinned: false },
} as const satisfies Record<Arithmetic | 'reference', Traits>;

/** A key of the table. */
export type ArithmeticName = keyof typeof ARITHMETICS;

/** What `init` and commands take, the default first. */
export const arithmeticNames: readonly Arithmetic[] = ['strict', 'relaxed', 'int12'];

/** Arithmetics whose bits every host must give. */
export type PinnedArithmetic = {
  [Name in ArithmeticName]: (typeof ARITHMETICS)[Name]['pinned'] extends true ? Name : never;
}[ArithmeticName];

/** What records of a run say of its arithmetic: nothing of `strict`, so that what lies there keeps its bytes and hashes. */
export function markOf(arithmetic: ArithmeticName): { arithmetic?: Arithmetic } {
  return arithmetic === 'strict' || arithmetic === 'reference' ? {} : { arithmetic };
}

/** The kernels of one implementation (wasm or the references) as this arithmetic calls them. */
export function kernelsOf(
  kernels: Kernels,
  arithmetic: ArithmeticName,
  microKernel: MicroKernel | null,
): Kernels {
  const entries = Object.entries(ARITHMETICS[arithmetic].instead);
  if (entries.length === 0) return kernels;
  const extmul = microKernel === 'extmul' ? 1 : 0;
  const instead = entries.map(([name, other]) => {
    const kernel = kernels[other] as (...args: number[]) => void;
    return [name, (...args: number[]) => kernel(...args, extmul)];
  });
  return { ...kernels, ...Object.fromEntries(instead) };
}
