import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type KernelHarness, loadBuilds, numbers } from './harness.js';

const test = suite('kernels/optimizer');

/** Lengths around the lane and a prime; groups alternate. */
const LENGTHS = [1, 3, 4, 5, 19];
const TOTAL = 48;
const CLOSE = { rtol: 3e-6, atol: 3e-7 };

interface State {
  table: number;
  grads: number;
  first: number;
  second: number;
  parameters: number[];
}

/** Parameters, table and moments; gaps of a few elements between segments must stay untouched. */
function setUp(h: KernelHarness): State {
  h.reset();
  const parameters = LENGTHS.map((n, s) => h.input(`parameter${s}`, numbers(n, 10 + s)));
  let offset = 0;
  const rows = LENGTHS.map((n, s) => {
    const row = [parameters[s], offset, n, s & 1];
    offset += n + 3;
    return row;
  });
  return {
    table: h.ints('table', rows.flat()),
    grads: h.input('grads', numbers(TOTAL, 1)),
    first: h.input('first', new Float32Array(TOTAL)),
    second: h.input('second', new Float32Array(TOTAL)),
    parameters,
  };
}

function hyper(h: KernelHarness, groups: Record<number, number>[]): number {
  const values = new Float32Array(16 * groups.length);
  groups.forEach((fields, g) => {
    for (const [field, value] of Object.entries(fields)) values[16 * g + Number(field)] = value;
  });
  return h.input('hyper', values);
}

for (const [build, h] of await loadBuilds()) {
  test(`${build}: SGD with momentum, Nesterov and weight decay agrees with the reference over five steps`, () => {
    for (const withClip of [false, true]) {
      const { table, grads, first } = setUp(h);
      const settings = hyper(h, [
        { 0: 0.1, 8: 0.9, 9: 1, 4: 0.01 },
        { 0: 0.2, 8: 0.5, 5: 0.02 },
      ]);
      const clip = withClip ? h.input('clip', [0.5]) : 0;
      for (let step = 0; step < 5; step++) h.run('sgdStep', [table, 5, grads, first, settings, clip], CLOSE);
      h.run('sgdStep', [table, 5, grads, 0, settings, clip], CLOSE);
      h.run('sgdStep', [table, 0, grads, first, settings, clip], CLOSE);
    }
  });

  test(`${build}: Adam and RAdam agree with the reference over five steps`, () => {
    for (const name of ['adamStep', 'radamStep'] as const) {
      for (const rectification of [-1, 0.7]) {
        for (const withClip of [false, true]) {
          const { table, grads, first, second } = setUp(h);
          const clip = withClip ? h.input('clip', [0.5]) : 0;
          const base = { 1: 0.9, 2: 0.999, 3: 1e-8, 6: 1e-2, 7: 1.5, 10: rectification };
          const settings = hyper(h, [
            { ...base, 4: 0.01 },
            { ...base, 5: 0.02, 11: 0.1, 12: 0.001 },
          ]);
          for (let step = 0; step < 5; step++) {
            h.run(name, [table, 5, grads, first, second, settings, clip], CLOSE);
          }
        }
      }
    }
  });

  test(`${build}: the first Adam step moves every parameter by nearly lr, as torch.optim.Adam does`, () => {
    const { table, grads, first, second, parameters } = setUp(h);
    const before = h.floats(parameters[4], 19);
    const gradient = h.floats(grads + 4 * (1 + 3 + 4 + 5 + 4 * 3), 19);
    const group = {
      1: 0.9,
      2: 0.999,
      3: 1e-8,
      6: 1e-3 / (1 - 0.9),
      7: 1 / Math.sqrt(1 - 0.999),
      11: 0.1,
      12: 0.001,
    };
    h.runWasm('adamStep', [table, 5, grads, first, second, hyper(h, [group, group]), 0]);
    const after = h.floats(parameters[4], 19);
    for (let i = 0; i < 19; i++) {
      assert.ok(Math.abs(before[i] - after[i] - 1e-3 * Math.sign(gradient[i])) < 3e-7, `element ${i}`);
    }
  });

  test(`${build}: a norm above the limit is scaled down, one below it left alone`, () => {
    for (const sum of [0, 1e-6, 1, 4, 1e12, Infinity, Number.NaN]) {
      h.reset();
      h.run('clipScale', [h.output('out', 1), h.input('ss', [sum]), 1.5], { rtol: 3e-7 });
    }
  });
}

test.run();
