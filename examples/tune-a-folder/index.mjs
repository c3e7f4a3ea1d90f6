/** A folder of Hugging Face in, a few steps on a text, a folder out: `node index.mjs FOLDER TEXT OUT [STEPS]`. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { init } from 'prenorm';
import { evaluationTextWindows, TextWindows } from 'prenorm/data';
import { fromPretrained, toPretrained } from 'prenorm/interop';
import { AdamW } from 'prenorm/optim';
import * as tokenizers from 'prenorm/tokenizers';
import { evaluateBatches, Trainer } from 'prenorm/train';

const [folder, textFile, out, steps = '30'] = process.argv.slice(2);
if (!out) {
  console.error('usage: node index.mjs FOLDER TEXT OUT [STEPS]');
  process.exit(2);
}
await init();
const { model, tokenizer, family, labels } = await fromPretrained(folder, { tokenizers, dropout: 0 });
if (model.kind !== 'causalLM' || !tokenizer) {
  console.error(`${folder} is a ${family} without a tokenizer, or does not continue texts`);
  process.exit(2);
}
const ids = tokenizer.encode(await readFile(textFile, 'utf8'));
const size = { batchSize: 4, seqLen: Math.min(64, model.config.maxSeqLen) };
const cut = Math.floor(ids.length * 0.9);
const held = [...evaluationTextWindows(ids.subarray(cut), size)];
const loss = () => evaluateBatches(model, held).nll.toFixed(3);
console.log(`${family}, ${model.numParameters()} parameters; held-out loss ${loss()}`);

const trainer = new Trainer({
  model: model.train(),
  data: new TextWindows(ids.subarray(0, cut), { ...size, seed: 1 }),
  optimizer: new AdamW(model.parameters(), { lr: 1e-3 }),
  steps: Number(steps),
  clipNorm: 1,
});
await trainer.run();
model.eval();
console.log(`after ${steps} steps: ${loss()}`);

await mkdir(out, { recursive: true });
for (const [name, bytes] of toPretrained(model, { tokenizer, labels })) {
  await writeFile(join(out, name), bytes, { flag: 'wx' }); // never over what is there
}
console.log(`written: ${out}`);
