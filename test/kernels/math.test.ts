import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { erf } from '../../src/reference/gelu.js';
import { loadBuilds, loadKernels } from './harness.js';

const test = suite('kernels/math');
const builds = await loadBuilds();
const h = await loadKernels();

type F32Name = 'expForward' | 'logForward' | 'tanhForward' | 'erfForward' | 'sinForward' | 'cosForward';
type F64Name = 'exp64' | 'log64' | 'sin64' | 'cos64' | 'tanh64';

const COUNT = 20011;

/** Runs an f32 kernel over a dense range; returns the largest error against a double-precision function. */
function worst(name: F32Name, exact: (x: number) => number, low: number, high: number, kind: 'rel' | 'abs') {
  h.reset();
  const values = Float32Array.from({ length: COUNT }, (_, i) => low + ((high - low) * i) / (COUNT - 1));
  const x = h.input('x', values);
  const out = h.output('out', COUNT);
  h.runWasm(name, [out, x, COUNT]);
  const actual = h.floats(out, COUNT);
  let error = 0;
  for (let i = 0; i < COUNT; i++) {
    const expected = exact(values[i]);
    const difference = Math.abs(actual[i] - expected);
    const e = kind === 'abs' || expected === 0 ? difference : difference / Math.abs(expected);
    if (!(e <= error)) error = e;
  }
  return error;
}

/** One value through a kernel. */
function one(name: F32Name, value: number): number {
  h.reset();
  const x = h.input('x', [value]);
  const out = h.output('out', 1);
  h.runWasm(name, [out, x, 1]);
  return h.floats(out, 1)[0];
}

function below(error: number, bound: number): void {
  assert.ok(error < bound, `error ${error}, bound ${bound}`);
}

test('f32 exp has a relative error below 1e-7 on [-87.3, 88.3]', () => {
  below(worst('expForward', Math.exp, -87.3, 88.3, 'rel'), 1e-7);
  below(worst('expForward', Math.exp, -1, 1, 'rel'), 1e-7);
  below(worst('expForward', Math.exp, 88.3, 88.72, 'rel'), 1e-5);
});

test('f32 exp is exactly 0 below -87.3, infinite above 88.73 and keeps NaN', () => {
  for (const x of [-87.31, -88, -1e30, Number.NEGATIVE_INFINITY]) assert.is(one('expForward', x), 0);
  for (const x of [88.73, 100, 1e30, Number.POSITIVE_INFINITY]) assert.is(one('expForward', x), Infinity);
  assert.ok(Number.isNaN(one('expForward', Number.NaN)));
  assert.is(one('expForward', 0), 1);
  assert.ok(one('expForward', -87.3) > 0);
});

test('f32 log has a relative error below 1e-7, subnormals included', () => {
  below(worst('logForward', Math.log, 1e-3, 0.999, 'rel'), 1e-7);
  below(worst('logForward', Math.log, 0.999, 1.001, 'rel'), 1e-7);
  below(worst('logForward', Math.log, 1.001, 100, 'rel'), 1e-7);
  below(worst('logForward', Math.log, 1, 3e38, 'rel'), 1e-7);
  below(worst('logForward', Math.log, 1e-42, 1e-37, 'rel'), 1e-7);
});

test('f32 log of 0 is -Infinity, of a negative number NaN', () => {
  assert.is(one('logForward', 0), -Infinity);
  assert.is(one('logForward', -0), -Infinity);
  assert.is(one('logForward', Infinity), Infinity);
  assert.is(one('logForward', 1), 0);
  for (const x of [-1, -Infinity, Number.NaN]) assert.ok(Number.isNaN(one('logForward', x)));
});

test('f32 tanh has a relative error below 2e-7', () => {
  below(worst('tanhForward', Math.tanh, -1, 1.0001, 'rel'), 2e-7);
  below(worst('tanhForward', Math.tanh, -12, 11, 'rel'), 2e-7);
  assert.is(one('tanhForward', Infinity), 1);
  assert.is(one('tanhForward', -Infinity), -1);
  assert.ok(Object.is(one('tanhForward', -0), -0));
});

test('f32 erf has an absolute error below 1.3e-7', () => {
  below(worst('erfForward', erf, -5, 5, 'abs'), 1.3e-7);
  below(worst('erfForward', erf, -1.2, 1.20001, 'abs'), 1.3e-7);
  assert.is(one('erfForward', Infinity), 1);
  assert.is(one('erfForward', -Infinity), -1);
});

test('f32 sin and cos are within 0.51 ulp below 2^30 and NaN from there on', () => {
  below(worst('sinForward', Math.sin, -10, 10.001, 'rel'), 6.1e-8);
  below(worst('cosForward', Math.cos, -10, 10.001, 'rel'), 6.1e-8);
  below(worst('sinForward', Math.sin, -1e9, 1e9, 'rel'), 6.1e-8);
  assert.ok(Number.isNaN(one('sinForward', 2 ** 30)));
  assert.ok(Number.isNaN(one('cosForward', Infinity)));
  assert.ok(Object.is(one('sinForward', -0), -0));
});

test('a result does not depend on the position in the array', () => {
  const names = [
    'expForward',
    'logForward',
    'tanhForward',
    'erfForward',
    'sinForward',
    'cosForward',
  ] as const;
  for (const name of names) {
    const expected = new Int32Array(Float32Array.of(one(name, 0.7431)).buffer)[0];
    h.reset();
    const x = h.input('x', new Float32Array(7).fill(0.7431));
    const out = h.output('out', 7);
    h.runWasm(name, [out, x, 7]);
    assert.equal([...h.bits(out, 7)], new Array(7).fill(expected), name);
  }
});

/** Distance in units in the last place of `expected`. */
function ulps(actual: number, expected: number): number {
  if (Object.is(actual, expected)) return 0;
  const magnitude = new Float64Array([Math.abs(expected)]);
  new BigInt64Array(magnitude.buffer)[0] += 1n;
  return Math.abs(actual - expected) / (magnitude[0] - Math.abs(expected));
}

/** Largest distance of a host function to JavaScript's own (itself within an ulp) over `count` samples. */
function worst64(name: F64Name | 'pow64', sample: (u: number, i: number) => number[], count = 20000): number {
  const kernel = builds[0][1].kernels[name] as (...a: number[]) => number;
  const exact = builds[0][1].reference[name] as (...a: number[]) => number;
  let error = 0;
  for (let i = 0; i < count; i++) {
    const args = sample(i / count, i);
    const e = ulps(kernel(...args), exact(...args));
    if (!(e <= error)) error = e;
  }
  return error;
}

test('exp64 and log64 are within 1 ulp of the host', () => {
  assert.ok(worst64('exp64', (u) => [-708 + u * 1417.7]) <= 1);
  assert.ok(worst64('exp64', (u) => [-1 + 2 * u]) <= 1);
  assert.ok(worst64('exp64', (u) => [-745 + 37 * u]) <= 2, 'subnormal results');
  assert.ok(worst64('log64', (u) => [10 * u + 1e-9]) <= 1);
  assert.ok(worst64('log64', (u) => [0.9 + 0.2 * u]) <= 1);
  assert.ok(worst64('log64', (u) => [2 ** (-1074 + 2097 * u)]) <= 1);
});

test('pow64 is within 1 ulp of the host', () => {
  assert.ok(worst64('pow64', (u, i) => [3 * u + 1e-3, ((i * 7919) % 2000) / 10 - 100]) <= 1);
  assert.ok(worst64('pow64', (_, i) => [0.999, i * 5]) <= 1);
  assert.ok(worst64('pow64', (_, i) => [10, (i % 600) - 300]) <= 1);
  assert.ok(worst64('pow64', (u, i) => [1e10 * u, (i % 9) / 2]) <= 1);
  assert.ok(worst64('pow64', (_, i) => [-7, (i % 300) - 150]) <= 1);
});

test('sin64 and cos64 are within 1 ulp of the host below 2^30', () => {
  for (const name of ['sin64', 'cos64'] as const) {
    assert.ok(worst64(name, (u) => [-10 + 20 * u]) <= 1, name);
    assert.ok(worst64(name, (u) => [1.07e9 * u]) <= 1, name);
    assert.ok(worst64(name, (_, i) => [i * Math.PI]) <= 1, `${name} near multiples of pi`);
    assert.ok(worst64(name, (_, i) => [i * 0.5 * Math.PI]) <= 1, `${name} near multiples of pi/2`);
    assert.ok(Number.isNaN(builds[0][1].kernels[name](2 ** 30)), name);
    assert.ok(Number.isNaN(builds[0][1].kernels[name](Number.NaN)), name);
  }
});

test('tanh64 is within 3 ulp of the host (whose own error is nearly 2)', () => {
  assert.ok(worst64('tanh64', (u) => [-3 + 6 * u]) <= 3);
  assert.ok(worst64('tanh64', (u) => [25 * u]) <= 3);
  assert.ok(worst64('tanh64', (u) => [1e-3 * u]) <= 3);
});

test('the host functions treat special values as JavaScript does, in both builds', () => {
  const specials = [
    0,
    -0,
    1,
    -1,
    2,
    -2,
    0.5,
    3,
    -3,
    1e300,
    -1e300,
    5e-324,
    710,
    -750,
    2 ** 53,
    Infinity,
    -Infinity,
    Number.NaN,
  ];
  for (const [build, { kernels, reference }] of builds) {
    for (const name of ['exp64', 'log64', 'tanh64'] as const) {
      for (const x of specials) {
        const expected = reference[name](x);
        assert.ok(ulps(kernels[name](x), expected) <= 1 || Number.isNaN(expected), `${build} ${name}(${x})`);
        assert.is(Number.isNaN(kernels[name](x)), Number.isNaN(expected), `${build} ${name}(${x})`);
      }
    }
    for (const x of specials) {
      for (const y of specials) {
        const expected = x ** y;
        const actual = kernels.pow64(x, y);
        assert.ok(ulps(actual, expected) <= 1, `${build} pow64(${x}, ${y}) = ${actual}, not ${expected}`);
      }
    }
  }
});

test.run();
