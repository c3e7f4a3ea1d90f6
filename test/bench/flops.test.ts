import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { causalLmFlops, translationFlops } from '../../src/bench/flops.js';

const test = suite('bench: FLOPs');

const config = { dModel: 4, dFF: 8, vocabSize: 10, numEncoderLayers: 1, numDecoderLayers: 1 };

/** Multiplications of (m, k) by (k, n), counted by the loop that makes them. */
function multiplications(m: number, n: number, k: number): number {
  let count = 0;
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) for (let l = 0; l < k; l++) count++;
  return count;
}

test('a causal model: projections, half of the attention, logits; three times two FLOPs each', () => {
  const [batch, length, heads] = [2, 6, 2];
  const tokens = batch * length;
  const dHead = 4 / heads;
  let forward = multiplications(tokens, 12, 4) + multiplications(tokens, 4, 4);
  forward += multiplications(tokens, 8, 4) + multiplications(tokens, 4, 8);
  // Scores and their product with the values, per sequence and head.
  forward +=
    (batch * heads * (multiplications(length, length, dHead) + multiplications(length, dHead, length))) / 2;
  forward *= 3; // layers
  forward += multiplications(tokens, 10, 4);
  assert.is(causalLmFlops(config, 3, batch, length), 6 * forward);
});

test('a translation model: by the lengths of each pair, so that padding is not counted', () => {
  const [s, t] = [5, 3];
  const encoder = multiplications(s, 12, 4) + multiplications(s, 4, 4) + 2 * multiplications(s, 8, 4);
  const encoderAttention = 2 * multiplications(s, s, 4);
  const self = multiplications(t, 12, 4) + multiplications(t, 4, 4) + (2 * multiplications(t, t, 4)) / 2;
  const cross = 2 * multiplications(t, 4, 4) + multiplications(s, 8, 4) + 2 * multiplications(t, s, 4);
  const decoder = self + cross + 2 * multiplications(t, 8, 4);
  const one = 6 * (encoder + encoderAttention + decoder + multiplications(t, 10, 4));
  assert.is(translationFlops(config, [s], [t]), one);
  assert.is(translationFlops(config, [s, s], [t, t]), 2 * one);
  assert.ok(translationFlops(config, [s, 1], [t, 1]) < 2 * one);
});

test.run();
