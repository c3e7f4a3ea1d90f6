/** @file What tests of ONNX graphs share: small models after some training, and onnxruntime-web where it is installed. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as assert from 'uvu/assert';
import { backward } from '../../src/autograd/index.js';
import type { Variable } from '../../src/autograd/variable.js';
import { checkGraphs, type Sample } from '../../src/cli/onnx-check.js';
import { loadOnnxRuntime, type OnnxRuntime } from '../../src/cli/onnx-runtime.js';
import { type ExportONNXOptions, exportONNX } from '../../src/interop/index.js';
import {
  CausalLM,
  type LibraryModel,
  MaskedLM,
  TextClassifier,
  type Transformer,
  VisionTransformer,
} from '../../src/nn/index.js';
import { Adam } from '../../src/optim/index.js';
import { RandomStream } from '../../src/random.js';

const root = resolve(import.meta.dirname, '../..');

/** Folders whose node_modules may have it: it is 100 MB and more, so the package itself does not depend on it. */
const places = [root, join(root, '.ci/onnxruntime'), join(root, 'bench')];

/** The folder beside which onnxruntime-web lies; null where it is not installed. */
export const runtimeFolder: string | null =
  places.find((folder) => existsSync(join(folder, 'node_modules/onnxruntime-web'))) ?? null;

/** onnxruntime-web, or null: then tests that need it are skipped, unless PRENORM_REQUIRE_ONNXRUNTIME asks for them. */
export async function onnxRuntime(): Promise<OnnxRuntime | null> {
  if (runtimeFolder !== null) return loadOnnxRuntime(runtimeFolder);
  if (process.env.PRENORM_REQUIRE_ONNXRUNTIME)
    throw new Error(`no onnxruntime-web beside ${places.join(', ')}`);
  console.log(
    'skipped without onnxruntime-web: npm install --no-save --prefix .ci/onnxruntime onnxruntime-web@1.30.0',
  );
  return null;
}

/** Widths that differ from each other, so that no two axes can be taken for one another. */
export const SIZE = { dModel: 24, numHeads: 4, numLayers: 2, dFF: 40 } as const;
export const TEXT = { ...SIZE, vocabSize: 29, maxSeqLen: 128 } as const;

const SEQ = 8;

/** Moves every parameter: no norm is the identity any more, no gain 0, no bias 0. */
export function trained<M extends LibraryModel>(model: M, steps = 4): M {
  const random = new RandomStream(7, 'onnx');
  const ids = (count: number, below: number) =>
    Int32Array.from({ length: count }, () => random.nextUint32() % below);
  const adam = new Adam(model.parameters(), { lr: 0.02 });
  for (let step = 0; step < steps; step++) {
    adam.zeroGrad();
    backward(lossOf(model, ids, random));
    adam.step();
  }
  model.eval();
  return model;
}

function lossOf(
  model: LibraryModel,
  ids: (count: number, below: number) => Int32Array,
  random: RandomStream,
): Variable {
  const batchSize = 2;
  const count = batchSize * SEQ;
  if (model instanceof VisionTransformer) {
    const { imageSize, channels, numClasses } = model.config;
    const images = Float32Array.from({ length: batchSize * imageSize ** 2 * channels }, () =>
      random.nextFloat(),
    );
    return model.loss({ images, labels: ids(batchSize, numClasses), batchSize }).loss;
  }
  const { vocabSize } = model.config;
  const texts = { ids: ids(count, vocabSize), batchSize, seqLen: SEQ };
  if (model instanceof CausalLM) return model.loss({ ...texts, targets: ids(count, vocabSize) }).loss;
  const segments = ids(count, 2);
  if (model instanceof MaskedLM) {
    const nextSentence = model.nextSentence ? { nextSentence: Int32Array.of(0, 1) } : {};
    return model.loss({ ...texts, segments, targets: ids(count, vocabSize), ...nextSentence }).loss;
  }
  if (model instanceof TextClassifier) {
    const { numClasses, multiLabel } = model.config;
    const labels = multiLabel ? ids(batchSize * numClasses, 2) : ids(batchSize, numClasses);
    return model.loss({ ...texts, segments, labels }).loss;
  }
  const lengths = Int32Array.of(SEQ, SEQ - 3);
  return (model as Transformer).loss({
    source: texts.ids,
    sourceLengths: lengths,
    targetInput: ids(count, vocabSize),
    targetLengths: lengths,
    targetOutput: ids(count, vocabSize),
    batchSize,
    sourceLen: SEQ,
    targetLen: SEQ,
  }).loss;
}

/** One sequence of one token, and three of which the shorter ones are padded. */
export const SAMPLES: readonly Sample[] = [
  { batchSize: 1, seqLen: 1 },
  { batchSize: 3, seqLen: 17 },
];

/** The graphs of a model give its numbers to 1e-4 (f16: as near as its weights are); gives the folder. */
export async function checkExport(
  runtime: OnnxRuntime,
  model: LibraryModel,
  label: string,
  options: ExportONNXOptions = {},
  samples: readonly Sample[] = SAMPLES,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const folder = await exportONNX(model, options);
  const { largest, scale, compared } = await checkGraphs(runtime, model, folder, samples);
  const most = options.dtype === 'f16' ? 2e-2 * Math.max(1, scale) : 1e-4;
  assert.ok(compared > 0, `${label}: nothing was compared`);
  assert.ok(largest <= most, `${label}: off by ${largest}, numbers up to ${scale}`);
  return folder;
}
