/**
 * @file Every placement's stack against plain loops in double precision: values under the reference runtime (1e-10) and
 * the compiled kernels (1e-4), and its gradient against central differences of those loops (1e-6).
 */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward, mul, noGrad, sum, tensor, type Variable } from '../../src/autograd/index.js';
import {
  Module,
  type NormPlacement,
  normPlacements,
  placements,
  profileAdmin,
  type Trace,
  TransformerDecoder,
  TransformerEncoder,
} from '../../src/nn/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { numbers } from '../kernels/harness.js';
import { adminOmegas, formulas, ownQk, type Rows, type Sizes, stack } from './placement-formulas.js';

const test = suite('parity/placements');
const reference = createReferenceRuntime();
const compiled = await init();

const [T, D, LAYERS] = [3, 4, 3];

interface Case {
  label: string;
  placement: NormPlacement;
  options: {
    norm?: Sizes['norm'];
    qkNorm?: 'layer' | 'rms' | 'l2' | 'none';
    mixFraction?: number;
    preFirst?: boolean;
  };
}

const one = (placement: NormPlacement, options: Case['options'] = {}): Case => ({
  label: [placement, ...Object.entries(options).map(([key, value]) => `${key} ${value}`)].join(', '),
  placement,
  options,
});

const cases: Case[] = [
  ...normPlacements.map((placement) => one(placement)),
  one('mix', { mixFraction: 0.7 }),
  one('hybrid', { preFirst: true }),
  one('hybrid', { norm: 'rms' }),
  one('olmo2', { norm: 'rms' }),
  ...(['rms', 'dyt', 'scale'] as const).flatMap((norm) => [one('post', { norm }), one('pre', { norm })]),
  ...(['layer', 'rms', 'l2'] as const).map((qkNorm) => one('pre', { qkNorm })),
];

const make = {
  encoder: (config: ConstructorParameters<typeof TransformerEncoder>[0]) => new TransformerEncoder(config),
  decoder: (config: ConstructorParameters<typeof TransformerDecoder>[0]) => new TransformerDecoder(config),
};

/** A stack with every parameter moved off its initial value, and the loops' view of it. */
function build<K extends keyof typeof make>({ placement, options }: Case, kind: K, otherLayers = 0) {
  const { norm = 'layer', qkNorm = 'auto', mixFraction = 0.4, preFirst = false } = options;
  const model = make[kind]({
    dModel: D,
    numHeads: 2,
    dFF: 6,
    numLayers: LAYERS,
    normPlacement: placement,
    norm,
    qkNorm,
    mixFraction,
    preFirst,
    eps: 1e-3,
    dropout: 0,
    activation: 'relu',
    activationDropout: 0,
    finalNorm: 'auto',
    otherLayers,
  }) as ReturnType<(typeof make)[K]>;
  const parameters = [...model.namedParameters()];
  const weights = new Map<string, { shape: readonly number[]; data: Float64Array }>();
  parameters.forEach(([path, parameter], i) => {
    const around = /norm\w*\.weight$|gain|\.g$|alpha$/.test(path) ? 1 : 0;
    const data = Float64Array.from(numbers(parameter.size, 3 * i + 1, around - 0.7, around + 0.7));
    parameter.set(data);
    weights.set(path, { shape: parameter.shape, data });
  });
  const own = ownQk[placement];
  const qk = qkNorm === 'auto' ? (own ? { ...own, kind: norm } : null) : { kind: qkNorm, whole: false };
  const sizes: Sizes = {
    d: D,
    heads: 2,
    layers: LAYERS,
    otherLayers,
    decoder: kind === 'decoder',
    eps: 1e-3,
    norm,
    qk: qk as Sizes['qk'],
    mixFraction,
    preFirst,
  };
  return { model, parameters, weights, sizes };
}

const input = Float64Array.from(numbers(T * D, 99));
const source = Float64Array.from(numbers(T * D, 77));
const asRows = (x: ArrayLike<number>): Rows =>
  Array.from({ length: T }, (_, t) => Array.from({ length: D }, (_, i) => x[t * D + i]));
const probe = Array.from({ length: T * D }, (_, i) => ((i * 37 + 11) % 19) / 9.5 - 0.9);

function distance(actual: ArrayLike<number>, expected: readonly number[]): number {
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((v, i) => Math.abs(actual[i] - v))) / largest;
}

/** A stack as the root of a model. */
class Root extends Module {
  constructor(readonly stack: TransformerEncoder | TransformerDecoder) {
    super();
    this.assignPaths();
  }

  forward([x, memory]: Variable[], { trace }: { trace: Trace }): Variable {
    const { stack } = this;
    return stack instanceof TransformerDecoder
      ? stack.forward(x, memory, {}, {}, trace)
      : stack.forward(x, {}, trace);
  }
}

for (const kind of ['encoder', 'decoder'] as const) {
  test(`Admin's omegas are those of the loops, ${kind}`, () => {
    for (const [runtime, tolerance] of [
      [reference, 1e-10],
      [compiled, 1e-5],
    ] as const) {
      withRuntime(runtime, () => {
        const { model, weights, sizes } = build(one('admin'), kind, kind === 'decoder' ? 2 : 0);
        const batch = [input, source].map((rows) => tensor(rows, { shape: [1, T, D] }));
        const report = profileAdmin(new Root(model), batch);
        const memory = kind === 'decoder' ? asRows(source) : undefined;
        const expected = adminOmegas(sizes, weights, asRows(input), memory);
        assert.is(report.length, expected.length);
        const error = distance(
          report.map(({ omega }) => omega),
          expected,
        );
        assert.ok(error < tolerance, `off by ${error}`);
        const gains = [...model.namedParameters()].filter(([path]) => path.includes('gain'));
        gains.forEach(([, gain], i) => {
          for (const v of gain.toArray()) assert.ok(Math.abs(v - report[i].omega) < 1e-6);
        });
      });
    }
  });
}

test('every placement has a formula here, and no formula is without a placement', () => {
  assert.equal(Object.keys(formulas).sort(), [...normPlacements].sort());
  assert.equal(Object.keys(placements).sort(), [...normPlacements].sort());
});

for (const item of cases) {
  test(`${item.label}: the stack is the formula`, () => {
    for (const [runtime, tolerance] of [
      [reference, 1e-10],
      [compiled, 1e-4],
    ] as const) {
      withRuntime(runtime, () => {
        const { model, weights, sizes } = build(item, 'encoder');
        const out = noGrad(() => model.forward(tensor(input, { shape: [1, T, D] }))).toArray();
        const expected = stack(item.placement, sizes, weights, asRows(input)).flat();
        const error = distance(out, expected);
        if (process.env.PRENORM_PARITY_REPORT) console.log(item.label, error.toExponential(1));
        assert.ok(error < tolerance, `off by ${error}`);
      });
    }
  });

  test(`${item.label}: so are both stacks of an encoder-decoder`, () => {
    for (const [runtime, tolerance] of [
      [reference, 1e-10],
      [compiled, 1e-4],
    ] as const) {
      withRuntime(runtime, () => {
        const [x, memory] = [input, source].map((rows) => tensor(rows, { shape: [1, T, D] }));
        const encoder = build(item, 'encoder', 2);
        const encoded = noGrad(() => encoder.model.forward(memory)).toArray();
        const wanted = stack(item.placement, encoder.sizes, encoder.weights, asRows(source)).flat();
        assert.ok(distance(encoded, wanted) < tolerance, 'encoder');
        const { model, weights, sizes } = build(item, 'decoder', 2);
        const out = noGrad(() => model.forward(x, memory, {}, {})).toArray();
        const expected = stack(item.placement, sizes, weights, asRows(input), asRows(source)).flat();
        const error = distance(out, expected);
        assert.ok(error < tolerance, `decoder off by ${error}`);
      });
    }
  });

  test(`${item.label}: its gradient is that of the formula`, () =>
    withRuntime(reference, () => {
      const { model, parameters, weights, sizes } = build(item, 'encoder');
      const x = tensor(input, { shape: [1, T, D], requiresGrad: true });
      backward(sum(mul(model.forward(x), tensor(probe, { shape: [1, T, D] }))));
      const at = Float64Array.from(input);
      const value = () =>
        stack(item.placement, sizes, weights, asRows(at))
          .flat()
          .reduce((total, v, i) => total + v * probe[i], 0);
      const check = (name: string, data: Float64Array, got: ArrayLike<number>) => {
        const expected = Array.from(data, (before, i) => {
          data[i] = before + 1e-5;
          const above = value();
          data[i] = before - 1e-5;
          const below = value();
          data[i] = before;
          return (above - below) / 2e-5;
        });
        const scale = Math.max(1e-2, ...expected.map(Math.abs));
        expected.forEach((v, i) => {
          assert.ok(Math.abs(got[i] - v) < 1e-6 * scale, `${name}[${i}]: ${got[i]} instead of ${v}`);
        });
      };
      check('x', at, x.grad!.toArray());
      for (const [path, parameter] of parameters) {
        assert.ok(parameter.grad, path);
        check(path, weights.get(path)!.data, parameter.grad!.toArray());
      }
    }));
}

test.run();
