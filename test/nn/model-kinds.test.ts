/** The table of models and the names of kinds. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isModelKind, makeModel, modelClasses, modelKind } from '../../src/nn/model-kinds.js';
import { CausalLM } from '../../src/nn/models.js';
import { init } from '../../src/runtime/init.js';

const test = suite('nn/model-kinds');
await init();

const sizes = { vocabSize: 8, dModel: 4, numHeads: 1, numLayers: 1 };
const options: Record<string, object> = {
  textClassifier: { ...sizes, numClasses: 2 },
  pairClassifier: { ...sizes, numClasses: 2 },
  visionTransformer: { dModel: 4, numHeads: 1, numLayers: 1, imageSize: 4, patchSize: 2, numClasses: 2 },
};

test('every class of the table says its kind, by which it is found', () => {
  for (const [kind, known] of Object.entries(modelClasses)) {
    assert.ok(isModelKind(kind));
    const model = makeModel(kind as keyof typeof modelClasses, options[kind] ?? sizes);
    assert.instance(model, known);
    const said = modelKind(model);
    // An alias names the class of another kind.
    assert.is(modelClasses[said as keyof typeof modelClasses], known, kind);
  }
});

test('a name that is inherited is no kind', () => {
  for (const name of ['constructor', '__proto__', 'toString', '', 'CausalLM', 1, null])
    assert.not(isModelKind(name));
});

test('neither a class of its own nor anything else has a kind', () => {
  class Mine extends CausalLM {}
  for (const value of [
    new Mine(sizes),
    null,
    {},
    { kind: 'causalLM' },
    'causalLM',
    new CausalLM(sizes).encoder,
  ])
    assert.is(modelKind(value), null);
});

test.run();
