/**
 * @file The whole stack against PyTorch: forward, every gradient, and the losses of 10 optimizer steps, in f32
 * on the wasm kernels and in f64 on the reference kernels under the same autograd code.
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward, noGrad } from '../../src/autograd/tape.js';
import { Adam, AdamW, RAdam, SGD } from '../../src/optim/index.js';
import type { Optimizer } from '../../src/optim/optimizer.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { init } from '../../src/runtime/init.js';
import { type Runtime, withRuntime } from '../../src/runtime/runtime.js';
import {
  buildCase,
  distance,
  type Golden,
  goldenNames,
  maxAbs,
  median,
  norm,
  readGolden,
  sketch,
} from './golden.js';

const test = suite('parity/torch');

interface Bounds {
  /** Of the output, relative: in the 2-norm, and elementwise to the largest element. */
  forward: number;
  /** |dg| <= gradient · max(|g|, 1e-3 · median |g|). */
  gradient: number;
  /** Absolute, for the keys' biases, whose gradient is 0 in exact arithmetic. */
  keyBias: number;
  /** Absolute, for each of 10 losses. */
  losses: number;
}

const precisions: [string, () => Promise<Runtime>, Bounds][] = [
  ['f32', init, { forward: 1e-5, gradient: 1e-5, keyBias: 1e-6, losses: 1e-4 }],
  [
    'f64',
    async () => createReferenceRuntime(),
    { forward: 1e-10, gradient: 1e-9, keyBias: 1e-12, losses: 1e-9 },
  ],
];

const optimizers: Record<string, (params: Parameters<typeof makeAdam>[0]) => Optimizer> = {
  adam: makeAdam,
  adamw: (params) => new AdamW(params, { lr: 1e-3, betas: [0.9, 0.98], eps: 1e-9, weightDecay: 0.1 }),
  radam: (params) => new RAdam(params, { lr: 1e-3, betas: [0.9, 0.98], eps: 1e-9 }),
  sgd: (params) => new SGD(params, { lr: 1e-2, momentum: 0.9 }),
};

function makeAdam(params: ConstructorParameters<typeof Adam>[0]): Optimizer {
  return new Adam(params, { lr: 1e-3, betas: [0.9, 0.98], eps: 1e-9 });
}

/** What a comparison allows, and what it found. */
function within(what: string, error: number, allowed: number): void {
  if (process.env.PRENORM_PARITY_REPORT)
    console.log(`${what}: ${error.toExponential(1)} of ${allowed.toExponential(1)}`);
  assert.ok(
    error <= allowed,
    `${what}: error ${error.toExponential(2)}, allowed ${allowed.toExponential(2)}`,
  );
}

function compareGradient(
  golden: Golden,
  name: string,
  shape: readonly number[],
  g: ArrayLike<number>,
  floor: number,
  bounds: Bounds,
): void {
  const { name: label, norms } = golden.info;
  const allowed = bounds.gradient * Math.max(norms[name], floor);
  const what = `${label} d/d ${name}`;
  if (golden.has(`grad.${name}`)) {
    const expected = golden.get(`grad.${name}`);
    if (name.endsWith('in_proj_bias')) {
      const third = g.length / 3;
      const keys = (a: ArrayLike<number>): number[] => Array.from(a).slice(third, 2 * third);
      within(`${what} (keys)`, maxAbs(keys(g)), bounds.keyBias);
      assert.ok(maxAbs(keys(expected)) < 1e-14);
      const parts = [distance(g, expected, 0, third), distance(g, expected, 2 * third)];
      within(what, norm(parts), allowed);
    } else within(what, distance(g, expected), allowed);
    return;
  }
  const [rows, cols] = shape;
  const both = golden.get(`sketch.${name}`);
  const { left, right } = sketch(g, rows, cols);
  within(`${what} (left)`, distance(left, both.subarray(0, cols)), allowed);
  within(`${what} (right)`, distance(right, both.subarray(cols)), allowed);
  // The full matrices are stored in f32.
  if (golden.has(`full.${name}`))
    within(`${what} (full)`, distance(g, golden.get(`full.${name}`)), Math.max(allowed, 6e-8 * norms[name]));
}

for (const [precision, makeRuntime, bounds] of precisions) {
  const runtime = await makeRuntime();
  for (const name of goldenNames) {
    const golden = readGolden(name);
    const { info } = golden;

    test(`${precision}: ${name}: output and loss`, () =>
      withRuntime(runtime, () => {
        const built = buildCase(golden);
        const [output, loss] = noGrad(() => [built.output(), built.loss()]);
        const expected = golden.get('output');
        within(`${name} output`, distance(output.toArray(), expected) / norm(expected), bounds.forward);
        const difference = Array.from(output.toArray(), (y, i) => y - expected[i]);
        within(`${name} output, elementwise`, maxAbs(difference) / maxAbs(expected), bounds.forward);
        within(
          `${name} loss`,
          Math.abs(loss.item() - info.loss) / Math.max(1, Math.abs(info.loss)),
          bounds.forward,
        );
      }));

    test(`${precision}: ${name}: the gradient of every parameter and input`, () =>
      withRuntime(runtime, () => {
        const built = buildCase(golden);
        backward(built.loss());
        const all = new Map([...built.parameters, ...built.inputs]);
        assert.equal([...all.keys()].sort(), Object.keys(info.norms).sort());
        const floor = 1e-3 * median(Object.values(info.norms));
        for (const [key, variable] of all) {
          const g = variable.grad?.toArray();
          assert.ok(g, `${key} has no gradient`);
          compareGradient(golden, key, variable.shape, g, floor, bounds);
        }
      }));

    for (const [kind, expected] of Object.entries(info.optimizers)) {
      test(`${precision}: ${name}: losses of 10 steps of ${kind}`, () =>
        withRuntime(runtime, () => {
          const built = buildCase(golden);
          const optimizer = optimizers[kind]([...built.parameters.values()]);
          expected.forEach((value, step) => {
            optimizer.zeroGrad();
            const loss = built.loss();
            backward(loss);
            optimizer.step();
            within(`${name} ${kind} step ${step + 1}`, Math.abs(loss.item() - value), bounds.losses);
          });
        }));
    }
  }
}

test.run();
