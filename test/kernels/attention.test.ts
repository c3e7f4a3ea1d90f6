import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  backward,
  CASES,
  type Case,
  forward,
  randomTensors,
  rowBits,
  shapeOf,
  type Tensors,
} from './attention-case.js';
import { type KernelHarness, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/attention');
const builds = await loadBuilds();

for (const [build, h] of builds) {
  test(`${build}: forward agrees with the reference`, () => {
    for (const c of CASES) {
      forward(h, c);
      forward(h, { ...c, spare: 3 });
    }
  });

  test(`${build}: backward agrees with the reference`, () => {
    for (const c of CASES) backward(h, c);
  });

  test(`${build}: with dropout forward and backward agree with the reference`, () => {
    for (const c of CASES) {
      for (const threshold of [1, 6554, 32768, 65535]) {
        backward(h, { ...c, threshold });
        forward(h, { ...c, threshold, spare: 3, first: 3 });
      }
    }
  });

  test(`${build}: heads that share keys and values give the bits of copies of them, and the sum of their gradients`, () => {
    const [heads, kvHeads, length, dHead] = [6, 2, 37, 12];
    const group = heads / kvHeads;
    const shared: Case = { batch: 2, heads, kvHeads, queryLen: length, keyLen: length, dHead, causal: 1 };
    const s = shapeOf(shared);
    const given = { ...randomTensors(s), dout: numbers(2 * length * s.width, 4) };
    // Head h of the copies is head h / group of what is shared.
    const copied = (x: ArrayLike<number>) =>
      Float32Array.from({ length: x.length }, (_, i) => {
        const [token, column] = [Math.floor(i / s.width), i % s.width];
        const h = Math.floor(column / dHead);
        return x[token * s.width + Math.floor(h / group) * dHead + (column % dHead)];
      });
    const run = backward(h, shared, given, false);
    const out = h.bits(run.out, 2 * length * s.width);
    const dq = h.bits(run.dq, 2 * length * s.width);
    const dk = h.floats(run.dk, 2 * length * s.width).slice();
    const copies = { ...given, k: copied(given.k), v: copied(given.v) };
    const apart = backward(h, { ...shared, kvHeads: heads }, copies, false);
    assert.equal(out, h.bits(apart.out, 2 * length * s.width));
    assert.equal(dq, h.bits(apart.dq, 2 * length * s.width));
    const each = h.floats(apart.dk, 2 * length * s.width);
    for (let token = 0; token < 2 * length; token++) {
      for (let e = 0; e < kvHeads * dHead; e++) {
        const at = token * s.width + Math.floor(e / dHead) * group * dHead + (e % dHead);
        let sum = 0;
        for (let g = 0; g < group; g++) sum += each[at + g * dHead];
        const got = dk[token * s.width + e];
        assert.ok(Math.abs(got - sum) <= 2e-5 * (1 + Math.abs(sum)), `token ${token}, column ${e}`);
      }
    }
  });

  test(`${build}: large scores neither overflow nor lose the maximum`, () => {
    const c: Case = { batch: 1, heads: 1, queryLen: 5, keyLen: 150, dHead: 8 };
    const s = shapeOf(c);
    // Ascending and descending along the keys: the running maximum moves in every block, or never.
    for (const slope of [1, -1]) {
      const k = Float32Array.from({ length: 150 * s.stride }, (_, i) => slope * Math.floor(i / s.stride));
      const q = numbers(5 * s.stride, 1, 0.5, 1);
      // Scores reach 300, where a float carries an error of 3e-5.
      forward(h, c, { q, k, v: numbers(150 * s.stride, 3) }, true, 1e-4);
    }
  });

  test(`${build}: a row has the same bits alone, in a batch, with padding and with longer keys`, () => {
    for (const dHead of [6, 16]) {
      for (const causal of [0, 1]) {
        const base: Case = {
          batch: 3,
          heads: 2,
          queryLen: 70,
          keyLen: 70,
          dHead,
          causal,
          lengths: [70, 13, 66],
        };
        const s = shapeOf(base);
        const full = randomTensors(s);
        const whole = forward(h, base, full, false);
        const expected = Array.from({ length: 3 * 70 }, (_, i) => rowBits(h, s, whole.out, 0, i));
        const cut = (x: ArrayLike<number>, b: number, from: number, count: number): Float32Array =>
          Float32Array.from(x).subarray((b * 70 + from) * s.stride, (b * 70 + from + count) * s.stride);

        // Garbage in padding, and the sequence in another place of another batch.
        const noisy = { q: full.q, k: Float32Array.from(full.k), v: Float32Array.from(full.v) };
        for (let b = 0; b < 3; b++) {
          const start = (b * 70 + base.lengths![b]) * s.stride;
          const end = (b + 1) * 70 * s.stride;
          noisy.k.fill(3e38, start, end);
          noisy.v.fill(-3e38, start, end);
        }
        const padded = forward(h, base, noisy, false);
        expected.forEach((bits, i) => {
          assert.equal(rowBits(h, s, padded.out, 0, i), bits, `padding, row ${i}`);
        });

        for (const [b, length] of base.lengths!.entries()) {
          // Alone and unpadded: keyLen is the length itself.
          const tensors = {
            q: cut(full.q, b, 0, 70),
            k: cut(full.k, b, 0, length),
            v: cut(full.v, b, 0, length),
          };
          const alone = { ...base, batch: 1, keyLen: length, lengths: undefined };
          const one = forward(h, alone, tensors, false);
          for (let t = 0; t < 70; t++) {
            assert.equal(
              rowBits(h, s, one.out, 0, t),
              expected[b * 70 + t],
              `alone, sequence ${b}, row ${t}`,
            );
          }
          // Each query by itself, against a cache with spare capacity.
          for (let t = 0; t < length; t += 7) {
            const keys = causal ? t + 1 : length;
            const spare = 9;
            const room = (x: ArrayLike<number>): Float32Array => {
              const cache = new Float32Array((keys + spare) * s.stride).fill(Number.NaN);
              cache.set(cut(x, b, 0, keys));
              return cache;
            };
            const query = { q: cut(full.q, b, t, 1), k: room(full.k), v: room(full.v) };
            const step = { ...alone, queryLen: 1, keyLen: keys, queryOffset: t, spare };
            const cached = forward(h, step, query, false);
            const row = h.bits(cached.out, s.width);
            assert.equal(row, expected[b * 70 + t], `cached, sequence ${b}, row ${t}`);
          }
        }
      }
    }
  });

  test(`${build}: a longer cache and one more query change nothing before them`, () => {
    const base: Case = {
      batch: 1,
      heads: 1,
      queryLen: 40,
      keyLen: 100,
      dHead: 16,
      causal: 1,
      queryOffset: 60,
    };
    const s = shapeOf(base);
    const full = randomTensors(s);
    const whole = forward(h, base, full, false);
    const expected = h.bits(whole.out, 39 * s.width);
    const shorter: Tensors = {
      q: Float32Array.from(full.q).subarray(0, 39 * s.stride),
      k: Float32Array.from(full.k).subarray(0, 99 * s.stride),
      v: Float32Array.from(full.v).subarray(0, 99 * s.stride),
    };
    const run = forward(h, { ...base, queryLen: 39, keyLen: 99 }, shorter, false);
    assert.equal(h.bits(run.out, 39 * s.width), expected);
  });

  test(`${build}: a range of sequences, and of heads, has the bits of the whole call`, () => {
    const c: Case = {
      batch: 3,
      heads: 3,
      queryLen: 35,
      keyLen: 70,
      dHead: 12,
      causal: 1,
      queryOffset: 35,
      pad: 5,
    };
    for (const [lengths, threshold] of [
      [undefined, 0],
      [[70, 41, 9], 0],
      [[70, 41, 9], 20000],
    ] as const) {
      const given = { ...c, lengths: lengths && [...lengths], threshold, first: 7 };
      const run = backward(h, given, undefined, false);
      const { s, q, k, v, out, top, inverse, dots, dq, dk, dv, mask, work } = run;
      const { batch, heads, queryLen, keyLen, dHead, stride, width } = s;
      const read = () => [
        h.bits(out, batch * queryLen * width),
        h.bits(top, batch * heads * queryLen),
        h.bits(inverse, batch * heads * queryLen),
        h.bits(dq, batch * queryLen * stride),
        h.bits(dk, batch * keyLen * stride),
        h.bits(dv, batch * keyLen * stride),
      ];
      const whole = read();
      const dout = h.input('again', numbers(batch * queryLen * width, 4));
      // Other numbers everywhere, so that a part that writes nothing shows.
      h.runWasm('attentionBackward', [
        ...[dq, dk, dv, out, q, k, v, out, top, inverse, dots, run.lengths],
        ...[batch, heads, heads, queryLen, keyLen, dHead],
        ...[stride, stride, stride, width, s.causal, s.queryOffset, s.scale, ...mask, work],
      ] as Parameters<KernelHarness['kernels']['attentionBackward']>);
      for (const ptr of [out, top, inverse]) {
        new Float32Array(h.memory.buffer, ptr, batch * queryLen * (ptr === out ? width : heads)).fill(5);
      }
      const stale = read();
      whole.forEach((bits, i) => {
        assert.not.equal(stale[i], bits);
      });
      const call = (b: number, count: number, head: number, some: number) => {
        const atQ = (b * queryLen * stride + head * dHead) * 4;
        const atK = (b * keyLen * stride + head * dHead) * 4;
        const atOut = (b * queryLen * width + head * dHead) * 4;
        const atRow = (b * heads + head) * queryLen * 4;
        const saved = [top + atRow, inverse + atRow];
        const part = [...mask.slice(0, 4), s.first + b * heads + head];
        const lengthsAt = run.lengths ? run.lengths + b * 4 : 0;
        const shape = [count, some, some, queryLen, keyLen, dHead, stride, stride, stride, width];
        h.runWasm('attentionForward', [
          ...[out + atOut, ...saved, q + atQ, k + atK, v + atK, lengthsAt, ...shape, keyLen],
          ...[s.causal, s.queryOffset, s.scale, ...part, work],
        ] as Parameters<KernelHarness['kernels']['attentionForward']>);
        h.runWasm('attentionBackward', [
          ...[dq + atQ, dk + atK, dv + atK, dout + atOut, q + atQ, k + atK, v + atK, out + atOut, ...saved],
          ...[dots + atRow, lengthsAt, ...shape, s.causal, s.queryOffset, s.scale, ...part, work],
        ] as Parameters<KernelHarness['kernels']['attentionBackward']>);
      };
      call(0, 2, 0, heads);
      call(2, 1, 0, 1);
      call(2, 1, 1, 2);
      assert.equal(read(), whole);
    }
  });
}

test.run();
