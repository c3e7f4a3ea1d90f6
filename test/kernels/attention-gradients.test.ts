/** @file Gradients of attention that are known exactly, or to rounding. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward, type Case, randomTensors, shapeOf } from './attention-case.js';
import { loadBuilds, numbers } from './harness.js';

const test = suite('kernels/attention: gradients');
const builds = await loadBuilds();

for (const [build, h] of builds) {
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
}

test.run();
