/** @file jax-js on its wasm backend, the whole step one jit: node jax.mjs MODEL.json. */
import { readFileSync } from 'node:fs';
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import { readModel, serve } from './serve.mjs';

const { shape, adam, eps, embeddingScale, weights, ids, targets } = readModel(process.argv[2]);
const { batchSize: B, seqLen: T, dModel: C, numHeads: H, numLayers: L, vocabSize: V } = shape;
const D = C / H;
await init('wasm');
defaultDevice('wasm');

const array = ({ data, shape }) => np.array(data).reshape(shape);
const positions = array(weights.get('positions'));
weights.delete('positions');
const names = [...weights.keys()];
let params = names.map((name) => array(weights.get(name)));
const zeros = () => params.map((p) => np.zeros(p.shape));
let m = zeros();
let v = zeros();
const idsArray = np.array(ids);
const targetsArray = np.array(targets);
// 0 where a query may look, a large negative number where it may not.
const mask = np.array(Float32Array.from({ length: T * T }, (_, i) => (i % T > Math.floor(i / T) ? -1e9 : 0)));
const causal = mask.reshape([1, 1, T, T]);

/** Every access of a parameter is a reference more, as jax-js wants; unused() gives the first ones back. */
function reader(list) {
  const table = new Map(names.map((name, i) => [name, list[i]]));
  return (name) => table.get(name).ref;
}

function norm(x, get, name) {
  const mean = np.mean(x.ref, -1, { keepdims: true });
  const centered = x.sub(mean);
  const variance = np.mean(np.square(centered.ref), -1, { keepdims: true });
  return centered
    .div(np.sqrt(variance.add(eps)))
    .mul(get(`${name}.weight`))
    .add(get(`${name}.bias`));
}

function linear(x, weight, bias) {
  const out = np.matmul(x, np.transpose(weight));
  return bias ? out.add(bias) : out;
}

function attention(x, get, name) {
  const qkv = linear(x, get(`${name}.in_proj_weight`), get(`${name}.in_proj_bias`));
  const parts = np.split(qkv, 3, -1).map((part) => np.transpose(part.reshape([B, T, H, D]), [0, 2, 1, 3]));
  const [q, k, v] = parts;
  const scores = np.matmul(q, np.transpose(k, [0, 1, 3, 2])).mul(1 / Math.sqrt(D));
  const out = np.matmul(nn.softmax(scores.add(causal.ref), -1), v);
  const rows = np.transpose(out, [0, 2, 1, 3]).reshape([B * T, C]);
  return linear(rows, get(`${name}.out_proj.weight`), get(`${name}.out_proj.bias`));
}

function lossOf(list) {
  const get = reader(list);
  const tokens = np.matmul(nn.oneHot(idsArray.ref, V), get('embedding.tokens.weight'));
  let x = tokens
    .mul(embeddingScale)
    .reshape([B, T, C])
    .add(positions.ref)
    .reshape([B * T, C]);
  for (let layer = 0; layer < L; layer++) {
    const name = `encoder.layers.${layer}`;
    x = x.ref.add(attention(norm(x, get, `${name}.norm1`), get, `${name}.self_attn`));
    const hidden = norm(x.ref, get, `${name}.norm2`);
    const up = nn.relu(linear(hidden, get(`${name}.linear1.weight`), get(`${name}.linear1.bias`)));
    x = x.add(linear(up, get(`${name}.linear2.weight`), get(`${name}.linear2.bias`)));
  }
  const logits = linear(norm(x, get, 'encoder.norm'), get('embedding.tokens.weight'));
  for (const parameter of list) parameter.dispose();
  const picked = nn.logSoftmax(logits, -1).mul(nn.oneHot(targetsArray.ref, V));
  return np.sum(picked).mul(-1 / (B * T));
}

const [beta1, beta2] = adam.betas;
/** correction1 and correction2 are 1 - beta^t: they change every step, so they are arguments. */
const update = jit((params, m, v, correction1, correction2) => {
  const [loss, grads] = valueAndGrad(lossOf)(params.map((p) => p.ref));
  /** @type {{ params: any[], m: any[], v: any[] }} */
  const next = { params: [], m: [], v: [] };
  grads.forEach((grad, i) => {
    const mNext = m[i].mul(beta1).add(grad.ref.mul(1 - beta1));
    const vNext = v[i].mul(beta2).add(np.square(grad).mul(1 - beta2));
    const denominator = np.sqrt(vNext.ref.div(correction2.ref)).add(adam.eps);
    const step = mNext.ref.div(correction1.ref).div(denominator).mul(adam.lr);
    next.params.push(params[i].sub(step));
    next.m.push(mNext);
    next.v.push(vNext);
  });
  correction1.dispose();
  correction2.dispose();
  return { loss, ...next };
});

let count = 0;
async function step() {
  count++;
  const result = update(params, m, v, np.array(1 - beta1 ** count), np.array(1 - beta2 ** count));
  ({ params, m, v } = result);
  await blockUntilReady(tree.ref([params, m, v])).then(tree.dispose);
  return (await result.loss.data())[0];
}

const { version } = JSON.parse(
  readFileSync(new URL('../node_modules/@jax-js/jax/package.json', import.meta.url), 'utf8'),
);
const relaxed = WebAssembly.validate(
  Uint8Array.from(atob('AGFzbQEAAAABCAFge3t7AXsDAgEACg0BCwAgACABIAL9hQIL'), (c) => c.charCodeAt(0)),
);
await serve(
  `jax-js ${version}, wasm${relaxed ? ' with relaxed SIMD' : ''}, jit, 1 thread, Node ${process.version}`,
  step,
);
