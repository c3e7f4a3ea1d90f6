/** @file Tuning in the norms and the head: which parameters, how far, the two ends of lambda, the cycle. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { VisionTransformer } from '../../src/nn/index.js';
import { init } from '../../src/runtime/init.js';
import { cyclicTuning, normParameters, normShift, rescaleNorms } from '../../src/train/index.js';
import { asyncRefusal, bits, close, refusal } from '../support.js';

const test = suite('train/norm-tuning');
await init();

const d = 16;
const make = (norm: 'layer' | 'rms' = 'layer') =>
  new VisionTransformer({
    dModel: d,
    numHeads: 2,
    numLayers: 2,
    dFF: 24,
    imageSize: 8,
    patchSize: 2,
    numClasses: 10,
    norm,
  });
const isHead = (path: string) => path.startsWith('head.');

/** Adds `step` to every norm's gamma and twice that to its beta. */
function move(model: VisionTransformer, step: number): void {
  for (const [, parameter] of normParameters(model)) {
    const by = parameter.role === 'normWeight' ? step : 2 * step;
    parameter.set(parameter.toArray().map((value, i) => value + by * (i + 1)));
  }
}

test('gamma and beta of two norms a layer and the last one; RMSNorm has gamma alone', () => {
  const layerNorms = [...normParameters(make()).keys()];
  assert.is(layerNorms.length, 10);
  assert.ok(layerNorms.includes('encoder.layers.1.norm2.bias'), layerNorms.join(' '));
  const rms = normParameters(make('rms'));
  assert.is(rms.size, 5);
  for (const [path, { role }] of rms) assert.is(role, 'normWeight', path);
});

test('lambda 0 and 1 are exact in the bit, between them gamma is linear, beta stays', () => {
  const model = make();
  const source = model.stateDict();
  move(model, 0.1);
  const tuned = model.stateDict();
  const gammas = [...normParameters(model)].filter(([, { role }]) => role === 'normWeight');
  for (const [lambda, state] of [
    [1, tuned],
    [0, source],
  ] as const) {
    model.loadStateDict(tuned);
    rescaleNorms(model, source, lambda);
    for (const [path, gamma] of gammas) assert.is(bits(gamma.toArray()), bits(state.get(path)!.data), path);
  }
  model.loadStateDict(tuned);
  rescaleNorms(model, source, 1.5);
  for (const [path, parameter] of model.namedParameters()) {
    const before = source.get(path)!.data;
    const after = tuned.get(path)!.data;
    const isGamma = gammas.some(([name]) => name === path);
    parameter.toArray().forEach((value, i) => {
      if (isGamma) close(value, before[i] + 1.5 * (after[i] - before[i]), 1e-6, path);
      else assert.is(value, after[i], path);
    });
  }
});

test('the shift is the sum over norms of the distance of gamma and beta together', () => {
  const model = make();
  const source = model.stateDict();
  assert.is(normShift(model, source), 0);
  move(model, 0.01);
  let squares = 0;
  for (let i = 1; i <= d; i++) squares += 5 * (0.01 * i) * (0.01 * i);
  close(normShift(model, source), 5 * Math.sqrt(squares), 1e-4);
});

test('the cycle trains head, norms, head, norms, and nothing else', async () => {
  const model = make();
  const seen: string[] = [];
  const heads = model.head.weight.size + model.head.bias!.size;
  await cyclicTuning(model, {
    cycles: 2,
    predictor: isHead,
    train: (part, cycle) => {
      seen.push(`${part} ${cycle} ${model.numParameters({ trainable: true })}`);
    },
  });
  const norms = 5 * 2 * d;
  assert.equal(
    seen,
    [0, 1].flatMap((cycle) => [`predictor ${cycle} ${heads}`, `norms ${cycle} ${norms}`]),
  );
  assert.is(model.numParameters({ trainable: true }), norms + heads);
});

test('refusals name what is missing and leave the model as it was', async () => {
  const model = make();
  const source = model.stateDict();
  move(model, 0.1);
  const tuned = bits(model.encoder.layers[0].norm1!.parameters()[0].toArray());
  source.delete('encoder.layers.1.norm2.weight');
  assert.match(refusal(() => rescaleNorms(model, source, 0)).message, /encoder\.layers\.1\.norm2\.weight/);
  assert.is(bits(model.encoder.layers[0].norm1!.parameters()[0].toArray()), tuned);
  assert.match(refusal(() => normShift(model, source)).message, /norm2\.weight/);
  assert.match(refusal(() => rescaleNorms(model, model.stateDict(), Number.NaN)).message, /lambda/);
  const none = { cycles: 0, predictor: isHead, train() {} };
  assert.match((await asyncRefusal(cyclicTuning(model, none))).message, /cycles/);
});

test.run();
