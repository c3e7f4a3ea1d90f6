/** @file Muon beside the published algorithm in plain double precision, and what its updates must be. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { backward, mul, Parameter, sum, tensor } from '../../src/autograd/index.js';
import { ConfigError } from '../../src/errors.js';
import { CausalLM, MaskedLM, Transformer, VisionTransformer } from '../../src/nn/index.js';
import { AdamW, decayGroups, Muon, type MuonOptions, SGD } from '../../src/optim/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { withRuntime } from '../../src/runtime/runtime.js';
import { LoraAdapter } from '../../src/tuning/lora.js';
import { close, gaussians, refusal } from '../support.js';
import { bytesEqual, languageModel, runTo, translationTrainer, translator } from '../train/setup.js';
import { singularValues } from './singular-values.js';

const test = suite('optim/muon');
await init();

type Matrix = number[][];
const transpose = (a: Matrix): Matrix => a[0].map((_, j) => a.map((row) => row[j]));
const times = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0].map((_, j) => row.reduce((total, x, k) => total + x * b[k][j], 0)));
const combine = (p: number, a: Matrix, q: number, b: Matrix): Matrix =>
  a.map((row, i) => row.map((x, j) => p * x + q * b[i][j]));
const rowsOf = (values: ArrayLike<number>, cols: number): Matrix =>
  Array.from({ length: values.length / cols }, (_, i) =>
    Array.from({ length: cols }, (_, j) => values[i * cols + j]),
  );

/** Newton-Schulz as its authors print it: transposed where there are more rows than columns. */
function zeroPower(g: Matrix, steps: number): Matrix {
  const tall = g.length > g[0].length;
  let x = tall ? transpose(g) : g;
  const norm = Math.sqrt(x.flat().reduce((total, v) => total + v * v, 0)) + 1e-7;
  x = x.map((row) => row.map((v) => v / norm));
  for (let i = 0; i < steps; i++) {
    const a = times(x, transpose(x));
    const b = combine(-4.775, a, 2.0315, times(a, a));
    x = combine(3.4445, x, 1, times(b, x));
  }
  return tall ? transpose(x) : x;
}

/** torch.optim.Muon's algorithm, as its page has it, for the matrices of one parameter. */
class Published {
  readonly momentum: Matrix[];
  constructor(
    readonly w: Matrix[],
    readonly o: Required<Omit<MuonOptions, 'adamLr' | 'betas' | 'eps'>>,
  ) {
    this.momentum = w.map((m) => m.map((row) => row.map(() => 0)));
  }
  step(grads: Matrix[]): void {
    const { lr, momentum: mu, nesterov, nsSteps, adjustLr, weightDecay } = this.o;
    grads.forEach((g, i) => {
      this.momentum[i] = combine(mu, this.momentum[i], 1, g);
      const update = zeroPower(nesterov ? combine(1, g, mu, this.momentum[i]) : this.momentum[i], nsSteps);
      const [rows, cols] = [g.length, g[0].length];
      const factor =
        adjustLr === 'original' ? Math.sqrt(Math.max(1, rows / cols)) : 0.2 * Math.sqrt(Math.max(rows, cols));
      this.w[i] = combine(1 - lr * weightDecay, this.w[i], -lr * factor, update);
    });
  }
}

const give = (p: Parameter, grad: ArrayLike<number>) =>
  backward(sum(mul(p, tensor(Float64Array.from(grad), { shape: p.shape }))));

const DEFAULTS = {
  lr: 0.02,
  momentum: 0.95,
  nesterov: true,
  nsSteps: 5,
  adjustLr: 'matchRmsAdamW',
  weightDecay: 0.01,
} as const;
const CASES: [string, 'weight' | 'inProj', [number, number], number[], Partial<MuonOptions>][] = [
  ['wide', 'weight', [5, 9], [5], {}],
  ['tall', 'weight', [9, 5], [9], { nesterov: false, weightDecay: 0.3 }],
  ['square, the original factor', 'weight', [6, 6], [6], { adjustLr: 'original', nsSteps: 4 }],
  ['tall, the original factor', 'weight', [12, 4], [12], { adjustLr: 'original', momentum: 0.5 }],
  ['queries, keys and values', 'inProj', [24, 8], [8, 8, 8], {}],
  ['four heads, two of keys and values', 'inProj', [16, 8], [8, 4, 4], { adjustLr: 'original' }],
];

for (const [name, role, [rows, cols], parts, options] of CASES) {
  for (const [precision, tolerance] of [
    ['double precision', 1e-12],
    ['float32', 2e-5],
  ] as const) {
    test(`${name}: three steps in ${precision} are those of the published algorithm`, async () => {
      const runtime = tolerance < 1e-6 ? createReferenceRuntime() : await createRuntime();
      withRuntime(runtime, () => {
        const values = Float64Array.from(gaussians(4 * rows * cols, 3));
        const part = (k: number) => values.subarray(k * rows * cols, (k + 1) * rows * cols);
        const cut = (flat: ArrayLike<number>): Matrix[] => {
          const all = rowsOf(flat, cols);
          let first = 0;
          return parts.map((count) => {
            first += count;
            return all.slice(first - count, first);
          });
        };
        const p = new Parameter([rows, cols], role).set(part(0));
        const optimizer = new Muon([{ params: [p], muon: true }], { lr: 0.02, ...options });
        const expected = new Published(cut(part(0)), { ...DEFAULTS, ...options });
        for (let t = 1; t <= 3; t++) {
          optimizer.zeroGrad();
          give(p, part(t));
          optimizer.step();
          expected.step(cut(part(t)));
          const flat = expected.w.flat(2);
          p.toArray().forEach((v, i) => {
            close(v, flat[i], tolerance, `step ${t}, element ${i}:`);
          });
        }
      });
      runtime.close();
    });
  }
}

test('one step of numpy in double precision', () => {
  // a, b, c = 3.4445, -4.7750, 2.0315; w = [[1, 2, 3], [4, 5, 6]]; g = [[1, 0, 2], [-1, 3, 1]]; lr 0.1, decay 0.1;
  // u = g + 0.95 g, X = u / (norm(u) + 1e-7); five times A = X X', X = a X + (b A + c A A) X; w (1 - 0.01) - 0.1 X.
  const expected = [
    0.9592702856292424, 1.9789814870716538, 2.907522058330138, 3.99276674022745, 4.850681266389304,
    5.906214746844203,
  ];
  withRuntime(createReferenceRuntime(), () => {
    const p = new Parameter([2, 3], 'weight').set([1, 2, 3, 4, 5, 6]);
    const optimizer = new Muon([{ params: [p], muon: true }], {
      lr: 0.1,
      weightDecay: 0.1,
      adjustLr: 'original',
    });
    optimizer.zeroGrad();
    give(p, [1, 0, 2, -1, 3, 1]);
    optimizer.step();
    p.toArray().forEach((v, i) => {
      close(v, expected[i], 1e-13, `element ${i}:`);
    });
  });
});

/** The polynomial of one iteration on a singular value. */
const grown = (s: number, steps = 5): number => {
  let x = s;
  for (let i = 0; i < steps; i++) x = 3.4445 * x - 4.775 * x * x * x + 2.0315 * x * x * x * x * x;
  return x;
};

/** Below this share of the norm five iterations do not reach 0.5: 0.5 / 3.4445⁵. */
const SMALL = 0.0011;

test('an update is orthogonal within the published bound: singular values between 0.5 and 1.5', () => {
  for (const [rows, cols] of [
    [64, 64],
    [64, 256],
    [256, 64],
    [48, 17],
    [1, 9],
  ]) {
    const grad = gaussians(rows * cols, rows + cols);
    const p = new Parameter([rows, cols], 'weight').set(new Float32Array(rows * cols));
    const optimizer = new Muon([{ params: [p], muon: true }], { lr: 1, adjustLr: 'original' });
    optimizer.zeroGrad();
    give(p, grad);
    optimizer.step();
    const factor = Math.sqrt(Math.max(1, rows / cols));
    const found = singularValues(
      rowsOf(
        p.toArray().map((v) => -v / factor),
        cols,
      ),
    );
    const before = singularValues(rowsOf(grad, cols));
    const norm = Math.sqrt(before.reduce((total, s) => total + s * s, 0));
    const expected = before.map((s) => grown(s / norm)).sort((a, b) => b - a);
    found.forEach((s, i) => {
      close(s, expected[i], 2e-4, `${rows} x ${cols}, singular value ${i}:`);
    });
    const measurable = before.filter((s) => s / norm > SMALL).length;
    assert.ok(measurable > 0.9 * before.length);
    for (const s of found) assert.ok(s < 1.5, String(s));
    assert.ok(found.filter((s) => s > 0.5).length >= measurable, String(Math.min(...found)));
  }
});

test('so it is when products are taken in int12', async () => {
  const runtime = await createRuntime({ arithmetic: 'int12' });
  withRuntime(runtime, () => {
    const p = new Parameter([64, 256], 'weight').set(new Float32Array(64 * 256));
    const optimizer = new Muon([{ params: [p], muon: true }], { lr: 1, adjustLr: 'original' });
    optimizer.zeroGrad();
    give(p, gaussians(64 * 256, 320));
    optimizer.step();
    const found = singularValues(rowsOf(p.toArray(), 256));
    assert.ok(found[0] < 1.5 && found[63] > 0.5, `${found[63]} to ${found[0]}`);
  });
  runtime.close();
});

test('without the iteration the same bound is missed', () => {
  const values = singularValues(rowsOf(gaussians(64 * 64, 128), 64));
  const norm = Math.sqrt(values.reduce((total, s) => total + s * s, 0));
  assert.ok(values.every((s) => s / norm < 0.5));
});

test('hidden matrices are muons, and whatever else a model has is stepped as by AdamW', () => {
  const make = () => languageModel({ dModel: 16, numLayers: 2, tiedEmbeddings: false });
  const step = (build: (model: CausalLM) => Muon | AdamW) => {
    const model = make();
    const optimizer = build(model);
    optimizer.zeroGrad();
    for (const p of model.parameters()) give(p, gaussians(p.size, 5));
    optimizer.clipGradNorm(1);
    optimizer.step();
    return model.stateDict();
  };
  const options = { lr: 0.01, weightDecay: 0.1, betas: [0.9, 0.98] as const, eps: 1e-9 };
  const muon = step((model) => new Muon(model.parameters(), options));
  const adamw = step((model) => new AdamW(model.parameters(), options));
  let hidden = 0;
  for (const [path, { data }] of adamw) {
    const same = data.every((v, i) => Object.is(v, muon.get(path)!.data[i]));
    const isHidden = /layers\.\d+\..*(linear\d|out_proj|in_proj_)\.?weight$/.test(path);
    assert.is(same, !isHidden, path);
    if (isHidden) hidden++;
  }
  assert.is(hidden, 8);
});

test('with matchRmsAdamW the elements of an update are as large as those of AdamW', () => {
  const p = new Parameter([64, 128], 'weight').set(new Float32Array(64 * 128));
  const optimizer = new Muon([{ params: [p], muon: true }], { lr: 1 });
  optimizer.zeroGrad();
  give(p, gaussians(64 * 128, 9));
  optimizer.step();
  const squares = Array.from(p.toArray()).reduce((total, v) => total + v * v, 0);
  const rms = Math.sqrt(squares / p.size);
  // 0.2 of orthonormal rows, whose values lie between 0.5 and 1.5.
  assert.ok(rms > 0.1 && rms < 0.3, String(rms));
});

test('every kind of model has hidden matrices, and neither tables, heads nor patches are among them', () => {
  const sizes = { dModel: 8, numHeads: 2, numLayers: 1 } as const;
  const small = { ...sizes, vocabSize: 11, maxSeqLen: 6 } as const;
  for (const model of [
    new CausalLM({ ...small, tiedEmbeddings: false, positions: 'learned', embeddingNorm: true }),
    new Transformer({ ...small, normPlacement: 'normformer', qkNorm: 'l2' }),
    new MaskedLM({ ...small, numSegments: 2, nextSentence: true }),
    new VisionTransformer({ ...sizes, imageSize: 4, patchSize: 2, numClasses: 3 }),
  ]) {
    const { groups } = new Muon(model.parameters(), { lr: 1 });
    const paths = groups[0].params.map(({ path }) => path);
    assert.ok(paths.length >= 4, paths.join());
    for (const path of paths)
      assert.match(path, /layers\.\d+\.(.*\.)?(linear\d\.weight|out_proj\.weight|in_proj_weight)$/);
    const all = groups.flatMap(({ params }) => params);
    assert.is(all.length, model.parameters().length);
  }
});

test('other use is refused: tables, norms, biases and heads as muon, and what has no hidden matrix', () => {
  const model = languageModel({ tiedEmbeddings: false });
  const named = new Map(model.namedParameters());
  for (const [path, p] of named) {
    const isHidden = /layers\.\d+\..*(linear\d\.weight|out_proj\.weight|in_proj_weight)$/.test(path);
    const build = () => new Muon([{ params: [p], muon: true }], { lr: 1 });
    if (isHidden) build();
    else {
      const error = refusal(build);
      assert.instance(error, ConfigError);
      assert.match(error.message, /Muon: .*is no matrix of a hidden layer, and Muon updates no other/);
      assert.is(error.actual, path);
    }
  }
  for (const params of [
    [...named].filter(([path]) => path.endsWith('bias')).map(([, p]) => p),
    [{ params: model.parameters(), muon: false }],
    [new Parameter([2, 2], 'weight')],
  ]) {
    const error = refusal(() => new Muon(params as never, { lr: 1 }));
    assert.match(error.message, /no trainable matrix of a hidden layer, which is all that Muon updates/);
  }
  const adapter = new LoraAdapter(model).attach();
  assert.match(
    refusal(() => new Muon(adapter.parameters(), { lr: 1 })).message,
    /no trainable matrix of a hidden layer/,
  );
  for (const junk of [null, 3, 'abc'] as never[])
    assert.match(refusal(() => new Muon(junk, { lr: 1 })).message, /optimizer: params must be/);
  assert.match(
    refusal(() => new Muon([...model.parameters(), 3] as never, { lr: 1 })).message,
    /number \d+ of group 1 is no parameter/,
  );
});

test('groups keep rates and decay of their own; adamLr is the rate of the rest, in its ratio to the schedule', () => {
  const model = languageModel();
  const named = new Map(model.namedParameters());
  const first = [...named].filter(([path]) => path.includes('linear1')).map(([, p]) => p);
  const rest = [...named].filter(([path]) => !path.includes('linear1')).map(([, p]) => p);
  const optimizer = new Muon(
    decayGroups([{ params: first, lr: 0.5, weightDecay: 0 }, { params: rest }], 0.2),
    { lr: 0.1, adamLr: 0.01 },
  );
  const seen = () => optimizer.groups.map(({ lr, weightDecay, params }) => [lr, weightDecay, params.length]);
  const before = seen();
  assert.equal(before.slice(0, 2), [
    [0.5, 0, 1],
    [0.1, 0.2, 3],
  ]);
  assert.equal(before[2], [0.5, 0, 1]);
  assert.ok(before.slice(3).every(([lr]) => lr === 0.01));
  optimizer.lr = 0.05;
  assert.equal(
    seen().map(([lr]) => Math.round(lr * 1e6) / 1e6),
    before.map(([lr]) => lr / 2),
  );
});

test('a run resumed at any step is the run that went through, and its state is refused by others', async () => {
  const make = () => {
    const model = translator({ dModel: 16, dFF: 24 });
    return translationTrainer({ optimizer: new Muon(model.parameters(), { lr: 0.01 }) }, model);
  };
  const whole = make();
  const metrics = await runTo(whole, 30);
  assert.ok(metrics[29].loss < metrics[0].loss);
  for (const cut of [1, 13]) {
    const first = make();
    await runTo(first, cut);
    const second = make();
    second.restore(first.save());
    await runTo(second, 30);
    bytesEqual(second.save(), whole.save());
  }
  const model = translator({ dModel: 16, dFF: 24 });
  const adamw = translationTrainer({ optimizer: new AdamW(model.parameters(), { lr: 0.01 }) }, model);
  assert.match(refusal(() => adamw.restore(whole.save())).message, /state of "muon" does not fit this adamw/);
});

test('what is frozen keeps its bits, and an older optimizer over the same parameters refuses to step', () => {
  const model = languageModel();
  model.setTrainable((path) => !path.includes('linear2'));
  const before = model.stateDict();
  const optimizer = new Muon(model.parameters(), { lr: 0.1 });
  optimizer.zeroGrad();
  optimizer.step();
  for (const [path, { data }] of model.stateDict())
    if (path.includes('linear2')) assert.equal(data, before.get(path)!.data);
  new SGD(model.parameters(), { lr: 1 });
  assert.match(refusal(() => optimizer.step()).message, /a newer optimizer holds the gradients/);
  optimizer.free();
});

test.run();
