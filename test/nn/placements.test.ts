/** @file What the placements' papers say of them: identities, constants, initial values; and that they can be stored and replayed. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward, noGrad, type Variable } from '../../src/autograd/index.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/safetensors.js';
import {
  CausalLM,
  type LayerNorm,
  type ModelOptions,
  type NormPlacement,
  normPlacements,
  type Place,
  placements,
  profileAdmin,
  type Sublayer,
} from '../../src/nn/index.js';
import { Adam, inverseSqrt } from '../../src/optim/index.js';
import { RandomStream } from '../../src/random.js';
import { init } from '../../src/runtime/init.js';
import { Trainer } from '../../src/train/index.js';
import { bits, close, ids, norm, pairBatch, refusal, SMALL, smallLM, smallPair } from '../support.js';

const test = suite('nn/placements');
await init();

const batch = { ids: Int32Array.from({ length: 24 }, (_, i) => (5 * i) % 23), batchSize: 3, seqLen: 8 };
const targets = Int32Array.from({ length: 24 }, (_, i) => (7 * i + 3) % 23);
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

const logits = (options: Partial<ModelOptions>) =>
  bits(noGrad(() => smallLM(options).forward(batch)).toArray());

test('equal by construction: Mix-LN at its ends, Sandwich-LN and Peri-LN, LN Scaling in its first layer, Admin before profiling', () => {
  const post = logits({ normPlacement: 'post' });
  const pre = logits({ normPlacement: 'pre' });
  assert.is(logits({ normPlacement: 'mix', mixFraction: 1 }), post);
  assert.is(logits({ normPlacement: 'mix', mixFraction: 0 }), pre);
  assert.is.not(logits({ normPlacement: 'mix', mixFraction: 0.5 }), pre);
  assert.is.not(logits({ normPlacement: 'mix', mixFraction: 0.5 }), post);
  assert.is(logits({ normPlacement: 'sandwich' }), logits({ normPlacement: 'peri' }));
  assert.is(logits({ normPlacement: 'admin' }), post);
  assert.is(logits({ normPlacement: 'lns', numLayers: 1 }), logits({ normPlacement: 'pre', numLayers: 1 }));
  assert.is.not(logits({ normPlacement: 'lns' }), pre);
  const first = { normPlacement: 'hybrid', preFirst: true, numLayers: 1 } as const;
  const norms = (options: Partial<ModelOptions>) =>
    smallLM(options)
      .parameters()
      .map(({ path }) => path)
      .filter((path) => /layers.0.*norm.*weight/.test(path))
      .map((path) => path.replace('encoder.layers.0.', ''));
  assert.equal(norms(first), [
    'self_attn.q_norm.weight',
    'self_attn.k_norm.weight',
    'self_attn.v_norm.weight',
    'norm1.weight',
    'norm2.weight',
  ]);
});

test('DeepNorm with alpha 1 is Post-LN', () => {
  const model = smallLM({ normPlacement: 'post' });
  const [layer] = model.encoder.layers;
  noGrad(() => {
    const x = model.embedding.forward(ids([1, 2, 3], [1, 3]));
    const sublayer: Sublayer = {
      kind: 'ffn',
      last: true,
      norm: layer.norm2,
      normOut: null,
      gain: null,
      factor: 1,
    };
    const by = (placement: NormPlacement, factor: number) =>
      bits(
        placements[placement]
          .apply(
            x,
            (h) => layer.feedForward.forward(h),
            { ...sublayer, factor },
            { layerInput: x, dual: null },
          )
          .toArray(),
      );
    assert.is(by('deepnorm', 1), by('post', 1));
    assert.is.not(by('deepnorm', 2), by('post', 1));
  });
});

test('ReZero begins as the identity, and learns from the first step on', () => {
  const model = smallLM({ normPlacement: 'rezero' });
  const outs: Variable[] = [];
  let x0: Variable | undefined;
  noGrad(() => {
    x0 = model.embedding.forward(ids(batch.ids, [3, 8]));
    model.encoder.forward(x0, { causal: true }, (name, v) => name.endsWith('.out') && outs.push(v));
    assert.is(outs.length, 2);
    for (const out of outs) assert.is(bits(out.toArray()), bits(x0.toArray()));
  });
  backward(model.loss({ ...batch, targets }).loss);
  for (const { gain1, gain2 } of model.encoder.layers) {
    assert.ok(Math.abs(gain1!.grad!.toArray()[0]) > 0);
    assert.is(gain1, gain2, 'one factor for both branches of a layer');
  }
  const pair = smallPair({ normPlacement: 'rezero' });
  for (const { gain1, gain3 } of pair.decoder.layers) assert.is(gain1, gain3);
  const gains = [...pair.namedParameters()].filter(([path]) => path.includes('gain'));
  assert.is(gains.length, pair.encoder.layers.length + pair.decoder.layers.length);
});

test('with empty branches, what has no norm on the stream hands its input through', () => {
  const through: NormPlacement[] = [
    'pre',
    'peri',
    'sandwich',
    'sub',
    'rezero',
    'tfixup',
    'normformer',
    'lns',
    'olmo2',
  ];
  for (const normPlacement of normPlacements) {
    const model = smallLM({ normPlacement, numLayers: 4 });
    for (const [path, parameter] of model.namedParameters())
      if (/(out_proj|linear2)\.(weight|bias)$/.test(path)) parameter.set(new Float32Array(parameter.size));
    noGrad(() => {
      const x = model.embedding.forward(ids(batch.ids, [3, 8]));
      let last = '';
      model.encoder.forward(x, { causal: true }, (name, v) => {
        if (name.endsWith('.out')) last = bits(v.toArray());
      });
      assert.is(last === bits(x.toArray()), through.includes(normPlacement), normPlacement);
    });
  }
});

test('with a norm on the branch, a factor on its last matrix leaves the output and divides the gradient', () => {
  for (const normPlacement of ['peri', 'sandwich', 'olmo2'] as const) {
    const run = (c: number) => {
      const model = smallLM({ normPlacement, dModel: 32, dFF: 64 });
      const { weight } = model.encoder.layers[1].feedForward.linear2;
      weight.set(weight.toArray().map((v) => v * c));
      const out = noGrad(() => model.forward(batch)).toArray();
      backward(model.loss({ ...batch, targets }).loss);
      return { out, gradient: Array.from(weight.grad!.toArray(), (v) => v * c) };
    };
    const off = (a: ArrayLike<number>, b: ArrayLike<number>) =>
      norm(Array.from(a, (v, i) => v - b[i])) / norm(b);
    const plain = run(1);
    for (const c of [0.5, 4]) {
      const scaled = run(c);
      assert.ok(off(scaled.out, plain.out) < 1e-3, `${normPlacement}, ${c}`);
      assert.ok(off(scaled.gradient, plain.gradient) < 1e-3, `${normPlacement}, ${c}`);
    }
  }
});

test('dropout stands behind the norm of the branch in NormFormer and OLMo 2, before it in Peri-LN and Sandwich-LN', () => {
  const share = (normPlacement: NormPlacement, sublayer: string) => {
    const model = smallLM({ normPlacement, dropout: 0.5, dModel: 64, dFF: 64, numLayers: 1 }).train();
    const seen = new Map<string, ArrayLike<number>>();
    noGrad(() => model.forward(batch, { trace: (name, v) => void seen.set(name, Array.from(v.toArray())) }));
    const at = (name: string) => seen.get(`encoder.layers.0.${name}`) as number[];
    const before = at(`${sublayer}.in`);
    const after = at(sublayer === 'ffn' ? 'out' : 'ffn.in');
    return before.filter((v, i) => v === after[i]).length / before.length;
  };
  for (const [placement, sublayer] of [
    ['normformer', 'attention'],
    ['normformer', 'ffn'],
    ['olmo2', 'attention'],
    ['olmo2', 'ffn'],
    ['pre', 'ffn'],
  ] as const)
    close(share(placement, sublayer), 0.5, 0.1, `${placement} ${sublayer}`);
  for (const placement of ['peri', 'sandwich'] as const) assert.ok(share(placement, 'attention') < 0.01);
});

test('attention over the encoder has no norm inside in Sub-LN, and is that of Pre-LN in NormFormer', () => {
  const keys = (normPlacement: NormPlacement) =>
    [...smallPair({ normPlacement }).decoder.layers[0].namedParameters()]
      .map(([key]) => key)
      .filter((key) => /^multihead_attn|^norm2/.test(key));
  assert.equal(keys('sub'), keys('pre'));
  assert.equal(keys('normformer'), keys('pre'));
});

test("ResiDual's final norm has a hundredth of the eps, 1e-7 beside 1e-5", () => {
  for (const [eps, last] of [
    [undefined, 1e-7],
    [1e-3, 1e-5],
  ] as const) {
    const { encoder, decoder } = smallPair({ normPlacement: 'residual', ...(eps ? { eps } : {}) });
    for (const stack of [encoder, decoder]) {
      close((stack.norm as LayerNorm).eps, last, 1e-12);
      close((stack.layers[0].norm1 as LayerNorm).eps, eps ?? 1e-5, 1e-12);
    }
  }
  close((smallPair({ normPlacement: 'pre' }).encoder.norm as LayerNorm).eps, 1e-5, 1e-12);
});

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

for (const normPlacement of normPlacements) {
  test(`${normPlacement}: a state goes through a file and into a model with other values`, () => {
    for (const make of [smallLM, smallPair]) {
      const options = { normPlacement, qkNorm: normPlacement === 'sub' ? 'l2' : 'auto' } as const;
      const model = make({ ...options, seed: 4 });
      for (const [i, parameter] of model.parameters().entries())
        parameter.set(parameter.toArray().map((v, j) => v + 0.01 * ((i + j) % 7)));
      const other = make({ ...options, seed: 5 });
      const run = (m: typeof model) =>
        bits(noGrad(() => (m instanceof CausalLM ? m.forward(batch) : m.forward(pairs))).toArray());
      assert.is.not(run(other), run(model));
      const bytes = encodeSafetensors(model.stateDict());
      const { tensors } = decodeSafetensors(bytes, 'memory');
      other.loadStateDict(
        new Map([...tensors].map(([key, { shape, data }]) => [key, { shape, data: data as Float32Array }])),
      );
      assert.is(run(other), run(model));
    }
  });

  test(`${normPlacement}: a replayed step is the eager step, alone and in an encoder-decoder`, () => {
    const train = (
      make: () => ReturnType<typeof smallLM> | ReturnType<typeof smallPair>,
      replay: boolean,
    ) => {
      const model = make();
      const data = {
        next: () => (model instanceof CausalLM ? { ...batch, targets, tokens: 24 } : { ...pairs, tokens: 7 }),
        state: () => ({ epoch: 0, batch: 0 }),
        restore() {},
      };
      const trainer = new Trainer({
        model: model as CausalLM,
        data: data as never,
        optimizer: new Adam(model.parameters(), { lr: 1e-3 }),
        schedule: inverseSqrt({ maxLr: 1e-3, warmupSteps: 2 }),
        steps: 8,
        replay,
      });
      while (trainer.step < 8) trainer.trainStep();
      assert.is(trainer.replayRefusal, replay ? null : 'replay is off');
      return trainer.hash();
    };
    const more = normPlacement === 'pre' ? ({ qkNorm: 'l2', norm: 'dyt' } as const) : {};
    const scaled = normPlacement === 'peri' ? ({ qkNorm: 'rms', norm: 'scale' } as const) : {};
    for (const make of [smallLM, smallPair]) {
      const one = () => make({ normPlacement, dropout: 0.1, ...more, ...scaled });
      assert.is(train(one, true), train(one, false));
    }
  });
}

test('what cannot be is refused by name', () => {
  const message = (options: object) => refusal(() => new CausalLM({ ...SMALL, ...options })).message;
  assert.match(message({ normPlacement: 'residual', finalNorm: false }), /finalNorm must not be false/);
  assert.match(message({ normPlacement: 'middle' }), /normPlacement must be one of post, pre/);
  assert.match(message({ qkNorm: 'both' }), /qkNorm must be one of auto, none, layer, rms, l2/);
  assert.match(message({ norm: 'batch' }), /norm must be one of layer, rms, dyt, scale/);
  assert.match(message({ mixFraction: 1.5 }), /mixFraction must be a number in \[0, 1\]/);
  assert.match(message({ residualInit: 'small' }), /residualInit/);
});

test.run();
