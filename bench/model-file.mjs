/** @file Writes a bench model for every engine to start from: shape and settings as JSON, weights as floats. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRuntime, withRuntime } from '../dist/index.js';
import { bench } from '../scripts/built-bench.mjs';

const { adamSettings, buildLm, lmBatch, lmShapes, sinusoids } = bench;

/** Writes NAME.json and NAME.bin into `folder`, with the batch of a training step; returns the path of the JSON. */
export async function writeModel(name, folder) {
  const shape = lmShapes[name];
  const model = buildLm(/** @type {any} */ (await createRuntime()), shape);
  const { ids, targets } = lmBatch(shape);
  return writeWeights(name, folder, model, shape, {
    adam: adamSettings,
    batch: { ids: [...ids], targets: [...targets] },
  });
}

/** The same of any language model, with what is to be done with it. */
export function writeWeights(name, folder, model, shape, work) {
  const runtime = model.runtime();
  const positions = withRuntime(runtime, () => sinusoids(shape.seqLen, shape.dModel));
  const tensors = [];
  const parts = [];
  let offset = 0;
  const add = (tensorName, tensor) => {
    tensors.push({ name: tensorName, shape: tensor.shape, offset, size: tensor.size });
    parts.push(tensor.toArray());
    offset += tensor.size;
  };
  for (const [path, parameter] of model.namedParameters()) add(path, parameter);
  // Not a parameter, but a part of what is computed.
  add('positions', positions);
  const weights = join(folder, `${name}.bin`);
  const all = new Float32Array(offset);
  parts.forEach((part, i) => {
    all.set(part, tensors[i].offset);
  });
  writeFileSync(weights, new Uint8Array(all.buffer));
  const path = join(folder, `${name}.json`);
  writeFileSync(
    path,
    JSON.stringify({
      name,
      shape,
      eps: model.config.eps,
      embeddingScale: Math.sqrt(shape.dModel),
      weights,
      tensors,
      ...work,
    }),
  );
  return path;
}
