/** @file Dropout of attention's probabilities: its share, its scale, what a mask depends on, and its gradients. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type AttentionOptions,
  attention,
  backward,
  crossAttention,
  mul,
  noGrad,
  scope,
  selfAttention,
  sum,
  tensor,
  type Variable,
} from '../../src/autograd/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { manualSeed, withRuntime } from '../../src/runtime/runtime.js';
import { bits, close, gaussians, refusal } from '../support.js';

const test = suite('autograd/attention-dropout');
const runtime = await init();

const [B, H, T] = [3, 4, 72];
const options = { numHeads: H, stream: 'a' } as const;

/** (B, T, H·T): every key's value is a unit vector, so that a head's output is a row of probabilities. */
function unitValues(batch = B): Float32Array {
  const values = new Float32Array(batch * T * H * T);
  for (let b = 0; b < batch; b++)
    for (let j = 0; j < T; j++) for (let h = 0; h < H; h++) values[((b * T + j) * H + h) * T + j] = 1;
  return values;
}

/** Probabilities times T of keys that all have one score, (B, T, H, T): 0 where dropped, 1 / (1 - p) elsewhere. */
function factors(p: number, more: Partial<AttentionOptions> = {}): Float32Array {
  return noGrad(() =>
    scope(() => {
      const [zero, v] = [new Float32Array(B * T * H * T), unitValues()];
      const [q, values] = [zero, v].map((x) => tensor(x, { shape: [B, T, H * T] }));
      const out = attention(q, q, values, { ...options, dropout: p, ...more });
      return Float32Array.from(out.toArray(), (x) => x * T);
    }),
  );
}

test('the share of dropped probabilities is p, the rest is scaled by 1 / (1 - p), and the mean stays', () => {
  manualSeed(1);
  const n = B * T * H * T;
  for (const p of [0.1, 0.3, 0.5, 0.9]) {
    const values = factors(p);
    const deviation = Math.sqrt((p * (1 - p)) / n);
    close(values.filter((v) => v === 0).length / n, p, 4 * deviation + 2 ** -16, `share for ${p}`);
    for (const v of values) if (v !== 0) close(v, 1 / (1 - p), 1e-3 / (1 - p));
    const mean = values.reduce((total, v) => total + v, 0) / n;
    close(mean, 1, (4 * deviation) / (1 - p) + 1e-3, `mean for ${p}`);
    // In every head and for every key alike, so that no lane or word of the generator is left out.
    for (const [axis, size, at] of [
      ['head', H, (i: number) => Math.floor(i / T) % H],
      ['key', T, (i: number) => i % T],
      ['row', T, (i: number) => Math.floor(i / (T * H)) % T],
    ] as const) {
      const dropped = new Float64Array(size);
      values.forEach((v, i) => {
        dropped[at(i)] += Number(v === 0) / (n / size);
      });
      for (const share of dropped)
        close(share, p, 6 * deviation * Math.sqrt(size), `share by ${axis} for ${p}`);
    }
  }
});

test('sequences, heads, rows, calls, streams and steps have masks that have nothing to do with each other', () => {
  manualSeed(2);
  const parts: [string, Float32Array][] = [];
  const add = (name: string, values: Float32Array) => {
    for (let b = 0; b < B; b++)
      for (let h = 0; h < H; h++) {
        const own = new Float32Array(T * T);
        for (let t = 0; t < T; t++) {
          const from = ((b * T + t) * H + h) * T;
          own.set(values.subarray(from, from + T), t * T);
        }
        parts.push([`${name}, sequence ${b}, head ${h}`, own.map((v) => Number(v !== 0))]);
      }
  };
  add('first call', factors(0.5));
  add('second call', factors(0.5));
  add('other stream', factors(0.5, { stream: 'b' }));
  runtime.setRandomPosition(1, 0);
  add('next step', factors(0.5));
  runtime.setRandomPosition(1, 1);
  add('next microbatch', factors(0.5));
  manualSeed(3);
  add('other seed', factors(0.5));
  const correlation = (a: Float32Array, b: Float32Array): number =>
    a.reduce((total, v, i) => total + (2 * v - 1) * (2 * b[i] - 1), 0) / a.length;
  parts.forEach(([name, mask], i) => {
    for (const [other, before] of parts.slice(0, i)) {
      const r = correlation(mask, before);
      assert.ok(Math.abs(r) < 5.5 / T, `${other} and ${name} correlate by ${r}`);
    }
    // The rows of a mask against each other, and the keys.
    for (const shift of [1, 2, 4, 8, T, 2 * T, 4 * T, 8 * T]) {
      const r = correlation(mask.subarray(shift), mask.subarray(0, T * T - shift));
      assert.ok(Math.abs(r) < 5.5 / T, `${name}: ${shift} further it correlates by ${r}`);
    }
  });
});

test('the masks are the same in double precision, and repeat after manualSeed', async () => {
  const run = () => {
    manualSeed(4);
    return [factors(0.3), factors(0.3, { causal: true })].map((values) =>
      Array.from(values, (v) => Number(v !== 0)).join(''),
    );
  };
  const expected = run();
  assert.equal(run(), expected);
  assert.equal(withRuntime(await createRuntime(), run), expected);
  assert.equal(withRuntime(createReferenceRuntime(), run), expected);
});

test('the backward drops what the forward dropped, though the generator has moved on', () => {
  manualSeed(5);
  const v = tensor(unitValues(), { shape: [B, T, H * T], requiresGrad: true });
  const q = tensor(new Float32Array(B * T * H * T), { shape: [B, T, H * T] });
  const out = attention(q, q, v, { ...options, dropout: 0.4 });
  const forward = out.toArray();
  factors(0.4);
  // With a unit vector at t as dout of row t, the gradient of value j has p_tj at its component t.
  backward(sum(mul(out, tensor(unitValues(), { shape: [B, T, H * T] }))));
  const grad = v.grad!.toArray();
  for (let b = 0; b < B; b++)
    for (let h = 0; h < H; h++)
      for (let t = 0; t < T; t++)
        for (let j = 0; j < T; j++) {
          const p = forward[((b * T + t) * H + h) * T + j];
          const back = grad[((b * T + j) * H + h) * T + t];
          assert.is(back === 0, p === 0);
          close(back, p, 1e-7);
        }
});

test('a share of 0 is no dropout at all: the same bits, and no mask is drawn', () => {
  const x = tensor(gaussians(2 * 9 * 24), { shape: [2, 9, 24] });
  const y = tensor(gaussians(2 * 5 * 16, 2), { shape: [2, 5, 16] });
  const z = tensor(gaussians(2 * 5 * 8, 3), { shape: [2, 5, 8] });
  const both = (more: object) =>
    noGrad(() => [
      bits(selfAttention(x, { numHeads: 2, causal: true, ...more }).toArray()),
      bits(crossAttention(z, y, { numHeads: 2, ...more }).toArray()),
    ]);
  manualSeed(6);
  const plain = both({});
  assert.equal(both({ dropout: 0 }), plain);
  assert.equal(both({ dropout: 0, stream: 'a' }), plain);
  const dropped = both({ dropout: 0.5, stream: 'a' });
  dropped.forEach((value, i) => {
    assert.is.not(value, plain[i]);
  });
  // The calls above counted nothing.
  manualSeed(6);
  assert.equal(both({ dropout: 0.5, stream: 'a' }), dropped);
});

test('rounded to 2^-16: what is less than half of that drops nothing, and something is always kept', () => {
  manualSeed(7);
  assert.ok(factors(1e-9).every((v) => Math.abs(v - 1) < 1e-6));
  const nearly = factors(0.9999999);
  assert.ok(nearly.every((v) => v === 0 || Math.abs(v - 65536) < 0.1));
});

test('a query that sees one key gives its score a gradient of exactly 0, dropped or not', () => {
  manualSeed(8);
  for (const p of [0.1, 0.3, 0.7]) {
    const x = tensor(gaussians(40 * 3 * 20), { shape: [40, 1, 60], requiresGrad: true });
    const out = selfAttention(x, { numHeads: 4, dropout: p });
    backward(sum(mul(out, tensor(gaussians(40 * 20, 2), { shape: [40, 1, 20] }))));
    const grad = x.grad!.toArray();
    const [queriesKeys, values] = [(i: number) => i % 60 < 40, (i: number) => i % 60 >= 40];
    assert.ok(grad.every((g, i) => !queriesKeys(i) || g === 0));
    assert.ok(grad.some((g, i) => values(i) && g !== 0));
    assert.ok(grad.some((g, i) => values(i) && g === 0));
  }
});

test('threads change no bit', async () => {
  const run = () => {
    manualSeed(9);
    const input = (n: number, seed: number): Variable =>
      tensor(gaussians(7 * 70 * n, seed), { shape: [7, 70, n], requiresGrad: true });
    const [qkv, q, kv] = [input(48, 1), input(16, 2), input(32, 3)];
    const [self, cross] = [
      selfAttention(qkv, { numHeads: 2, causal: true, dropout: 0.3 }),
      crossAttention(q, kv, { numHeads: 2, dropout: 0.3 }),
    ];
    const outputs = [self, cross].map((x) => bits(x.toArray()));
    const weight = tensor(gaussians(7 * 70 * 16, 4), { shape: [7, 70, 16] });
    backward(sum(mul(mul(self, cross), weight)));
    return [...outputs, ...[qkv, q, kv].map((x) => bits(x.grad!.toArray()))];
  };
  const expected = run();
  for (const threads of [1, 2, 3]) {
    const divided = await createRuntime({ threads });
    assert.equal(withRuntime(divided, run), expected, `${threads} threads`);
    divided.close();
  }
});

test('a share outside [0, 1) and a name that is no string are refused', () => {
  const x = tensor(new Float32Array(6), { shape: [1, 1, 6] });
  for (const dropout of [1, -0.1, Number.NaN, '0.5' as never]) {
    const error = refusal(() => selfAttention(x, { numHeads: 1, dropout }));
    assert.match(error.message, 'selfAttention: dropout must be a number in [0, 1)');
  }
  assert.match(
    refusal(() => selfAttention(x, { numHeads: 1, stream: 3 as never })).message,
    'stream must be',
  );
});

test.run();
