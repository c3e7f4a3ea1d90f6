import kernels from '../../../assembly/index.ts';
import { check } from './check.js';

const wasm = await (await fetch(kernels)).arrayBuffer();
const hash = await check(wasm);
console.log(`${wasm.byteLength} bytes of wasm, ${hash}`);
if (typeof document !== 'undefined') document.querySelector('output').textContent = hash;
