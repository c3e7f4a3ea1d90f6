// Trains a small causal language model on a text and lets it continue a prompt: node index.mjs [FILE] [STEPS]
import { readFile } from 'node:fs/promises';
import { init } from 'prenorm';
import { evaluationTextWindows, loadKjv, TextWindows } from 'prenorm/data';
import { lmStepper, sample } from 'prenorm/generate';
import { CausalLM } from 'prenorm/nn';
import { AdamW, cosine } from 'prenorm/optim';
import { trainBPE } from 'prenorm/text';
import { Trainer } from 'prenorm/train';

await init();
const [file, steps = '300'] = process.argv.slice(2);
const text = file ? await readFile(file, 'utf8') : await loadKjv();
const tokenizer = trainBPE([text], { vocabSize: 512 });
const ids = tokenizer.encode(text);
const heldOut = Math.floor(ids.length / 10);
const shape = { batchSize: 16, seqLen: 96 };
const model = new CausalLM({
  vocabSize: tokenizer.vocabSize,
  dModel: 96,
  numLayers: 4,
  maxSeqLen: shape.seqLen,
  init: 'paper',
});
const trainer = new Trainer({
  model,
  data: new TextWindows(ids.subarray(0, -heldOut), { ...shape, seed: 1 }),
  validation: [...evaluationTextWindows(ids.subarray(-heldOut), shape)],
  optimizer: new AdamW(model.parameters(), { lr: 3e-3 }),
  schedule: cosine({ maxLr: 3e-3, warmupSteps: 0, totalSteps: Number(steps) }),
  steps: Number(steps),
  evalEvery: 50,
});
console.log(`${ids.length} tokens, ${model.numParameters()} parameters`);
for await (const { step, loss, validNll } of trainer.run()) {
  if (validNll) console.log(`step ${step}: loss ${loss.toFixed(3)}, held-out ${validNll.toFixed(3)}`);
}
const prompt = tokenizer.encode(text.slice(0, 20));
const length = shape.seqLen - prompt.length;
model.eval();
const continued = sample(lmStepper(model, 1), { prompt, length, seed: 1, temperature: 0.7 });
console.log(`\n${text.slice(0, 20)}|${tokenizer.decode(continued)}`);
