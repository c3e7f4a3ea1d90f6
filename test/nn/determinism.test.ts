/** @file The same seed gives the same bits, here, again, and in a runtime of its own. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { add, backward, noGrad, scale, tensor } from '../../src/autograd/index.js';
import { sha256 } from '../../src/io/sha256.js';
import type { NormPlacement } from '../../src/nn/index.js';
import { Adam, inverseSqrt } from '../../src/optim/index.js';
import { createRuntime, init } from '../../src/runtime/init.js';
import { manualSeed, withRuntime } from '../../src/runtime/runtime.js';
import { pairBatch, smallPair } from '../support.js';

const test = suite('nn/determinism');
await init();

const batches = [0, 1, 2].map((k) =>
  pairBatch(
    [3, 5, 9].map((n): [number[], number[]] => [
      Array.from({ length: n + k }, (_, i) => (i * 7 + k) % 23),
      Array.from({ length: n + 2 * k }, (_, i) => (i * 5 + k) % 23),
    ]),
  ),
);

/** Hash of losses, weights and moments after a few steps with dropout, clipping and a changing rate. */
function train(normPlacement: NormPlacement, seed: number): string {
  manualSeed(seed);
  const model = smallPair({
    ...{ normPlacement, seed, init: 'fairseq' },
    ...{ dropout: 0.2, activationDropout: 0.1, attentionDropout: 0.1 },
  });
  const optimizer = new Adam(model.parameters(), { lr: 0.01, betas: [0.9, 0.98], eps: 1e-9 });
  const schedule = inverseSqrt({ maxLr: 0.01, warmupSteps: 3 });
  const parts: Uint8Array[] = [];
  const push = (values: ArrayLike<number>) => parts.push(new Uint8Array(Float64Array.from(values).buffer));
  for (let step = 1; step <= 6; step++) {
    optimizer.lr = schedule(step);
    optimizer.zeroGrad();
    for (let k = 0; k < 2; k++) {
      const { loss } = model.loss(batches[(step + k) % 3], { smoothing: 0.1, count: 30 });
      push([loss.item()]);
      backward(loss);
    }
    push([optimizer.clipGradNorm(0.5)]);
    optimizer.step();
  }
  for (const p of model.parameters()) push(p.toArray());
  for (const values of Object.values(optimizer.stateDict().buffers)) push(values);
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  parts.reduce((at, part) => {
    all.set(part, at);
    return at + part.length;
  }, 0);
  return sha256(all);
}

for (const placement of ['post', 'pre', 'peri'] as const) {
  test(`${placement}: two runs in one runtime, and one in a fresh runtime, are equal bit for bit`, async () => {
    const first = train(placement, 1);
    assert.is(train(placement, 1), first);
    const fresh = await createRuntime();
    assert.is(
      withRuntime(fresh, () => train(placement, 1)),
      first,
    );
    assert.is.not(train(placement, 2), first);
  });
}

test('what was computed before, and where memory lies, changes no bit', async () => {
  const first = train('pre', 3);
  const crowded = await createRuntime({ maxMemory: 1 << 28 });
  withRuntime(crowded, () => {
    const blocks = Array.from({ length: 40 }, (_, i) => smallPair({ seed: i, dModel: 8 + 4 * (i % 3) }));
    noGrad(() => {
      let x = tensor(new Float32Array(1 << 16));
      for (let i = 0; i < 8; i++) x = add(scale(x, 2), 1);
    });
    assert.is(train('pre', 3), first);
    assert.is(blocks.length, 40);
  });
});

test('the three placements do give different runs', () => {
  assert.is(new Set((['post', 'pre', 'peri'] as const).map((placement) => train(placement, 1))).size, 3);
});

test.run();
