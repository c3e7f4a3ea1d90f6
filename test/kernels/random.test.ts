import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { threefry } from '../../src/random.js';
import { type Call, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/random');
const SIZES = [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 67, 101];
const RNG = [0x12345678, -5, 42, 3];

for (const [build, h] of await loadBuilds()) {
  test(`${build}: a block equals the host generator's and the published test vectors`, () => {
    const counters = [
      [0, 0, 0, 0, 0, 0, 0, 0],
      [-1, -1, -1, -1, -1, -1, -1, -1],
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0x082efa98, 0xec4e6c89],
      [1, 2, 3, 4, 5, 6, 7, 8],
    ].map(
      (words) => words.map((w) => w | 0) as [number, number, number, number, number, number, number, number],
    );
    const published = [
      [0x9c6ca96a, 0xe17eae66, 0xfc10ecd4, 0x5256a7d8],
      [0x2a881696, 0x57012287, 0xf6c7446e, 0xa16a6732],
      [0x59cd1dbb, 0xb8879579, 0x86b5d00c, 0xac8b6d84],
    ];
    counters.forEach((counter, i) => {
      h.reset();
      const out = h.intOutput('out', 4);
      h.run('threefryBlock', [out, ...counter]);
      const words = [...h.bits(out, 4)].map((w) => w >>> 0);
      if (published[i]) assert.equal(words, published[i]);
      const [c0, c1, c2, c3, k0, k1, k2, k3] = counter;
      assert.equal(words, threefry([c0, c1, c2, c3], [k0, k1, k2, k3]));
    });
  });

  test(`${build}: dropout, uniform and normal numbers agree with the reference at all sizes`, () => {
    for (const n of SIZES) {
      h.reset();
      const rng = h.ints('rng', RNG);
      const x = h.input('x', numbers(n, 1));
      const out = h.output('out', n);
      for (const threshold of [0, 6554, 40000, 65535, 65536]) {
        h.run('dropoutForward', [out, x, 0, n, threshold, Math.fround(1.25), rng, 77, 1], { rtol: 1e-7 });
      }
      h.run('uniformFill', [out, n, rng, 78, -1, 3], { rtol: 1e-7, atol: 3e-7 });
      h.run('normalFill', [out, n, rng, 79, 0.5, 2], { rtol: 1e-6, atol: 2e-6 });
      h.run('dropoutForward', [x, x, 0, n, 6554, 1.25, rng, 77, 0], { rtol: 1e-6, atol: 2e-6 });
    }
  });

  test(`${build}: a part of a dropped tensor, computed alone, has the same bits`, () => {
    const n = 203;
    h.reset();
    const rng = h.ints('rng', RNG);
    const x = h.input('x', numbers(n, 1));
    const [whole, parts] = [h.output('whole', n), h.output('parts', n)];
    h.run('dropoutForward', [whole, x, 0, n, 20000, 1.5, rng, 77, 1], { rtol: 1e-7 });
    for (const [first, end] of [
      [96, n],
      [0, 32],
      [32, 96],
    ]) {
      const part: Call<'dropoutForward'> = [
        parts + first * 4,
        x + first * 4,
        first,
        end - first,
        20000,
        1.5,
        rng,
        77,
        1,
      ];
      h.run('dropoutForward', part, { rtol: 1e-7 });
    }
    assert.equal(h.bits(parts, n), h.bits(whole, n));
  });

  test(`${build}: every call of a stream has bits of its own, the key's third word`, () => {
    h.reset();
    const rng = h.ints('rng', RNG);
    const x = h.input('x', new Float32Array(8).fill(1));
    const out = h.output('out', 8);
    const seen = new Set<string>();
    for (const call of [0, 1, 2, 65536, -1]) {
      h.run('dropoutForward', [out, x, 0, 8, 32768, 1, rng, 77, call], { rtol: 0 });
      const words = threefry([0, RNG[3], RNG[2], 77], [RNG[0], RNG[1], call, 0]);
      const kept = words.flatMap((w) => [w & 0xffff, w >>> 16]).map((half) => Number(half >= 32768));
      assert.equal([...h.floats(out, 8)], kept);
      seen.add(kept.join());
    }
    assert.is(seen.size, 5);
  });

  test(`${build}: an element does not depend on how many are drawn with it`, () => {
    h.reset();
    const rng = h.ints('rng', RNG);
    const long = h.output('long', 101);
    const short = h.output('short', 37);
    for (const name of ['uniformFill', 'normalFill'] as const) {
      h.runWasm(name, [long, 101, rng, 5, 0, 1]);
      h.runWasm(name, [short, 37, rng, 5, 0, 1]);
      assert.equal([...h.bits(long, 37)], [...h.bits(short, 37)]);
    }
  });

  test(`${build}: step, microbatch, seed and stream each change the numbers`, () => {
    const draw = (state: number[], stream: number) => {
      h.reset();
      const out = h.output('out', 4);
      h.runWasm('uniformFill', [out, 4, h.ints('rng', state), stream, 0, 1]);
      return h.floats(out, 4).join();
    };
    const seen = new Set([draw(RNG, 1), draw(RNG, 2)]);
    for (let field = 0; field < 4; field++) {
      const state = [...RNG];
      state[field]++;
      seen.add(draw(state, 1));
    }
    assert.is(seen.size, 6);
  });

  test(`${build}: moments of 40,000 numbers are those of their distribution`, () => {
    const n = 40000;
    h.reset();
    const rng = h.ints('rng', RNG);
    const out = h.output('out', n);
    const moments = () => {
      const values = h.floats(out, n);
      const mean = values.reduce((sum, v) => sum + v, 0) / n;
      return [mean, values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n];
    };
    h.runWasm('normalFill', [out, n, rng, 9, 1, 2]);
    let [mean, variance] = moments();
    assert.ok(Math.abs(mean - 1) < 0.04, `mean ${mean}`);
    assert.ok(Math.abs(variance - 4) < 0.12, `variance ${variance}`);
    h.runWasm('uniformFill', [out, n, rng, 9, 0, 1]);
    [mean, variance] = moments();
    assert.ok(Math.abs(mean - 0.5) < 0.006, `mean ${mean}`);
    assert.ok(Math.abs(variance - 1 / 12) < 0.002, `variance ${variance}`);
    const ones = h.input('ones', new Float32Array(n).fill(1));
    h.runWasm('dropoutForward', [out, ones, 0, n, 6554, 1, rng, 9, 0]);
    [mean] = moments();
    assert.ok(Math.abs(mean - 0.9) < 0.006, `kept ${mean}`);
  });
}

test.run();
