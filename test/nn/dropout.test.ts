/** @file Dropout in modules: every site and every call has a mask of its own, in a model, a stack or a layer alone. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  add,
  backward,
  gradcheck,
  mean,
  mul,
  noGrad,
  sub,
  tensor,
  type Variable,
} from '../../src/autograd/index.js';
import {
  Dropout,
  type LayerConfig,
  Module,
  MultiHeadAttention,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
} from '../../src/nn/index.js';
import { createReferenceRuntime } from '../../src/reference/runtime.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { manualSeed, withRuntime } from '../../src/runtime/runtime.js';
import { gaussians, pairBatch, SMALL, smallLM, smallPair } from '../support.js';

const test = suite('nn/dropout');
await init();

type Masks = { site: Dropout; mask: Float32Array | Float64Array }[];

/** Runs `forward` and tells the mask of every dropout in the order of the calls, as 0 for dropped elements and not 0 for kept ones. */
function masksOf(root: Module, forward: () => unknown): Masks {
  const masks: Masks = [];
  const sites = [...root.namedModules()].flatMap(([, module]) => (module instanceof Dropout ? [module] : []));
  for (const site of sites) {
    site.forward = (x) => {
      // What the site does to ones is its mask.
      const ones = tensor(new Float32Array(x.size).fill(1), { shape: x.shape });
      const mask = Dropout.prototype.forward.call(site, ones);
      masks.push({ site, mask: mask.toArray() as Float32Array });
      return mul(x, mask);
    };
  }
  noGrad(forward);
  for (const site of sites) delete (site as Partial<Dropout>).forward;
  return masks;
}

/** Correlation of which elements are kept, over the part that both have; 1 for equal masks. */
function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const n = Math.min(a.length, b.length);
  let [sumA, sumB, both] = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    sumA += Number(a[i] !== 0);
    sumB += Number(b[i] !== 0);
    both += Number(a[i] !== 0 && b[i] !== 0);
  }
  const [p, q] = [sumA / n, sumB / n];
  return (both / n - p * q) / Math.sqrt(p * (1 - p) * q * (1 - q));
}

/** No two masks have to do with each other: of independent ones 1 pair in 10^6 is beyond five deviations. */
function assertIndependent(masks: Masks, calls: number): void {
  assert.is(masks.length, calls);
  for (let i = 0; i < calls; i++) {
    for (let j = 0; j < i; j++) {
      const n = Math.min(masks[i].mask.length, masks[j].mask.length);
      const r = correlation(masks[i].mask, masks[j].mask);
      assert.ok(Math.abs(r) < 5 / Math.sqrt(n), `masks ${j} and ${i} correlate by ${r} over ${n} elements`);
    }
  }
}

const config: LayerConfig = {
  ...{ dModel: 16, numHeads: 2, dFF: 32, normPlacement: 'pre', norm: 'layer', eps: 1e-5 },
  ...{ dropout: 0.5, activation: 'gelu', activationDropout: 0.5 },
};
const stack = { ...config, numLayers: 2, finalNorm: 'auto' } as const;
const [B, T, C] = [4, 12, 16];
const input = (seed = 1) => tensor(gaussians(B * T * C, seed), { shape: [B, T, C] });

test('a stack used alone has a mask of its own at every site, and another one at every forward', () => {
  manualSeed(1);
  const encoder = new TransformerEncoder(stack).train();
  const twice = (forward: () => unknown) => () => [forward(), forward()];
  assertIndependent(
    masksOf(
      encoder,
      twice(() => encoder.forward(input())),
    ),
    2 * 6,
  );
  const decoder = new TransformerDecoder(stack).train();
  assertIndependent(
    masksOf(
      decoder,
      twice(() => decoder.forward(input(), input(2), {}, {})),
    ),
    2 * 8,
  );
  const layer = new TransformerEncoderLayer(config).train();
  assertIndependent(
    masksOf(
      layer,
      twice(() => layer.forward(input())),
    ),
    2 * 3,
  );
  const decoding = new TransformerDecoderLayer(config).train();
  assertIndependent(
    masksOf(
      decoding,
      twice(() => decoding.forward(input(), input(2), {}, {})),
    ),
    2 * 4,
  );
});

test('two stacks, two bare layers and one shared layer differ in a module of your own', () => {
  class Mine extends Module {
    readonly first = new TransformerEncoder(stack);
    readonly second = new TransformerEncoder(stack);
    readonly before = new Dropout(0.5);
    readonly after = new Dropout(0.5);
    forward(x: Variable): Variable {
      const y = this.second.forward(this.first.forward(this.before.forward(x)));
      return this.after.forward(this.after.forward(y));
    }
  }
  manualSeed(2);
  const mine = new Mine();
  assertIndependent(
    masksOf(mine, () => mine.forward(input())),
    6 + 6 + 1 + 2,
  );
  mine.assignPaths();
  manualSeed(2);
  assertIndependent(
    masksOf(mine, () => [mine.forward(input()), mine.forward(input())]),
    2 * 15,
  );
});

test('source and target embeddings of equal shape have masks of their own, and so has every site', () => {
  manualSeed(3);
  const sentence = Array.from({ length: 12 }, (_, i) => 3 + i);
  const batch = pairBatch([1, 2, 3, 4].map(() => [sentence, sentence]));
  const model = smallPair({ dropout: 0.5, activationDropout: 0.5 });
  const masks = masksOf(model, () => model.forward(batch));
  const embeddings = masks.filter(({ site }) => site === model.embedding.dropout);
  assert.equal(
    embeddings.map(({ mask }) => mask.length),
    [768, 768],
  );
  assertIndependent(masks, 2 + 2 * 3 + 2 * 4);
});

test('the masks repeat after manualSeed and are the same in another runtime and precision', async () => {
  const run = () => {
    manualSeed(4);
    const encoder = new TransformerEncoder(stack).train();
    const masks = masksOf(encoder, () => [encoder.forward(input()), encoder.forward(input())]);
    return masks.map(({ mask }) => [...mask].map(Number).join(''));
  };
  const expected = run();
  assert.equal(run(), expected);
  assert.equal(withRuntime(await createRuntime(), run), expected);
  assert.equal(withRuntime(createReferenceRuntime(), run), expected);
});

test('evaluation in between changes no mask', () => {
  const run = (between: (encoder: TransformerEncoder) => unknown) => {
    manualSeed(5);
    const encoder = new TransformerEncoder(stack);
    const step = () => masksOf(encoder.train(), () => encoder.forward(input()));
    const first = step();
    noGrad(() => between(encoder));
    return [...first, ...step()].map(({ mask }) => mask.join());
  };
  assert.equal(
    run((encoder) => encoder.eval().forward(input())),
    run(() => {}),
  );
});

test('attention dropout: every site and forward of a model has its own masks, and evaluation none', () => {
  const sentence = Array.from({ length: 12 }, (_, i) => 3 + i);
  const batch = pairBatch([1, 2].map(() => [sentence, sentence]));
  const model = smallPair({ attentionDropout: 0.5, numLayers: 2 });
  const bare = smallPair({ numLayers: 2 });
  const run = (m: typeof model) => [...noGrad(() => m.forward(batch)).toArray()];
  const plain = run(bare);
  manualSeed(8);
  const [first, second] = [run(model), run(model)];
  assert.equal(run(model.eval()), plain);
  model.train();
  assert.not.equal(first, plain);
  assert.not.equal(second, first);
  // Evaluation counted nothing: the third call of each site is the third mask.
  const third = run(model);
  manualSeed(8);
  assert.equal([run(model), run(model), run(model)], [first, second, third]);
  // One site at a time: the masks are those of the site's path, so they are the same beside others and alone.
  const sites = [...model.namedModules()].flatMap(([, m]) => (m instanceof MultiHeadAttention ? [m] : []));
  assert.is(sites.length, 2 + 2 * 2);
  const alone = sites.map((site) => {
    for (const other of sites) other.training = other === site;
    manualSeed(8);
    return run(model).join();
  });
  assert.is(new Set([...alone, plain.join()]).size, sites.length + 1);
  model.train();
  const own = { ...config, dropout: 0, activationDropout: 0, attentionDropout: 0.5 };
  const [encoder, decoder] = [new TransformerEncoderLayer(own), new TransformerDecoderLayer(own)];
  for (const forward of [
    () => [...encoder.forward(input()).toArray()],
    () => [...decoder.forward(input(), input(2), {}, {}).toArray()],
  ]) {
    assert.not.equal(forward(), forward());
    for (const layer of [encoder, decoder]) layer.eval();
    assert.equal(forward(), forward());
    for (const layer of [encoder, decoder]) layer.train();
  }
});

test('R-Drop: the gradient through two forwards is that of the double-precision run with the same masks', () => {
  const ids = Int32Array.from({ length: 24 }, (_, i) => (i * 7) % SMALL.vocabSize);
  const batch = { ids, targets: ids.map((id) => (id + 1) % SMALL.vocabSize), batchSize: 2, seqLen: 12 };
  const run = (check: boolean) => {
    manualSeed(6);
    const model = smallLM({
      dropout: 0.3,
      activationDropout: 0.2,
      attentionDropout: 0.1,
      activation: 'gelu',
    });
    const loss = () => {
      const apart = sub(model.forward(batch), model.forward(batch));
      const consistency = mean(mul(apart, apart));
      if (!check) assert.ok(consistency.item() > 1e-3, `two forwards differ by ${consistency.item()}`);
      const both = add(model.loss(batch).loss, model.loss(batch).loss);
      return add(both, consistency);
    };
    if (check) gradcheck(loss, model.parameters(), { tolerance: 1e-5, maxElements: 3 });
    model.zeroGrad();
    manualSeed(6);
    backward(loss());
    return model.parameters().map((p) => [...(p.grad?.toArray() ?? [])]);
  };
  const exact = withRuntime(createReferenceRuntime(), () => run(true));
  run(false).forEach((grad, i) => {
    const scale = Math.max(...exact[i].map(Math.abs));
    const error = Math.max(...grad.map((value, j) => Math.abs(value - exact[i][j])));
    assert.ok(error <= 2e-5 * scale, `parameter ${i} is off by ${error} of ${scale}`);
  });
});

test.run();
