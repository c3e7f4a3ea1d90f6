/** @file An ONNX model of one product Y = A B, B a weight, written as exports of models are. */
import * as errors from '../dist/index.js';
import { bench } from '../scripts/built-bench.mjs';

const { encode } = await bench.loadModelProto({ ...errors, version: '' });
const FLOAT = 1;

/** @param {Float32Array} weight (k, n), row-major */
export function onnxMatMul(m, n, k, weight) {
  const matrix = (name, dims) => ({
    name,
    type: {
      tensorType: { elemType: FLOAT, shape: { dim: dims.map((size) => ({ dimValue: BigInt(size) })) } },
    },
  });
  const rawData = new Uint8Array(weight.buffer, weight.byteOffset, weight.byteLength);
  return encode({
    irVersion: 8n,
    opsetImport: [{ domain: '', version: 17n }],
    graph: {
      name: 'product',
      node: [{ name: 'product', opType: 'MatMul', input: ['A', 'B'], output: ['Y'] }],
      initializer: [{ name: 'B', dims: [BigInt(k), BigInt(n)], dataType: FLOAT, rawData }],
      input: [matrix('A', [m, k])],
      output: [matrix('Y', [m, n])],
    },
  });
}
