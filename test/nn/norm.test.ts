/** @file Layer norm through the ops: its output, its Jacobian, and what placements make of empty branches. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  backward,
  layerNorm,
  mul,
  noGrad,
  ones,
  sum,
  tensor,
  type Variable,
  zeros,
} from '../../src/autograd/index.js';
import { CausalLM, type NormPlacement, TransformerEncoder } from '../../src/nn/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { layerNormJacobianNorm } from '../../src/theory/index.js';
import { bits, close, gaussians, ids, norm, SMALL, smallLM } from '../support.js';

const test = suite('nn/norm');
await init();
const EPS = 1e-5;

const moments = (x: ArrayLike<number>) => {
  const values = Array.from(x);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, variance: values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length };
};
const plain = (x: Variable, eps = EPS) =>
  layerNorm(x, ones([x.shape[x.rank - 1]]), zeros([x.shape[x.rank - 1]]), { eps });

test('the output has mean 0 and squared norm d var / (var + eps)', () => {
  for (const d of [2, 7, 64, 512]) {
    for (const scale of [1, 1e-3, 300]) {
      const x = gaussians(d, d).map((v) => v * scale + 3);
      const y = noGrad(() => plain(tensor(x))).toArray();
      const { variance } = moments(x);
      close(norm(y) ** 2 / d, variance / (variance + EPS), 1e-4, `d ${d}, scale ${scale}:`);
      close(moments(y).mean, 0, 1e-5);
    }
  }
});

/** Row i is the gradient of output i: J. */
function jacobian(x: ArrayLike<number>, eps = EPS): number[][] {
  const d = x.length;
  const copies = tensor(
    Array.from({ length: d }, () => Array.from(x)),
    { requiresGrad: true },
  );
  const identity = tensor(
    Array.from({ length: d }, (_, i) => Array.from({ length: d }, (_, j) => (i === j ? 1 : 0))),
  );
  backward(sum(mul(plain(copies, eps), identity)));
  const g = copies.grad!.toArray();
  return Array.from({ length: d }, (_, i) => Array.from(g.subarray(i * d, (i + 1) * d)));
}

const apply = (matrix: number[][], v: ArrayLike<number>) =>
  matrix.map((row) => row.reduce((total, a, j) => total + a * v[j], 0));

/** Largest singular value of a symmetric matrix, by power iteration. */
function spectralNorm(matrix: number[][]): number {
  let v: ArrayLike<number> = gaussians(matrix.length, 5);
  let size = 0;
  for (let i = 0; i < 200; i++) {
    const next = apply(matrix, v);
    size = norm(next);
    v = next.map((value) => value / size);
  }
  return size;
}

test('the Jacobian has spectral norm 1 / sqrt(var + eps)', () => {
  for (const scale of [1, 0.1, 25]) {
    const x = gaussians(48, 2).map((v) => v * scale - 1);
    const expected = layerNormJacobianNorm(moments(x).variance, EPS);
    close(spectralNorm(jacobian(x)) / expected, 1, 1e-4, `scale ${scale}:`);
  }
});

test('three times the input means a third of the gradient', () => {
  const x = gaussians(32, 4);
  const [one, three] = [spectralNorm(jacobian(x)), spectralNorm(jacobian(x.map((v) => 3 * v)))];
  close(three / one, 1 / 3, 1e-4);
});

test('the Jacobian kills the constant vector and nearly kills x itself', () => {
  withRuntime(createReferenceRuntime(), () => {
    for (const eps of [EPS, 0.25]) {
      const x = Float64Array.from(gaussians(40, 6));
      const { mean, variance } = moments(x);
      const matrix = jacobian(x, eps);
      assert.ok(norm(apply(matrix, new Float64Array(40).fill(1))) < 1e-12);
      const centred = Float64Array.from(x, (v) => v - mean);
      const eigenvalue = eps / (variance + eps) ** 1.5;
      apply(matrix, centred).forEach((v, i) => {
        close(v, eigenvalue * centred[i], 1e-12);
      });
      close(spectralNorm(matrix) * Math.sqrt(variance + eps), 1, 1e-9);
    }
  });
});

const config = {
  dModel: 16,
  numHeads: 2,
  dFF: 20,
  numLayers: 4,
  norm: 'layer',
  eps: EPS,
  dropout: 0,
  activation: 'relu',
  activationDropout: 0,
} as const;

/** Intermediates of a stack whose branches put out nothing. */
function emptyBranches(
  normPlacement: NormPlacement,
  x: Variable,
): { outs: Float32Array[]; final: Float32Array } {
  const stack = new TransformerEncoder({ ...config, normPlacement, finalNorm: 'auto' });
  stack.assignPaths();
  for (const [path, parameter] of stack.namedParameters()) {
    if (/(out_proj|linear2)\.(weight|bias)$/.test(path)) parameter.set(new Float32Array(parameter.size));
  }
  const outs: Float32Array[] = [];
  const final = noGrad(() =>
    stack.forward(x, {}, (name, value) => {
      if (/layers\.\d+\.out$/.test(name)) outs.push(value.toArray() as Float32Array);
    }),
  );
  return { outs, final: final.toArray() as Float32Array };
}

const input = () => tensor(gaussians(2 * 5 * 16, 8), { shape: [2, 5, 16] });

test('Pre-LN with empty branches hands its input through, bit for bit, up to the final norm', () => {
  const x = input();
  const { outs, final } = emptyBranches('pre', x);
  assert.is(outs.length, 4);
  for (const out of outs) assert.is(bits(out), bits(x.toArray()));
  assert.is(bits(final), bits(noGrad(() => plain(x)).toArray()));
});

test('Post-LN with empty branches is the norm of its input, again and again', () => {
  const x = input();
  const { outs, final } = emptyBranches('post', x);
  let y = x;
  outs.forEach((out, l) => {
    y = noGrad(() => plain(plain(y)));
    assert.is(bits(out), bits(y.toArray()), `layer ${l}`);
  });
  assert.is(bits(final), bits(outs[3]));
  const once = noGrad(() => plain(x)).toArray();
  final.forEach((v, i) => {
    close(v, once[i], 2e-4);
  });
});

test('Peri-LN with empty branches hands its input through: the norm of nothing is nothing', () => {
  const x = input();
  for (const out of emptyBranches('peri', x).outs) assert.is(bits(out), bits(x.toArray()));
});

const batch = { ids: Int32Array.from({ length: 24 }, (_, i) => (5 * i) % 23), batchSize: 3, seqLen: 8 };
const targets = Int32Array.from({ length: 24 }, (_, i) => (7 * i + 3) % 23);

function withScaledLast(normPlacement: NormPlacement, layer: number, c: number) {
  const model = smallLM({ normPlacement, seed: 2, numLayers: 3, dModel: 32, dFF: 64 });
  const { weight } = model.encoder.layers[layer].feedForward.linear2;
  weight.set(weight.toArray().map((v) => v * c));
  const logits = noGrad(() => model.forward(batch)).toArray() as Float32Array;
  backward(model.loss({ ...batch, targets }).loss);
  return { logits, gradient: weight.grad!.toArray() as Float32Array };
}

const relative = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  norm(Array.from(a, (v, i) => v - b[i])) / norm(b);

for (const layer of [0, 2]) {
  test(`Peri-LN: a factor on linear2 of layer ${layer} leaves the output and divides the gradient`, () => {
    const one = withScaledLast('peri', layer, 1);
    for (const c of [0.5, 0.8, 2, 4]) {
      const scaled = withScaledLast('peri', layer, c);
      assert.ok(relative(scaled.logits, one.logits) < 1e-3, `c ${c}: ${relative(scaled.logits, one.logits)}`);
      assert.ok(
        relative(
          scaled.gradient.map((v) => v * c),
          one.gradient,
        ) < 1e-3,
        `c ${c}`,
      );
    }
  });
}

test('the same factor does change the output of Pre-LN and of Post-LN', () => {
  for (const placement of ['pre', 'post'] as const) {
    const [one, two] = [withScaledLast(placement, 1, 1), withScaledLast(placement, 1, 2)];
    assert.ok(relative(two.logits, one.logits) > 0.01);
  }
});

test('the placements are three different functions of the same weights', () => {
  const logits = (['post', 'pre', 'peri'] as const).map((normPlacement) =>
    noGrad(() => smallLM({ normPlacement }).forward(batch)).toArray(),
  );
  assert.ok(relative(logits[0], logits[1]) > 0.1);
  assert.ok(relative(logits[1], logits[2]) > 0.1);
});

test('a layer is the formula of its placement', () => {
  for (const normPlacement of ['post', 'pre', 'peri'] as const) {
    const model = new CausalLM({ ...SMALL, normPlacement, numLayers: 1 });
    const [layer] = model.encoder.layers;
    const got = new Map<string, Float32Array>();
    const x = noGrad(() => model.embedding.forward(ids([1, 2, 3], [1, 3])));
    const out = noGrad(() =>
      layer.forward(x, { causal: true }, (name, v) => got.set(name, v.toArray() as Float32Array)),
    );
    const [a, f, mid] = ['attention', 'ffn', 'mid'].map((part) =>
      tensor(got.get(`encoder.layers.0.${part}`)!, { shape: x.shape }),
    );
    const formula = (before: Variable, branch: Variable) => {
      const added = (u: Variable, v: Variable) =>
        tensor(
          u.toArray().map((w, i) => w + v.toArray()[i]),
          { shape: u.shape },
        );
      if (normPlacement === 'post') return plain(added(before, branch));
      return added(before, normPlacement === 'peri' ? plain(branch) : branch);
    };
    noGrad(() => {
      assert.is(bits(formula(x, a).toArray()), bits(mid.toArray()), normPlacement);
      assert.is(bits(formula(mid, f).toArray()), bits(out.toArray()), normPlacement);
    });
  }
});

test.run();
