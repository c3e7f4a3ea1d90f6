// Checks the gradients of the layer and the loss in double precision, then trains: node index.mjs [STEPS]
import { gradcheck, init, tensor, withRuntime } from 'prenorm';
import { loadKjv, TextWindows } from 'prenorm/data';
import { CausalLM, randomNormal } from 'prenorm/nn';
import { Adam } from 'prenorm/optim';
import { createReferenceRuntime } from 'prenorm/reference';
import { Trainer } from 'prenorm/train';
import { GatedLM } from './gated-sandwich.mjs';
import { logSumExp, logSumExpByOps, zLoss } from './z-loss.mjs';

await init();
const steps = Number(process.argv[2] ?? 200);

// 1. Gradients against central differences, in double precision: the same code on the reference kernels.
withRuntime(createReferenceRuntime(), () => {
  const report = (name, f, inputs, options) => {
    const { maxError, elements } = gradcheck(f, inputs, options);
    console.log(
      `gradcheck ${name}: ${elements} elements, largest relative error ${maxError.toExponential(1)}`,
    );
  };
  const x = randomNormal([3, 7], 1, 'x');
  x.requiresGrad = true;
  const targets = tensor([2, 0, 6], { dtype: 'i32' });
  report('logSumExp (own backward)', () => logSumExp(x), [x]);
  report('logSumExp (plain ops)', () => logSumExpByOps(x), [x]);
  report('z-loss', () => zLoss(x, targets, { weight: 0.1, smoothing: 0.1 }).loss, [x]);

  const model = new GatedLM({ vocabSize: 11, dModel: 6, numHeads: 2, dFF: 10, numLayers: 2, maxSeqLen: 4 });
  for (const [path, p] of model.namedParameters()) if (path.endsWith('gate')) p.set([0.5]); // let the branches in
  const batch = {
    ids: Int32Array.of(1, 5, 2, 2, 0, 6, 3, 10),
    targets: Int32Array.of(5, 2, 2, 9, 6, 3, 10, 1),
    batchSize: 2,
    seqLen: 4,
  };
  report('whole model', () => model.loss(batch).loss, model.parameters(), { maxElements: 5 });
});

// 2. Training beside a Pre-LN model of the same size, on the same batches.
const text = await loadKjv();
const ids = Int32Array.from(text, (c) => c.charCodeAt(0)); // ASCII
const size = { vocabSize: 128, dModel: 64, numHeads: 4, dFF: 256, numLayers: 6, maxSeqLen: 64 };
const models = { 'gated sandwich': new GatedLM(size), 'Pre-LN': new CausalLM({ ...size, init: 'paper' }) };
for (const [name, model] of Object.entries(models)) {
  const trainer = new Trainer({
    model,
    data: new TextWindows(ids, { batchSize: 8, seqLen: 64, seed: 1 }),
    optimizer: new Adam(model.parameters(), { lr: 2e-3 }),
    steps,
  });
  const losses = [];
  for await (const { loss } of trainer.run()) losses.push(loss);
  const last = losses.slice(-10).reduce((sum, loss) => sum + loss, 0) / Math.min(10, losses.length);
  console.log(
    `${name}: loss ${losses[0].toFixed(2)} at step 1, ${last.toFixed(2)} over the last 10 of ${steps}`,
  );
  const gates = [...model.namedParameters()].filter(([path]) => path.endsWith('gate'));
  if (gates.length > 0)
    console.log(`gates after training: ${gates.map(([, p]) => p.item().toFixed(2)).join(' ')}`);
}
