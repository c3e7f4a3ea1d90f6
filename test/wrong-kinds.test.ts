/** What is given the wrong kind of thing: bytes in whatever holds them are taken, the rest is refused by name. */
import { readFile } from 'node:fs/promises';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findOrigin } from '../src/fit/origin.js';
import * as prenorm from '../src/index.js';
import {
  decodeCheckpoint,
  decodeSafetensors,
  encodeSafetensors,
  loadModel,
  saveModel,
  sha256,
} from '../src/io/index.js';
import { prepareRun, type Recipe } from '../src/recipe/index.js';
import { WorkerTrainer } from '../src/worker/index.js';

const { data, nn, optim, PrenormError } = prenorm;
const test = suite('wrong kinds');
test.before(async () => {
  await prenorm.init();
});

/** Whatever the types say. */
const any = (value: unknown): never => value as never;

function refusal(fn: () => unknown): InstanceType<typeof PrenormError> {
  try {
    fn();
  } catch (error) {
    assert.ok(error instanceof PrenormError, String(error));
    return error;
  }
  throw new Error('nothing was refused');
}

const ids = Int32Array.from({ length: 200 }, (_, i) => i % 20);
function parts() {
  const model = new nn.CausalLM({ vocabSize: 20, dModel: 16, numLayers: 1, numHeads: 2, maxSeqLen: 16 });
  const batches = new data.TextWindows(ids, { batchSize: 2, seqLen: 8, seed: 1 });
  return { model, data: batches, optimizer: new optim.Adam(model.parameters(), { lr: 1e-3 }), steps: 3 };
}

/** The same bytes in everything that may hold them. */
function holders(bytes: Uint8Array): Record<string, unknown> {
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  const padded = new Uint8Array(bytes.length + 8);
  padded.set(bytes, 8);
  return {
    ArrayBuffer: padded.buffer.slice(8),
    SharedArrayBuffer: shared,
    DataView: new DataView(padded.buffer, 8),
    Int8Array: new Int8Array(padded.buffer, 8),
    Buffer: Buffer.from(bytes),
    'an array of another page': runInNewContext('values => Uint8Array.from(values)')([...bytes]),
    'a buffer of another page': runInNewContext('values => Uint8Array.from(values).buffer')([...bytes]),
  };
}

test('bytes are bytes in whatever holds them', () => {
  const trainer = new prenorm.Trainer(parts());
  trainer.trainStep();
  const checkpoint = trainer.save();
  const weights = encodeSafetensors({ a: { shape: [3], data: Float32Array.of(1, 2, 3) } });
  for (const [name, bytes] of Object.entries(holders(weights))) {
    assert.equal([...decodeSafetensors(any(bytes)).tensors.get('a')!.data], [1, 2, 3], name);
    assert.is(sha256(any(bytes)), sha256(weights), name);
  }
  for (const [name, bytes] of Object.entries(holders(checkpoint))) {
    assert.is(decodeCheckpoint(any(bytes)).step, 1, name);
    const other = new prenorm.Trainer(parts());
    other.restore(any(bytes));
    assert.is(other.hash(), trainer.hash(), name);
    const mean = prenorm.averageCheckpoints([any(bytes), checkpoint]);
    assert.is(mean.size, trainer.options.model.stateDict().size, name);
  }
});

/** What stands in a recipe and is read from bytes. */
const recipe = {
  model: { kind: 'causalLM' as const, dModel: 16, numHeads: 2, numLayers: 1 },
  optimizer: { kind: 'adam' as const, lr: 1e-3 },
  data: { kind: 'text' as const, text: 'abcdefgh '.repeat(100), batchSize: 2, seqLen: 8 },
  steps: 2,
};

const prepared = (changes: Partial<Recipe>) => prepareRun({ ...recipe, ...changes });

test('models, kernels, recipes and fit() take them, too', async () => {
  const trainer = new prenorm.Trainer(parts());
  const model = saveModel(trainer.options.model as never);
  const kernels = await readFile(new URL('../build/kernels.wasm', import.meta.url));
  const text = new TextEncoder().encode(recipe.data.text);
  const { sha256: spelled } = (await prepared({})).data;
  for (const [name, bytes] of Object.entries(holders(model))) {
    const loaded = await loadModel(any(bytes));
    assert.is(loaded.model.numParameters(), trainer.options.model.numParameters(), name);
  }
  for (const [name, bytes] of Object.entries(holders(kernels)))
    assert.is((await prenorm.createRuntime({ wasm: any(bytes) })).arithmetic, 'strict', name);
  for (const [name, bytes] of Object.entries(holders(text))) {
    const { data } = await prepared({ data: { ...recipe.data, text: any(bytes) } });
    assert.is(data.sha256, spelled, name);
    assert.equal((await findOrigin('lm', any(bytes))).content, { text: recipe.data.text }, name);
  }
  const given = encodeSafetensors(Object.fromEntries((await prepared({})).model.stateDict()));
  for (const [name, bytes] of Object.entries(holders(given)))
    assert.ok((await prepared({ weights: any(bytes) })).model, name);
  const refused = await prenorm.createRuntime({ wasm: any('kernels.wasm') }).catch((error) => error);
  assert.match(refused.message, /init: wasm must be bytes/);
});

test('a training in a worker begins from weights and goes on from checkpoints in an ArrayBuffer', async () => {
  const first = new WorkerTrainer(recipe);
  const last = await first.run();
  assert.is(last?.step, 2, 'awaited, it has trained to the end');
  const { checkpoint, weights } = await first.snapshot();
  const buffer = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer;
  const second = new WorkerTrainer({ ...recipe, weights: buffer(weights) });
  assert.is((await second.snapshot()).weights.length, weights.length);
  const third = new WorkerTrainer(recipe);
  await third.restore(buffer(checkpoint));
  assert.is(await third.hash(), await first.hash());
  // Data move to the worker, or are copied where they cannot.
  const { SharedArrayBuffer: shared, DataView: view } = holders(new TextEncoder().encode(recipe.data.text));
  const others = [shared, view].map(
    (text) => new WorkerTrainer({ ...recipe, data: { ...recipe.data, text: any(text) } }),
  );
  for (const trainer of others) assert.is((await trainer.run())?.loss, last?.loss);
  for (const trainer of [first, second, third, ...others]) trainer.close();
});

test('an awaited run trains to the end', async () => {
  const whole = new prenorm.Trainer(parts());
  const last = await whole.run();
  assert.is(last?.step, 3);
  const stepped = new prenorm.Trainer(parts());
  for await (const { step } of stepped.run()) if (step === 1) break;
  assert.is((await stepped.run())?.step, 3);
  assert.is(stepped.hash(), whole.hash());
  assert.is(await whole.run(), null, 'nothing was left to do');
});

test('arguments of another kind are refused by name', () => {
  const { model } = parts();
  const logits = model.forward({ ids: ids.slice(0, 16), batchSize: 2, seqLen: 8 });
  const cases: [() => unknown, RegExp][] = [
    [
      () => new data.TextWindows(any([1, 2, 3]), any(undefined)),
      /TextWindows: options must be.*batchSize, seqLen/,
    ],
    [
      () => new optim.Adam(model.parameters(), any(undefined)),
      /Adam: options must be an object.*known keys: lr/,
    ],
    [() => new optim.Adam(any(model), { lr: 1 }), /params must be model.parameters\(\)/],
    [
      () => prenorm.crossEntropy(logits, any(Int32Array.of(1))),
      /targets must be a tensor, got a Int32Array \(tensor\(values\)/,
    ],
    [() => prenorm.linear(logits, any(undefined), null), /linear: weight must be a tensor/],
    [() => prenorm.reshape(any([1]), [1]), /reshape: x must be a tensor/],
    [() => prenorm.reshape(logits, any(4)), /reshape: the second argument must be an array/],
    [() => prenorm.concat(any(logits)), /concat: parts must be an array/],
    [() => prenorm.attention(any(1), any(1), any(1), { numHeads: 1 }), /attention: q must be a tensor/],
    [() => prenorm.embedding(any(null), any(null)), /embedding: weight must be a tensor/],
    [() => prenorm.backward(any(1)), /backward: the loss must be a tensor/],
    [() => prenorm.noGrad(any(undefined)), /noGrad: the argument must be a function/],
    [() => prenorm.withRuntime(model.runtime(), any(undefined)), /withRuntime: .* must be a function/],
    [() => prenorm.plan(any(1), {}), /plan: model must be a model/],
    [() => prenorm.averageCheckpoints(any(new ArrayBuffer(8))), /checkpoints must be an array/],
    [
      () => decodeSafetensors(any('weights.safetensors')),
      /the file must be bytes, e\.g\. await file\.arrayBuffer/,
    ],
    [() => model.forward(any(undefined)), /CausalLM: batchSize of the batch must be/],
    [() => model.forward(any(ids)), /CausalLM: batchSize of the batch must be/],
    [() => model.loss(any(undefined)), /the batch has no targets/],
    [() => new prenorm.Trainer({ ...parts(), data: any([1, 2]) }), /Trainer: data must be batches/],
    [
      () => new prenorm.Trainer({ ...parts(), optimizer: any('adam') }),
      /Trainer: optimizer must be an optimizer/,
    ],
    [() => new prenorm.Trainer({ ...parts(), model: any('gpt') }), /Trainer: model must be a model/],
  ];
  for (const [fn, message] of cases) assert.match(refusal(fn).message, message);
});

test.run();
