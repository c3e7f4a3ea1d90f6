/** @file onnxruntime-web reading and continuing texts: node lm-onnx.mjs MODEL.json THREADS read|continue. */
import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web';
import { serve } from './serve.mjs';

const [path, threads, task] = process.argv.slice(2);
const { shape, prompts, newTokens, graph } = JSON.parse(readFileSync(path, 'utf8'));
ort.env.wasm.numThreads = Number(threads);
ort.env.logLevel = 'error';
const session = await ort.InferenceSession.create(readFileSync(graph), { executionProviders: ['wasm'] });
const rows = prompts.length;
const whole = (numbers) =>
  new ort.Tensor('int64', BigInt64Array.from(numbers, BigInt), [rows, numbers.length / rows]);
const dims = [rows, shape.numHeads, 0, shape.dModel / shape.numHeads];
const pasts = session.inputNames.filter((name) => name.startsWith('past_key_values.'));
const empty = Object.fromEntries(
  pasts.map((name) => [name, new ort.Tensor('float32', new Float32Array(0), dims)]),
);
const before = pasts.map((name) => [name, name.replace('past_key_values', 'present')]);
const [{ length }] = prompts;
const ones = new Array(rows * (length + newTokens)).fill(1);

/** Logits behind the last token of every row, and the keys and values of all; `seen` positions stand before `ids`. */
async function read(ids, seen, past) {
  const outputs = await session.run({
    input_ids: whole(ids),
    attention_mask: whole(ones.slice(0, rows * seen + ids.length)),
    ...past,
  });
  const { data } = outputs.logits;
  return {
    logits: Array.from({ length: rows }, (_, b) =>
      data.subarray(((b + 1) * data.length) / rows - shape.vocabSize, ((b + 1) * data.length) / rows),
    ),
    past: Object.fromEntries(before.map(([name, present]) => [name, outputs[present]])),
  };
}

const work = {
  read: async () => Math.max(...(await read(prompts.flat(), 0, empty)).logits[0]),
  async continue() {
    let sum = 0;
    let { logits, past } = await read(prompts.flat(), 0, empty);
    for (let t = 0; ; t++) {
      const ids = logits.map((row) => row.indexOf(Math.max(...row)));
      sum += ids.reduce((all, id) => all + (t + 1) * id, 0);
      if (t + 1 === newTokens) return sum;
      ({ logits, past } = await read(ids, length + t, past));
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
