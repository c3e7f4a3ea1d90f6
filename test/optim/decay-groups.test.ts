/** @file Weight decay for the matrices of linear layers only. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Parameter } from '../../src/autograd/index.js';
import { CausalLM, MaskedLM, type Module, Transformer, VisionTransformer } from '../../src/nn/index.js';
import { Adam, AdamW, decayGroups, SGD } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { refusal, SMALL, smallLM } from '../support.js';

const test = suite('optim/decay-groups');
await init();

const sizes = { dModel: 8, numHeads: 2, numLayers: 1 } as const;
const small = { ...sizes, vocabSize: 11, maxSeqLen: 6 } as const;
const odd = { positions: 'learned', normPlacement: 'normformer', qkNorm: 'l2', embeddingNorm: true } as const;
const models: [string, () => Module][] = [
  ['tied', () => new CausalLM({ ...small, ...odd })],
  ['untied', () => new CausalLM({ ...small, ...odd, tiedEmbeddings: false })],
  ['encoder-decoder', () => new Transformer({ ...small, normPlacement: 'rezero', norm: 'rms' })],
  ['masked', () => new MaskedLM({ ...small, numSegments: 2, nextSentence: true })],
  ['vision', () => new VisionTransformer({ ...sizes, imageSize: 4, patchSize: 2, numClasses: 3 })],
];

for (const [name, make] of models) {
  test(`${name}: the matrices of linear layers decay, and norms, biases, embeddings, positions and factors do not`, () => {
    const model = make();
    const [decayed, spared] = decayGroups(model.parameters(), 0.1);
    assert.equal([decayed.weightDecay, spared.weightDecay], [0.1, 0]);
    const paths = ({ params }: { params: Iterable<Parameter> }) => [...params].map(({ path }) => path);
    assert.is(paths(decayed).length + paths(spared).length, model.parameters().length);
    // By name, which the code does not look at: what a linear layer calls its matrix.
    const expected = [...model.namedParameters()].flatMap(([path, { rank }]) => {
      const isLinear =
        /(linear\d|out_proj|in_proj_weight|patches|pooler|classifier|head|dense|output|transform|next)/;
      return rank === 2 && isLinear.test(path) && !/embedding|tokens|segments/.test(path) ? [path] : [];
    });
    assert.equal(paths(decayed), expected);
    assert.ok(expected.length > 3 && [...decayed.params].every(({ rank }) => rank === 2));
    const tables = paths(spared).filter((path) => /embedding|tokens|position|token/.test(path));
    assert.ok(tables.length > 0, paths(spared).join());
  });
}

test('what decays shrinks, what is spared keeps its bits, and all of it as with groups by hand', () => {
  const run = (wrap: (m: CausalLM) => ConstructorParameters<typeof AdamW>[0]) => {
    const model = smallLM();
    const before = model.stateDict();
    const optimizer = new AdamW(wrap(model), { lr: 0.5 });
    optimizer.zeroGrad();
    // Without gradients decay is all there is.
    for (const p of model.parameters()) assert.ok(p.grad!.toArray().every((g) => g === 0));
    optimizer.step();
    return { before, after: model.stateDict(), model };
  };
  const { before, after, model } = run((m) => decayGroups(m.parameters(), 0.1));
  const roles = new Map([...model.namedParameters()].map(([path, { role }]) => [path, role]));
  for (const [path, { data }] of after) {
    const old = before.get(path)!.data;
    const isDecayed = ['weight', 'inProj'].includes(roles.get(path) as string);
    const factor = isDecayed ? 0.95 : 1;
    data.forEach((value, i) => {
      assert.ok(isDecayed ? Math.abs(value - factor * old[i]) < 1e-6 : value === old[i], path);
    });
  }
  const all = run((m) => [...m.parameters()]);
  assert.not.equal([...all.after.values()][0].data, [...all.before.values()][0].data);
});

test('groups keep their rate; one with a decay of its own stays whole', () => {
  const model = smallLM();
  const [first, ...rest] = [...model.parameters()];
  const ffn = rest.filter(({ path }) => path.includes('linear'));
  const others = rest.filter((p) => !ffn.includes(p));
  const own = { params: others, weightDecay: 0.3 };
  const groups = decayGroups([{ params: ffn, lr: 0.5 }, own, { params: [first] }], 0.1);
  assert.equal(
    groups.map(({ lr, weightDecay }) => [lr, weightDecay]),
    [
      [0.5, 0.1],
      [0.5, 0],
      [undefined, 0.3],
      [undefined, 0],
    ],
  );
  assert.is(groups[2], own);
  const { groups: made } = new AdamW(groups, { lr: 1 });
  assert.equal(
    made.map(({ lr, weightDecay }) => [lr, weightDecay]),
    [
      [0.5, 0.1],
      [0.5, 0],
      [1, 0.3],
      [1, 0],
    ],
  );
  assert.is(
    made.reduce((n, { params }) => n + params.length, 0),
    model.parameters().length,
  );
});

test('frozen parameters stay out, and a checkpoint goes on with the same groups', () => {
  const make = () => {
    const model = smallLM();
    model.setTrainable((path) => !path.includes('linear1'));
    return new Adam(decayGroups(model.parameters(), 0.1), { lr: 0.1 });
  };
  const optimizer = make();
  assert.ok(optimizer.groups.every(({ params }) => params.every(({ path }) => !path.includes('linear1'))));
  optimizer.lr = 0.05;
  const again = make();
  again.loadStateDict(optimizer.stateDict());
  assert.equal(
    again.groups.map(({ lr, weightDecay }) => [lr, weightDecay]),
    [
      [0.05, 0.1],
      [0.05, 0],
    ],
  );
});

test('where nothing would decay it is refused', () => {
  const model = smallLM();
  for (const weightDecay of [0, -1, Number.NaN, '0.1' as never])
    assert.match(refusal(() => decayGroups(model.parameters(), weightDecay)).message, 'weightDecay must be');
  const norms = model.parameters().filter(({ path }) => path.includes('norm'));
  const nothing = /decayGroups: there is no trainable matrix of a linear layer/;
  assert.match(refusal(() => decayGroups(norms, 0.1)).message, nothing);
  assert.match(refusal(() => decayGroups([], 0.1)).message, nothing);
  const whole = [{ params: model.parameters(), weightDecay: 0.2 }];
  assert.match(refusal(() => decayGroups(whole, 0.1)).message, nothing);
  model.setTrainable((path) => path.includes('norm'));
  assert.match(refusal(() => decayGroups(model.parameters(), 0.1)).message, nothing);
  assert.throws(
    () => new SGD(decayGroups([new Parameter([2, 2], 'other')], 0.1), { lr: SMALL.dModel }),
    nothing,
  );
});

test.run();
