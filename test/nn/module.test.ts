/** @file Names, state dicts, freezing: what every module can do. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward, linear, noGrad, Parameter, tensor, type Variable } from '../../src/autograd/index.js';
import {
  CausalLM,
  FeedForward,
  LayerNorm,
  Linear,
  Module,
  MultiHeadAttention,
  type NormPlacement,
  normPlacements,
  RMSNorm,
} from '../../src/nn/index.js';
import { snakeCase } from '../../src/nn/module.js';
import { Adam } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { bits, pairBatch, refusal, SMALL, smallLM, smallPair } from '../support.js';

const test = suite('nn/module');
await init();

const batch = pairBatch([
  [
    [3, 4, 5, 2],
    [6, 7, 2],
  ],
  [
    [8, 2],
    [9, 10, 11, 2],
  ],
]);
const logits = (model: ReturnType<typeof smallPair>) => bits(noGrad(() => model.forward(batch)).toArray());
const keys = (model: Module) => [...model.stateDict().keys()];
const everything = (model: Module) => model.parameters().map((p) => bits(p.toArray()));

test("keys are PyTorch's names", () => {
  const layer = (i: number) =>
    [
      'self_attn.in_proj_weight',
      'self_attn.in_proj_bias',
      'self_attn.out_proj.weight',
      'self_attn.out_proj.bias',
      'linear1.weight',
      'linear1.bias',
      'linear2.weight',
      'linear2.bias',
      'norm1.weight',
      'norm1.bias',
      'norm2.weight',
      'norm2.bias',
    ].map((name) => `encoder.layers.${i}.${name}`);
  assert.equal(keys(smallLM({ normPlacement: 'post' })), [
    'embedding.tokens.weight',
    ...layer(0),
    ...layer(1),
  ]);
  const decoder = keys(smallPair()).filter((key) => key.startsWith('decoder.layers.1.'));
  for (const part of ['multihead_attn.in_proj_weight', 'multihead_attn.out_proj.bias', 'norm3.weight']) {
    assert.ok(decoder.includes(`decoder.layers.1.${part}`), part);
  }
  const peri = keys(smallLM({ normPlacement: 'peri' }));
  assert.ok(
    peri.includes('encoder.layers.0.norm1_out.weight') && peri.includes('encoder.layers.1.norm2_out.bias'),
  );
  assert.is(snakeCase('inProjWeight'), 'in_proj_weight');
});

test('weights are (out, in) and the packed projection is (3d, d)', () => {
  const state = smallPair().stateDict();
  const shape = (key: string) => [...state.get(key)!.shape];
  const { dModel: d, dFF, vocabSize } = SMALL;
  assert.equal(shape('encoder.layers.0.linear1.weight'), [dFF, d]);
  assert.equal(shape('encoder.layers.0.linear2.weight'), [d, dFF]);
  assert.equal(shape('decoder.layers.0.multihead_attn.in_proj_weight'), [3 * d, d]);
  assert.equal(shape('embedding.tokens.weight'), [vocabSize, d]);
});

for (const normPlacement of normPlacements as NormPlacement[]) {
  test(`${normPlacement}: a state dict makes another model give the same bits`, () => {
    for (const extra of [
      {},
      { norm: 'rms', positions: 'learned', tiedEmbeddings: false, embeddingNorm: true },
    ] as const) {
      const from = smallPair({ normPlacement, ...extra, seed: 1 });
      const to = smallPair({ normPlacement, ...extra, seed: 2 });
      assert.is.not(logits(to), logits(from));
      to.loadStateDict(from.stateDict());
      assert.is(logits(to), logits(from));
      assert.equal(everything(to), everything(from));
    }
  });
}

test('a state dict is a copy', () => {
  const model = smallLM();
  const state = model.stateDict();
  state.get('embedding.tokens.weight')!.data.fill(7);
  assert.ok(model.embedding.tokens.weight.toArray().every((v) => v !== 7));
});

test('tied embeddings are one parameter, counted and named once', () => {
  const [tied, apart] = [smallLM({ tiedEmbeddings: true }), smallLM({ tiedEmbeddings: false })];
  assert.not(keys(tied).includes('output.linear.weight'));
  assert.ok(keys(apart).includes('output.linear.weight'));
  assert.is(apart.numParameters() - tied.numParameters(), SMALL.vocabSize * SMALL.dModel);
  const shared = new (class extends Module {
    readonly first = new Linear(2, 2);
    readonly second = this.first;
  })();
  assert.equal(keys(shared), ['first.weight', 'first.bias']);
});

test('the gradient of tied embeddings is the sum of both uses', () => {
  const batchLM = { ids: Int32Array.of(1, 2), targets: Int32Array.of(2, 3), batchSize: 1, seqLen: 2 };
  const tied = smallLM({ tiedEmbeddings: true });
  const apart = smallLM({ tiedEmbeddings: false });
  const state = new Map(tied.stateDict());
  state.set('output.linear.weight', state.get('embedding.tokens.weight')!);
  apart.loadStateDict(state);
  backward(tied.loss(batchLM).loss);
  backward(apart.loss(batchLM).loss);
  const [both, input, output] = [
    tied.embedding.tokens.weight,
    apart.embedding.tokens.weight,
    apart.output.linear!.weight,
  ].map((p) => p.grad!.toArray());
  both.forEach((g, i) => {
    assert.ok(Math.abs(g - input[i] - output[i]) < 1e-5, `element ${i}`);
  });
});

test('loading with keys missing or too many lists them and writes nothing', () => {
  const model = smallLM();
  const before = everything(model);
  const state = new Map(smallLM({ seed: 9 }).stateDict());
  const entry = state.get('encoder.layers.0.norm1.weight')!;
  state.delete('encoder.layers.0.norm1.weight');
  state.delete('encoder.norm.bias');
  state.set('encoder.extra', entry);
  const error = refusal(() => model.loadStateDict(state, { path: 'weights.safetensors' }));
  assert.equal([error.name, error.code, error.path], ['FormatError', 'FORMAT', 'weights.safetensors']);
  assert.match(
    error.message,
    'missing encoder.layers.0.norm1.weight, encoder.norm.bias; unexpected encoder.extra',
  );
  assert.ok((error.expected as string[]).includes('encoder.norm.bias'));
  assert.equal(everything(model), before);
  const many = refusal(() => model.loadStateDict(new Map()));
  assert.match(many.message, /and \d+ more/);
});

test('a tensor of another shape or too few values is refused by name and nothing is written', () => {
  const model = smallLM();
  const before = everything(model);
  const last = keys(model)[keys(model).length - 1];
  const wrong = [
    { shape: [3], data: new Float32Array(3), says: `${last} must have shape [${SMALL.dModel}], got [3]` },
    {
      shape: [SMALL.dModel],
      data: new Float32Array(3),
      says: `${last} must have ${SMALL.dModel} values, got 3`,
    },
  ];
  for (const { says, ...entry } of wrong) {
    const state = new Map(smallLM({ seed: 9 }).stateDict());
    if (says.includes('shape')) entry.data = new Float32Array(SMALL.dModel);
    state.set(last, entry);
    const error = refusal(() => model.loadStateDict(state));
    assert.is(error.code, 'FORMAT');
    assert.match(error.message, says);
    assert.equal(everything(model), before);
  }
});

test('strict: false loads what fits by name, from tensors too', () => {
  const model = smallLM();
  const before = new Map(model.stateDict());
  const bias = new Float32Array(SMALL.dModel).fill(5);
  model.loadStateDict(new Map([['encoder.norm.bias', tensor(bias)]]), { strict: false });
  for (const [key, { data }] of model.stateDict()) {
    assert.is(bits(data), bits(key === 'encoder.norm.bias' ? bias : before.get(key)!.data), key);
  }
});

test('frozen parameters get no gradient and no optimizer state, and do not move', () => {
  const model = smallPair().setTrainable((path) => path.startsWith('decoder.') && !path.includes('norm'));
  const trainable = [...model.namedParameters()].filter(([path]) => /^decoder\.(?!.*norm)/.test(path));
  assert.is(
    model.numParameters({ trainable: true }),
    trainable.reduce((n, [, p]) => n + p.size, 0),
  );
  const optimizer = new Adam(model.parameters(), { lr: 0.1 });
  assert.equal(
    optimizer.groups.flatMap((group) => group.params).map((p) => p.path),
    trainable.map(([path]) => path),
  );
  const before = new Map(model.stateDict());
  backward(model.loss(batch).loss);
  optimizer.step();
  for (const [path, parameter] of model.namedParameters()) {
    const moved = bits(parameter.toArray()) !== bits(before.get(path)!.data);
    assert.is(moved, parameter.requiresGrad, path);
    if (!parameter.requiresGrad) assert.is(parameter.grad, null, path);
  }
  model.setTrainable(() => true);
  assert.is(model.numParameters({ trainable: true }), model.numParameters());
});

test('freezing below the decoder changes no bit of the gradients above', () => {
  const gradients = (freeze: boolean) => {
    const model = smallPair();
    if (freeze) model.setTrainable((path) => path.startsWith('decoder.'));
    backward(model.loss(batch).loss);
    return [...model.namedParameters()]
      .filter(([path]) => path.startsWith('decoder.'))
      .map(([, p]) => bits(p.grad!.toArray()));
  };
  assert.equal(gradients(true), gradients(false));
});

test("a user's module finds its own parameters, children and arrays of children", () => {
  class Gate extends Module {
    readonly scaleFactor = new Parameter([1], 'other');
    readonly inner = [new Linear(2, 3), new LayerNorm(3)];
    readonly note = 'not a parameter';
    forward(x: Variable): Variable {
      return linear(x, (this.inner[0] as Linear).weight, null);
    }
  }
  const gate = new Gate();
  assert.equal(keys(gate), [
    'scale_factor',
    'inner.0.weight',
    'inner.0.bias',
    'inner.1.weight',
    'inner.1.bias',
  ]);
  gate.assignPaths();
  assert.is((gate.inner[1] as LayerNorm).bias?.path, 'inner.1.bias');
  gate.eval();
  assert.equal([gate.training, gate.inner[1].training], [false, false]);
  gate.train();
  assert.is(gate.inner[0].training, true);
});

test('zeroGrad clears every gradient', () => {
  const model = smallLM();
  backward(
    model.loss({ ids: Int32Array.of(1, 2), targets: Int32Array.of(2, 3), batchSize: 1, seqLen: 2 }).loss,
  );
  assert.ok(model.parameters().some((p) => p.grad!.toArray().some((v) => v !== 0)));
  model.zeroGrad();
  assert.ok(model.parameters().every((p) => p.grad!.toArray().every((v) => v === 0)));
});

test('layers refuse sizes that make no sense', () => {
  for (const make of [
    () => new Linear(0, 2),
    () => new Linear(2, 1.5),
    () => new LayerNorm(-1),
    () => new RMSNorm(Number.NaN),
    () => new MultiHeadAttention(10, 3),
    () => new MultiHeadAttention(8, 0),
    () => new FeedForward(4, 0),
  ]) {
    assert.is(refusal(make).code, 'CONFIG');
  }
});

test('a loss needs targets', () => {
  const error = refusal(() => smallLM().loss({ ids: Int32Array.of(1), batchSize: 1, seqLen: 1 }));
  assert.equal([error.code, error.op], ['SHAPE', 'CausalLM.loss']);
  assert.instance(smallLM(), CausalLM);
});

test.run();
