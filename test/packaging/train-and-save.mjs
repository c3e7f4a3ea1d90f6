/** @file Trains a little in Node with the full entry, writes the weights, and prints how they continue a text. */
import { writeFileSync } from 'node:fs';
import { init, Trainer } from 'prenorm';
import { TextWindows } from 'prenorm/data';
import { encodeSafetensors } from 'prenorm/io';
import { CausalLM } from 'prenorm/nn';
import { Adam } from 'prenorm/optim';
import { trainChars } from 'prenorm/text';
import { continueText, options } from './continue-text.js';

await init();
const text = 'to be or not to be, that is the question. '.repeat(20);
const tokenizer = trainChars(text);
const model = new CausalLM({ ...options, vocabSize: tokenizer.vocabSize });
const trainer = new Trainer({
  model,
  data: new TextWindows(tokenizer.encode(text), { batchSize: 4, seqLen: 32, seed: 1 }),
  optimizer: new Adam(model.parameters(), { lr: 3e-3 }),
  steps: 60,
});
for await (const { loss } of trainer.run()) globalThis.loss = loss;
const weights = encodeSafetensors(model.stateDict());
writeFileSync('weights.safetensors', weights);
writeFileSync('tokenizer.json', JSON.stringify(tokenizer.toJSON()));
console.log(JSON.stringify({ text: continueText(weights, tokenizer.toJSON()) }));
