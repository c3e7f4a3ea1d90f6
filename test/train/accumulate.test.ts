/** Accumulated batches are one large batch, whatever they carry: the count comes from the loss. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { crossEntropy, mean, mul, sub } from '../../src/autograd/ops/index.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { batchTensor } from '../../src/nn/batch-tensor.js';
import { Linear, MaskedLM, Module, TextClassifier, VisionTransformer } from '../../src/nn/index.js';
import { SGD } from '../../src/optim/index.js';
import { RandomStream } from '../../src/random.js';
import { init } from '../../src/runtime/init.js';
import { type BatchLoss, type Trainable, Trainer } from '../../src/train/index.js';
import { refusal } from '../support.js';
import { languageModel, translator, VOCAB } from './setup.js';

const test = suite('train/accumulate');
test.before(async () => {
  await init();
});

type Arrays = Record<string, Int32Array | Float32Array | number>;

/** Batches of one shape as a single one: arrays joined, batch sizes added. */
function joined(batches: Arrays[]): Arrays {
  const all: Arrays = {};
  for (const [key, value] of Object.entries(batches[0])) {
    if (key === 'batchSize') all[key] = batches.reduce((n, batch) => n + (batch.batchSize as number), 0);
    else if (typeof value === 'number') all[key] = value;
    else {
      const Type = value.constructor as Int32ArrayConstructor;
      all[key] = Type.from(batches.flatMap((batch) => [...(batch[key] as Int32Array)]));
    }
  }
  return all;
}

function cycle(batches: Arrays[]) {
  let n = 0;
  return {
    next: () => batches[n++ % batches.length],
    state: () => ({ epoch: 0, batch: n }),
    restore(cursor: { batch: number }) {
      n = cursor.batch;
    },
  };
}

function trainer(model: Trainable<never>, batches: Arrays[], accumulate: number, replay = true) {
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  const data = cycle(batches) as never;
  return new Trainer({ model, data, optimizer, steps: 100, accumulate, replay });
}

const random = new RandomStream(9, 'test:accumulate');
const B = 3;
const T = 6;
const ids = (length: number) => Int32Array.from({ length }, () => 3 + random.nextInt(VOCAB - 3));
/** Of four batches one ignores nothing, one nearly everything. */
const some = (from: Int32Array, n: number) => from.map((id, i) => (i > 0 && random.nextInt(4) < n ? -1 : id));
const four = (make: (n: number) => Arrays) => Array.from({ length: 4 }, (_, n) => make(n));
const lengths = (longest: number) => Int32Array.from({ length: B }, () => 1 + random.nextInt(longest));

/** x (B, 4) to (B, 2), with a loss that is no cross-entropy. */
class Regression extends Module {
  readonly linear = new Linear(4, 2);
  counts = true;

  constructor() {
    super();
    this.assignPaths();
    this.linear.weight.set(Float32Array.from({ length: 8 }, (_, i) => 0.1 * i - 0.3));
  }

  inputs({ x, y, batchSize }: { x: Float32Array; y: Float32Array; batchSize: number }) {
    return { arrays: [x, y], shape: `${batchSize}` };
  }

  loss(batch: { x: Float32Array; y: Float32Array; batchSize: number }): BatchLoss {
    const { x, y, batchSize } = batch;
    const error = sub(this.linear.forward(batchTensor(x, [batchSize, 4])), batchTensor(y, [batchSize, 2]));
    return { loss: mean(mul(error, error)), ...(this.counts ? { count: batchSize } : {}) };
  }
}

const floats = (length: number) => Float32Array.from({ length }, () => random.nextFloat() - 0.5);
const small = { vocabSize: VOCAB, dModel: 8, numHeads: 2, numLayers: 1, dFF: 16, maxSeqLen: 8, seed: 3 };
const cases: Record<string, { model: () => Trainable<never>; batches: Arrays[] }> = {
  images: {
    model: () => new VisionTransformer({ ...image, dModel: 8, numHeads: 2, numLayers: 1, dFF: 16, seed: 3 }),
    batches: four((n) => ({
      images: floats(B * 16),
      labels: some(
        Int32Array.from({ length: B }, () => random.nextInt(3)),
        n,
      ),
      batchSize: B,
    })),
  },
  'a language model with -1 targets': {
    model: () => languageModel(),
    batches: four((n) => ({ ids: ids(B * T), targets: some(ids(B * T), n), batchSize: B, seqLen: T })),
  },
  'pairs with padding': {
    model: () => translator({ dropout: 0 }),
    batches: four(() => {
      const targetLengths = lengths(T);
      const isPadding = (i: number) => i % T >= targetLengths[Math.floor(i / T)];
      return {
        source: ids(B * T),
        sourceLengths: lengths(T),
        targetInput: ids(B * T),
        targetLengths,
        targetOutput: ids(B * T).map((id, i) => (isPadding(i) ? -1 : id)),
        batchSize: B,
        sourceLen: T,
        targetLen: T,
      };
    }),
  },
  'a pair classifier': {
    model: () => new TextClassifier({ ...small, numClasses: 3 }),
    batches: four((n) => ({
      ids: ids(B * T),
      lengths: lengths(T),
      labels: some(
        Int32Array.from({ length: B }, () => random.nextInt(3)),
        n,
      ),
      batchSize: B,
      seqLen: T,
    })),
  },
  'a masked language model': {
    model: () => new MaskedLM(small),
    batches: four((n) => ({ ids: ids(B * T), targets: some(ids(B * T), n), batchSize: B, seqLen: T })),
  },
};
const image = { imageSize: 4, patchSize: 2, numClasses: 3 };

for (const [name, { model, batches }] of Object.entries(cases)) {
  test(`${name}: accumulated batches have the gradient, loss and count of the whole batch`, () => {
    // A field of the batch decides nothing, not even a wrong one.
    for (const fields of [{}, { tokens: 1000 }] as Arrays[]) {
      const whole = trainer(model(), [joined(batches)], 1);
      const split = trainer(
        model(),
        batches.map((batch) => ({ ...batch, ...fields })),
        4,
      );
      // The third step is a replay.
      for (let step = 1; step <= 3; step++) {
        const [a, b] = [whole.trainStep(), split.trainStep()];
        assert.is(b.tokens, a.tokens);
        assert.ok(Math.abs(b.loss - a.loss) < 2e-6 * a.loss, `${step}: ${b.loss} ${a.loss}`);
        assert.ok(
          Math.abs(b.gradNorm - a.gradNorm) < 2e-6 * a.gradNorm,
          `${step}: ${b.gradNorm} ${a.gradNorm}`,
        );
        const theirs = [...split.options.model.namedParameters()];
        for (const [k, [path, parameter]] of [...whole.options.model.namedParameters()].entries()) {
          const ours = theirs[k][1].grad!.toArray();
          parameter.grad!.toArray().forEach((value, i) => {
            assert.ok(
              Math.abs(value - ours[i]) < 2e-6 * a.gradNorm,
              `${path}[${i}]: ${ours[i]}, whole ${value}`,
            );
          });
        }
      }
      assert.is(split.replayRefusal, null);
    }
  });

  test(`${name}: replayed, accumulated steps have the bits of eager ones`, () => {
    // Other batches are the first of a step each time, with other counts in equal shapes.
    const five = [...batches, batches[0]];
    const run = (replay: boolean) => {
      const one = trainer(model(), five, 3, replay);
      const tokens = Array.from({ length: 9 }, () => one.trainStep().tokens);
      return [one.hash(), ...tokens];
    };
    const expected = run(false);
    assert.equal(run(true), expected);
    assert.ok(new Set(expected.slice(1)).size > 1 || name === 'images', `${expected}`);
  });
}

test('a loss of one’s own weighs by its count, or every batch the same; never as a sum', () => {
  const make = (counts: boolean) => {
    const model = new Regression();
    model.counts = counts;
    return model as Trainable<never>;
  };
  const sized = [1, 5, 2, 4].map((batchSize) => ({
    x: floats(batchSize * 4),
    y: floats(batchSize * 2),
    batchSize,
  }));
  const grads = ({ options }: Trainer<never>) =>
    options.model.parameters().map((p) => Array.from(p.grad!.toArray()));
  const close = (a: number[][], b: number[][]) =>
    a.forEach((row, p) => {
      row.forEach((value, i) => {
        assert.ok(Math.abs(value - b[p][i]) < 1e-6, `${p}[${i}]: ${value} ${b[p][i]}`);
      });
    });
  const whole = trainer(make(true), [joined(sized)], 1);
  const counted = trainer(make(true), sized, 4);
  const [a, b] = [whole.trainStep(), counted.trainStep()];
  assert.ok(Math.abs(a.loss - b.loss) < 1e-6, `${a.loss} ${b.loss}`);
  assert.is(b.tokens, 12);
  close(grads(counted), grads(whole));
  assert.is(counted.replayRefusal, 'the count of the loss is not that of one crossEntropy');

  const plain = trainer(make(false), sized, 4);
  const { loss, tokens } = plain.trainStep();
  const alone = sized.map((batch) => {
    const one = trainer(make(false), [batch], 1);
    return { loss: one.trainStep().loss, grads: grads(one) };
  });
  assert.is(tokens, 4);
  assert.ok(Math.abs(loss - alone.reduce((s, one) => s + one.loss, 0) / 4) < 1e-6);
  const means = alone[0].grads.map((row, p) =>
    row.map((_, i) => alone.reduce((s, one) => s + one.grads[p][i], 0) / 4),
  );
  close(grads(plain), means);
  const evaluated = make(false);
  const firsts = sized.map((batch) => trainer(make(false), [batch], 1).evaluate([batch as never]));
  const average = firsts.reduce((s, x) => s + x, 0) / 4;
  assert.ok(Math.abs(trainer(evaluated, sized, 4).evaluate(sized as never[]) - average) < 1e-6);

  const run = (replay: boolean) => {
    const one = trainer(make(false), [sized[1], sized[1], sized[2]], 2, replay);
    for (let step = 0; step < 12; step++) one.trainStep();
    assert.is(one.replayRefusal, replay ? null : 'replay is off');
    return one.hash();
  };
  assert.is(run(true), run(false));
});

test('a count that is none, or is there now and then, is refused', () => {
  const model = new Regression();
  const batch = { x: floats(4), y: floats(2), batchSize: 1 };
  const loss = model.loss.bind(model);
  let n = 0;
  for (const [count, pattern] of [
    [Number.NaN, /the count of a loss must be a finite number >= 0, got NaN/],
    [-1, /the count of a loss must be a finite number >= 0, got -1/],
  ] as const) {
    model.loss = (given) => ({ ...loss(given), count });
    const error = refusal(() => trainer(model as Trainable<never>, [batch], 1).trainStep());
    assert.instance(error, ConfigError);
    assert.match(error.message, pattern);
  }
  model.loss = (given) => ({ ...loss(given), count: n++ % 2 ? 1 : undefined });
  const error = refusal(() => trainer(model as Trainable<never>, [batch], 2).trainStep());
  assert.match(error.message, 'the loss of some batches has a count, that of others has none');
});

test('a step in which nothing counts is refused, eagerly and in a replay', () => {
  const batches = Array.from({ length: 4 }, () => ({
    ids: ids(12),
    targets: ids(12),
    batchSize: 2,
    seqLen: 6,
  }));
  const nothing = { ...batches[0], targets: batches[0].targets.map(() => -1) };
  for (const before of [0, 1, 2, 3]) {
    const list = [...Array.from({ length: 2 * before }, (_, i) => batches[i % 4]), nothing, nothing];
    const one = trainer(languageModel() as Trainable<never>, list, 2);
    for (let step = 0; step < before; step++) one.trainStep();
    const saved = one.hash();
    const error = refusal(() => one.trainStep());
    assert.instance(error, DataError);
    assert.match(error.message, 'every target is ignored');
    assert.is(one.hash(), saved);
  }
});

test('two losses that report to one count are no count of the step, so it runs eagerly', () => {
  class TwoHeads extends Module {
    readonly first = new Linear(4, 3);
    readonly second = new Linear(4, 3);

    constructor() {
      super();
      this.assignPaths();
      for (const [i, { weight }] of [this.first, this.second].entries())
        weight.set(Float32Array.from({ length: 12 }, (_, k) => 0.1 * ((k * 7 + i) % 5)));
    }

    inputs({ x, a, b }: { x: Float32Array; a: Int32Array; b: Int32Array }) {
      return { arrays: [x, a, b], shape: `${a.length}` };
    }

    loss(batch: { x: Float32Array; a: Int32Array; b: Int32Array }, options: object): BatchLoss {
      const x = batchTensor(batch.x, [batch.a.length, 4]);
      const first = crossEntropy(this.first.forward(x), batchTensor(batch.a, [batch.a.length]), options);
      const second = crossEntropy(this.second.forward(x), batchTensor(batch.b, [batch.b.length]), options);
      return { loss: mul(first.loss, second.loss), count: first.count };
    }
  }
  const labels = [Int32Array.of(0, 1, 2), Int32Array.of(2, -1, -1), Int32Array.of(1, 0, -1)];
  const batches = labels.map((a, n) => ({ x: floats(12), a, b: labels[(n * 2) % 3] }));
  const run = (replay: boolean) => {
    const one = trainer(new TwoHeads() as Trainable<never>, batches, 2, replay);
    const tokens = Array.from({ length: 6 }, () => one.trainStep().tokens);
    assert.is(tokens[0], 4);
    if (replay) assert.match(one.replayRefusal!, 'is not that of one crossEntropy');
    return one.hash();
  };
  assert.is(run(true), run(false));
});

test.run();
