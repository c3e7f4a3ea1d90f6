/** @file Decoding with the key/value cache gives the bits of a full forward pass. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { logSoftmax, noGrad } from '../../src/autograd/index.js';
import { beamSearch, greedy, lmStepper, sample, translationStepper } from '../../src/generate/index.js';
import {
  type CausalLM,
  KeyValueCache,
  type ModelOptions,
  normPlacements,
  type Transformer,
} from '../../src/nn/index.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { bits, close, pairBatch, refusal, smallLM, smallPair } from '../support.js';

const test = suite('generate/stepper');
const runtime = await init();
const V = 23;
const [BOS, EOS] = [1, 2];

const variants: [string, Partial<ModelOptions>][] = [
  ['post', { normPlacement: 'post' }],
  ['pre', { normPlacement: 'pre', positions: 'learned' }],
  ['peri', { normPlacement: 'peri', norm: 'rms', embeddingNorm: true }],
  ...normPlacements
    .slice(3)
    .map((normPlacement): [string, Partial<ModelOptions>] => [normPlacement, { normPlacement }]),
  ['query and key norms, DyT', { qkNorm: 'layer', norm: 'dyt' }],
  ['unit queries and keys, ScaleNorm', { qkNorm: 'l2', norm: 'scale' }],
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
];

/** Log-probabilities of the next token behind every position, by one full forward pass. */
function fullLm(model: CausalLM, ids: readonly number[]): Float32Array {
  return noGrad(() =>
    logSoftmax(model.forward({ ids: Int32Array.from(ids), batchSize: 1, seqLen: ids.length })),
  ).toArray() as Float32Array;
}

function fullPair(model: Transformer, source: readonly number[], target: readonly number[]): Float32Array {
  const batch = pairBatch([[source, [...target, EOS]]]);
  return noGrad(() => logSoftmax(model.forward(batch))).toArray() as Float32Array;
}

const row = (values: Float32Array, t: number) => values.subarray(t * V, (t + 1) * V);
const argmax = (values: Float32Array) => values.indexOf(Math.max(...values));
const sources = [
  [3, 4, 5, 6, 7, 8, 9, 2],
  [10, 2],
  [11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 2],
];

function padded(rows: number[][]): [Int32Array, Int32Array] {
  const width = Math.max(...rows.map((r) => r.length));
  return [
    Int32Array.from({ length: rows.length * width }, (_, i) => rows[Math.floor(i / width)][i % width] ?? 7),
    Int32Array.from(rows, (r) => r.length),
  ];
}

for (const [name, options] of variants) {
  test(`${name}: a language model stepped token by token gives the bits of the full pass`, () => {
    const model = smallLM({ ...options, seed: 3, dModel: 32 }).eval();
    const texts = [0, 1, 2].map((k) => Array.from({ length: 24 }, (_, i) => (i * (5 + k) + k) % V));
    const stepper = lmStepper(model, 3);
    const full = texts.map((text) => fullLm(model, text));
    for (let t = 0; t < 24; t++) {
      const stepped = stepper.step(Int32Array.from(texts, (text) => text[t]));
      texts.forEach((_, b) => {
        assert.is(bits(row(stepped, b)), bits(row(full[b], t)), `row ${b}, position ${t}`);
      });
    }
  });

  test(`${name}: greedy translation is the argmax of full passes, its probability the same bits`, () => {
    const model = smallPair({ ...options, seed: 5 }).eval();
    const found = greedy(translationStepper(model, ...padded(sources)), {
      bos: BOS,
      eos: EOS,
      maxLength: 12,
    });
    sources.forEach((source, i) => {
      {
        const prefix: number[] = [];
        let logProb = 0;
        for (;;) {
          const next = row(fullPair(model, source, prefix), prefix.length);
          const best = prefix.length === 12 ? EOS : argmax(next);
          logProb += next[best];
          if (best === EOS) break;
          prefix.push(best);
        }
        assert.equal([...found[i].ids], prefix, `sentence ${i}`);
        assert.is(found[i].logProb, logProb);
      }
    });
  });

  test(`${name}: a beam's probability is that of a full pass over its result, bit for bit`, () => {
    const model = smallPair({ ...options, seed: 5 }).eval();
    const search = { bos: BOS, eos: EOS, maxLength: 10, beamSize: 4, lengthPenalty: 1.2 };
    const together = beamSearch(translationStepper(model, ...padded(sources)), search);
    sources.forEach((source, i) => {
      {
        const ids = [...together[i].ids];
        const full = fullPair(model, source, ids);
        const logProb = [...ids, EOS].reduce((sum, id, t) => sum + row(full, t)[id], 0);
        assert.is(together[i].logProb, logProb, `sentence ${i}`);
        const [alone] = beamSearch(translationStepper(model, ...padded([source])), search);
        assert.equal([[...alone.ids], alone.logProb], [ids, logProb], `sentence ${i} alone`);
      }
    });
  });
}

test('a beam scores at least as well as greedy when length does not count', () => {
  const model = smallPair({ seed: 8 }).eval();
  const search = { bos: BOS, eos: EOS, maxLength: 8 };
  const one = greedy(translationStepper(model, ...padded(sources)), search);
  const beam = beamSearch(translationStepper(model, ...padded(sources)), {
    ...search,
    beamSize: 8,
    lengthPenalty: 0,
  });
  beam.forEach(({ logProb }, i) => {
    assert.ok(logProb >= one[i].logProb);
  });
  const single = beamSearch(translationStepper(model, ...padded(sources)), { ...search, beamSize: 1 });
  assert.equal(
    single.map(({ ids, logProb }) => [[...ids], logProb]),
    one.map(({ ids, logProb }) => [[...ids], logProb]),
  );
});

test('a stepper has no dropout, whatever mode the model is in, and leaves every module in its mode', () => {
  const modes = (model: CausalLM | Transformer) => [...model.namedModules()].map(([, m]) => m.training);
  const lm = smallLM({ dropout: 0.5, activationDropout: 0.5, seed: 4 });
  const pair = smallPair({ dropout: 0.5, activationDropout: 0.5, seed: 4 });
  const run = () => {
    const [one, two] = [lmStepper(lm, 2), translationStepper(pair, ...padded(sources))];
    const out = [one.step(Int32Array.of(3, 4)), two.step(Int32Array.of(BOS, BOS, BOS))];
    two.reorder(Int32Array.of(2, 0));
    out.push(one.step(Int32Array.of(5, 6)), two.step(Int32Array.of(8, 9)));
    return out.map(bits);
  };
  lm.eval();
  pair.eval();
  const expected = run();
  lm.train();
  pair.train();
  lm.encoder.layers[1].eval();
  const before = [modes(lm), modes(pair)];
  assert.equal(run(), expected);
  assert.equal([modes(lm), modes(pair)], before);
});

test('a stepper refuses rows and ids that are not there, and sources that are no rows', () => {
  const lm = smallLM();
  const pair = smallPair();
  const wrong: [() => unknown, string][] = [
    [() => lmStepper(lm, 0), 'batch'],
    [() => lmStepper(lm, 1.5), 'batch'],
    [() => lmStepper(lm, 1).step(Int32Array.of(-1)), 'ids[0]'],
    [() => lmStepper(lm, 1).step(Int32Array.of(V)), 'ids[0]'],
    [() => lmStepper(lm, 2).reorder(Int32Array.of(0, 2)), 'order[1]'],
    [() => translationStepper(pair, new Int32Array(7), Int32Array.of(3, 3)), 'divide'],
    [() => translationStepper(pair, new Int32Array(8), Int32Array.of(4, 5)), 'lengths[1]'],
    [() => translationStepper(pair, new Int32Array(8), Int32Array.of(4, -1)), 'lengths[1]'],
    [() => sample(lmStepper(lm, 2), { prompt: [3], length: 1, seed: 0 }), 'one row'],
  ];
  for (const [run, says] of wrong) assert.match(refusal(run).message, says);
});

test('log-probabilities sum to 1', () => {
  const stepper = lmStepper(smallLM().eval(), 2);
  const out = stepper.step(Int32Array.of(3, 4));
  for (const b of [0, 1])
    close(
      row(out, b).reduce((sum, v) => sum + Math.exp(v), 0),
      1,
      1e-5,
    );
});

test('after reorder every row goes on from the row it names', () => {
  const model = smallLM({ seed: 4 }).eval();
  const stepper = lmStepper(model, 3);
  stepper.step(Int32Array.of(3, 4, 5));
  stepper.step(Int32Array.of(6, 7, 8));
  stepper.reorder(Int32Array.of(2, 0, 2, 1));
  assert.is(stepper.batch, 4);
  const out = stepper.step(Int32Array.of(9, 10, 11, 12));
  [
    [5, 8, 9],
    [3, 6, 10],
    [5, 8, 11],
    [4, 7, 12],
  ].forEach((text, i) => {
    assert.is(bits(row(out, i)), bits(row(fullLm(model, text), 2)), `row ${i}`);
  });
});

test('a translation keeps its source when rows move', () => {
  const model = smallPair({ seed: 4 }).eval();
  const stepper = translationStepper(model, ...padded(sources));
  stepper.step(Int32Array.of(BOS, BOS, BOS));
  stepper.reorder(Int32Array.of(1, 2, 1));
  const out = stepper.step(Int32Array.of(9, 9, 8));
  [
    [1, 9],
    [2, 9],
    [1, 8],
  ].forEach(([source, id], i) => {
    assert.is(bits(row(out, i)), bits(row(fullPair(model, sources[source], [id]), 1)), `row ${i}`);
  });
});

test('sampling from a model repeats, and generation leaves no memory in the arena', () => {
  const model = smallLM({ seed: 2 }).eval();
  const run = (seed: number) =>
    [...sample(lmStepper(model, 1), { prompt: [3, 4], length: 20, seed, topK: 10 })].join();
  assert.is(run(1), run(1));
  assert.is.not(run(1), run(2));
  assert.is(runtime.memory().arenaInUse, 0);
});

test('generating past maxSeqLen is refused', () => {
  const model = smallLM({ maxSeqLen: 4 }).eval();
  const error = refusal(() => sample(lmStepper(model, 1), { prompt: [3], length: 9, seed: 0 }));
  assert.equal([error.code, error.expected, error.actual], ['DATA', 4, 5]);
});

test('a cache grows without losing a value and copies rows on reorder', async () => {
  const other = await createRuntime();
  withRuntime(other, () => {
    const cache = new KeyValueCache(other, 2, 3, 2);
    const width = 6;
    const write = (b: number, t: number, value: number) =>
      other.heap.writeFloats(
        cache.address() + (b * cache.capacity + t) * width * 4,
        new Array(width).fill(value),
      );
    for (const [b, t] of [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ])
      write(b, t, 10 * b + t + 1);
    cache.length = 2;
    cache.reserve(5);
    assert.is(cache.capacity, 8);
    const read = (from: KeyValueCache, b: number, t: number) =>
      other.heap.floats(from.address() + (b * from.capacity + t) * width * 4, width)[5];
    assert.equal(
      [read(cache, 0, 0), read(cache, 0, 1), read(cache, 1, 0), read(cache, 1, 1)],
      [1, 2, 11, 12],
    );
    const next = cache.reorder([1, 1, 0]);
    assert.equal([next.batch, next.length], [3, 2]);
    assert.equal([read(next, 0, 1), read(next, 1, 0), read(next, 2, 1)], [12, 11, 2]);
  });
});

test('a search gives its caches back while it runs, not when the garbage collector gets round to it', () => {
  const model = smallPair({ normPlacement: 'pre' });
  const source = Int32Array.of(4, 5, 6, 7, 8, 9);
  const search = () => {
    const stepper = translationStepper(model, source, Int32Array.of(3, 3));
    for (let t = 0; t < 20; t++) {
      stepper.step(new Int32Array(stepper.batch).fill(BOS));
      stepper.reorder(Int32Array.from({ length: 1 + (t % 4) }, (_, i) => i % stepper.batch));
    }
    stepper.release?.();
  };
  search();
  const before = runtime.persistent.inUse;
  for (let i = 0; i < 50; i++) search();
  assert.is(runtime.persistent.inUse, before);
});

test.run();
