/** @file Prenorm reading and continuing texts: node lm-prenorm.mjs MODEL.json THREADS read|continue ARITHMETIC. */
import { readFileSync } from 'node:fs';
import { generateText } from '../../dist/generate/index.js';
import { capabilities, init, noGrad, scope } from '../../dist/index.js';
import { bench } from '../../scripts/built-bench.mjs';
import { serve } from './serve.mjs';

const [path, threads, task, arithmetic] =
  /** @type {[string, string, string, import('../../src/runtime/arithmetic.js').Arithmetic]} */ (
    process.argv.slice(2)
  );
const { shape, prompts, newTokens } = JSON.parse(readFileSync(path, 'utf8'));
const runtime = /** @type {any} */ (await init({ threads: Number(threads), arithmetic }));
const model = /** @type {any} */ (bench.buildLm(runtime, shape).eval());
const input = { ids: Int32Array.from(prompts.flat()), batchSize: prompts.length, seqLen: prompts[0].length };
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
  /** What tells these texts from others. */
  async continue() {
    const options = { temperature: 0, maxNewTokens: newTokens };
    const texts = /** @type {{ ids: Int32Array }[]} */ (
      /** @type {unknown} */ (await generateText(model, null, prompts, options))
    );
    return texts.reduce((sum, { ids }) => sum + bench.textSum(ids), 0);
  },
};
await serve(
  `Prenorm, ${arithmetic}, ${can.threads} thread${can.threads === 1 ? '' : 's'}, Node ${process.version}`,
  work[/** @type {'read' | 'continue'} */ (task)],
);
