/** @file A page that never trains: kernels of the forward pass, weights and tokenizer from files. */
import { init } from 'prenorm/inference';
import { continueText } from './continue-text.js';

await init();
const weights = new Uint8Array(await (await fetch('./weights.safetensors')).arrayBuffer());
const tokenizer = await (await fetch('./tokenizer.json')).json();
globalThis.outcome = { text: continueText(weights, tokenizer) };
