/** @file Constants and initial values of the placements, and the profile of Admin, as their papers have them. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noGrad } from '../../src/autograd/index.js';
import {
  type ModelOptions,
  normPlacements,
  type Place,
  placements,
  profileAdmin,
} from '../../src/nn/index.js';
import { RandomStream } from '../../src/random.js';
import { init } from '../../src/runtime/init.js';
import { bits, close, pairBatch, refusal, smallPair } from '../support.js';

const test = suite('nn/placement-values');
await init();

const pairs = pairBatch([
  [
    [3, 4, 5, 2],
    [1, 6, 7, 2],
  ],
  [
    [9, 2],
    [1, 8, 2],
  ],
]);

const place = (numLayers: number, otherLayers = 0, decoder = false): Place => ({
  layer: 1,
  numLayers,
  otherLayers,
  decoder,
  mixFraction: 0.25,
  preFirst: false,
});

test("the constants of DeepNorm, Sub-LN, T-Fixup, B2T and LN Scaling are the authors'", () => {
  const { factor, initGain } = placements.deepnorm;
  for (const [at, alpha, beta] of [
    [place(12), 2.2134, 0.3195],
    [place(12, 6), 1.6862, 0.4179],
    [place(6, 12, true), 2.0598, 0.3433],
  ] as const) {
    close(factor!(at), alpha, 5e-5);
    close(initGain!(at), beta, 5e-5);
  }
  const sub = placements.sub.initGain!;
  close(sub(place(12)), Math.sqrt(Math.log(24)), 1e-12);
  close(sub(place(12, 6)), Math.sqrt((Math.log(18) * Math.log(24)) / 3), 1e-12);
  close(sub(place(6, 12, true)), Math.sqrt(Math.log(18)), 1e-12);
  close(placements.tfixup.initGain!(place(6)), 0.67 * 6 ** -0.25, 1e-12);
  close(placements.tfixup.initGain!(place(6, 6, true)), 54 ** -0.25, 1e-12);
  for (const decoder of [false, true])
    close(placements.b2t.initGain!(place(18, 6, decoder)), 18 ** -0.5, 1e-12);
  [1, Math.SQRT1_2, 1 / Math.sqrt(3), 0.5].forEach((factor, i) => {
    close(placements.lns.factor!({ ...place(4), layer: i + 1 }), factor, 1e-12);
  });
});

/** Ratio of a parameter's values to those of Pre-LN from the same seed; they must all agree. */
function ratio(own: ArrayLike<number>, other: ArrayLike<number>, from = 0, to = own.length): number {
  const found = own[from] / other[from];
  for (let i = from; i < to; i++)
    assert.ok(Math.abs(own[i] - found * other[i]) <= 1e-6 * Math.abs(other[i]) + 1e-9);
  return found;
}

test('initial values: V, O and the feed-forward carry the gain, Q and K only in B2T, under every scheme', () => {
  const depth = { numEncoderLayers: 3, numDecoderLayers: 2 };
  for (const init of ['paper', 'fairseq', 'torch'] as const) {
    const base = smallPair({ normPlacement: 'pre', init, ...depth }).stateDict();
    for (const normPlacement of normPlacements) {
      const state = smallPair({ normPlacement, init, ...depth }).stateDict();
      const gainOf = placements[normPlacement].initGain;
      for (const [path, { data }] of state) {
        const other = base.get(path)?.data;
        if (!other || !/weight$/.test(path) || /norm/.test(path)) continue;
        const decoder = path.startsWith('decoder');
        const free = !gainOf || (normPlacement === 'sub' && path.includes('multihead_attn'));
        const gain = free ? 1 : gainOf(decoder ? place(2, 3, true) : place(3, 2));
        const label = `${normPlacement} ${init} ${path}`;
        if (path.endsWith('in_proj_weight')) {
          const third = data.length / 3;
          const all = normPlacement === 'b2t';
          close(ratio(data, other, 0, 2 * third), all ? gain : 1, 1e-6, label);
          // Gains but B2T's are of Xavier for V alone, which only `paper` has.
          const value = free || all ? gain : gain * (init === 'paper' ? 1 : Math.SQRT2);
          close(ratio(data, other, 2 * third), value, 1e-6, label);
        } else if (path === 'embedding.tokens.weight') {
          close(ratio(data, other), normPlacement === 'tfixup' ? 27 ** -0.25 : 1, 1e-6, label);
        } else close(ratio(data, other), gain, 1e-6, label);
      }
    }
  }
});

test("T-Fixup's embeddings go by the encoder's depth, or by the decoder's where it alone is T-Fixup", () => {
  const embeddings = (options: Partial<ModelOptions>) =>
    smallPair({ numEncoderLayers: 3, numDecoderLayers: 2, ...options }).embedding.tokens.weight.toArray();
  const base = embeddings({});
  for (const [normPlacement, decoderNormPlacement, gain] of [
    ['tfixup', 'tfixup', 27 ** -0.25],
    ['tfixup', 'pre', 27 ** -0.25],
    ['pre', 'tfixup', 18 ** -0.25],
  ] as const)
    close(ratio(embeddings({ normPlacement, decoderNormPlacement }), base), gain, 1e-6);
});

test("residualInit 'gpt2' divides the output projections by the root of the number of branches", () => {
  const [plain, scaled] = (['none', 'gpt2'] as const).map((residualInit) =>
    smallPair({ residualInit, numLayers: 2 }).stateDict(),
  );
  for (const [path, { data }] of scaled) {
    const other = plain.get(path)!.data;
    if (!/(out_proj|linear2)\.weight$/.test(path)) assert.is(bits(data), bits(other), path);
    else close(ratio(data, other), 1 / Math.sqrt(path.startsWith('decoder') ? 6 : 4), 1e-6, path);
  }
});

test("Admin's omega is the root of the variance before it, per stack, those before in place", () => {
  const model = smallPair({ normPlacement: 'admin', dropout: 0.3, numEncoderLayers: 2, numDecoderLayers: 1 });
  const report = profileAdmin(model, pairs);
  assert.ok(model.training && model.encoder.layers[0].training);
  assert.equal(
    report.map(({ path }) => path),
    [
      ...['0.attention', '0.ffn', '1.attention', '1.ffn'].map((name) => `encoder.layers.${name}`),
      ...['attention', 'cross', 'ffn'].map((name) => `decoder.layers.0.${name}`),
    ],
  );
  // The profiled model measured once more, now that every omega stands.
  const measured = new Map<string, number>();
  noGrad(() => {
    model.eval().forward(pairs, {
      trace(name, value) {
        const values = Array.from(value.toArray());
        const mean = values.reduce((a, b) => a + b, 0) / values.length;
        measured.set(name, values.reduce((a, b) => a + (b - mean) * (b - mean), 0) / values.length);
      },
    });
  });
  let wanted = 1;
  report.forEach(({ path, inputVariance, variance, omega }, i) => {
    if (i === 0 || i === 4) wanted = 1;
    close(inputVariance, measured.get(`${path}.in`)!, 1e-6);
    close(variance, measured.get(path)!, 1e-6);
    close(omega, wanted, 1e-6);
    wanted = Math.sqrt(omega * omega * measured.get(`${path}.in`)! + measured.get(path)!);
  });
  const { gain1, gain2, gain3 } = model.decoder.layers[0];
  [gain1, gain2, gain3].forEach((gain, i) => {
    for (const value of gain!.toArray()) close(value, report[4 + i].omega, 1e-6);
  });
  assert.equal(profileAdmin(model, pairs), report, 'profiling again begins with omega 1');
  assert.match(
    refusal(() => profileAdmin(smallPair({ normPlacement: 'rezero' }), pairs)).message,
    /no sub-layer/,
  );
});

test("Admin's omegas over six layers of Transformer-base's proportions begin at 1.00, 1.24, 1.37 and grow to about 2.1", () => {
  const [B, S] = [4, 12];
  const random = new RandomStream(1, 'test');
  const tokens = () => Int32Array.from({ length: B * S }, () => random.nextInt(500));
  const lengths = new Int32Array(B).fill(S);
  const model = smallPair({
    normPlacement: 'admin',
    vocabSize: 500,
    dModel: 256,
    numHeads: 4,
    dFF: 1024,
    numLayers: 6,
    maxSeqLen: S,
    init: 'fairseq',
  });
  const report = profileAdmin(model, {
    source: tokens(),
    sourceLengths: lengths,
    targetInput: tokens(),
    targetLengths: lengths,
    batchSize: B,
    sourceLen: S,
    targetLen: S,
  });
  const omegas = report.filter(({ path }) => path.startsWith('encoder')).map(({ omega }) => omega);
  assert.is(omegas.length, 12);
  [1, 1.24, 1.37].forEach((omega, i) => {
    close(omegas[i], omega, 0.03);
  });
  close(omegas[11], 2.15, 0.1);
  for (let i = 1; i < 12; i++) assert.ok(omegas[i] > omegas[i - 1]);
});

test.run();
