/** @file CommonJS: the package is ESM, so `import()` loads it. */
(async () => {
  const { init } = await import('prenorm');
  const { train } = await import('./program.js');
  console.log(JSON.stringify(await train(init)));
})();
