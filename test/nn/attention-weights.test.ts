/**
 * @file Attention weights: against plain loops in double precision, against the fused kernel's result, and their sums;
 * causal, with lengths, over a memory, with norms of queries and keys.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noGrad, type Variable } from '../../src/autograd/index.js';
import { attentionWeights } from '../../src/generate/index.js';
import type { AttentionCall, MultiHeadAttention } from '../../src/nn/attention.js';
import { MaskedLM, type ModelOptions } from '../../src/nn/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { init } from '../../src/runtime/init.js';
import { type Runtime, withRuntime } from '../../src/runtime/runtime.js';
import { close, pairBatch, refusal, smallLM, smallPair } from '../support.js';

const test = suite('nn/attention-weights');
const kernels = await init();
const reference = createReferenceRuntime();
const HEADS = 4;
const WIDTH = 16;

const variants: [string, Partial<ModelOptions>][] = [
  ['plain', {}],
  ['layer norms of queries and keys', { qkNorm: 'layer' }],
  ['unit queries and keys', { qkNorm: 'l2', normPlacement: 'pre' }],
  ['norms of values too', { normPlacement: 'hybrid', dropout: 0.4 }],
  ['rotary, two heads a key', { positions: 'rotary', numKVHeads: 2 }],
];
const text = { ids: Int32Array.from({ length: 40 }, (_, i) => (i * 7) % 23), batchSize: 2, seqLen: 20 };
const pairs = pairBatch([
  [
    [3, 4, 5, 6, 7, 8, 2],
    [9, 10, 11, 2],
  ],
  [
    [12, 2],
    [13, 2],
  ],
]);

type Numbers = ArrayLike<number>;

/** What the attention is asked and answers in a whole pass. */
function callOf(attention: MultiHeadAttention, pass: () => unknown) {
  let seen: { q: Numbers; kv: Numbers; heads: Numbers; lengths: Numbers | null; causal: boolean } | null =
    null;
  const runtime = attention.runtime();
  noGrad(() => {
    attention.watched(({ q, kv, heads, mask }: AttentionCall) => {
      const [a, b, c] = [q, kv, heads].map((x) => x.toArray());
      const lengths = mask.lengths?.toArray() ?? null;
      seen = { q: a, kv: b, heads: c, lengths, causal: mask.causal ?? false };
    }, pass);
  }, runtime);
  return seen as unknown as NonNullable<typeof seen>;
}

/** softmax(q kᵀ / sqrt(d)) by loops; and the heads' result of weights that are given. */
function judge(
  weights: Variable,
  attention: MultiHeadAttention,
  pass: () => unknown,
  tolerance: number,
): void {
  const { q, kv, heads, lengths, causal } = callOf(attention, pass);
  const [batch, numHeads, queries, keys] = weights.shape;
  assert.is(numHeads, HEADS);
  const d = WIDTH / HEADS;
  const shared = attention.kvWidth;
  const group = HEADS / attention.numKVHeads;
  const w = weights.toArray();
  for (let row = 0; row < batch * HEADS * queries; row++) {
    const t = row % queries;
    const h = Math.floor(row / queries) % HEADS;
    const b = Math.floor(row / queries / HEADS);
    // From a component of the head to that of the keys it reads.
    const back = (h - Math.floor(h / group)) * d;
    const sees = (j: number) => j < (lengths?.[b] ?? keys) && (!causal || j <= t);
    const scores = Array.from({ length: keys }, (_, j) => {
      let sum = 0;
      for (let i = h * d; i < (h + 1) * d; i++) {
        sum += q[(b * queries + t) * WIDTH + i] * kv[(b * keys + j) * 2 * shared + i - back];
      }
      return sees(j) ? Math.exp(sum / Math.sqrt(d)) : 0;
    });
    const total = scores.reduce((sum, x) => sum + x, 0);
    const own = Array.from({ length: keys }, (_, j) => w[row * keys + j]);
    close(
      own.reduce((sum, x) => sum + x, 0),
      1,
      tolerance,
      'sum of a row',
    );
    scores.forEach((score, j) => {
      if (!sees(j)) assert.is(own[j], 0);
      close(own[j], score / total, tolerance, `row ${row}, key ${j}`);
    });
    for (let i = h * d; i < (h + 1) * d; i++) {
      const sum = own.reduce((s, p, j) => s + p * kv[(b * keys + j) * 2 * shared + shared + i - back], 0);
      close(heads[(b * queries + t) * WIDTH + i], sum, tolerance * 8, 'weights times values');
    }
  }
}

for (const [where, runtime, tolerance] of [
  ['kernels', kernels, 2e-6],
  ['double precision', reference, 1e-12],
] as [string, Runtime, number][]) {
  for (const [name, options] of variants) {
    test(`${where}, ${name}: they are the softmax of what the fused kernel reads, and give its result`, () => {
      withRuntime(runtime, () => {
        const lm = smallLM({ seed: 3, ...options });
        for (const layer of [0, 1]) {
          const pass = () => lm.evaluating(() => lm.forward(text));
          judge(attentionWeights(lm, text, { layer }), lm.encoder.layers[layer].selfAttn, pass, tolerance);
        }
        const pair = smallPair({ seed: 4, ...options });
        const pass = () => pair.evaluating(() => pair.forward(pairs));
        for (const attention of ['encoder', 'decoder', 'cross'] as const) {
          const layer = pair[attention === 'encoder' ? 'encoder' : 'decoder'].layers[1];
          const asked = attention === 'cross' ? 'multiheadAttn' : 'selfAttn';
          const part = (layer as unknown as Record<string, MultiHeadAttention>)[asked];
          judge(attentionWeights(pair, pairs, { attention, layer: 1 }), part, pass, tolerance);
        }
      });
    });
  }
}

test('some heads, in the order asked, are those of all', () => {
  const lm = smallLM({ seed: 3 });
  const all = attentionWeights(lm, text, { layer: 1 });
  const some = attentionWeights(lm, text, { layer: 1, heads: [2, 0] });
  assert.equal(some.shape, [2, 2, 20, 20]);
  const [a, b] = [all.toArray(), some.toArray()];
  const size = 400;
  for (const [i, head] of [2, 0].entries()) {
    for (const row of [0, 1]) {
      const from = (row * 4 + head) * size;
      assert.equal(b.slice((row * 2 + i) * size, (row * 2 + i + 1) * size), a.slice(from, from + size));
    }
  }
});

test('they change nothing: a pass after it has the same bits, memory is flat, the mode stays', () => {
  const lm = smallLM({ seed: 3, dropout: 0.3, attentionDropout: 0.3 });
  const pass = () => lm.evaluating(() => noGrad(() => lm.forward(text))).toArray();
  const before = pass();
  attentionWeights(lm, text, { layer: 0 });
  const memory = kernels.memory();
  for (let i = 0; i < 5; i++) attentionWeights(lm, text, { layer: 1 });
  assert.equal(kernels.memory(), memory);
  assert.equal(pass(), before);
  assert.ok(lm.training);
});

test('other models with a stack have them too', () => {
  const masked = new MaskedLM({ vocabSize: 23, dModel: 16, numHeads: 4, numLayers: 1, maxSeqLen: 8 });
  const batch = { ids: Int32Array.of(3, 4, 5, 0), lengths: Int32Array.of(3), batchSize: 1, seqLen: 4 };
  const weights = attentionWeights(masked, batch, { layer: 0 }).toArray();
  for (let row = 0; row < 16; row++) {
    assert.is(weights[row * 4 + 3], 0, 'padding');
    close(weights[row * 4] + weights[row * 4 + 1] + weights[row * 4 + 2], 1, 1e-6);
  }
});

test('an attention that is not there is refused', () => {
  const lm = smallLM();
  for (const [options, says] of [
    [{ layer: 2 }, 'layer must be a whole number from 0 to 1, got 2'],
    [{ layer: 0, attention: 'cross' }, "attention is 'cross', but the model has no decoder"],
    [{ layer: 0, heads: [4] }, 'heads must be a list of whole numbers from 0 to 3'],
    [{ layer: 0, heads: [] }, 'heads must be a list'],
  ] as const) {
    const { message } = refusal(() => attentionWeights(lm, text, options));
    assert.ok(message.startsWith(`attentionWeights: ${says}`), message);
  }
});

test.run();
