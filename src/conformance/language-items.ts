/** @file Items over one long text: language models, small, of alternating lengths, and large. */
import { loadKjv } from '../data/embedded.js';
import { evaluationTextWindows, TextWindows } from '../data/text-windows.js';
import { lmStepper, sample } from '../generate/index.js';
import { CausalLM } from '../nn/index.js';
import { RandomStream } from '../random.js';
import { hashNumbers } from './digest.js';
import { type Item, numberedBatches, trainAndHash } from './item.js';

/** The first characters of Genesis as ids below 128. */
async function genesis(length: number): Promise<Int32Array> {
  const text = await loadKjv();
  return Int32Array.from({ length }, (_, i) => text.charCodeAt(i) & 127);
}

export const causalLM: Item = {
  name: 'causal-lm',
  about: 'language model, pre, GELU, dropout, Adam, clipping, warm-up and cosine, accumulation; sampling',
  async run(options) {
    const ids = await genesis(9000);
    const model = new CausalLM({
      vocabSize: 128,
      dModel: 44,
      numHeads: 4,
      numLayers: 2,
      dFF: 93,
      maxSeqLen: 70,
      normPlacement: 'pre',
      activation: 'gelu',
      dropout: 0.1,
      activationDropout: 0.05,
      seed: 11,
    });
    const parts = trainAndHash(
      {
        optimizer: { kind: 'adam', betas: [0.9, 0.98], eps: 1e-9 },
        schedule: { kind: 'cosine', maxLr: 4e-3, warmupSteps: 4, totalSteps: 14, minLr: 1e-4 },
        steps: 12,
        clipNorm: 0.7,
        accumulate: 2,
      },
      {
        model,
        data: new TextWindows(ids, { batchSize: 3, seqLen: 67, seed: 4 }),
        validation: evaluationTextWindows(ids.subarray(0, 300), { batchSize: 2, seqLen: 67 }),
        config: { item: 'causal-lm', rate: 0.1, third: 1 / 3 },
      },
      options,
    );
    const stepper = lmStepper(model.eval(), 1);
    const text = sample(stepper, {
      prompt: ids.subarray(0, 5),
      length: 60,
      seed: 3,
      temperature: 0.9,
      topK: 40,
    });
    return { ...parts, tokens: hashNumbers(text) };
  },
};

export const alternating: Item = {
  name: 'alternating',
  about:
    '200 steps of a language model over three alternating lengths, post, with dropout, clipping, changing rate, accumulation',
  async run(options) {
    const ids = await genesis(4000);
    const lengths = [5, 13, 22];
    const model = new CausalLM({
      vocabSize: 128,
      dModel: 12,
      numHeads: 2,
      numLayers: 1,
      dFF: 21,
      maxSeqLen: 22,
      normPlacement: 'post',
      dropout: 0.2,
      seed: 5,
    });
    const data = numberedBatches((n) => {
      // Two batches of a step share a length, so that all three shapes come back again and again.
      const seqLen = lengths[Math.floor(n / 2) % lengths.length];
      const random = new RandomStream(7, 'conformance:alternating', n);
      const starts = [random.nextInt(3900), random.nextInt(3900)];
      const cut = (shift: number) =>
        Int32Array.from({ length: 2 * seqLen }, (_, i) => {
          return ids[starts[Math.floor(i / seqLen)] + (i % seqLen) + shift];
        });
      return { ids: cut(0), targets: cut(1), batchSize: 2, seqLen };
    });
    return trainAndHash(
      {
        optimizer: { kind: 'adam', weightDecay: 0.01 },
        schedule: { kind: 'inverseSqrt', maxLr: 5e-3, warmupSteps: 20 },
        steps: 200,
        clipNorm: 0.5,
        accumulate: 2,
      },
      { model, data },
      options,
    );
  },
};

export const large: Item = {
  name: 'large',
  about:
    'language model of width 268 over 5 x 131 tokens, pre, dropout, Adam, clipping: every kernel is worth splitting',
  async run(options) {
    const ids = await genesis(20000);
    const model = new CausalLM({
      vocabSize: 1031,
      dModel: 268,
      numHeads: 4,
      numLayers: 1,
      dFF: 701,
      maxSeqLen: 131,
      normPlacement: 'pre',
      dropout: 0.1,
      seed: 17,
    });
    return trainAndHash(
      { optimizer: { kind: 'adam', lr: 1e-3 }, steps: 3, clipNorm: 1, labelSmoothing: 0.1 },
      { model, data: new TextWindows(ids, { batchSize: 5, seqLen: 131, seed: 1 }) },
      options,
    );
  },
};
