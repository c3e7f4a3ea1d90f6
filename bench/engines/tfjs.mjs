/**
 * @file TensorFlow.js on its wasm backend: node tfjs.mjs MODEL.json. Its gather has no gradient there, so the embedding
 * is a product with one-hot rows. Weights lie as its own layers keep them, (in, out), and biases and ReLU ride on
 * tf.fused.matMul: products without a transposed operand are its fast ones. Gradients are its own, and they do have
 * transposed operands, which is where most of its time goes.
 */

import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { readModel, serve } from './serve.mjs';

const require = createRequire(import.meta.url);
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
const folder = dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json'));
wasm.setWasmPaths(`${join(folder, 'dist')}/`);
await tf.setBackend('wasm');
await tf.ready();

const { shape, adam, eps, embeddingScale, weights, ids, targets } = readModel(process.argv[2]);
const { batchSize: B, seqLen: T, dModel: C, numHeads: H, numLayers: L, vocabSize: V } = shape;
const D = C / H;

const oneHot = (values) => {
  const out = new Float32Array(values.length * V);
  values.forEach((id, i) => {
    out[i * V + id] = 1;
  });
  return tf.tensor2d(out, [values.length, V]);
};
const idRows = oneHot(ids);
const targetRows = oneHot(targets);
const positions = tf.tile(tf.tensor2d(weights.get('positions').data, [T, C]), [B, 1]);
weights.delete('positions');
const isProjection = (name) => /linear\d\.weight|out_proj\.weight|in_proj_weight/.test(name);
const table = new Map(
  [...weights].map(([name, { data, shape }]) => {
    const value = tf.tensor(data, shape);
    return [name, tf.variable(isProjection(name) ? value.transpose() : value)];
  }),
);
const get = (name) => table.get(name);
// Tiled, because adding equal shapes is much faster there than broadcasting.
const causal = tf.tile(
  tf.tensor3d(
    Float32Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? -1e9 : 0)),
    [1, T, T],
  ),
  [B * H, 1, 1],
);

function norm(x, name) {
  const centered = x.sub(x.mean(-1, true));
  const variance = centered.square().mean(-1, true);
  return centered
    .mul(variance.add(eps).rsqrt())
    .mul(get(`${name}.weight`))
    .add(get(`${name}.bias`));
}

function linear(x, name, activation) {
  const [weight, bias] = [get(`${name}.weight`), get(`${name}.bias`)];
  return tf.fused.matMul({ a: x, b: weight, bias, activation });
}

function attention(x, name) {
  const qkv = tf.fused.matMul({
    a: x,
    b: get(`${name}.in_proj_weight`),
    bias: get(`${name}.in_proj_bias`),
  });
  const [q, k, v] = qkv
    .reshape([B, T, 3, H, D])
    .transpose([2, 0, 3, 1, 4])
    .reshape([3, B * H, T, D])
    .unstack();
  const scores = tf.matMul(q, k, false, true).mul(1 / Math.sqrt(D));
  const out = tf.matMul(tf.softmax(scores.add(causal)), v);
  return linear(
    out
      .reshape([B, H, T, D])
      .transpose([0, 2, 1, 3])
      .reshape([B * T, C]),
    `${name}.out_proj`,
  );
}

function loss() {
  const embedding = get('embedding.tokens.weight');
  let x = tf.matMul(idRows, embedding).mul(embeddingScale).add(positions);
  for (let layer = 0; layer < L; layer++) {
    const name = `encoder.layers.${layer}`;
    x = x.add(attention(norm(x, `${name}.norm1`), `${name}.self_attn`));
    x = x.add(linear(linear(norm(x, `${name}.norm2`), `${name}.linear1`, 'relu'), `${name}.linear2`));
  }
  const logits = tf.matMul(norm(x, 'encoder.norm'), embedding.transpose());
  return tf.losses.softmaxCrossEntropy(targetRows, logits);
}

const optimizer = tf.train.adam(adam.lr, ...adam.betas, adam.eps);
function step() {
  const value = optimizer.minimize(loss, true);
  const [number] = value.dataSync();
  value.dispose();
  return number;
}

await serve(`TensorFlow.js ${tf.version.tfjs}, wasm with SIMD, 1 thread, Node ${process.version}`, step);
