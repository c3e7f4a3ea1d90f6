/** @file A program with a name from every entry, for the compiler alone: bundlers' and Node's way of resolving. */
import { type Capabilities, capabilities, init, nn, type StepMetrics, Trainer } from 'prenorm';
import { type ConformanceResult, runConformance } from 'prenorm/conformance';
import { loadKjv, TextWindows } from 'prenorm/data';
import { probe } from 'prenorm/experiments';
import * as external from 'prenorm/external';
import { greedy, lmStepper } from 'prenorm/generate';
import { init as initForInference } from 'prenorm/inference';
import { decodeSafetensors } from 'prenorm/io';
import { CausalLM, type Module } from 'prenorm/nn';
import { Adam, inverseSqrt } from 'prenorm/optim';
import { createReferenceRuntime } from 'prenorm/reference';
import { Tokenizer } from 'prenorm/text';
import * as theory from 'prenorm/theory';
import { plan } from 'prenorm/train';

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
  const result: ConformanceResult = await runConformance();
  console.log(result.total, module.numParameters(), nn.CausalLM === CausalLM, [
    external.init,
    initForInference,
    probe,
    greedy,
    lmStepper,
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
