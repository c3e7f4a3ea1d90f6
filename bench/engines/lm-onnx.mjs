/** @file onnxruntime-web reading and continuing a text: node lm-onnx.mjs MODEL.json THREADS read|continue. */
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web';
import { bench } from '../../scripts/built-bench.mjs';
import { serve } from './serve.mjs';

const [path, threads, task] = process.argv.slice(2);
const { shape, prompt, newTokens, graph } = JSON.parse(readFileSync(path, 'utf8'));
ort.env.wasm.numThreads = Number(threads);
ort.env.logLevel = 'error';
const session = await ort.InferenceSession.create(readFileSync(graph), { executionProviders: ['wasm'] });
const whole = (numbers) => new ort.Tensor('int64', BigInt64Array.from(numbers, BigInt), [1, numbers.length]);
const dims = [1, shape.numHeads, 0, shape.dModel / shape.numHeads];
const pasts = session.inputNames.filter((name) => name.startsWith('past_key_values.'));
const empty = Object.fromEntries(
  pasts.map((name) => [name, new ort.Tensor('float32', new Float32Array(0), dims)]),
);
const before = pasts.map((name) => [name, name.replace('past_key_values', 'present')]);
const ones = new Array(prompt.length + newTokens).fill(1);

/** Logits behind the last token, and the keys and values of all. */
async function read(ids, seen, past) {
  const outputs = await session.run({
    input_ids: whole(ids),
    attention_mask: whole(ones.slice(0, seen + ids.length)),
    ...past,
  });
  const { data } = outputs.logits;
  return {
    logits: data.subarray(data.length - shape.vocabSize),
    past: Object.fromEntries(before.map(([name, present]) => [name, outputs[present]])),
  };
}

const work = {
  read: async () => Math.max(...(await read(prompt, 0, empty)).logits),
  async continue() {
    const texts = [];
    let { logits, past } = await read(prompt, 0, empty);
    for (let seen = prompt.length; ; seen++) {
      const id = logits.indexOf(Math.max(...logits));
      texts.push(id);
      if (texts.length === newTokens) return bench.textSum(texts);
      ({ logits, past } = await read([id], seen, past));
    }
  },
};
const { version } = JSON.parse(
  readFileSync(new URL('../node_modules/onnxruntime-web/package.json', import.meta.url), 'utf8'),
);
await serve(
  `onnxruntime-web ${version}, wasm, ${threads} thread${threads === '1' ? '' : 's'}, Node ${process.version}`,
  work[/** @type {'read' | 'continue'} */ (task)],
);
