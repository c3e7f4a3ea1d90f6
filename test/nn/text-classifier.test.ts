/** @file The text classifier: what it takes from a pre-trained model, what it sees, what it weighs, that it learns. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noGrad } from '../../src/autograd/index.js';
import { ConfigError, FormatError, ShapeError } from '../../src/errors.js';
import {
  CausalLM,
  MaskedLM,
  PairClassifier,
  type TextClassInput,
  TextClassifier,
  type TextClassifierOptions,
} from '../../src/nn/index.js';
import { Adam } from '../../src/optim/index.js';
import { RandomStream } from '../../src/random.js';
import { init } from '../../src/runtime/init.js';
import { Trainer } from '../../src/train/index.js';
import { bits, refusal, SMALL } from '../support.js';

const test = suite('nn/text-classifier');
await init();

const shape = {
  ...SMALL,
  numSegments: 2,
  positions: 'learned',
  activation: 'gelu',
  embeddingNorm: true,
} as const;
const make = (options: Partial<TextClassifierOptions> = {}) =>
  new TextClassifier({ ...shape, numClasses: 3, ...options });

const random = new RandomStream(2, 'test:classifier');
/** Two tokens after the first mark and one end mark; class 1 where they are equal. */
function batchOf(rows: number, seqLen = 6): Required<TextClassInput> {
  const ids = new Int32Array(rows * seqLen);
  const labels = new Int32Array(rows);
  for (let b = 0; b < rows; b++) {
    const [first, other] = [3 + random.nextInt(4), 3 + random.nextInt(4)];
    labels[b] = random.nextInt(2);
    const row = [1, first, 2, labels[b] === 1 ? first : first === other ? 7 : other, 2];
    ids.set(row.slice(0, seqLen), b * seqLen);
  }
  const segments = Int32Array.from(ids, (_, i) => (i % seqLen > 2 ? 1 : 0));
  return {
    ids,
    labels,
    segments,
    lengths: new Int32Array(rows).fill(Math.min(5, seqLen)),
    batchSize: rows,
    seqLen,
  };
}

test('names, and the same initial encoder as the masked language model of that seed', () => {
  const own = make({ seed: 5 }).stateDict();
  assert.equal(
    [...own.keys()].filter((key) => key.startsWith('head.')),
    ['head.pooler.weight', 'head.pooler.bias', 'head.classifier.weight', 'head.classifier.bias'],
  );
  const theirs = new MaskedLM({ ...shape, nextSentence: true, seed: 5 }).stateDict();
  for (const [name, { data }] of own) {
    if (!name.startsWith('head.')) assert.is(bits(theirs.get(name)?.data ?? []), bits(data), name);
  }
});

test('loadPretrained takes encoder and pooler, from a model or its state, and leaves the classifier', () => {
  const pretrained = new MaskedLM({ ...shape, nextSentence: true, seed: 8 });
  const state = pretrained.stateDict();
  const before = make({ seed: 1 }).stateDict();
  for (const source of [pretrained, state]) {
    for (const [name, { data }] of make({ seed: 1 }).loadPretrained(source).stateDict()) {
      const from = name.startsWith('head.classifier')
        ? before.get(name)
        : state.get(name.replace('head.', 'next_sentence.'));
      assert.is(bits(data), bits(from?.data ?? []), name);
    }
  }
  const plain = new MaskedLM({ ...shape, seed: 8 });
  const loaded = make({ seed: 1 }).loadPretrained(plain).stateDict();
  assert.is(
    bits(loaded.get('head.pooler.weight')?.data ?? []),
    bits(before.get('head.pooler.weight')?.data ?? []),
  );
});

test('the old name is the same class', () => {
  assert.is(PairClassifier, TextClassifier);
  const old: PairClassifier = new PairClassifier({ ...shape, numClasses: 2 });
  assert.is(old.config.pooling, 'first');
});

test('loadPretrained of a causal model: the stack of a CausalLM, the head its own', () => {
  const { numSegments: _, ...one } = shape;
  for (const tiedEmbeddings of [true, false]) {
    const pretrained = new CausalLM({ ...one, tiedEmbeddings, seed: 8 });
    const fresh = () => new TextClassifier({ ...one, tiedEmbeddings, numClasses: 3, causal: true, seed: 1 });
    assert.is(fresh().config.pooling, 'last');
    const [state, before] = [pretrained.stateDict(), fresh().stateDict()];
    for (const source of [pretrained, state]) {
      for (const [name, { data }] of fresh().loadPretrained(source).stateDict()) {
        const from = (name.startsWith('head.') ? before : state).get(name);
        assert.is(bits(data), bits(from?.data ?? []), name);
      }
    }
  }
});

test('a stack that sees both sides is not taken for a causal one, nor the other way round', () => {
  const { numSegments: _, ...one } = shape;
  const causal = new TextClassifier({ ...one, numClasses: 3, causal: true });
  const twoSided = new TextClassifier({ ...one, numClasses: 3 });
  const a = refusal(() => causal.loadPretrained(new MaskedLM(one)));
  const b = refusal(() => twoSided.loadPretrained(new CausalLM(one)));
  for (const error of [a, b]) assert.instance(error, ConfigError);
  assert.match(a.message, 'causal: false');
  assert.match(b.message, 'causal: true');
});

const poolings = [
  { pooling: 'first' },
  { pooling: 'mean' },
  { pooling: 'last' },
  { causal: true },
  { causal: true, pooling: 'mean', multiLabel: true },
] as const;

test('whatever stands for a text, padding and neighbours change no bit of it', () => {
  for (const options of poolings) {
    const model = make({ dropout: 0.5, ...options });
    for (const length of [1, 5]) {
      const row = batchOf(1, length);
      const alone = bits(model.probabilities({ ...row, lengths: undefined }));
      for (const [rows, seqLen] of [
        [1, 5],
        [3, 6],
        [3, 8],
      ]) {
        const batch = batchOf(rows, seqLen);
        const b = rows - 1;
        batch.ids.subarray(b * seqLen).set(row.ids);
        batch.segments.subarray(b * seqLen).set(row.segments);
        batch.lengths[b] = length;
        const inBatch = model.probabilities(batch).subarray(b * 3, b * 3 + 3);
        assert.is(bits(inBatch), alone, `${JSON.stringify(options)}, ${length} of ${seqLen} tokens`);
      }
    }
  }
});

test('each pooling stands for what its name says', () => {
  const batch = batchOf(2);
  batch.lengths[1] = 3;
  const hidden: Record<string, Float32Array> = {};
  for (const pooling of ['first', 'mean', 'last'] as const) {
    const model = make({ pooling, numLayers: 1, seed: 3 }).eval();
    model.head.forward = (x) => x;
    const pooled = noGrad(() => model.forward(batch)).toArray() as Float32Array;
    hidden[pooling] = pooled;
    if (pooling === 'first') continue;
    const dModel = SMALL.dModel;
    const all = hidden.first;
    [5, 3].forEach((length, b) => {
      for (let c = 0; c < dModel; c++) {
        const at = (t: number) => all[(b * 6 + t) * dModel + c];
        const mean = Array.from({ length }, (_, t) => at(t)).reduce((x, y) => x + y) / length;
        const expected = pooling === 'last' ? at(length - 1) : mean;
        assert.ok(Math.abs(pooled[b * dModel + c] - expected) < 1e-6, `${pooling} ${b} ${c}`);
      }
    });
  }
});

test('with multiLabel the loss is the binary cross-entropy of every class', () => {
  const batch = batchOf(2);
  const labels = Int32Array.of(1, 0, 1, 0, -1, 0);
  const weights = [2, 3, 0.5];
  const logitsOf = (model: TextClassifier) => noGrad(() => model.forward(batch).toArray());
  for (const classWeights of [undefined, weights]) {
    const model = make({ multiLabel: true, ...(classWeights ? { classWeights } : {}) }).eval();
    const logits = logitsOf(model);
    let [nll, loss] = [0, 0];
    labels.forEach((label, i) => {
      if (label < 0) return;
      const own = Math.log1p(Math.exp(label === 1 ? -logits[i] : logits[i]));
      nll += own;
      loss += own * (label === 1 ? (classWeights?.[i % 3] ?? 1) : 1);
    });
    const result = noGrad(() => model.loss({ ...batch, labels }));
    assert.is(result.count, 5);
    assert.ok(Math.abs(result.nll.item() - nll) < 1e-5, `${result.nll.item()} ${nll}`);
    assert.ok(Math.abs(result.loss.item() - loss / 5) < 1e-6, `${result.loss.item()} ${loss / 5}`);
    const probabilities = model.probabilities(batch);
    logits.forEach((z, i) => {
      assert.ok(Math.abs(probabilities[i] - 1 / (1 + Math.exp(-z))) < 1e-6);
    });
    assert.equal(
      [...model.predict(batch)],
      [...logits].map((z) => Number(z > 0)),
    );
  }
});

test('a text of a class of weight 2 counts like two texts; nll knows no weights', () => {
  const batch = batchOf(3);
  batch.labels.set([2, 0, -1]);
  const plain = make().eval();
  const weighted = make({ classWeights: [1, 5, 2] }).eval();
  const [a, b] = [plain, weighted].map((model) => noGrad(() => model.loss(batch)));
  const logProbabilities = plain.probabilities(batch).map(Math.log);
  const expected = -(2 * logProbabilities[2] + logProbabilities[3]) / 2;
  assert.ok(Math.abs(b.loss.item() - expected) < 1e-5, `${b.loss.item()} ${expected}`);
  assert.is(b.nll.item(), a.nll.item());
  assert.is(b.count, 2);
});

test('logits of a row depend on neither padding nor neighbours; predict is their argmax', () => {
  for (const normPlacement of ['post', 'pre', 'peri'] as const) {
    const model = make({ normPlacement, dropout: 0.5 });
    const batch = batchOf(5);
    const chosen = model.predict(batch);
    assert.ok(model.training, 'the mode is put back');
    model.eval();
    const logits = noGrad(() => model.forward(batch)).toArray();
    for (let b = 0; b < 5; b++) {
      const row = logits.subarray(b * 3, b * 3 + 3);
      assert.is(chosen[b], row.indexOf(Math.max(...row)));
      const alone = {
        ids: batch.ids.slice(b * 6, b * 6 + 5),
        segments: batch.segments.slice(b * 6, b * 6 + 5),
        batchSize: 1,
        seqLen: 5,
      };
      assert.is(bits(noGrad(() => model.forward(alone)).toArray()), bits(row), normPlacement);
    }
  }
});

const source = () => {
  let batch = 0;
  return {
    // Two shapes take turns, and labels are sometimes to be ignored.
    next() {
      const made = batchOf(12, batch++ % 2 === 0 ? 6 : 7);
      if (batch % 5 === 0) made.labels[3] = -1;
      return made;
    },
    state: () => ({ epoch: 0, batch }),
    restore: () => {},
  };
};

for (const options of poolings.slice(0, 4)) {
  test(`it learns whether two segments agree: ${JSON.stringify(options)}`, () => learn(options));
}

function learn(options: Partial<TextClassifierOptions>): void {
  const model = make({ numClasses: 2, normPlacement: 'pre', ...options });
  const trainer = new Trainer({
    model,
    data: source(),
    optimizer: new Adam(model.parameters(), { lr: 5e-3 }),
    steps: 250,
  });
  while (trainer.step < 250) trainer.trainStep();
  const { labels, ...test } = batchOf(200);
  const right = model.predict(test).filter((label, b) => label === labels[b]).length;
  assert.ok(right > 170, `${right} of 200 right`);
}

test('what does not fit is refused by name', () => {
  const batch = batchOf(2);
  assert.instance(
    refusal(() => make({ numClasses: 0 })),
    ConfigError,
  );
  assert.match(refusal(() => make({ numSegments: 0.5 })).message, /numSegments/);
  assert.match(refusal(() => make({ numClass: 2 } as never)).message, /numClass/);
  assert.match(refusal(() => make({ causal: true, pooling: 'first' })).message, /pooling 'last' or 'mean'/);
  assert.match(refusal(() => make({ classWeights: [1, 2] })).message, /2 numbers for 3 classes/);
  for (const classWeights of [[1, 0, 1], [1, Number.NaN, 1], 'balanced']) {
    assert.match(
      refusal(() => make({ classWeights: classWeights as never })).message,
      /classWeights must be/,
    );
  }
  assert.match(
    refusal(() => make({ pooling: 'max' as never })).message,
    /pooling must be one of first, mean, last/,
  );
  assert.match(
    refusal(() => make({ pooling: 'mean' }).forward({ ...batch, lengths: Int32Array.of(0, 5) })).message,
    /sequence 1 has length 0/,
  );
  const error = refusal(() => make().forward({ ...batch, segments: undefined }));
  assert.instance(error, ShapeError);
  assert.match(error.message, /segments/);
  assert.match(refusal(() => make().loss({ ...batch, labels: undefined })).message, /labels/);
  assert.match(refusal(() => make().loss({ ...batch, labels: Int32Array.of(3, 0) })).message, /target 3/);
  const model = make();
  const before = bits(model.stateDict().get('encoder.layers.0.linear1.weight')?.data ?? []);
  const other = new MaskedLM({ ...shape, numLayers: 1 });
  const missing = refusal(() => model.loadPretrained(other));
  assert.instance(missing, FormatError);
  assert.match(missing.message, /no encoder\.layers\.1/);
  assert.match(refusal(() => model.loadPretrained(new MaskedLM({ ...shape, dFF: 8 }))).message, /shape/);
  assert.is(bits(model.stateDict().get('encoder.layers.0.linear1.weight')?.data ?? []), before);
});

test.run();
