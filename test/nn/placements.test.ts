/** @file What the placements' papers say of them: identities; and that they can be stored and replayed. */
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
  placements,
  type Sublayer,
} from '../../src/nn/index.js';
import { Adam, inverseSqrt } from '../../src/optim/index.js';
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
