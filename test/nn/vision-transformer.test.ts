/** @file The vision transformer: names, state dicts, patches, learning digits, tuning the norms alone. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward, noGrad } from '../../src/autograd/index.js';
import { loadDigits } from '../../src/data/index.js';
import { VisionTransformer, type VisionTransformerOptions } from '../../src/nn/index.js';
import { Adam } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import { bits, refusal } from '../support.js';

const test = suite('nn/vision-transformer');
await init();
const digits = await loadDigits();

const make = (options: Partial<VisionTransformerOptions> = {}) =>
  new VisionTransformer({
    dModel: 16,
    numHeads: 2,
    numLayers: 2,
    dFF: 24,
    imageSize: 8,
    patchSize: 2,
    numClasses: 10,
    ...options,
  });
const take = (from: number, count: number) => ({
  images: digits.images.slice(from * 64, (from + count) * 64),
  labels: digits.labels.slice(from, from + count),
  batchSize: count,
});
const logits = (model: VisionTransformer, batch: ReturnType<typeof take>) =>
  noGrad(() => model.forward(batch)).toArray();

test('names and shapes', () => {
  const state = make().stateDict();
  assert.equal(
    [...state].filter(([key]) => !key.startsWith('encoder.')).map(([key, { shape }]) => [key, [...shape]]),
    [
      ['class_token', [1, 16]],
      ['patches.weight', [16, 4]],
      ['patches.bias', [16]],
      ['positions.weight', [17, 16]],
      ['head.weight', [10, 16]],
      ['head.bias', [10]],
    ],
  );
});

test('a trace shows every layer, class token included', () => {
  const shapes = new Map<string, readonly number[]>();
  noGrad(() => make().encode(take(0, 3), { trace: (name, value) => shapes.set(name, value.shape) }));
  assert.equal(
    [...shapes].filter(([name]) => name.endsWith('.out')),
    [0, 1].map((i) => [`encoder.layers.${i}.out`, [3, 17, 16]]),
  );
});

test('a state dict moves a model exactly, and rows of a batch do not see each other', () => {
  for (const normPlacement of ['post', 'pre', 'peri'] as const) {
    const [a, b] = [make({ seed: 1, normPlacement }).eval(), make({ seed: 2, normPlacement }).eval()];
    const batch = take(0, 9);
    const together = logits(a, batch);
    assert.is.not(bits(logits(b, batch)), bits(together));
    b.loadStateDict(a.stateDict());
    for (let i = 0; i < 9; i++) {
      assert.is(bits(logits(b, take(i, 1))), bits(together.subarray(i * 10, i * 10 + 10)), `image ${i}`);
    }
  }
});

test('a patch is a square of the image', () => {
  // The weights pick one number of every patch.
  const model = make({ channels: 2, imageSize: 6, patchSize: 3, seed: 1 });
  const weight = new Float32Array(16 * 18);
  const pixel = (2 * 3 + 1) * 2 + 1; // row 2, column 1, channel 1 of a patch
  weight[pixel] = 1; // into feature 0
  model.patches.weight.set(weight);
  model.patches.bias?.set(new Float32Array(16));
  model.positions.weight?.set(new Float32Array(5 * 16));
  const images = Float32Array.from({ length: 72 }, (_, i) => i);
  // Changing that pixel of any patch changes the output; changing any other number does not.
  const out = (change: number) => {
    const moved = images.slice();
    moved[change] += 1;
    return bits(noGrad(() => model.encode({ images: moved, batchSize: 1 })).toArray());
  };
  const still = bits(noGrad(() => model.encode({ images, batchSize: 1 })).toArray());
  const at = (row: number, column: number, channel: number) => (row * 6 + column) * 2 + channel;
  const active = new Set([2, 5].flatMap((row) => [1, 4].map((column) => at(row, column, 1))));
  for (let i = 0; i < 72; i++) assert.is(out(i) !== still, active.has(i), `number ${i}`);
});

test('it learns digits', () => {
  const model = make({ seed: 1, dModel: 32, dFF: 64 });
  const adam = new Adam(model.parameters(), { lr: 3e-3 });
  for (let step = 0; step < 90; step++) {
    adam.zeroGrad();
    backward(model.loss(take((step * 32) % 1200, 32)).loss);
    adam.step();
  }
  const held = take(1500, 200);
  const out = logits(model.eval(), held);
  const right = held.labels.filter((label, i) => {
    const row = out.subarray(i * 10, i * 10 + 10);
    return row[label] === Math.max(...row);
  }).length;
  assert.ok(right > 120, `${right} of 200; guessing gives 20`);
});

test('with all but norms and head frozen, nothing else moves', () => {
  const model = make({ seed: 4 }).setTrainable((path) => /norm|head/.test(path));
  const before = model.stateDict();
  const adam = new Adam(model.parameters(), { lr: 1e-2 });
  adam.zeroGrad();
  backward(model.loss(take(0, 16)).loss);
  adam.step();
  for (const [key, { data }] of model.stateDict()) {
    assert.is(bits(data) !== bits(before.get(key)!.data), /norm|head/.test(key), key);
  }
});

test('what does not fit is refused by name', () => {
  assert.match(refusal(() => make({ patchSize: 3 })).message, /multiple of patchSize/);
  assert.match(refusal(() => make({ numClasses: 0 })).message, /numClasses/);
  assert.match(refusal(() => make({ vocabSize: 5 } as never)).message, /vocabSize/);
  assert.match(refusal(() => make().forward({ ...take(0, 2), batchSize: 3 })).message, /3 images/);
  assert.match(
    refusal(() => make().loss({ images: new Float32Array(64), batchSize: 1 })).message,
    /no labels/,
  );
});

test.run();
