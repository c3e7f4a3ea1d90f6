/** @file Items over text: the tokenizer, language models, translation, masked tokens. */
import { loadKjv, loadUiDeEn } from '../data/embedded.js';
import { PairBatches } from '../data/index.js';
import { evaluationTextWindows, TextWindows } from '../data/text-windows.js';
import {
  beamSearch,
  greedy,
  type Hypothesis,
  lmStepper,
  sample,
  translationStepper,
} from '../generate/index.js';
import { CausalLM, MaskedLM, type ModelOptions, Transformer } from '../nn/index.js';
import { Adam, AdamW, cosine, inverseSqrt, linearDecay, type Optimizer, RAdam, SGD } from '../optim/index.js';
import { RandomStream } from '../random.js';
import { type Tokenizer, trainBPE } from '../text/index.js';
import { hashNumbers, hashText } from './digest.js';
import { type Item, type ItemOptions, numberedBatches, type Parts, trainAndHash } from './item.js';

/** A vocabulary of German and English messages, and sentence pairs in it. */
async function corpus(): Promise<{ tokenizer: Tokenizer; texts: string[]; pairs: [string, string][] }> {
  const { train } = await loadUiDeEn();
  const pairs = train.slice(0, 300) as [string, string][];
  const texts = pairs.flat();
  return { tokenizer: trainBPE(texts, { vocabSize: 397 }), texts, pairs };
}

/** Genesis as ids below 128, and its verses. */
async function genesis(length: number): Promise<Int32Array> {
  const text = await loadKjv();
  return Int32Array.from({ length }, (_, i) => text.charCodeAt(i) & 127);
}

const tokenizer: Item = {
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

const causalLM: Item = {
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
        model,
        data: new TextWindows(ids, { batchSize: 3, seqLen: 67, seed: 4 }),
        optimizer: new Adam(model.parameters(), { lr: 1e-3, betas: [0.9, 0.98], eps: 1e-9 }),
        schedule: cosine({ maxLr: 4e-3, warmupSteps: 4, totalSteps: 14, minLr: 1e-4 }),
        steps: 12,
        clipNorm: 0.7,
        accumulate: 2,
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

const alternating: Item = {
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
      return { ids: cut(0), targets: cut(1), batchSize: 2, seqLen, tokens: 2 * seqLen };
    });
    const optimizer = new Adam(model.parameters(), { lr: 1e-3, weightDecay: 0.01 });
    const schedule = inverseSqrt({ maxLr: 5e-3, warmupSteps: 20 });
    return trainAndHash(
      { model, data, optimizer, schedule, steps: 200, clipNorm: 0.5, accumulate: 2 },
      options,
    );
  },
};

/** Trains an encoder-decoder, then translates by greedy and by beam search. */
async function translation(
  model: Partial<ModelOptions>,
  makeOptimizer: (model: Transformer) => Optimizer,
  extra: { clipNorm?: number; accumulate?: number; steps: number },
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
      model: net,
      data: new PairBatches(encoded, { maxTokens: 330, seed: 2, maxLen: 90, onTooLong: 'drop', ...marks }),
      optimizer: makeOptimizer(net),
      schedule: inverseSqrt({ maxLr: 3e-3, warmupSteps: 4 }),
      labelSmoothing: 0.1,
      ...extra,
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

const translationPost: Item = {
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
      (model) => new Adam(model.parameters(), { lr: 1e-3, betas: [0.9, 0.98], eps: 1e-9 }),
      { steps: 8, clipNorm: 1 },
      options,
    ),
};

const translationPeri: Item = {
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
      (model) => new RAdam(model.parameters(), { lr: 1e-3 }),
      { steps: 8, accumulate: 2 },
      options,
    ),
};

const translationSGD: Item = {
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
      (model) => new SGD(model.parameters(), { lr: 1e-2, momentum: 0.9, nesterov: true }),
      { steps: 5 },
      options,
    ),
};

const maskedLM: Item = {
  name: 'masked-lm',
  about: 'BERT: masked tokens and next sentence, post, padding, segments, dropout, AdamW, linear decay',
  async run(options) {
    const verses = (await loadKjv()).split('\n').slice(0, 120);
    const bpe = trainBPE(verses, { vocabSize: 331 });
    const sentences = verses.map((verse) => bpe.encode(verse).slice(0, 17));
    const seqLen = 37;
    const batchSize = 5;
    const data = numberedBatches((n) => {
      const random = new RandomStream(13, 'conformance:masked', n);
      const ids = new Int32Array(batchSize * seqLen).fill(bpe.padId);
      const targets = new Int32Array(batchSize * seqLen).fill(-1);
      const segments = new Int32Array(batchSize * seqLen);
      const lengths = new Int32Array(batchSize);
      const nextSentence = new Int32Array(batchSize);
      let tokens = 0;
      for (let b = 0; b < batchSize; b++) {
        const first = random.nextInt(sentences.length - 1);
        nextSentence[b] = random.nextInt(2);
        const second = nextSentence[b] ? first + 1 : random.nextInt(sentences.length);
        const row = [bpe.bosId, ...sentences[first], bpe.eosId, ...sentences[second], bpe.eosId];
        lengths[b] = row.length;
        row.forEach((id, t) => {
          const at = b * seqLen + t;
          ids[at] = id;
          segments[at] = t > sentences[first].length + 1 ? 1 : 0;
          if (id === bpe.bosId || id === bpe.eosId || random.nextInt(100) >= 15) return;
          targets[at] = id;
          tokens++;
          const draw = random.nextInt(10); // eight in ten masked, one another token, one left as it is
          if (draw < 8) ids[at] = bpe.padId;
          else if (draw === 8) ids[at] = random.nextInt(bpe.vocabSize);
        });
      }
      return { ids, targets, segments, lengths, nextSentence, batchSize, seqLen, tokens };
    });
    const model = new MaskedLM({
      vocabSize: bpe.vocabSize,
      dModel: 40,
      numHeads: 5,
      numLayers: 2,
      dFF: 83,
      maxSeqLen: seqLen,
      normPlacement: 'post',
      positions: 'learned',
      activation: 'gelu',
      embeddingNorm: true,
      embeddingScale: 1,
      dropout: 0.1,
      numSegments: 2,
      nextSentence: true,
      seed: 7,
    });
    return trainAndHash(
      {
        model,
        data,
        optimizer: new AdamW(model.parameters(), { lr: 1e-3 }),
        schedule: linearDecay({ maxLr: 2e-3, warmupSteps: 3, totalSteps: 12 }),
        steps: 10,
      },
      options,
    );
  },
};

const large: Item = {
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
      {
        model,
        data: new TextWindows(ids, { batchSize: 5, seqLen: 131, seed: 1 }),
        optimizer: new Adam(model.parameters(), { lr: 1e-3 }),
        steps: 3,
        clipNorm: 1,
        labelSmoothing: 0.1,
      },
      options,
    );
  },
};

export const textItems: readonly Item[] = [
  tokenizer,
  causalLM,
  alternating,
  translationPost,
  translationPeri,
  translationSGD,
  maskedLM,
  large,
];
