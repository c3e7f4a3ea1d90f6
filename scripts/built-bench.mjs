/** @file The built `src/bench/`, which is no entry of the package and so has no declarations there, with its types. */

/** @type {typeof import('../src/bench/index.ts')} */
export const bench = await import(new URL('../dist/bench/index.js', import.meta.url).href);
