/** @file An ONNX model of one product Y = A B, B a weight, in the bytes of its protobuf: no ONNX library is needed. */

const varint = (n) => {
  const out = [];
  for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) + 128);
  return [...out, n];
};
const number = (field, value) => Buffer.from([...varint(field * 8), ...varint(value)]);
const bytes = (field, value) => {
  const data = Buffer.from(value);
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(data.length)]), data]);
};
const message = (field, ...parts) => bytes(field, Buffer.concat(parts));

const FLOAT = 1;

/** ValueInfoProto of a float matrix. */
function matrix(field, name, shape) {
  const dims = shape.map((n) => message(1, number(1, n)));
  return message(field, bytes(1, name), message(2, message(1, number(1, FLOAT), message(2, ...dims))));
}

/** @param {Float32Array} weight (k, n), row-major */
export function onnxMatMul(m, n, k, weight) {
  const raw = Buffer.from(weight.buffer, weight.byteOffset, weight.byteLength);
  const node = message(1, bytes(1, 'A'), bytes(1, 'B'), bytes(2, 'Y'), bytes(4, 'MatMul'));
  const initializer = message(5, number(1, k), number(1, n), number(2, FLOAT), bytes(8, 'B'), bytes(9, raw));
  const io = [matrix(11, 'A', [m, k]), matrix(12, 'Y', [m, n])];
  const graph = message(7, node, bytes(2, 'product'), initializer, ...io);
  return Buffer.concat([number(1, 8), message(8, number(2, 13)), graph]);
}
