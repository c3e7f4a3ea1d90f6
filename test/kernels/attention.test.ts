import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type KernelHarness, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/attention');
const builds = await loadBuilds();

interface Case {
  batch: number;
  heads: number;
  /** Heads of keys and values; without it as many as of queries. */
  kvHeads?: number;
  queryLen: number;
  keyLen: number;
  dHead: number;
  causal?: number;
  queryOffset?: number;
  lengths?: number[];
  /** Floats between tokens beyond heads * dHead, as in a packed projection. */
  pad?: number;
  /** Tokens of spare capacity per sequence. */
  spare?: number;
  /** 65536 times the probability of dropout. */
  threshold?: number;
  /** Number of the first head. */
  first?: number;
}

interface Shape extends Required<Omit<Case, 'lengths'>> {
  lengths?: number[];
  width: number;
  stride: number;
  scale: number;
}

function shapeOf(c: Case): Shape {
  const width = c.heads * c.dHead;
  const pad = c.pad ?? 0;
  const scale = 1 / Math.sqrt(c.dHead);
  return {
    causal: 0,
    queryOffset: 0,
    spare: 0,
    threshold: 0,
    first: 0,
    kvHeads: c.heads,
    ...c,
    pad,
    width,
    stride: width + pad,
    scale,
  };
}

interface Tensors {
  q: ArrayLike<number>;
  k: ArrayLike<number>;
  v: ArrayLike<number>;
}

function randomTensors(s: Shape): Tensors {
  const keys = s.batch * (s.keyLen + s.spare) * s.stride;
  return {
    q: numbers(s.batch * s.queryLen * s.stride, 1),
    k: numbers(keys, 2),
    v: numbers(keys, 3),
  };
}

/** Allocates everything, runs the forward kernel (against the reference if asked) and returns the addresses. */
function forward(h: KernelHarness, c: Case, given?: Tensors, compare = true, atol = 3e-6) {
  const s = shapeOf(c);
  const { q: qValues, k: kValues, v: vValues } = given ?? randomTensors(s);
  h.reset();
  const q = h.input('q', qValues);
  const k = h.input('k', kValues);
  const v = h.input('v', vValues);
  const lengths = s.lengths ? h.ints('lengths', s.lengths) : 0;
  const out = h.output('out', s.batch * s.queryLen * s.width);
  const [top, inverse] = ['top', 'inverse'].map((name) => h.output(name, s.batch * s.heads * s.queryLen));
  const work = h.workspace(h.kernels.attentionWorkspaceBytes(s.dHead));
  const mask = [s.threshold, h.ints('rng', [5, 6, 7, 8]), 77, 3, s.first];
  const args = [
    ...[out, top, inverse, q, k, v, lengths, s.batch, s.heads, s.kvHeads],
    ...[
      s.queryLen,
      s.keyLen,
      s.dHead,
      s.stride,
      s.stride,
      s.stride,
      s.width,
      s.keyLen + s.spare,
      s.causal,
      s.queryOffset,
      s.scale,
    ],
    ...[...mask, work],
  ] as Parameters<KernelHarness['kernels']['attentionForward']>;
  if (compare) h.run('attentionForward', args, { atol, rtol: 2e-6 });
  else h.runWasm('attentionForward', args);
  return { s, out, top, inverse, q, k, v, lengths, mask, work };
}

function backward(h: KernelHarness, c: Case, given?: Tensors & { dout: ArrayLike<number> }, compare = true) {
  const run = forward(h, { ...c, spare: 0 }, given, compare);
  const { s, out, top, inverse, q, k, v, lengths, mask, work } = run;
  const dots = h.workspace(s.batch * s.heads * s.queryLen * 4);
  // What lies between the tokens belongs to others: stale, and compared like everything else.
  const keys = s.batch * s.keyLen * s.stride;
  const dq = h.output('dq', s.batch * s.queryLen * s.stride);
  const dk = h.output('dk', keys);
  const dv = h.output('dv', keys);
  const dout = h.input('dout', given?.dout ?? numbers(s.batch * s.queryLen * s.width, 4));
  const args = [
    ...[dq, dk, dv, dout, q, k, v, out, top, inverse, dots, lengths],
    ...[s.batch, s.heads, s.kvHeads, s.queryLen, s.keyLen, s.dHead],
    ...[s.stride, s.stride, s.stride, s.width, s.causal, s.queryOffset, s.scale, ...mask, work],
  ] as Parameters<KernelHarness['kernels']['attentionBackward']>;
  if (compare) h.run('attentionBackward', args, { atol: 2e-5, rtol: 1e-5 });
  else h.runWasm('attentionBackward', args);
  return { ...run, dots, dq, dk, dv };
}

/** Row t of head 0.. of sequence b, as bits. */
const rowBits = (h: KernelHarness, s: Shape, out: number, b: number, t: number): Int32Array =>
  h.bits(out + (b * s.queryLen + t) * s.width * 4, s.width);

const CASES: Case[] = [
  { batch: 1, heads: 1, queryLen: 1, keyLen: 1, dHead: 1 },
  { batch: 2, heads: 2, queryLen: 3, keyLen: 5, dHead: 6, pad: 5 },
  { batch: 2, heads: 1, queryLen: 4, keyLen: 4, dHead: 8, causal: 1 },
  { batch: 2, heads: 2, queryLen: 9, keyLen: 9, dHead: 7, causal: 1, lengths: [9, 4], pad: 3 },
  { batch: 3, heads: 2, queryLen: 5, keyLen: 7, dHead: 16, lengths: [7, 0, 3] },
  { batch: 2, heads: 4, queryLen: 14, keyLen: 14, dHead: 16, lengths: [14, 11], pad: 128 },
  { batch: 1, heads: 1, queryLen: 33, keyLen: 33, dHead: 16, causal: 1 },
  { batch: 1, heads: 2, queryLen: 31, keyLen: 65, dHead: 12, causal: 1, queryOffset: 34 },
  { batch: 1, heads: 1, queryLen: 70, keyLen: 131, dHead: 9, causal: 1, queryOffset: -3 },
  { batch: 2, heads: 1, queryLen: 67, keyLen: 129, dHead: 64, lengths: [64, 129] },
  { batch: 1, heads: 1, queryLen: 6, keyLen: 70, dHead: 128, lengths: [500] },
  {
    batch: 2,
    heads: 4,
    kvHeads: 2,
    queryLen: 37,
    keyLen: 70,
    dHead: 12,
    causal: 1,
    queryOffset: 33,
    lengths: [70, 41],
  },
  { batch: 2, heads: 3, kvHeads: 1, queryLen: 9, keyLen: 9, dHead: 7, lengths: [9, 0], pad: 3 },
  { batch: 1, heads: 6, kvHeads: 2, queryLen: 67, keyLen: 67, dHead: 16, causal: 1, pad: 64 },
  { batch: 1, heads: 2, queryLen: 0, keyLen: 3, dHead: 4 },
  { batch: 1, heads: 2, queryLen: 3, keyLen: 0, dHead: 4 },
];

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

  test(`${build}: a query with one visible key has dq = dk = 0 exactly`, () => {
    const one: Case[] = [];
    for (const dHead of [1, 3, 8, 15, 16, 17, 33, 64, 65, 130]) {
      one.push({ batch: 2, heads: 2, queryLen: 1, keyLen: 1, dHead, causal: 1, pad: 3 });
      one.push({ batch: 2, heads: 1, queryLen: 33, keyLen: 65, dHead, lengths: [1, 1] });
    }
    for (const queryLen of [2, 3, 4, 5, 31, 32, 64, 66])
      one.push({ batch: 1, heads: 3, queryLen, keyLen: 1, dHead: 20 });
    // Also where the one key is dropped, or kept and scaled.
    for (const threshold of [6554, 20000]) one.push(...one.slice(0, 30).map((c) => ({ ...c, threshold })));
    for (const c of one) {
      const { s, top, inverse, dq, dk } = backward(h, c);
      const [rows, counted] = [s.batch * s.queryLen, s.batch * s.heads * s.queryLen];
      assert.ok(h.floats(top, counted).every(Number.isFinite));
      assert.ok(h.floats(inverse, counted).every((x) => x === 1));
      for (const [ptr, count] of [
        [dq, rows],
        [dk, s.batch * s.keyLen],
      ]) {
        for (let r = 0; r < count; r++) {
          const at = ptr + r * s.stride * 4;
          assert.ok(
            h.floats(at, s.width).every((x) => x === 0),
            `${JSON.stringify(c)}, row ${r}`,
          );
          assert.ok(
            h.doubles(at, s.width).every((x) => x === 0),
            `reference, ${JSON.stringify(c)}, row ${r}`,
          );
        }
      }
    }
  });

  test(`${build}: the first row of a causal mask has dq = 0 exactly, whatever follows`, () => {
    for (const queryLen of [2, 4, 5, 32, 33, 64, 65, 130]) {
      for (const dHead of [6, 16, 70]) {
        // With an offset of -2 rows 0 and 1 see nothing and row 2 sees one key.
        for (const queryOffset of [0, -2]) {
          const c: Case = {
            ...{ batch: 2, heads: 2, queryLen, keyLen: queryLen, dHead, causal: 1, queryOffset },
            threshold: dHead === 16 ? 20000 : 0,
          };
          const { s, dq } = backward(h, c);
          for (let b = 0; b < 2; b++) {
            for (let t = 0; t <= Math.min(-queryOffset, queryLen - 1); t++) {
              const row = h.floats(dq + (b * queryLen + t) * s.stride * 4, s.width);
              assert.ok(
                row.every((x) => x === 0),
                `${JSON.stringify(c)}, sequence ${b}, row ${t}`,
              );
            }
          }
        }
      }
    }
  });

  test(`${build}: dq and dk are 0 where two keys are one, or where one has all the weight`, () => {
    for (const dHead of [5, 16, 70]) {
      for (const queryLen of [1, 6, 35]) {
        const c: Case = { batch: 1, heads: 1, queryLen, keyLen: 2, dHead };
        const q = numbers(queryLen * dHead, 1, 0.5, 1);
        const [key, value, dout] = [numbers(dHead, 2), numbers(dHead, 3), numbers(queryLen * dHead, 4)];
        const twice = { q, k: [...key, ...key], v: [...value, ...value], dout };
        // Scores 1000 apart: the other exponential is 0.
        const far = Float32Array.from({ length: 2 * dHead }, (_, i) => (i < dHead ? 2000 : 0));
        const sharp = { q, k: far, v: numbers(2 * dHead, 5), dout };
        for (const given of [twice, sharp]) {
          const { dq, dk } = backward(h, c, given, false);
          assert.ok(h.floats(dq, queryLen * dHead).every((x) => x === 0));
          assert.ok(h.floats(dk, 2 * dHead).every((x) => x === 0));
        }
      }
    }
  });

  test(`${build}: where all values are equal, dq and dk are rounding errors of dout v and no more`, () => {
    const c: Case = { batch: 1, heads: 1, queryLen: 40, keyLen: 100, dHead: 16 };
    const value = numbers(16, 3);
    const v = Float32Array.from({ length: 100 * 16 }, (_, i) => value[i % 16]);
    const given = { q: numbers(40 * 16, 1), k: numbers(100 * 16, 2), v, dout: numbers(40 * 16, 4) };
    const { dq } = backward(h, c, given, false);
    assert.ok(h.floats(dq, 40 * 16).every((x) => Math.abs(x) < 3e-6));
  });

  test(`${build}: scores with a large common part have the gradient they have without`, () => {
    // The last component adds 4096 to every score and rounds nothing: all others are multiples of 1/64.
    const [queryLen, keyLen, dHead] = [9, 70, 4];
    const c: Case = { batch: 1, heads: 1, queryLen, keyLen, dHead };
    const grid = (x: ArrayLike<number>) => Float32Array.from(x, (value) => Math.round(value * 8) / 8);
    const given = {
      q: grid(numbers(queryLen * dHead, 1)),
      k: grid(numbers(keyLen * dHead, 2)),
      v: numbers(keyLen * dHead, 3),
      dout: numbers(queryLen * dHead, 4),
    };
    const read = (common: number) => {
      for (let t = 0; t < queryLen; t++) given.q[t * dHead + dHead - 1] = 64;
      for (let j = 0; j < keyLen; j++) given.k[j * dHead + dHead - 1] = common / 32;
      const { inverse, dq, dk, dv } = backward(h, c, given, false);
      return {
        inverse: h.bits(inverse, queryLen),
        // Without the last component, which is the common part itself.
        dq: h.bits(dq, queryLen * dHead).filter((_, i) => i % dHead < dHead - 1),
        dk: h.bits(dk, keyLen * dHead),
        dv: h.bits(dv, keyLen * dHead),
      };
    };
    assert.equal(read(4096), read(0));
  });

  test(`${build}: padding changes no bit of a gradient`, () => {
    const base: Case = { batch: 2, heads: 2, queryLen: 37, keyLen: 70, dHead: 12, lengths: [70, 21] };
    const s = shapeOf(base);
    const clean = randomTensors(s);
    const dout = numbers(2 * 37 * s.width, 4);
    const read = (run: ReturnType<typeof backward>) => [
      h.bits(run.dq, 2 * 37 * s.stride),
      h.bits(run.dk, 2 * 70 * s.stride),
      h.bits(run.dv, 2 * 70 * s.stride),
    ];
    const expected = read(backward(h, base, { ...clean, dout }, false));
    const k = Float32Array.from(clean.k);
    const v = Float32Array.from(clean.v);
    k.fill(Number.NaN, (70 + 21) * s.stride);
    v.fill(Number.NaN, (70 + 21) * s.stride);
    assert.equal(read(backward(h, base, { q: clean.q, k, v, dout }, false)), expected);
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
