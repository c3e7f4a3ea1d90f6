import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError } from '../../src/errors.js';
import { CausalLM, type Module } from '../../src/nn/index.js';
import {
  buildModel,
  buildOptimizer,
  completeModel,
  type Recipe,
  type Selection,
  seedsOf,
  type TrainingRecipe,
} from '../../src/recipe/index.js';
import { select } from '../../src/recipe/selection.js';
import { init } from '../../src/runtime/init.js';
import { Trainer } from '../../src/train/index.js';
import { asyncRefusal, refusal } from '../support.js';
import { finish, prepare } from './prepared.js';
import { recipes } from './recipes.js';

const test = suite('recipe: building');
test.before(async () => {
  await init();
});

const small = () =>
  new CausalLM({ vocabSize: 11, dModel: 8, numHeads: 2, numLayers: 2, normPlacement: 'pre' });
const paths = (model: Module) => [...model.namedParameters()].map(([path]) => path);

test('selections: words, patterns, lists, and what is taken away', () => {
  const model = small();
  const all = paths(model);
  const chosen = (selection: Selection) => [...select(model, selection, 'test')].sort();
  const where = (test_: (path: string) => boolean) => all.filter(test_).sort();
  const isNorm = (path: string) => /norm\d?\.|Norm\./.test(path);
  const norms = where(isNorm);
  assert.ok(norms.length > 4 && norms.length < all.length);
  assert.equal(chosen('all'), [...all].sort());
  assert.equal(chosen('norms'), norms);
  assert.equal(
    chosen('biases'),
    where((path) => path.endsWith('bias')),
  );
  assert.equal(
    chosen('*.layers.0.*'),
    where((path) => path.includes('.layers.0.')),
  );
  assert.equal(chosen('*bias'), chosen('biases'));
  assert.equal(chosen('bias'), chosen('biases'));
  assert.equal(
    chosen('/layers\\.1\\.(?!norm)/'),
    where((path) => path.includes('.layers.1.') && !path.includes('.layers.1.norm')),
  );
  assert.equal(chosen('head'), ['embedding.tokens.weight'], 'tied');
  assert.equal(chosen(all[3]), [all[3]]);
  assert.equal(chosen(['norms', all[0]]), [...new Set([...norms, all[0]])].sort());
  assert.equal(
    chosen(['all', '!norms']),
    where((path) => !norms.includes(path)),
  );
  assert.equal(
    chosen('!norms'),
    where((path) => !norms.includes(path)),
  );
  assert.equal(
    chosen(['!norms', all.find(isNorm) as string]),
    where((path) => !norms.includes(path) || path === all.find(isNorm)),
  );
  assert.equal(chosen(['all', '!all', 'biases']), chosen('biases'));
  // A dot is a dot.
  assert.match(refusal(() => chosen(all[0].replace('.', 'x'))).message, /matches no parameter of the model/);
  const none = refusal(() => chosen(['all', '!head.*']));
  assert.instance(none, ConfigError);
  assert.match(
    none.message,
    /"!head\.\*" matches no parameter .*its parameters are .*use all, norms, bias, head, a pattern/,
  );
});

const base: TrainingRecipe = { optimizer: { kind: 'adamw', lr: 0.1, weightDecay: 0.5 }, steps: 1 };

test('groups: a parameter belongs to the first that matches, the rest to the optimizer itself', () => {
  const model = small();
  const { groups } = buildOptimizer(
    {
      ...base,
      optimizer: {
        ...base.optimizer,
        groups: [
          { match: 'norms', lr: 0.2, weightDecay: 0 },
          { match: 'biases', weightDecay: 0.1 },
        ],
      },
    },
    model,
  );
  assert.equal(
    groups.map(({ lr, weightDecay }) => [lr, weightDecay]),
    [
      [0.2, 0],
      [0.1, 0.1],
      [0.1, 0.5],
    ],
  );
  const norms = select(model, 'norms', 'test');
  const named = new Map([...model.namedParameters()].map(([path, parameter]) => [parameter, path]));
  const [a, b, rest] = groups.map(({ params }) => params.map((p) => named.get(p) as string));
  assert.equal(new Set(a), norms);
  assert.ok(b.length > 0 && b.every((path) => path.endsWith('bias') && !norms.has(path)));
  assert.is(a.length + b.length + rest.length, named.size);
});

test('groups: one that is left nothing is refused, with what to do', () => {
  const build = (recipe: Partial<TrainingRecipe>) =>
    refusal(() => buildOptimizer({ ...base, ...recipe } as TrainingRecipe, small()));
  const groups = [{ match: 'all' }, { match: 'norms', lr: 1 }];
  const taken = build({ optimizer: { ...base.optimizer, groups } as never });
  assert.match(
    taken.message,
    /optimizer\.groups\[1\]: the group is empty: .*put the group that matches less before/,
  );
  const frozen = build({
    trainable: 'norms',
    optimizer: { kind: 'adam', lr: 1, groups: [{ match: ['all', '!norms'] }] },
  });
  assert.match(frozen.message, /optimizer\.groups\[0\]: the group is empty: what it matches is frozen/);
  const unknown = build({ optimizer: { kind: 'adam', lr: 1, groups: [{ match: 'nrms' }] } });
  assert.match(unknown.message, /optimizer\.groups\[0\]: "nrms" matches no parameter/);
  const option = build({ optimizer: { kind: 'sgd', lr: 1, eps: 1 } as never });
  assert.match(option.message, /SGD: unknown key "eps"/);
});

test("decay 'matrices' spares the rest, within groups too, and resumes", async () => {
  const model = small();
  const optimizer = {
    ...base.optimizer,
    decay: 'matrices',
    groups: [
      { match: '*linear1*', lr: 0.2 },
      { match: 'norms', weightDecay: 0.1 },
    ],
  } as const;
  const { groups } = buildOptimizer({ ...base, optimizer, trainable: ['all', '!*self_attn*'] }, model);
  const named = new Map([...model.namedParameters()].map(([path, parameter]) => [parameter, path]));
  const found = groups.map(({ lr, weightDecay, params }) => ({
    ...{ lr, weightDecay },
    paths: params.map((p) => named.get(p) as string),
  }));
  assert.equal(
    found.map(({ lr, weightDecay }) => [lr, weightDecay]),
    [
      [0.2, 0.5],
      [0.2, 0],
      [0.1, 0.1],
      [0.1, 0.5],
      [0.1, 0],
    ],
  );
  assert.ok(found[0].paths.every((path) => path.endsWith('linear1.weight')));
  assert.ok(found[1].paths.every((path) => path.endsWith('linear1.bias')));
  assert.ok(found[3].paths.length > 0 && found[3].paths.every((path) => path.endsWith('.weight')));
  assert.ok(found[4].paths.some((path) => path.includes('embedding')));
  const nothing = refusal(() => buildOptimizer({ ...base, optimizer, trainable: 'norms' }, small()));
  assert.match(nothing.message, /matches no parameter|is empty|nothing would decay/);
  const alone = { ...base.optimizer, decay: 'matrices' } as const;
  assert.match(
    refusal(() => buildOptimizer({ ...base, optimizer: alone, trainable: 'norms' }, small())).message,
    /no trainable matrix of a linear layer, so nothing would decay/,
  );

  const run = async (decay: 'all' | 'matrices', steps = 4) => {
    const adamw = { kind: 'adamw', weightDecay: 0.5, decay } as const;
    return new Trainer((await prepare(recipes.text, { optimizer: adamw, steps })).options);
  };
  const finish = (trainer: Trainer<never>) => {
    while (trainer.step < 4) trainer.trainStep();
    return trainer.hash();
  };
  const whole = finish((await run('matrices')) as never);
  const donor = await run('matrices');
  for (let i = 0; i < 2; i++) donor.trainStep();
  const resumed = await run('matrices');
  resumed.restore(donor.save());
  assert.is(finish(resumed as never), whole);
  const all = await run('all');
  assert.match(refusal(() => all.restore(donor.save())).message, /decay/);
  assert.is.not(finish(all as never), whole);
});

test('muon from a recipe: hidden matrices are its own, the rest AdamW’s, and a resumed run is the whole one', async () => {
  const optimizer = { kind: 'muon', adamLr: 0.003, groups: [{ match: '*linear1*', muon: false }] } as const;
  const model = small();
  const { groups } = buildOptimizer({ ...base, optimizer: { ...optimizer, lr: 0.1 } }, model);
  const paths = (g: number) => groups[g].params.map(({ path }) => path);
  assert.ok(paths(0).length > 0 && paths(0).every((path) => /layers\.\d+\..*(linear2|attn)/.test(path)));
  assert.ok(paths(1).length > 0 && paths(1).every((path) => path.includes('linear1')));
  assert.equal(
    groups.map(({ lr }) => lr),
    [0.1, 0.003, 0.003],
  );
  const error = refusal(() =>
    buildOptimizer({ ...base, optimizer: { kind: 'muon', lr: 1 }, trainable: 'norms' }, small()),
  );
  assert.match(error.message, /no trainable matrix of a hidden layer/);
  const wrong = { kind: 'muon', lr: 1, groups: [{ match: 'norms', muon: true }] } as const;
  assert.match(
    refusal(() => buildOptimizer({ ...base, optimizer: wrong }, small())).message,
    /is no matrix of a hidden layer, and Muon updates no other/,
  );
  const schedule = { kind: 'wsd', maxLr: 0.01, warmupSteps: 1, totalSteps: 5, decaySteps: 2 } as const;
  const run = async () =>
    new Trainer((await prepare(recipes.text, { optimizer: { kind: 'muon' }, schedule, steps: 4 })).options);
  const [whole, donor, resumed] = [await run(), await run(), await run()];
  while (whole.step < 4) whole.trainStep();
  for (let i = 0; i < 2; i++) donor.trainStep();
  resumed.restore(donor.save());
  while (resumed.step < 4) resumed.trainStep();
  assert.is(resumed.hash(), whole.hash());
});

test('groups keep their ratio to the schedule', async () => {
  const optimizer = { kind: 'sgd', groups: [{ match: 'biases', lr: 0.03 }] } as const;
  const schedule = { kind: 'linearDecay', maxLr: 0.01, warmupSteps: 2, totalSteps: 4 } as const;
  const { options } = await prepare(recipes.text, { optimizer, schedule, steps: 3 });
  assert.equal(
    options.optimizer.groups.map(({ lr }) => lr),
    [0.03, 0.01],
  );
  const trainer = new Trainer(options);
  for (const factor of [0.5, 1, 0.5]) {
    trainer.trainStep();
    const [biases, rest] = options.optimizer.groups.map(({ lr }) => lr);
    assert.ok(Math.abs(rest - 0.01 * factor) < 1e-9, String(rest));
    assert.ok(Math.abs(biases / rest - 3) < 1e-6, String(biases / rest));
  }
});

test('trainable freezes the rest: it keeps its bits, and has no gradient', async () => {
  const { model, options } = await prepare(recipes.text, { trainable: ['norms', 'biases'], steps: 2 });
  const before = new Map([...model.stateDict()].map(([path, { data }]) => [path, data.slice()]));
  const chosen = select(model, ['norms', 'biases'], 'test');
  const trainer = new Trainer(options);
  for await (const _ of trainer.run());
  for (const [path, { data }] of model.stateDict()) {
    const same = data.every((value, i) => value === before.get(path)?.[i]);
    assert.is(same, !chosen.has(path), path);
  }
});

test('seeds: one for all, or one each', async () => {
  assert.equal(seedsOf({}), { model: 0, data: 0, dropout: 0 });
  assert.equal(seedsOf({ seed: 4 }), { model: 4, data: 4, dropout: 4 });
  assert.equal(seedsOf({ seed: 4, seeds: { data: 7, dropout: undefined } }), {
    model: 4,
    data: 7,
    dropout: 4,
  });
  const { seed: _, ...unseeded } = recipes.text;
  const all = { model: 3, data: 3, dropout: 3 };
  const hash = async (recipe: Partial<Recipe>) => finish(await prepare(unseeded as Recipe, recipe));
  const first = await hash({ seed: 3 });
  assert.is(await hash({ seeds: all }), first);
  assert.is(await hash({ seed: 9, seeds: all }), first);
  const hashes = [first, await hash({ seed: 4 })];
  for (const key of ['model', 'data', 'dropout']) hashes.push(await hash({ seed: 3, seeds: { [key]: 4 } }));
  assert.is(new Set(hashes).size, hashes.length);
});

test('sizes: left out they are the data’s; the recipe may repeat them or leave room, no less', async () => {
  const shape = { dModel: 8, numHeads: 2, numLayers: 1 } as const;
  const sizes = { vocabSize: 20, maxSeqLen: 8, numClasses: 3, imageSize: 4, channels: 1 };
  const complete = (model: object) =>
    completeModel(model as Recipe['model'], sizes) as Record<string, unknown>;
  const classifier = { kind: 'textClassifier', ...shape };
  assert.equal(complete(classifier), { ...classifier, vocabSize: 20, maxSeqLen: 8, numClasses: 3 });
  const transformer = { kind: 'transformer', ...shape };
  assert.equal(complete(transformer), { ...transformer, vocabSize: 20, maxSeqLen: 8 });
  // A line that is too long for what the recipe says is refused where it stands.
  assert.is(complete({ ...transformer, maxSeqLen: 7 }).maxSeqLen, 7);
  const vision = { kind: 'visionTransformer', ...shape, patchSize: 2 };
  assert.equal(complete(vision), { ...vision, imageSize: 4, channels: 1, numClasses: 3 });
  assert.is(complete({ ...classifier, vocabSize: 21, maxSeqLen: 9, numClasses: 4 }).vocabSize, 21);
  for (const [model, pattern] of [
    [
      { ...classifier, vocabSize: 19 },
      /model: vocabSize is 19, the data has 20 \(leave vocabSize out, or raise it/,
    ],
    [{ ...classifier, maxSeqLen: 7 }, /model: maxSeqLen is 7, the data has 8/],
    [{ ...classifier, numClasses: 2 }, /model: numClasses is 2, the data has 3/],
    [{ ...vision, imageSize: 8 }, /model: imageSize is 8, the data has 4/],
    [{ ...vision, imageSize: 2 }, /model: imageSize is 2, the data has 4/],
    [{ ...vision, channels: 3 }, /model: channels is 3, the data has 1/],
    [{ ...classifier, vocabSize: '20' }, /vocabSize must be/],
    [{ ...classifier, vocabSize: null }, /vocabSize/],
  ] as const) {
    const error = refusal(() => buildModel(complete(model) as never, 0));
    assert.instance(error, ConfigError);
    assert.match(error.message, pattern);
  }
  const { model: _, ...rest } = recipes.tokens;
  const unknown = await asyncRefusal(prepare({ ...rest, model: { kind: 'causalLM', ...shape } }));
  assert.match(unknown.message, /model: vocabSize is missing, and the data does not know it/);
  const { recipe } = await prepare(recipes.labelledPairs);
  const { vocabSize, maxSeqLen, numClasses } = recipe.model as Record<string, unknown>;
  assert.equal([vocabSize, maxSeqLen, numClasses], [280, 24, 2]);
});

test.run();
