/** @file The paper's predictions as functions, against their closed forms and against sampling. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  feedForwardVariance,
  hiddenActivationNorm,
  lastLayerGradient,
  layerNormJacobianNorm,
  periHiddenNorm,
  periLastLayerGradient,
  postHiddenNorm,
  preHiddenBounds,
  preToPostRatio,
  profileRatio,
  reluNorm,
  theorem1Bound,
} from '../../src/theory/index.js';
import { close, gaussians, norm } from '../support.js';

const test = suite('theory/predictions');

test('Lemma 1: E||ReLU(X)||² = s² d / 2, by 2,000 draws', () => {
  const d = 64;
  for (const s of [1, 2.5]) {
    const values = gaussians(2000 * d, 3).map((v) => Math.max(0, v * s));
    close(norm(values) ** 2 / 2000 / reluNorm(d, s * s), 1, 0.02);
  }
  assert.is(reluNorm(512), 256);
});

test('Lemma 2, Post-LN: 1 + 2r / (1 + r)², which is 1.5, 1.444 and 1.32 for r = 1, 2 and 4', () => {
  assert.equal([feedForwardVariance(1), postHiddenNorm(1)], [0.5, 1.5]);
  close(postHiddenNorm(2), 13 / 9, 1e-15);
  close(postHiddenNorm(4), 1.32, 1e-15);
});

test('the variance of a feed-forward branch is the product of its parts', () => {
  for (const r of [0.5, 1, 2, 4]) {
    const d = 128;
    // ||h||² times the variance 2 / (d + rd) of W2.
    close((hiddenActivationNorm(d, r) * 2) / (d + r * d), feedForwardVariance(r), 1e-15);
  }
});

test('hidden activations: a branch of normalised inputs, by sampling', () => {
  const [d, r] = [32, 2];
  const x = gaussians(d, 1);
  const scale = Math.sqrt(d) / norm(x);
  let total = 0;
  for (let k = 0; k < 200; k++) {
    const w = gaussians(d * r * d, 100 + k);
    for (let i = 0; i < r * d; i++) {
      let h = 0;
      for (let j = 0; j < d; j++) h += w[i * d + j] * x[j] * scale * Math.sqrt(2 / (d + r * d));
      total += Math.max(0, h) ** 2;
    }
  }
  close(total / 200 / hiddenActivationNorm(d, r), 1, 0.03);
});

test('Lemma 2, Pre-LN and Peri-LN: bounds and linear growth', () => {
  assert.equal(
    [preHiddenBounds(0), preHiddenBounds(6)],
    [
      [1, 1],
      [4, 10],
    ],
  );
  assert.equal(
    [2, 6, 14].map((l) => periHiddenNorm(l)),
    [5, 13, 29],
  );
  assert.is(periHiddenNorm(3, 0.5), 6.5);
});

test('Lemma 3: 1 / sqrt(var + eps)', () => {
  assert.is(layerNormJacobianNorm(4, 0), 0.5);
  close(layerNormJacobianNorm(1), 1 / Math.sqrt(1 + 1e-5), 1e-15);
  close(layerNormJacobianNorm(0, 0.25), 2, 1e-15);
});

test('Theorem 1: Post-LN does not depend on the depth, Pre-LN falls as 1 / sqrt(L)', () => {
  const lnD = Math.log(64);
  assert.is(theorem1Bound('post', 64, lnD, 6), theorem1Bound('post', 64, lnD, 96));
  close(theorem1Bound('pre', 64, lnD, 6) / theorem1Bound('pre', 64, lnD, 24), 2, 1e-12);
  close(theorem1Bound('post', 64, lnD, 1), 64 * Math.sqrt(lnD), 1e-12);
});

test('the gradient of the last layer: its closed form, its scaling, and the ratio of placements', () => {
  const [d, r, n] = [64, 1, 256];
  const post = lastLayerGradient(d, r, n, postHiddenNorm(r));
  close(post, Math.sqrt(32 / (256 * 1.5)), 1e-15);
  close(lastLayerGradient(4 * d, r, n, 1.5) / post, 2, 1e-12);
  close(lastLayerGradient(d, r, 4 * n, 1.5) / post, 0.5, 1e-12);
  for (const xbar of [2.2, 5.72, 29.7]) {
    close(lastLayerGradient(d, r, n, xbar) / post, preToPostRatio(r, xbar), 1e-12);
  }
  close(periLastLayerGradient(d, r, n, 13) / lastLayerGradient(d, r, n, 13), Math.SQRT2, 1e-12);
});

test('the profile is the square root of the ratio of hidden norms', () => {
  assert.is(profileRatio(9, 1), 3);
  assert.is(profileRatio(5, 5), 1);
});

test.run();
