/** @file The item of texts that grow token by token: the kernels of a few rows, rows that follow one another, halves. */
import { loadKjv } from '../data/embedded.js';
import { TextWindows } from '../data/text-windows.js';
import { generateText, greedy, lmStepper, nBestSearch } from '../generate/index.js';
import { storeInHalf } from '../nn/half.js';
import { CausalLM, type ModelOptions } from '../nn/index.js';
import { hashNumbers } from './digest.js';
import { type Item, trainAndHash } from './item.js';

/** Rows of B of one block and of more, and a vocabulary that is no multiple of anything. */
const shape: ModelOptions = {
  ...{ vocabSize: 131, dModel: 96, numLayers: 2, numHeads: 4, numKVHeads: 2, dFF: 516, maxSeqLen: 90 },
  ...{ positions: 'learned', activation: 'gelu', normPlacement: 'peri', dropout: 0.1, seed: 31 },
};

export const decoding: Item = {
  name: 'decoding',
  about:
    'a language model continues one text to six, greedy, drawn and by beams, also with weights in f16 and bf16',
  async run(options) {
    const text = await loadKjv();
    const ids = Int32Array.from({ length: 5000 }, (_, i) => text.charCodeAt(i) & 127);
    const model = new CausalLM(shape);
    const parts = trainAndHash(
      { optimizer: { kind: 'adam', lr: 2e-3 }, steps: 6 },
      { model, data: new TextWindows(ids, { batchSize: 4, seqLen: 61, seed: 5 }) },
      options,
    );
    model.eval();
    const ends = { bos: 10, eos: 46 };
    const texts = (): Float64Array[] =>
      [1, 2, 4, 6].flatMap((rows) => {
        const stepper = lmStepper(model, rows);
        const found = greedy(stepper, { ...ends, maxLength: 80 });
        stepper.release?.();
        return found.flatMap(({ ids, logProb }) => [Float64Array.from(ids), Float64Array.of(logProb)]);
      });
    parts.greedy = hashNumbers(...texts());
    const stepper = lmStepper(model, 3);
    const scores = [5, 6, 7, 8].map((id) => stepper.step(Int32Array.of(id, 2 * id, 3 * id)));
    parts.scores = hashNumbers(...scores);
    const search = { ...ends, maxLength: 30, beamSize: 5, nBest: 5, lengthPenalty: 0.8 };
    const beams = nBestSearch(stepper, search).flat();
    stepper.release?.();
    parts.beams = hashNumbers(
      ...beams.flatMap(({ ids, logProb, score }) => [ids, Float64Array.of(logProb, score)]),
    );
    // Beyond their window.
    const prompts = [ids.subarray(0, 3), ids.subarray(7, 48), ids.subarray(100, 101)];
    const drawing = { maxNewTokens: 70, context: 50, seed: 6, temperature: 0.9, topK: 40, topP: 0.95 };
    const drawn = await generateText(model, null, prompts, drawing);
    parts.drawn = hashNumbers(...drawn.map(({ ids }) => ids));
    for (const type of ['f16', 'bf16'] as const) {
      storeInHalf(model, type);
      parts[type] = hashNumbers(...texts());
    }
    model.free();
    return parts;
  },
};
