/**
 * @file `npm run mutate -- [KERNEL…]` makes kernels wrong (mutate-kernels.mjs), `npm run mutate -- --src [FOLDER…]` sources
 * of src/ (mutate/source.mjs), and shows what notices.
 */
await import(
  process.argv.includes('--src') || process.argv.includes('--gate')
    ? './mutate/source.mjs'
    : './mutate-kernels.mjs'
);
