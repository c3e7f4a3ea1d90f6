/** @file Prenorm reading and continuing a text: node lm-prenorm.mjs MODEL.json THREADS read|continue. */
import { readFileSync } from 'node:fs';
import { generateText } from '../../dist/generate/index.js';
import { capabilities, init, noGrad, scope } from '../../dist/index.js';
import { bench } from '../../scripts/built-bench.mjs';
import { serve } from './serve.mjs';

const [path, threads, task] = process.argv.slice(2);
const { shape, prompt, newTokens } = JSON.parse(readFileSync(path, 'utf8'));
const runtime = /** @type {any} */ (await init({ threads: Number(threads) }));
const model = /** @type {any} */ (bench.buildLm(runtime, shape).eval());
const input = { ids: Int32Array.from(prompt), batchSize: 1, seqLen: prompt.length };
const can = capabilities();
const work = {
  /** The largest logit behind the last token. */
  read: () =>
    noGrad(() =>
      scope(() => {
        const logits = model.forward(input).toArray();
        return Math.max(...logits.subarray(logits.length - shape.vocabSize));
      }),
    ),
  /** What tells one text of ids from another. */
  async continue() {
    const { ids } = await generateText(model, null, prompt, { temperature: 0, maxNewTokens: newTokens });
    return bench.textSum(ids);
  },
};
await serve(
  `Prenorm, strict, ${can.threads} thread${can.threads === 1 ? '' : 's'}, Node ${process.version}`,
  work[/** @type {'read' | 'continue'} */ (task)],
);
