/** @file ViT from a folder and back: against scripts/make-pretrained-goldens.py. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { fromPretrained, toPretrained } from '../../src/interop/index.js';
import { type LibraryModel, VisionTransformer } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { asyncRefusal, gaussians, refusal } from '../support.js';
import {
  checkKeys,
  checkNumbers,
  checkRoundTrip,
  filesOf,
  goldenOf,
  parsed,
  tensorsOf,
  withConfig,
} from './folders.js';

const test = suite('interop/vit');
await init();

const golden = goldenOf<{ pixels: number[]; logits: number[][] }>('vit');
const [SIZE, CHANNELS] = [12, 3];

/** Theirs has the channels first, ours last. */
function channelsLast(pixels: readonly number[]): Float32Array {
  const plane = SIZE * SIZE;
  return Float32Array.from(pixels, (_, i) => {
    const [image, rest] = [Math.floor(i / (plane * CHANNELS)), i % (plane * CHANNELS)];
    return pixels[image * plane * CHANNELS + (rest % CHANNELS) * plane + Math.floor(rest / CHANNELS)];
  });
}
const logits = (model: LibraryModel): ArrayLike<number> =>
  (model as VisionTransformer).forward({ images: channelsLast(golden.pixels), batchSize: 2 }).toArray();

test('logits are those of the formulas, in f32 and in double precision', async () => {
  const { model, family, labels } = await checkNumbers('vit', golden.logits.flat(), logits);
  assert.instance(model, VisionTransformer);
  assert.is(family, 'vit');
  assert.equal(labels, ['kind 0', 'kind 1', 'kind 2', 'kind 3', 'kind 4']);
});

test('it goes out and comes back with the same bits, keys and configuration', async () => {
  const { model, config, labels } = await fromPretrained(filesOf('vit'));
  await checkRoundTrip(model, logits);
  const written = toPretrained(model, { labels: labels ?? [] });
  checkKeys('vit', written);
  const [before, after] = [tensorsOf(filesOf('vit')), tensorsOf(written)];
  assert.equal([...after.keys()].sort(), [...before.keys()].sort());
  for (const [key, { shape, data }] of before)
    assert.equal([after.get(key)?.shape, after.get(key)?.data], [shape, data], key);
  const now = parsed(written.get('config.json'));
  for (const key of Object.keys(now)) assert.equal(now[key], config[key], key);
});

test('a model made here goes out and comes back', async () => {
  const options = {
    dModel: 16,
    numHeads: 2,
    numLayers: 2,
    imageSize: 8,
    patchSize: 2,
    numClasses: 3,
  } as const;
  const run = (model: LibraryModel) =>
    (model as VisionTransformer).forward({ images: gaussians(64, 3), batchSize: 1 }).toArray();
  await checkRoundTrip(new VisionTransformer({ ...options, seed: 5 }).eval(), run);
  const sinusoidal = new VisionTransformer({ ...options, positions: 'sinusoidal' });
  assert.match(
    refusal(() => toPretrained(sinusoidal)).message,
    'ViT has positions "learned", the model "sinusoidal"',
  );
});

test('what config.json says is done, or refused by name', async () => {
  const { model } = await fromPretrained(withConfig('vit', { image_size: [12, 12], patch_size: [4, 4] }));
  assert.is((model as VisionTransformer).config.patchSize, 4);
  const refused: [object, RegExp][] = [
    [{ image_size: [12, 8] }, /image_size must be one number, or two equal ones/],
    [{ patch_size: 5 }, /patch_size must be a divisor of image_size 12, got 5/],
    [{ patch_size: 6 }, /must have shape \[1, 5, 12\], got \[1, 10, 12\]|projection.weight must have shape/],
    [{ num_channels: 1 }, /projection.weight must have shape \[12, 1, 4, 4\], got \[12, 3, 4, 4\]/],
    [{ qkv_bias: false }, /qkv_bias must be true, got false/],
    [{ architectures: ['ViTModel'] }, /architectures must be .*ViTForImageClassification/],
    [{ hidden_act: 'quick_gelu' }, /hidden_act must be one of gelu/],
    [{ layer_scale: 1 }, /config.json has layer_scale, which is not known here/],
  ];
  for (const [changes, message] of refused) {
    const error = await asyncRefusal(fromPretrained(withConfig('vit', changes)));
    assert.match(error.message, message);
    assert.ok(error.code === 'CONFIG' || error.code === 'FORMAT', error.message);
  }
});

test.run();
