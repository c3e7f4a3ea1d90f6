/** classify: order, batches, what is cut and what is refused. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { classify } from '../../src/classify/index.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { TextClassifier } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { trainBPE, trainChars } from '../../src/text/index.js';
import { bits, refusal, smallLM } from '../support.js';

const test = suite('classify');
await init();

const tokenizer = trainBPE(['one two three four five'], { vocabSize: 265 });
const labels = ['a', 'b', 'c'];
const make = (options = {}) =>
  new TextClassifier({
    vocabSize: 266,
    dModel: 16,
    numHeads: 2,
    numLayers: 1,
    numClasses: 3,
    maxSeqLen: 24,
    pooling: 'mean',
    dropout: 0.4,
    ...options,
  });
const texts = ['one', 'five four three two one', ['two', 'three four'], 'two two', ['one', 'one']] as const;

test('results are in the order of the texts, and a text says the same alone and among others', () => {
  for (const options of [{}, { causal: true, pooling: 'last' }, { multiLabel: true }]) {
    const model = make(options);
    const all = classify(model, tokenizer, labels, texts);
    for (const batchSize of [1, 2]) {
      assert.equal(classify(model, tokenizer, labels, texts, { batchSize }), all);
    }
    texts.forEach((text, i) => {
      const [alone] = classify(model, tokenizer, labels, [text]);
      assert.is(bits(alone.probabilities), bits(all[i].probabilities));
      const best = Math.max(...alone.probabilities);
      assert.is(alone.probability, best);
      assert.is(alone.label, labels[alone.probabilities.indexOf(best)]);
    });
    assert.ok(model.training, 'the mode is as it was');
  }
  assert.equal(classify(make(), tokenizer, labels, []), []);
});

test('one label and probabilities that sum to 1; with multiLabel those from the threshold on', () => {
  for (const { labels: found, label, probabilities, tokensCut } of classify(
    make(),
    tokenizer,
    labels,
    texts,
  )) {
    assert.equal(found, [label]);
    assert.ok(Math.abs(probabilities.reduce((a, b) => a + b) - 1) < 1e-6);
    assert.is(tokensCut, 0);
  }
  const model = make({ multiLabel: true });
  for (const [threshold, count] of [
    [0, 3],
    [1, 0],
  ]) {
    for (const one of classify(model, tokenizer, labels, texts, { threshold })) {
      assert.is(one.labels.length, count);
      const of = one.labels.map((label) => one.probabilities[labels.indexOf(label)]);
      assert.equal(
        of,
        [...of].sort((a, b) => b - a),
      );
    }
  }
});

test('a text beyond maxSeqLen is refused by its number, or cut by the rule of training and said so', () => {
  const model = make({ maxSeqLen: 8 });
  const long = 'xyzxyzxyzxyz';
  const error = refusal(() => classify(model, tokenizer, labels, ['one', long]));
  assert.instance(error, DataError);
  assert.match(error.message, /text 2 has 14 tokens with its marks, the model holds 8 .*onTooLong: 'cut'/);
  const [short, cut] = classify(model, tokenizer, labels, ['one', long], { onTooLong: 'cut' });
  assert.is(short.tokensCut, 0);
  assert.is(cut.tokensCut, 6);
  const [head] = classify(model, tokenizer, labels, [long.slice(0, 6)]);
  assert.is(bits(cut.probabilities), bits(head.probabilities));
});

test('what does not go together, and what is no text, is refused by name', () => {
  const model = make();
  for (const empty of ['', ' \t']) {
    assert.match(
      refusal(() => classify(model, tokenizer, labels, ['one', empty])).message,
      /text 2 is empty/,
    );
  }
  assert.match(refusal(() => classify(model, tokenizer, labels, [['one', '']])).message, /text 1 is empty/);
  for (const junk of [3, null, ['a', 'b', 'c'], []]) {
    assert.instance(
      refusal(() => classify(model, tokenizer, labels, [junk as never])),
      DataError,
    );
  }
  const refusals: [() => unknown, RegExp][] = [
    [() => classify(smallLM(), tokenizer, labels, []), /must be a TextClassifier, got a causalLM/],
    [() => classify(model, trainChars('abc'), labels, []), /tokenizer must be one with marks/],
    [() => classify(model, null, labels, []), /there is no tokenizer, which makes rows/],
    [() => classify(model, tokenizer, ['a'], []), /names of the model's 3 classes/],
    [() => classify(model, tokenizer, null, []), /names of the model's 3 classes/],
    [
      () => classify(model, tokenizer, labels, [], { threshold: 0.5 }),
      /threshold is for a model with multiLabel/,
    ],
    [
      () => classify(make({ vocabSize: 250 }), tokenizer, labels, []),
      /tokenizer has 26\d ids, the model 250/,
    ],
  ];
  for (const [run, message] of refusals) {
    const error = refusal(run);
    assert.instance(error, ConfigError);
    assert.match(error.message, message);
  }
});

test.run();
