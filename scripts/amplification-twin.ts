#!/usr/bin/env -S node --import tsx
/**
 * @file Writes what the PyTorch twin of the amplification starts from (src/experiments/kinds/amplification.ts): initial
 * weights, batch and positions of models of every placement and depth, and by how much one step of Adam changed the
 * logits here.
 *
 *   node --import tsx scripts/amplification-twin.ts TWIN
 *   /usr/bin/python3 scripts/amplification-twin.py TWIN
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type AmplificationRun,
  amplificationBatch,
  amplificationModel,
  oneStep,
} from '../src/experiments/kinds/amplification.js';
import { encodeSafetensors } from '../src/io/index.js';
import { type StateDict, sinusoids } from '../src/nn/index.js';
import { init } from '../src/runtime/init.js';

/** Planning seeds: what judges is `prenorm reproduce`. */
const SEEDS = [9001, 9002];

/** Files of the twin, one for each model, and their list. */
export function exportAmplification(
  folder: string,
  layers: readonly number[],
  dModel: number,
  lr: number,
): string[] {
  mkdirSync(folder, { recursive: true });
  const names: string[] = [];
  for (const placement of ['post', 'pre', 'peri'] as const) {
    const run = { placement, dModel, lr } as AmplificationRun;
    for (const numLayers of layers)
      for (const seed of SEEDS) {
        const model = amplificationModel(run, numLayers, seed);
        const { ids, targets, batchSize, seqLen } = amplificationBatch(seed);
        const tensors: StateDict = new Map(model.stateDict());
        tensors.set('ids', { shape: [batchSize, seqLen], data: ids });
        tensors.set('targets', { shape: [batchSize, seqLen], data: targets });
        tensors.set('positions', { shape: [seqLen, dModel], data: sinusoids(seqLen, dModel).toArray() });
        const { change } = oneStep(run, numLayers, seed);
        const name = `${placement}-${numLayers}-${seed}.safetensors`;
        const metadata = {
          placement,
          numLayers: `${numLayers}`,
          seed: `${seed}`,
          lr: `${lr}`,
          change: `${change}`,
        };
        writeFileSync(join(folder, name), encodeSafetensors(tensors, metadata));
        names.push(name);
      }
  }
  return names;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [folder] = process.argv.slice(2);
  if (!folder) throw new Error('give the folder that is to be written');
  await init();
  console.log(`${exportAmplification(folder, [3, 6, 12, 24], 64, 1e-5).length} models in ${folder}`);
}
