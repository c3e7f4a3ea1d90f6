/**
 * @file A sentence's translation, its probability and a text's continuation are the same bits alone, in any batch, at
 * any padding, and with or without the key/value cache; at sizes that reach every path of the matrix products and
 * more than one block of attention (64 keys, 32 queries).
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { logSoftmax, noGrad } from '../../src/autograd/index.js';
import {
  beamSearch,
  greedy,
  type Hypothesis,
  lmStepper,
  translationStepper,
} from '../../src/generate/index.js';
import { CausalLM, type ModelOptions, Transformer } from '../../src/nn/index.js';
import { RandomStream } from '../../src/random.js';
import type { Arithmetic } from '../../src/runtime/arithmetic.js';
import { init } from '../../src/runtime/init.js';
import { bits, pairBatch } from '../support.js';

type Suite = ReturnType<typeof suite>;

/** All cases in one arithmetic. */
export async function decodingInvariance(arithmetic: Arithmetic): Promise<Suite> {
  const test = suite(`generate/invariance, ${arithmetic}`);
  await init({ arithmetic });
  const V = 41;
  const [BOS, EOS] = [1, 2];
  const random = new RandomStream(23, 'test:invariance');

  /** Lengths around the blocks of 32 queries and 64 keys. */
  const sources = [1, 5, 31, 32, 33, 63, 64, 65, 80, 2, 17, 47].map((length) => [
    ...Array.from({ length: length - 1 }, () => 3 + random.nextInt(V - 3)),
    EOS,
  ]);

  const variants: [string, Partial<ModelOptions>][] = [
    ['post', { normPlacement: 'post' }],
    ['pre', { normPlacement: 'pre', positions: 'learned', activation: 'gelu' }],
    ['peri', { normPlacement: 'peri', norm: 'rms', embeddingNorm: true, tiedEmbeddings: false }],
  ];

  const base = {
    vocabSize: V,
    dModel: 60,
    numHeads: 4,
    dFF: 130,
    numLayers: 2,
    maxSeqLen: 96,
    seed: 8,
  } as const;

  /** Sources in one batch, `width` positions wide, with `padding` behind the shorter ones. */
  function stepper(model: Transformer, of: number[][], width: number, padding: (i: number) => number) {
    const source = Int32Array.from({ length: of.length * width }, (_, i) => {
      return of[Math.floor(i / width)][i % width] ?? padding(i);
    });
    return translationStepper(
      model,
      source,
      Int32Array.from(of, ({ length }) => length),
    );
  }

  const text = ({ ids, logProb }: Hypothesis) => `${[...ids].join(' ')} ${logProb}`;
  const longest = (of: number[][]) => Math.max(...of.map(({ length }) => length));

  const searches: Record<string, (s: ReturnType<typeof translationStepper>) => Hypothesis[]> = {
    greedy: (s) => greedy(s, { bos: BOS, eos: EOS, maxLength: 20 }),
    'beam search': (s) => beamSearch(s, { bos: BOS, eos: EOS, maxLength: 9, beamSize: 3 }),
  };

  for (const [name, options] of variants) {
    const model = new Transformer({ ...base, ...options }).eval();
    for (const [search, run] of Object.entries(searches)) {
      test(`${name}: ${search} of a sentence is the same alone, in any batch, at any padding`, () => {
        const alone = sources.map((source) => text(run(stepper(model, [source], source.length, () => 0))[0]));
        assert.is(new Set(alone).size, sources.length, 'every sentence has a translation of its own');
        const all = run(stepper(model, sources, longest(sources), () => 0));
        assert.equal(all.map(text), alone);
        for (let round = 0; round < 6; round++) {
          const order = random.shuffle(sources.map((_, i) => i)).slice(0, 1 + random.nextInt(sources.length));
          const chosen = order.map((i) => sources[i]);
          const width = longest(chosen) + random.nextInt(16);
          const found = run(stepper(model, chosen, width, (i) => (i * 7 + round) % V));
          assert.equal(
            found.map(text),
            order.map((i) => alone[i]),
            `rows ${order.join()}, width ${width}`,
          );
        }
      });
    }

    test(`${name}: greedy with the cache is greedy over full passes`, () => {
      for (const source of [sources[1], sources[7]]) {
        const [cached] = greedy(
          stepper(model, [source], source.length, () => 0),
          {
            bos: BOS,
            eos: EOS,
            maxLength: 40,
          },
        );
        const target: number[] = [];
        let logProb = 0;
        for (let t = 0; t <= 40; t++) {
          const logits = noGrad(() =>
            logSoftmax(model.forward(pairBatch([[source, [...target, EOS]]]))),
          ).toArray();
          const last = logits.subarray(t * V, (t + 1) * V);
          const id = t === 40 ? EOS : last.indexOf(Math.max(...last));
          logProb += last[id];
          if (id === EOS) break;
          target.push(id);
        }
        assert.equal([...cached.ids], target);
        assert.is(cached.logProb, logProb);
      }
    });

    test(`${name}: a text's log-probabilities are the same alone, in any batch, longer, and from the cache`, () => {
      const lm = new CausalLM({ ...base, ...options }).eval();
      const texts = Array.from({ length: 33 }, () => Array.from({ length: 70 }, () => random.nextInt(V)));
      const logProbs = (of: number[][]) => {
        const out = noGrad(() =>
          logSoftmax(
            lm.forward({ ids: Int32Array.from(of.flat()), batchSize: of.length, seqLen: of[0].length }),
          ),
        ).toArray();
        const width = of[0].length * V;
        return of.map((_, b) => out.subarray(b * width, (b + 1) * width));
      };
      const together = logProbs(texts);
      for (const size of [1, 2, 3, 5, 8, 16, 17, 32]) {
        const from = random.nextInt(33 - size + 1);
        logProbs(texts.slice(from, from + size)).forEach((values, i) => {
          assert.is(bits(values), bits(together[from + i]), `batch of ${size}`);
        });
      }
      const shorter = logProbs(texts.map((row) => row.slice(0, 35)));
      shorter.forEach((values, b) => {
        assert.is(bits(values), bits(together[b].subarray(0, 35 * V)), 'shorter');
      });
      for (const rows of [1, 5]) {
        const step = lmStepper(lm, rows);
        for (let t = 0; t < 70; t++) {
          const stepped = step.step(Int32Array.from({ length: rows }, (_, b) => texts[b][t]));
          for (let b = 0; b < rows; b++) {
            const expected = together[b].subarray(t * V, (t + 1) * V);
            assert.is(
              bits(stepped.subarray(b * V, (b + 1) * V)),
              bits(expected),
              `${rows} rows, position ${t}`,
            );
          }
        }
      }
    });
  }

  return test;
}
