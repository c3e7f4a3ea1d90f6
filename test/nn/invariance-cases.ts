/** @file A sequence's result does not depend on what stands beside or behind it in its batch. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward, noGrad } from '../../src/autograd/index.js';
import type { CausalLM, ModelOptions, Transformer } from '../../src/nn/index.js';
import { RandomStream } from '../../src/random.js';
import type { Arithmetic } from '../../src/runtime/arithmetic.js';
import { init } from '../../src/runtime/init.js';
import { bits, pairBatch, smallLM, smallPair } from '../support.js';

type Suite = ReturnType<typeof suite>;

/** All cases in one arithmetic. */
export async function batchInvariance(arithmetic: Arithmetic): Promise<Suite> {
  const test = suite(`nn/invariance, ${arithmetic}`);
  await init({ arithmetic });

  type Pair = [number[], number[]];
  const random = new RandomStream(17, 'test:pairs');
  const sentence = (length: number) => [
    ...Array.from({ length: length - 1 }, () => 3 + random.nextInt(20)),
    2,
  ];
  const lengths = [
    [1, 3],
    [5, 1],
    [17, 12],
    [8, 16],
    [2, 2],
    [11, 9],
    [16, 17],
  ];
  const pairs = lengths.map(([s, t]): Pair => [sentence(s), sentence(t)]);
  const garbage = (i: number) => (i * 13 + 5) % 23;

  /** Logits of each sentence's own positions. */
  function logits(model: Transformer, of: Pair[], options: Parameters<typeof pairBatch>[1] = {}): string[] {
    const batch = pairBatch(of, options);
    const out = noGrad(() => model.forward(batch)).toArray();
    const width = batch.targetLen * model.config.vocabSize;
    return of.map(([, target], b) =>
      bits(out.subarray(b * width, b * width + target.length * model.config.vocabSize)),
    );
  }

  const variants: [string, Partial<ModelOptions>][] = [
    ['post', { normPlacement: 'post' }],
    ['pre, learned positions, GELU', { normPlacement: 'pre', positions: 'learned', activation: 'gelu' }],
    [
      'peri, RMSNorm, untied',
      { normPlacement: 'peri', norm: 'rms', tiedEmbeddings: false, embeddingNorm: true },
    ],
    [
      'rotary, two heads a key, SwiGLU, RMSNorm, no biases',
      {
        ...{ positions: 'rotary', numKVHeads: 2, norm: 'rms', bias: false, qkNorm: 'none' },
        ...{ activation: 'silu', gatedFFN: true },
      },
    ],
    [
      'rotary, one key for all heads, biases of queries and keys alone, key norms',
      { positions: 'rotary', numKVHeads: 1, bias: 'qkv', qkNorm: 'rms', activation: 'geluTanh' },
    ],
    ['pre, wider than a block', { normPlacement: 'pre', dModel: 96, dFF: 300, numHeads: 3, numLayers: 1 }],
  ];

  for (const [name, options] of variants) {
    const model = smallPair({ ...options, seed: 4 }).eval();
    const alone = pairs.map((pair) => logits(model, [pair])[0]);

    test(`${name}: logits in a batch have the bits of the sentence alone`, () => {
      assert.equal(logits(model, pairs), alone);
      assert.equal(logits(model, [...pairs].reverse()), [...alone].reverse());
      assert.equal(logits(model, pairs.slice(2, 4)), alone.slice(2, 4));
    });

    test(`${name}: what stands in the padding does not matter, nor how much of it there is`, () => {
      assert.equal(logits(model, pairs, { padding: garbage }), alone);
      assert.equal(logits(model, pairs, { padding: garbage, sourceLen: 24, targetLen: 23 }), alone);
      assert.equal(logits(model, [pairs[0]], { padding: () => 22, sourceLen: 20, targetLen: 19 }), [
        alone[0],
      ]);
    });

    test(`${name}: changing padding changes no bit of loss or gradient`, () => {
      const run = (padding: (i: number) => number) => {
        model.zeroGrad();
        const { loss, nll, count } = model.loss(pairBatch(pairs, { padding }), { smoothing: 0.1 });
        const values = [bits([loss.item(), nll.item()]), String(count)];
        backward(loss);
        return [
          ...values,
          ...[...model.namedParameters()].map(([path, p]) => `${path} ${bits(p.grad!.toArray())}`),
        ];
      };
      const plain = run(() => 0);
      assert.equal(run(garbage), plain);
      assert.equal(
        run(() => 22),
        plain,
      );
      assert.ok(plain.length > 20);
    });
  }

  test('the lengths matter: without them padding leaks', () => {
    const model = smallPair({ seed: 4 });
    const batch = pairBatch([pairs[0], pairs[2]]);
    const run = () =>
      bits(
        noGrad(() => model.forward(batch))
          .toArray()
          .subarray(0, 3 * 23),
      );
    const right = run();
    batch.sourceLengths.fill(batch.sourceLen);
    assert.is.not(run(), right);
  });

  const lmLogits = (model: CausalLM, rows: number[][]) => {
    const seqLen = rows[0].length;
    const out = noGrad(() =>
      model.forward({ ids: Int32Array.from(rows.flat()), batchSize: rows.length, seqLen }),
    ).toArray();
    const width = seqLen * model.config.vocabSize;
    return rows.map((_, b) =>
      Array.from({ length: seqLen }, (_, t) =>
        bits(out.subarray(b * width + t * 23, b * width + (t + 1) * 23)),
      ),
    );
  };

  test('a causal model sees no later token, and a longer text begins with the logits of the shorter one', () => {
    for (const normPlacement of ['post', 'pre', 'peri'] as const) {
      const model = smallLM({ normPlacement, seed: 6, dModel: 48 }).eval();
      const text = sentence(24);
      const [full] = lmLogits(model, [text]);
      for (const length of [1, 2, 7, 16, 17, 23]) {
        assert.equal(lmLogits(model, [text.slice(0, length)])[0], full.slice(0, length), `length ${length}`);
      }
      const changed = [...text];
      changed[10] = (text[10] + 1) % 23;
      const [other] = lmLogits(model, [changed]);
      assert.equal(other.slice(0, 10), full.slice(0, 10));
      other.slice(10).forEach((value, i) => {
        assert.is.not(value, full[10 + i], `position ${10 + i}`);
      });
    }
  });

  test('rows of a language-model batch do not see each other', () => {
    const model = smallLM({ seed: 6 }).eval();
    const rows = Array.from({ length: 9 }, () => sentence(13));
    const together = lmLogits(model, rows);
    rows.forEach((row, i) => {
      assert.equal(lmLogits(model, [row])[0], together[i], `row ${i}`);
    });
  });

  return test;
}
