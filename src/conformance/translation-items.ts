/** @file Items over sentence pairs: the tokenizer, and encoder-decoders in three placements. */
import { loadUiDeEn } from '../data/embedded.js';
import { PairBatches } from '../data/index.js';
import { beamSearch, greedy, type Hypothesis, translationStepper } from '../generate/index.js';
import { type ModelOptions, Transformer } from '../nn/index.js';
import type { TrainingRecipe } from '../recipe/index.js';
import { type Tokenizer, trainBPE } from '../text/index.js';
import { hashNumbers, hashText } from './digest.js';
import { type Item, type ItemOptions, type Parts, trainAndHash } from './item.js';

/** A vocabulary of German and English messages, and sentence pairs in it. */
async function corpus(): Promise<{ tokenizer: Tokenizer; texts: string[]; pairs: [string, string][] }> {
  const { train } = await loadUiDeEn();
  const pairs = train.slice(0, 300) as [string, string][];
  const texts = pairs.flat();
  return { tokenizer: trainBPE(texts, { vocabSize: 397 }), texts, pairs };
}

export const tokenizer: Item = {
  name: 'tokenizer',
  about:
    'BPE training; encoding and decoding, with scripts, emoji and lone surrogates the corpus does not have',
  async run() {
    const { tokenizer: bpe, texts } = await corpus();
    const odd = ['Straße, naïve café', 'Ω≈ç√ Ἀρχή שלום 你好 👩‍👩‍👧 ﬁ', 'a\ud800b', 'e\u0301 \u00e9 \u0130'];
    const ids = [...texts, ...odd].map((text) => bpe.encode(text, { bos: true, eos: true }));
    return {
      tokens: hashNumbers(...ids),
      values: hashText(JSON.stringify([bpe.toJSON(), ids.map((list) => bpe.decode(list))])),
    };
  },
};

/** Trains an encoder-decoder, then translates by greedy and by beam search. */
async function translation(
  model: Partial<ModelOptions>,
  recipe: Pick<TrainingRecipe, 'optimizer' | 'clipNorm' | 'accumulate' | 'steps'>,
  options: ItemOptions,
): Promise<Parts> {
  const { tokenizer: bpe, pairs } = await corpus();
  const encoded = pairs.map(([source, target]) => ({
    source: bpe.encode(source, { eos: true }),
    target: bpe.encode(target),
  }));
  const net = new Transformer({ vocabSize: bpe.vocabSize, dModel: 36, maxSeqLen: 128, ...model });
  const marks = { padId: bpe.padId, bosId: bpe.bosId, eosId: bpe.eosId };
  const parts = trainAndHash(
    {
      ...recipe,
      schedule: { kind: 'inverseSqrt', maxLr: 3e-3, warmupSteps: 4 },
      labelSmoothing: 0.1,
    },
    {
      model: net,
      data: new PairBatches(encoded, { maxTokens: 330, seed: 2, maxLen: 90, onTooLong: 'drop', ...marks }),
    },
    options,
  );
  net.eval();
  const sentences = [encoded[3].source, encoded[8].source, encoded[21].source];
  const width = Math.max(...sentences.map(({ length }) => length));
  const source = new Int32Array(sentences.length * width).fill(bpe.padId);
  sentences.forEach((ids, row) => {
    source.set(ids, row * width);
  });
  const stepper = () =>
    translationStepper(
      net,
      source,
      Int32Array.from(sentences, ({ length }) => length),
    );
  const search = { bos: bpe.bosId, eos: bpe.eosId, maxLength: 12 };
  return {
    ...parts,
    tokens: hashHypotheses([
      ...greedy(stepper(), search),
      ...beamSearch(stepper(), { ...search, beamSize: 3, lengthPenalty: 1.2 }),
    ]),
  };
}

function hashHypotheses(found: Hypothesis[]): string {
  return hashNumbers(...found.flatMap(({ ids, logProb }) => [ids, Float64Array.of(logProb)]));
}

export const translationPost: Item = {
  name: 'translation-post',
  about: 'encoder-decoder, post, padding, label smoothing, dropout, Adam, clipping; greedy and beam search',
  run: (options) =>
    translation(
      {
        normPlacement: 'post',
        numLayers: 2,
        numHeads: 3,
        dFF: 70,
        dropout: 0.1,
        activationDropout: 0.1,
        seed: 1,
      },
      { optimizer: { kind: 'adam', betas: [0.9, 0.98], eps: 1e-9 }, steps: 8, clipNorm: 1 },
      options,
    ),
};

export const translationPeri: Item = {
  name: 'translation-peri',
  about:
    'encoder-decoder, peri, RMSNorm, untied, learned positions, embedding norm, RAdam, accumulation; searches',
  run: (options) =>
    translation(
      {
        normPlacement: 'peri',
        norm: 'rms',
        tiedEmbeddings: false,
        positions: 'learned',
        embeddingNorm: true,
        init: 'torch',
        activation: 'gelu',
        numLayers: 1,
        numHeads: 4,
        dFF: 61,
        dropout: 0.1,
        seed: 2,
      },
      { optimizer: { kind: 'radam' }, steps: 8, accumulate: 2 },
      options,
    ),
};

export const translationSGD: Item = {
  name: 'translation-sgd',
  about: 'encoder-decoder, pre before post, momentum, initialisation of the paper, no clipping; searches',
  run: (options) =>
    translation(
      {
        normPlacement: 'pre',
        decoderNormPlacement: 'post',
        init: 'paper',
        numLayers: 1,
        numHeads: 2,
        dFF: 47,
        seed: 3,
      },
      { optimizer: { kind: 'sgd', momentum: 0.9, nesterov: true }, steps: 5 },
      options,
    ),
};
