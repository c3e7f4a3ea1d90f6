/** @file The table of bars at small scale, by number: norms, schedules and hidden states against the theory. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tensor } from '../../src/autograd/index.js';
import { LayerNorm } from '../../src/nn/index.js';
import { inverseSqrt } from '../../src/optim/index.js';
import { init } from '../../src/runtime/init.js';
import {
  chiSquareDelta,
  largestRelu,
  layerNormJacobianFrobenius,
  layerNormJacobianNorm,
  layerNormJacobianRank,
  layerNormOutput,
  layerNormRadialEigenvalue,
  measureBranchScaling,
  measureInit,
  measureJacobian,
  measureReluNorm,
  type ProbeConfig,
  periHiddenNorm,
  periScaledGradient,
  postDepthFactor,
  probeHiddenNorms,
  reluMaximum,
  reluNorm,
  shareAbove,
  theorem1Probability,
} from '../../src/theory/index.js';
import { close, gaussians, norm } from '../support.js';

const test = suite('theory/bars');
await init();

const moments = (x: ArrayLike<number>) => {
  const values = Array.from(x);
  const mu = values.reduce((s, v) => s + v, 0) / values.length;
  return { mu, variance: values.reduce((s, v) => s + (v - mu) ** 2, 0) / values.length };
};

const TOY: Omit<ProbeConfig, 'placement' | 'seed'> = {
  setting: 'toy',
  numLayers: 3,
  dModel: 64,
  vocabSize: 100,
  batch: 4,
  length: 16,
};

test('bar 1: ||LN(v)||² = d var / (var + eps), mean 0', () => {
  for (const d of [8, 64, 512]) {
    const x = gaussians(d, d).map((v) => 2 * v + 3);
    const out = new LayerNorm(d).forward(tensor(x, { shape: [1, d] })).toArray();
    close(norm(out) ** 2 / layerNormOutput(d, moments(x).variance), 1, 1e-5, `d ${d}:`);
    close(norm(out) ** 2 / d, 1, 1e-4);
    close(moments(out).mu, 0, 1e-6);
  }
});

test('bar 2: the Jacobian of a layer norm: 1 / sqrt(var + eps), rank d - 2, ones annihilated, 1/3 at 3x', () => {
  for (const [d, eps] of [
    [3, 1e-5],
    [16, 1e-5],
    [64, 0.1],
  ]) {
    const x = gaussians(d, 7 * d);
    const layer = new LayerNorm(d, eps);
    const { variance } = moments(x);
    const j = measureJacobian(layer, x);
    close(j.spectral / layerNormJacobianNorm(variance, eps), 1, 1e-4, `d ${d}:`);
    close(j.onesResidual, 0, 1e-5);
    close(j.radialEigenvalue, layerNormRadialEigenvalue(variance, eps), 1e-4 * j.spectral);
    assert.is(norm(layer.weight.grad?.toArray() ?? []), 0, 'no gradient is left behind');
    // With a large eps x - mean is no null vector any more.
    assert.is(j.rank, eps < 1e-3 ? layerNormJacobianRank(d) : d - 1);
    if (eps > 1e-3) continue;
    close(j.frobenius / layerNormJacobianFrobenius(d, variance, eps), 1, 1e-4);
    const tripled = measureJacobian(
      layer,
      x.map((v) => 3 * v),
    );
    close((3 * tripled.spectral) / j.spectral, 1, 1e-4);
  }
});

test('bar 5: inverse square root: lr(T) = maxLr, lr(4T) = maxLr / 2, lr(1) = maxLr / T', () => {
  const lr = inverseSqrt({ maxLr: 0.001, warmupSteps: 400 });
  assert.equal([lr(400), lr(1600), lr(1)], [0.001, 0.0005, 0.001 / 400]);
});

test('bar 6: scaling W2 leaves Peri-LN as it is and divides its gradient; Pre-LN changes', () => {
  const config = { ...TOY, seed: 9001 };
  for (const c of [0.5, 4]) {
    const peri = measureBranchScaling({ ...config, placement: 'peri' }, 0, c);
    assert.ok(peri.outputChange < 1e-3, `${peri.outputChange}`);
    close(peri.gradientRatio / periScaledGradient(1, c), 1, 0.01);
    assert.ok(measureBranchScaling({ ...config, placement: 'pre' }, 0, c).outputChange > 0.01);
  }
});

test('bar 7: Lemma 1 within 2 %, and max ReLU² <= 2 ln(100 d) in 99 % of draws', () => {
  for (const variance of [1, 4])
    close(measureReluNorm(128, 2000, 9001, variance) / reluNorm(128, variance), 1, 0.02);
  const below = largestRelu(128, 2000, 9002).filter((v) => v <= reluMaximum(128)).length;
  assert.ok(below >= 1980, `${below} of 2,000`);
});

test('bar 10: Peri-LN hidden norms are (1 + 2l) d', () => {
  const { layers } = measureInit(
    { ...TOY, setting: 'theory', placement: 'peri', batch: 8, length: 32 },
    9001,
  );
  layers.forEach(({ hidden }, l) => {
    close(hidden / periHiddenNorm(l + 1), 1, 0.1, `layer ${l + 1}:`);
  });
});

test('bar 15: a gradient averaged over batches is that of no single batch, and Zipf tokens are another draw', () => {
  const w2 = (rest: Partial<ProbeConfig>) =>
    measureInit({ ...TOY, placement: 'post', ...rest }, 9001).layers[2].w2;
  assert.ok(w2({ batches: 6 }) < w2({}), 'averaging reduces the noise');
  assert.is.not(w2({ tokens: 'zipf' }), w2({}));
});

test('bar 16: (eps, delta): the chi-square bound, and hidden states of a real model inside it', () => {
  close(chiSquareDelta(64, 0.5), Math.exp(-2), 1e-15);
  for (const placement of ['post', 'pre'] as const) {
    const norms = probeHiddenNorms({ ...TOY, placement, seed: 9001 });
    assert.is(norms.length, 64);
    assert.ok(shareAbove(norms, 0.5) <= chiSquareDelta(64, 0.5));
  }
  assert.is(shareAbove([1, 1, 1, 5], 0.1), 0.25);
});

test('Theorem 1 holds with probability 0.99 - delta - eps / (0.9 + eps); appendix F: (2/3)^((L - l) / 2)', () => {
  close(theorem1Probability(0.1, 0.125), 0.99 - 0.125 - 0.1, 1e-15);
  close(postDepthFactor(6, 1), (2 / 3) ** 2.5, 1e-12);
  assert.is(postDepthFactor(6, 6), 1);
});

test.run();
