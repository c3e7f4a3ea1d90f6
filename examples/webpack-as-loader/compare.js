/** Hashes the build of the current compiler (`npm run build:wasm` in the root) and the one webpack made. */
import { existsSync, readFileSync } from 'node:fs';
import { check } from './src/check.js';

const main = new URL('../../build/kernels.wasm', import.meta.url);
if (existsSync(main)) {
  const wasm = readFileSync(main);
  console.log(`assemblyscript 0.28: ${wasm.byteLength} bytes of wasm, ${await check(wasm, true)}`);
}
await import('./dist/main.mjs');
