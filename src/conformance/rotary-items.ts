/** @file The item of what newer language models have: rotary positions, shared heads, gates, no biases. */
import { loadKjv } from '../data/embedded.js';
import { TextWindows } from '../data/text-windows.js';
import { lmStepper, sample } from '../generate/index.js';
import { CausalLM, type ModelOptions } from '../nn/index.js';
import { hashNumbers } from './digest.js';
import { type Item, trainAndHash } from './item.js';

const shape = {
  vocabSize: 128,
  dModel: 48,
  numLayers: 2,
  dFF: 83,
  maxSeqLen: 70,
  positions: 'rotary',
} as const;

/** As in Llama 3.1, and with what that has not. */
const models: Record<string, ModelOptions> = {
  llama: {
    ...shape,
    ...{ numHeads: 6, numKVHeads: 2, norm: 'rms', bias: false, activation: 'silu', gatedFFN: true },
    ropeScaling: { type: 'llama3', factor: 4, lowFreqFactor: 1, highFreqFactor: 3, originalMaxSeqLen: 40 },
    ...{ embeddingScale: 1, tiedEmbeddings: false, seed: 23 },
  },
  geglu: {
    ...shape,
    ...{ numHeads: 4, numKVHeads: 1, bias: 'qkv', activation: 'geluTanh', gatedFFN: true, dropout: 0.1 },
    ...{ ropeTheta: 500, ropeScaling: { type: 'linear', factor: 1.5 }, attentionDropout: 0.1, seed: 29 },
  },
};

export const rotary: Item = {
  name: 'rotary',
  about:
    'language models with rotary positions, grouped-query attention, SwiGLU and GeGLU, no biases; sampling',
  async run(options) {
    const text = await loadKjv();
    const ids = Int32Array.from({ length: 9000 }, (_, i) => text.charCodeAt(i) & 127);
    const all: Record<string, string> = {};
    for (const [name, config] of Object.entries(models)) {
      const model = new CausalLM(config);
      const parts = trainAndHash(
        {
          optimizer: { kind: 'adam', lr: 3e-3 },
          steps: 8,
          clipNorm: 0.8,
        },
        { model, data: new TextWindows(ids, { batchSize: 3, seqLen: 67, seed: 4 }) },
        options,
      );
      for (const [part, hash] of Object.entries(parts)) all[`${name} ${part}`] = hash;
      const stepper = lmStepper(model.eval(), 1);
      const tokens = sample(stepper, { prompt: ids.subarray(0, 5), length: 50, seed: 3, temperature: 0.9 });
      all[`${name} tokens`] = hashNumbers(tokens);
    }
    return all;
  },
};
