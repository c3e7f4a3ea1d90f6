import { loadKjv } from '../data/embedded.js';
import { MaskedLM } from '../nn/index.js';
import { RandomStream } from '../random.js';
import { trainBPE } from '../text/index.js';
import { type Item, numberedBatches, trainAndHash } from './item.js';

/** Pairs of verses with some tokens masked. */
export const maskedLM: Item = {
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
        optimizer: { kind: 'adamw' },
        schedule: { kind: 'linearDecay', maxLr: 2e-3, warmupSteps: 3, totalSteps: 12 },
        steps: 10,
      },
      { model, data },
      options,
    );
  },
};
