/** @file The pair classifier: what it takes from a masked language model, what it sees, that it learns. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noGrad } from '../../src/autograd/index.js';
import { ConfigError, FormatError, ShapeError } from '../../src/errors.js';
import {
  MaskedLM,
  type PairClassInput,
  PairClassifier,
  type PairClassifierOptions,
} from '../../src/nn/index.js';
import { Adam } from '../../src/optim/index.js';
import { RandomStream } from '../../src/random.js';
import { init } from '../../src/runtime/runtime.js';
import { Trainer } from '../../src/train/index.js';
import { bits, refusal, SMALL } from '../support.js';

const test = suite('nn/pair-classifier');
await init();

const shape = {
  ...SMALL,
  numSegments: 2,
  positions: 'learned',
  activation: 'gelu',
  embeddingNorm: true,
} as const;
const make = (options: Partial<PairClassifierOptions> = {}) =>
  new PairClassifier({ ...shape, numClasses: 3, ...options });

const random = new RandomStream(2, 'test:classifier');
/** Two tokens after the first mark and one end mark; class 1 where they are equal. */
function batchOf(rows: number, seqLen = 6): Required<PairClassInput> {
  const ids = new Int32Array(rows * seqLen);
  const labels = new Int32Array(rows);
  for (let b = 0; b < rows; b++) {
    const [first, other] = [3 + random.nextInt(4), 3 + random.nextInt(4)];
    labels[b] = random.nextInt(2);
    ids.set([1, first, 2, labels[b] === 1 ? first : first === other ? 7 : other, 2], b * seqLen);
  }
  const segments = Int32Array.from(ids, (_, i) => (i % seqLen > 2 ? 1 : 0));
  return { ids, labels, segments, lengths: new Int32Array(rows).fill(5), batchSize: rows, seqLen };
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

test('it learns whether two segments agree', () => {
  const model = make({ numClasses: 2, normPlacement: 'pre' });
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
});

test('what does not fit is refused by name', () => {
  const batch = batchOf(2);
  assert.instance(
    refusal(() => make({ numClasses: 0 })),
    ConfigError,
  );
  assert.match(refusal(() => make({ numSegments: 0.5 })).message, /numSegments/);
  assert.match(refusal(() => make({ numClass: 2 } as never)).message, /numClass/);
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
