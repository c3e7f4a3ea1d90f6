/** @file The named initialisations: their distributions, and that values are keyed by name. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type InitScheme,
  initializeModel,
  initSchemes,
  type ModelOptions,
  type NormPlacement,
  Transformer,
} from '../../src/nn/index.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { manualSeed, withRuntime } from '../../src/runtime/runtime.js';
import { bits, close, refusal, smallLM, smallPair } from '../support.js';

const test = suite('nn/init');
await init();

const D = 64;
const FF = 128;
const V = 500;
const model = (scheme: InitScheme, options: Partial<ModelOptions> = {}) =>
  new Transformer({
    vocabSize: V,
    dModel: D,
    dFF: FF,
    numHeads: 4,
    numLayers: 2,
    init: scheme,
    positions: 'learned',
    ...options,
  });

interface Expected {
  /** Standard deviation; uniform when `bound` is given. */
  std: number;
  bound?: number;
}
const uniform = (bound: number): Expected => ({ std: bound / Math.sqrt(3), bound });
const normal = (variance: number): Expected => ({ std: Math.sqrt(variance) });

const table: Record<InitScheme, Record<string, Expected>> = {
  paper: {
    'encoder.layers.0.linear1.weight': normal(2 / (D + FF)),
    'decoder.layers.1.linear2.weight': normal(2 / (D + FF)),
    'encoder.layers.1.self_attn.in_proj_weight': normal(1 / D),
    'decoder.layers.0.multihead_attn.out_proj.weight': normal(1 / D),
    'embedding.tokens.weight': normal(1 / D),
    'embedding.positions.weight': normal(1 / D),
  },
  fairseq: {
    'encoder.layers.0.linear1.weight': uniform(Math.sqrt(6 / (D + FF))),
    'decoder.layers.1.linear2.weight': uniform(Math.sqrt(6 / (D + FF))),
    // Three (d, d) matrices with gain 1/sqrt(2).
    'encoder.layers.1.self_attn.in_proj_weight': uniform(Math.sqrt(6 / (2 * D)) / Math.SQRT2),
    'decoder.layers.0.multihead_attn.out_proj.weight': uniform(Math.sqrt(6 / (2 * D))),
    'embedding.tokens.weight': normal(1 / D),
    'embedding.positions.weight': normal(1 / D),
  },
  torch: {
    'encoder.layers.0.linear1.weight': uniform(Math.sqrt(6 / (D + FF))),
    'encoder.layers.1.self_attn.in_proj_weight': uniform(Math.sqrt(6 / (4 * D))),
    'decoder.layers.0.multihead_attn.out_proj.weight': uniform(Math.sqrt(6 / (2 * D))),
    'embedding.tokens.weight': uniform(Math.sqrt(6 / (V + D))),
    'encoder.layers.0.linear1.bias': uniform(1 / Math.sqrt(D)),
    'decoder.layers.1.linear2.bias': uniform(1 / Math.sqrt(FF)),
  },
};

for (const scheme of initSchemes) {
  test(`${scheme}: mean, variance and range are as documented, within sampling error`, () => {
    const state = model(scheme, { seed: 1 }).stateDict();
    for (const [key, { std, bound }] of Object.entries(table[scheme])) {
      const values = [...state.get(key)!.data];
      const n = values.length;
      const mean = values.reduce((a, b) => a + b, 0) / n;
      const deviation = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / n);
      const largest = Math.max(...values.map(Math.abs));
      close(mean / std, 0, 4.5 / Math.sqrt(n), `${key}, mean`);
      close(deviation / std, 1, 4.5 / Math.sqrt(2 * n), `${key}, deviation`);
      if (bound)
        assert.ok(
          largest <= bound && largest > bound * (1 - 12 / n),
          `${key}: largest ${largest} of ${bound}`,
        );
      else
        assert.ok(largest > 2.5 * std && largest < 6 * std, `${key}: largest is ${largest / std} deviations`);
    }
  });

  test(`${scheme}: norms start as the identity, biases of attention at 0`, () => {
    for (const [key, { data }] of model(scheme, { normPlacement: 'peri', embeddingNorm: true }).stateDict()) {
      if (/norm\d?(_out)?\.weight$/.test(key))
        assert.ok(
          data.every((v) => v === 1),
          key,
        );
      else if (/norm\d?(_out)?\.bias$|in_proj_bias$|out_proj\.bias$/.test(key))
        assert.ok(
          data.every((v) => v === 0),
          key,
        );
      else if (/bias$/.test(key))
        assert.is(
          data.every((v) => v === 0),
          scheme !== 'torch',
          key,
        );
    }
  });
}

test('values are keyed by name: what two placements share is bit-equal, whatever else they have', () => {
  for (const init of initSchemes) {
    const states = (['post', 'pre', 'peri'] as NormPlacement[]).map((normPlacement) =>
      smallPair({ normPlacement, init, seed: 7 }).stateDict(),
    );
    const shared = [...states[0].keys()];
    assert.ok(shared.length > 40);
    for (const key of shared) {
      for (const state of states) assert.is(bits(state.get(key)!.data), bits(states[0].get(key)!.data), key);
    }
  }
});

test('a deeper model begins with the layers of the shallower one', () => {
  const [shallow, deep] = [smallLM({ numLayers: 1, seed: 3 }), smallLM({ numLayers: 3, seed: 3 })].map((m) =>
    m.stateDict(),
  );
  for (const [key, { data }] of shallow) assert.is(bits(data), bits(deep.get(key)!.data), key);
});

test('the seed decides, and nothing else: not the runtime, its seed or earlier models', async () => {
  const draw = (seed: number) =>
    smallPair({ seed })
      .parameters()
      .map((p) => bits(p.toArray()));
  const first = draw(5);
  manualSeed(99);
  smallLM();
  assert.equal(draw(5), first);
  const other = await createRuntime();
  assert.equal(
    withRuntime(other, () => draw(5)),
    first,
  );
  const different = draw(6);
  const weights = [...smallPair().namedParameters()].map(([, p]) => p.rank > 1);
  first.forEach((value, i) => {
    assert.is(value !== different[i], weights[i]);
  });
});

test('parameters of equal shape and different names differ', () => {
  const state = smallPair({ seed: 1 }).stateDict();
  const drawn = [...state]
    .filter(([, { shape }]) => shape.length === 2)
    .map(([, { data }]) => bits(data.slice(0, 16)));
  assert.is(new Set(drawn).size, drawn.length);
});

test('initializeModel draws anew and refuses unknown schemes', () => {
  const target = smallLM({ seed: 1, init: 'paper' });
  initializeModel(target, 'torch', 4);
  const fresh = smallLM({ seed: 4, init: 'torch' });
  assert.equal(
    target.parameters().map((p) => bits(p.toArray())),
    fresh.parameters().map((p) => bits(p.toArray())),
  );
  assert.is(refusal(() => initializeModel(target, 'he' as never, 0)).code, 'CONFIG');
});

test.run();
