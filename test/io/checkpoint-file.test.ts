import { createHash } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CheckpointError } from '../../src/errors.js';
import { type CheckpointContent, decodeCheckpoint, encodeCheckpoint } from '../../src/io/checkpoint-file.js';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/safetensors.js';
import { RandomStream } from '../../src/random.js';

const PATH = 'runs/a/step-10.ckpt';

const content: CheckpointContent = {
  tensors: new Map([
    ['model.weight', { shape: [2, 3], data: Float32Array.of(1, -0, 1e-45, 3, 4, 5) }],
    ['optim.m', { shape: [2, 3], data: new Float32Array(6).fill(0.25) }],
    ['ids', { shape: [2], data: Int32Array.of(7, -7) }],
  ]),
  config: { model: { dModel: 64, placement: 'pre' }, seed: 1, name: 'grüß "sha256":"x"' },
  cursor: { epoch: 2, batch: 17 },
  rng: { seed: 1, step: 10 },
  step: 10,
  kernelHash: 'c0ffee',
  extra: { best: null, history: [1.5, 2, [true]] },
};

function refused(bytes: Uint8Array, pattern: RegExp, label?: string): CheckpointError {
  try {
    decodeCheckpoint(bytes, PATH);
  } catch (error) {
    assert.instance(error, CheckpointError, label);
    const { message, path } = error as CheckpointError;
    assert.match(message, pattern, label);
    assert.not.match(message, '\n');
    assert.is(path, PATH);
    assert.is(message.split(PATH).length, 2, 'the path stands once');
    return error as CheckpointError;
  }
  throw new Error(`accepted: ${label ?? pattern}`);
}

/** A valid checkpoint with other metadata and a right SHA-256, as another version would write it. */
function rewritten(change: Record<string, string | undefined>): Uint8Array {
  const { tensors, metadata } = decodeSafetensors(encodeCheckpoint(content), PATH);
  const changed: Record<string, string> = {};
  for (const [key, value] of Object.entries({ ...metadata, ...change, sha256: '0'.repeat(64) })) {
    if (value !== undefined) changed[key] = value;
  }
  const bytes = encodeSafetensors(tensors, changed);
  const position = Buffer.from(bytes).indexOf(`"sha256":"${changed.sha256}"`) + 10;
  bytes.set(Buffer.from(createHash('sha256').update(bytes).digest('hex')), position);
  return bytes;
}

test('a checkpoint comes back whole', () => {
  const decoded = decodeCheckpoint(encodeCheckpoint(content), PATH);
  assert.equal(decoded.config, content.config);
  assert.equal(decoded.cursor, content.cursor);
  assert.equal(decoded.rng, content.rng);
  assert.equal(decoded.extra, content.extra);
  assert.is(decoded.step, 10);
  assert.is(decoded.kernelHash, 'c0ffee');
  assert.equal([...decoded.tensors.keys()].sort(), [...content.tensors.keys()].sort());
  for (const [name, { shape, data }] of content.tensors) {
    const tensor = decoded.tensors.get(name)!;
    assert.equal(tensor.shape, [...shape]);
    assert.equal(new Uint8Array(tensor.data.buffer), new Uint8Array(data.buffer));
  }
});

test('equal states give equal bytes: tensor order and key order do not matter, nor does a round trip', () => {
  const bytes = encodeCheckpoint(content);
  const reordered = {
    ...content,
    tensors: new Map([...content.tensors].reverse()),
    config: { seed: 1, name: 'grüß "sha256":"x"', model: { placement: 'pre', dModel: 64 } },
  };
  assert.equal(encodeCheckpoint(reordered), bytes);
  assert.equal(encodeCheckpoint(decodeCheckpoint(bytes, PATH)), bytes);
});

test('it is a plain safetensors file, and the SHA-256 is that of the file with zeros in its place', () => {
  const bytes = encodeCheckpoint(content);
  const { metadata } = decodeSafetensors(bytes, PATH);
  assert.is(metadata.format, 'prenorm-checkpoint');
  assert.is(metadata.version, '1');
  const zeroed = Buffer.from(bytes);
  zeroed.fill('0', zeroed.indexOf(metadata.sha256), zeroed.indexOf(metadata.sha256) + 64);
  assert.is(createHash('sha256').update(zeroed).digest('hex'), metadata.sha256);
});

test('a shared buffer is read as well', () => {
  const bytes = encodeCheckpoint(content);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  assert.is(decodeCheckpoint(shared, PATH).step, 10);
});

test('every truncation is refused; one in the data says how many bytes are expected and found', () => {
  const bytes = encodeCheckpoint(content);
  for (let length = 0; length < bytes.length; length++) {
    refused(bytes.slice(0, length), /truncated|not a readable checkpoint/, `length ${length}`);
  }
  const error = refused(bytes.slice(0, -1), /is truncated: \d+ bytes expected, \d+ found/);
  assert.is(error.expected, bytes.length);
  assert.is(error.actual, bytes.length - 1);
  const longer = new Uint8Array(bytes.length + 5);
  longer.set(bytes);
  refused(longer, /has something appended/);
});

test('every single flipped bit is noticed', () => {
  const bytes = encodeCheckpoint(content);
  for (let i = 0; i < bytes.length; i++) {
    const damaged = bytes.slice();
    damaged[i] ^= 1 << (i % 8);
    assert.throws(
      () => decodeCheckpoint(damaged, PATH),
      (error: unknown) => error instanceof CheckpointError,
      `byte ${i}`,
    );
  }
  const damaged = bytes.slice();
  damaged[bytes.length - 1] ^= 1;
  refused(damaged, /damaged: its SHA-256 does not match/);
});

test('random damage is always a CheckpointError', () => {
  const original = encodeCheckpoint(content);
  const random = new RandomStream(6, 'damage');
  for (let round = 0; round < 500; round++) {
    const bytes = original.slice();
    const position = random.nextInt(bytes.length);
    bytes[position] = (bytes[position] + 1 + random.nextInt(255)) & 255;
    assert.throws(
      () => decodeCheckpoint(bytes, PATH),
      (error: unknown) => error instanceof CheckpointError,
    );
  }
});

test('a newer version names both versions and what to do; it is judged before the SHA-256', () => {
  const error = refused(rewritten({ version: '3' }), /has version 3, .* up to version 2 \(update prenorm\)/);
  assert.is(error.hint, 'update prenorm');
  refused(rewritten({ version: '3', sha256: undefined }), /update prenorm/);
  refused(rewritten({ version: 'x' }), /unknown checkpoint version "x"/);
  refused(rewritten({ version: '0' }), /unknown checkpoint version "0"/);
  refused(rewritten({ version: undefined }), /unknown checkpoint version undefined/);
});

test('what is no checkpoint is refused', () => {
  refused(new Uint8Array(0), /not a readable checkpoint/);
  refused(new TextEncoder().encode('epoch 3, loss 2.1\n'), /not a readable checkpoint/);
  refused(encodeSafetensors({ w: { shape: [1], data: new Float32Array(1) } }), /not a Prenorm checkpoint/);
  refused(rewritten({ format: 'pt' }), /not a Prenorm checkpoint/);
});

test('missing or malformed fields behind a right SHA-256 are refused by name', () => {
  for (const key of ['config', 'cursor', 'rng', 'extra', 'step', 'kernelHash']) {
    refused(rewritten({ [key]: undefined }), new RegExp(`no (valid )?"${key}"`));
  }
  refused(rewritten({ config: '{"a":' }), /no valid "config"/);
  refused(rewritten({ step: '-1' }), /no valid "step"/);
  assert.is(decodeCheckpoint(rewritten({}), PATH).step, 10);
});

test('a missing SHA-256 is refused', () => {
  const { tensors, metadata } = decodeSafetensors(encodeCheckpoint(content), PATH);
  for (const sha256 of ['', 'f'.repeat(63), undefined]) {
    const changed: Record<string, string> = { ...metadata };
    delete changed.sha256;
    if (sha256 !== undefined) changed.sha256 = sha256;
    refused(encodeSafetensors(tensors, changed), /no SHA-256/);
  }
});

test('values that JSON would change silently are refused by name', () => {
  const refuses = (change: object, pattern: RegExp) =>
    assert.throws(
      () => encodeCheckpoint({ ...content, ...change } as CheckpointContent),
      (error: unknown) => error instanceof CheckpointError && pattern.test(error.message),
    );
  refuses({ extra: { best: [1, Number.NaN] } }, /extra\.best\[1\] is NaN/);
  refuses({ config: { lr: Infinity } }, /config\.lr is Infinity/);
  refuses({ rng: [undefined] }, /rng\[0\] is undefined/);
  refuses({ cursor: { n: 1n } }, /cursor\.n is 1/);
  refuses({ step: 1.5 }, /step must be an integer/);
  const optional = encodeCheckpoint({ ...content, config: { a: undefined as never }, extra: undefined });
  assert.equal(decodeCheckpoint(optional, PATH).config, {});
  assert.is(decodeCheckpoint(optional, PATH).extra, null);
});

test.run();
