/** @file A program with a name from every entry, for the compiler alone: bundlers' and Node's way of resolving. */
import {
  backward,
  type Capabilities,
  capabilities,
  customOp,
  gradcheck,
  init,
  mul,
  nn,
  Parameter,
  type StepMetrics,
  scale,
  sigmoid,
  Trainer,
  type Variable,
} from 'prenorm';
import { type ClassificationReport, classificationReport, classify } from 'prenorm/classify';
import { type ConformanceResult, runConformance } from 'prenorm/conformance';
import { loadKjv, TextWindows } from 'prenorm/data';
import { experiments } from 'prenorm/experiments';
import * as external from 'prenorm/external';
import { greedy, lmStepper } from 'prenorm/generate';
import { init as initForInference } from 'prenorm/inference';
import { decodeSafetensors } from 'prenorm/io';
import { CausalLM, Module } from 'prenorm/nn';
import { Adam, inverseSqrt } from 'prenorm/optim';
import { checkRecipe, type Recipe } from 'prenorm/recipe';
import { createReferenceRuntime } from 'prenorm/reference';
import { Tokenizer } from 'prenorm/text';
import * as theory from 'prenorm/theory';
import { tokenizerFrom } from 'prenorm/tokenizers';
import { fit, plan } from 'prenorm/train';
import { WorkerTrainer } from 'prenorm/worker';

export async function everything(bytes: Uint8Array): Promise<StepMetrics> {
  await init({ threads: 'auto' });
  const host: Capabilities = capabilities();
  const model = new CausalLM({ vocabSize: 128, dModel: 16, numLayers: 1, numHeads: 2, normPlacement: 'pre' });
  const module: Module = model;
  const ids = Int32Array.from(await loadKjv(), (c) => c.charCodeAt(0));
  const trainer = new Trainer({
    model,
    data: new TextWindows(ids, { batchSize: 2, seqLen: 8, seed: 1 }),
    optimizer: new Adam(model.parameters(), { lr: 1e-3 }),
    schedule: inverseSqrt({ maxLr: 1e-3, warmupSteps: 10 }),
    steps: host.threads,
  });
  const report: ClassificationReport = classificationReport(['no', 'yes'], ['no', 'no'], ['no', 'yes']);
  const result: ConformanceResult = await runConformance();
  console.log(result.total, module.numParameters(), nn.CausalLM === CausalLM, [
    external.init,
    initForInference,
    experiments,
    classify,
    report.accuracy,
    fit,
    greedy,
    lmStepper,
    tokenizerFrom,
    decodeSafetensors,
    createReferenceRuntime,
    Tokenizer,
    theory,
    plan,
    bytes,
  ]);
  // @ts-expect-error: types are there, and no `any`
  trainer.trainStep().loss.toUpperCase();
  return trainer.trainStep();
}

/** A layer of one's own, and an op: they need nothing of the engine. */
class Gate extends Module {
  readonly weight = new Parameter([8], 'weight');

  forward(x: Variable): Variable {
    return mul(x, sigmoid(this.weight));
  }
}

const square = customOp({
  name: 'square',
  forward: (x) => mul(x, x),
  backward: (dout, { inputs: [x] }) => [mul(dout, scale(x, 2))],
});

export function own(x: Variable, recipe: Recipe): WorkerTrainer {
  const gate = new Gate();
  const loss = square(gate.forward(x));
  gradcheck(() => loss, gate.parameters());
  backward(loss, { retainGraph: true });
  loss.runtime.endStep();
  // @ts-expect-error: how memory is laid out is nobody's business
  loss.runtime.arena;
  return new WorkerTrainer(checkRecipe(recipe, 'own'));
}
