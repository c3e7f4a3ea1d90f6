/** @file Optimizers: groups, clipping, weight decay, state. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward, type Parameter, tensor } from '../../src/autograd/index.js';
import { ConfigError } from '../../src/errors.js';
import { Adam, AdamW, clipGradNorm, type Optimizer, RAdam, SGD } from '../../src/optim/index.js';
import { integerPower } from '../../src/optim/optimizer.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { currentRuntime, withRuntime } from '../../src/runtime/runtime.js';
import { bits, close, norm, refusal, smallLM } from '../support.js';

import { GRADS, giveGradient, LR, options, parameter, START } from './setup.js';

const test = suite('optim/optimizer');
await init();

test('groups have their own rate and decay, and a schedule scales them alike', () => {
  const [a, b] = [parameter([1]), parameter([1])];
  const optimizer = new SGD([{ params: [a] }, { params: [b], lr: 0.01, weightDecay: 1 }], { lr: 0.1 });
  const step = () => {
    optimizer.zeroGrad();
    giveGradient(a, [1]);
    giveGradient(b, [1]);
    optimizer.step();
  };
  step();
  close(a.item(), 0.9, 1e-7);
  close(b.item(), 1 - 0.01 * 2, 1e-7);
  optimizer.lr = 0.2;
  assert.equal(
    optimizer.groups.map((group) => group.lr),
    [0.2, 0.02],
  );
  step();
  close(a.item(), 0.7, 1e-7);
});

test('the common rate is what was set, also behind a group that stands still', () => {
  const [a, b] = [parameter([1]), parameter([1])];
  const optimizer = new SGD([{ params: [a], lr: 0 }, { params: [b] }], { lr: 0.3 });
  assert.is(optimizer.lr, 0.3);
  optimizer.lr = 0.7;
  assert.is(optimizer.lr, 0.7);
  giveGradient(a, [1]);
  giveGradient(b, [1]);
  optimizer.step();
  assert.is(a.item(), 1);
  close(b.item(), 0.3, 1e-7);
});

test('a parameter given twice, or something else, is refused with its place', () => {
  const [p, q] = [parameter([1]), parameter([2])];
  p.path = 'head.weight';
  for (const [params, pattern] of [
    [[p, q, p], /head\.weight is given twice: as number 0 and number 2/],
    [[{ params: [q, p, p] }], /head\.weight is given twice: as number 1 and number 2/],
    [
      [{ params: [p] }, { params: [q, p] }],
      /head\.weight is given twice: as number 0 of group 0 and number 1 of group 1/,
    ],
    [[{ params: [q] }, { params: [q] }], /the parameter without a path is given twice/],
    [[p, null], /number 1 is no parameter/],
    [[p, { params: [q] }], /number 1 is no parameter/],
    [[{ params: [tensor([1])] }], /number 0 is no parameter/],
  ] as const) {
    const error = refusal(() => new SGD(params as never, { lr: 0.1 }));
    assert.instance(error, ConfigError);
    assert.match(error.message, pattern);
  }
  // A frozen one that is given twice is a mistake as well.
  p.requiresGrad = false;
  assert.match(refusal(() => new SGD([p, q, p], { lr: 0.1 })).message, 'given twice');
});

test('clipping scales the joint gradient of the next step and returns the norm before', () => {
  const [a, b] = [parameter([1, 1]), parameter([1, 1, 1])];
  const optimizer = new SGD([a, b], { lr: 1 });
  const grads = [
    [3, -4],
    [12, 0, 84],
  ];
  const total = norm(grads.flat());
  const round = (maxNorm: number | null) => {
    a.set([1, 1]);
    b.set([1, 1, 1]);
    optimizer.zeroGrad();
    giveGradient(a, grads[0]);
    giveGradient(b, grads[1]);
    assert.is(optimizer.gradNorm(), total);
    if (maxNorm !== null) assert.is(clipGradNorm(optimizer, maxNorm), total);
    assert.equal([...a.grad!.toArray()], grads[0]);
    optimizer.step();
    return [...a.toArray(), ...b.toArray()];
  };
  const by = (scale: number) => grads.flat().map((g) => 1 - scale * g);
  round(5).forEach((v, i) => {
    close(v, by(5 / total)[i], 1e-5);
  });
  round(null).forEach((v, i) => {
    assert.is(v, by(1)[i], 'clipping lasts for one step');
  });
  assert.equal(round(1000), by(1));
  for (const maxNorm of [0, -1, Number.NaN]) {
    assert.is(refusal(() => optimizer.clipGradNorm(maxNorm)).op, 'clipGradNorm');
  }
});

test('a saved state continues to the same bits, and the optimizer it was taken from is not touched', () => {
  const makers: ((p: Parameter) => Optimizer)[] = [
    (p) => new Adam([p], options),
    (p) => new AdamW([p], options),
    (p) => new RAdam([p], options),
    (p) => new SGD([p], { lr: LR, momentum: 0.9 }),
  ];
  for (const make of makers) {
    const run = (interrupt: boolean) => {
      let p = parameter();
      let optimizer = make(p);
      GRADS.forEach((grad, t) => {
        if (interrupt && t === 3) {
          const state = JSON.parse(
            JSON.stringify(optimizer.stateDict(), (_, v) =>
              ArrayBuffer.isView(v) ? Array.from(v as never) : v,
            ),
          );
          p = parameter([...p.toArray()]);
          optimizer = make(p);
          optimizer.loadStateDict(state);
          assert.is(optimizer.stepCount, 3);
        }
        optimizer.lr = LR / (t + 1);
        optimizer.zeroGrad();
        giveGradient(p, grad);
        optimizer.step();
      });
      return bits(p.toArray()) + currentRuntime().randomPosition.step;
    };
    assert.is(run(true), run(false));
  }
});

test('the state holds the rates, and loading puts them back', () => {
  const [a, b] = [parameter(), parameter()];
  const make = () => new Adam([{ params: [a] }, { params: [b], lr: 0.05 }], { lr: 0.1 });
  const optimizer = make();
  optimizer.lr = 0.01;
  const state = optimizer.stateDict();
  assert.equal(state.lrs, [0.01, 0.005]);
  const other = make();
  other.loadStateDict(state);
  assert.equal([other.lr, ...other.groups.map((group) => group.lr)], [0.01, 0.01, 0.005]);
});

test('a state of another kind, size or number of groups is refused and changes nothing', () => {
  const p = parameter();
  const optimizer = new Adam([p], options);
  const others = [
    new RAdam([parameter()], options),
    new Adam([parameter(), parameter()], options),
    new Adam([{ params: [parameter()] }, { params: [] }], options),
    new SGD([parameter()], { lr: 1 }),
  ];
  giveGradient(p, GRADS[0]);
  optimizer.step();
  const before = JSON.stringify(optimizer.stateDict());
  for (const other of others) {
    const error = refusal(() => optimizer.loadStateDict(other.stateDict()));
    assert.equal([error.code, error.op], ['FORMAT', 'optimizer.loadStateDict']);
    assert.match(error.message, 'does not fit');
  }
  assert.is(JSON.stringify(optimizer.stateDict()), before);
});

test('a rate that is no finite number >= 0 is refused wherever it comes in', () => {
  for (const lr of [Number.NaN, Number.POSITIVE_INFINITY, -0.1]) {
    assert.is(refusal(() => new Adam([parameter()], { lr })).code, 'CONFIG');
    assert.is(refusal(() => new SGD([{ params: [parameter()], lr }], { lr: 1 })).code, 'CONFIG');
    const p = parameter();
    const optimizer = new Adam([p], options);
    assert.is(
      refusal(() => {
        optimizer.lr = lr;
      }).code,
      'CONFIG',
    );
    assert.is(optimizer.lr, LR);
  }
  const p = parameter();
  const optimizer = new Adam([p], options);
  giveGradient(p, GRADS[0]);
  optimizer.groups[0].lr = Number.NaN;
  const error = refusal(() => optimizer.step());
  assert.equal([error.code, error.op], ['NUMERIC', 'optimizer.step']);
  assert.match(error.message, 'the learning rate is NaN');
  assert.equal([...p.toArray(), optimizer.stepCount], [...START, 0]);
});

test('hyper-parameters out of range and unknown keys are refused', () => {
  const p = [parameter()];
  const makers: (() => Optimizer)[] = [
    () => new Adam(p, { ...options, betas: [1, 0.9] }),
    () => new Adam(p, { ...options, betas: [0.9, -0.1] }),
    () => new Adam(p, { ...options, eps: 0 }),
    () => new AdamW(p, { ...options, weightDecay: -1 }),
    () => new SGD(p, { lr: 1, momentum: 1 }),
    () => new SGD(p, { lr: 1, nestrov: true } as never),
    () => new Adam(p, { ...options, beta: 1 } as never),
  ];
  for (const make of makers) assert.is(refusal(make).code, 'CONFIG');
});

test('an optimizer needs a trainable parameter', () => {
  const frozen = parameter();
  frozen.requiresGrad = false;
  for (const params of [[], [frozen], [{ params: [frozen] }]]) {
    assert.match(refusal(() => new Adam(params as Parameter[], options)).message, 'no trainable parameter');
  }
});

test('gradients from before the optimizer was built are kept', () => {
  const p = parameter([1]);
  giveGradient(p, [2]);
  const optimizer = new SGD([p], { lr: 0.1 });
  assert.is(p.grad!.item(), 2);
  optimizer.step();
  close(p.item(), 0.8, 1e-7);
});

test('an optimizer whose parameters a newer one has taken over says so instead of doing nothing', () => {
  const p = parameter([1]);
  const [older, newer] = [new SGD([p], { lr: 0.1 }), new SGD([p], { lr: 0.1 })];
  giveGradient(p, [1]);
  assert.match(refusal(() => older.step()).message, 'newer optimizer');
  newer.step();
  close(p.item(), 0.9, 1e-7);
});

test('one call updates every parameter of a model, in one runtime', async () => {
  const runtime = await createRuntime();
  withRuntime(runtime, () => {
    const model = smallLM();
    const optimizer = new Adam(model.parameters(), options);
    assert.is(optimizer.runtime, runtime);
    const before = model.parameters().map((p) => bits(p.toArray()));
    backward(
      model.loss({ ids: Int32Array.of(1, 2, 3), targets: Int32Array.of(2, 3, 4), batchSize: 1, seqLen: 3 })
        .loss,
    );
    const all = model.parameters().flatMap((p) => [...p.grad!.toArray()]);
    close(optimizer.gradNorm() / norm(all), 1, 1e-5);
    optimizer.step();
    model.parameters().forEach((p, i) => {
      assert.is.not(bits(p.toArray()), before[i]);
    });
    optimizer.zeroGrad();
    assert.is(optimizer.gradNorm(), 0);
  });
});

test('whole powers by squaring are accurate to the last bits', () => {
  for (const [base, exponent] of [
    [0.9, 1],
    [0.98, 400],
    [0.999, 10_000],
    [0.5, 30],
    [0.9, 0],
  ]) {
    const expected = base ** exponent;
    assert.ok(Math.abs(integerPower(base, exponent) / expected - 1) < 1e-12, `${base}^${exponent}`);
  }
});

test.run();
