import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FormatError } from '../../src/errors.js';
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensorsHeader,
  readTensors,
  type TensorEntry,
} from '../../src/io/safetensors.js';
import { RandomStream } from '../../src/random.js';

const PATH = 'runs/model.safetensors';

/** A file from a header's text, put together by hand. */
function file(header: string, dataBytes = 0, headerBytes?: number): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes ?? text.length), true);
  bytes.set(text, 8);
  return bytes;
}

function refused(bytes: Uint8Array, pattern: RegExp, label?: string): FormatError {
  try {
    decodeSafetensors(bytes, PATH);
  } catch (error) {
    assert.instance(error, FormatError, label);
    const { message, path } = error as FormatError;
    assert.match(message, pattern, label);
    assert.is(path, PATH);
    assert.ok(message.startsWith(`${PATH}: `));
    return error as FormatError;
  }
  throw new Error(`accepted: ${label ?? pattern}`);
}

const f32 = (shape: number[], from: number, to: number) =>
  JSON.stringify({ dtype: 'F32', shape, data_offsets: [from, to] });

test('the bytes are exactly those of the format', () => {
  const bytes = encodeSafetensors({ w: { shape: [2], data: Float32Array.of(1, -2) } }, { format: 'pt' });
  const header = '{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
  const padded = header.padEnd(Math.ceil(header.length / 8) * 8, ' ');
  assert.equal([...bytes.subarray(0, 8)], [padded.length, 0, 0, 0, 0, 0, 0, 0]);
  assert.is(new TextDecoder().decode(bytes.subarray(8, 8 + padded.length)), padded);
  assert.equal([...bytes.subarray(8 + padded.length)], [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
});

test('every dtype that is written comes back bit for bit', () => {
  const tensors = new Map<string, TensorEntry>([
    ['f32', { shape: [2, 3], data: Float32Array.of(0, -0, 1e-45, 3.4e38, Infinity, Number.NaN) }],
    ['f64', { shape: [3], data: Float64Array.of(Math.PI, -0, 5e-324) }],
    ['i32', { shape: [2], data: Int32Array.of(-2147483648, 2147483647) }],
    ['i64', { shape: [2], data: BigInt64Array.of(-1n, 9223372036854775807n) }],
    ['u64', { shape: [1], data: BigUint64Array.of(18446744073709551615n) }],
    ['u32', { shape: [1], data: Uint32Array.of(4294967295) }],
    ['i16', { shape: [1], data: Int16Array.of(-3) }],
    ['u16', { shape: [1], data: Uint16Array.of(65535) }],
    ['i8', { shape: [1], data: Int8Array.of(-128) }],
    ['u8', { shape: [3], data: Uint8Array.of(0, 128, 255) }],
    ['scalar', { shape: [], data: Float32Array.of(7) }],
    ['empty', { shape: [0, 4], data: new Float32Array(0) }],
  ]);
  const decoded = decodeSafetensors(encodeSafetensors(tensors), PATH).tensors;
  assert.is(decoded.size, tensors.size);
  for (const [name, { shape, data }] of tensors) {
    const tensor = decoded.get(name)!;
    assert.equal(tensor.shape, [...shape]);
    assert.is(tensor.dtype, name === 'scalar' || name === 'empty' ? 'F32' : name.toUpperCase());
    assert.is(Object.getPrototypeOf(tensor.data), Object.getPrototypeOf(data));
    assert.equal(new Uint8Array(tensor.data.buffer), new Uint8Array(data.buffer), name);
  }
});

test('equal tensors give equal bytes whatever the order; every tensor is aligned', () => {
  const entries: [string, TensorEntry][] = [
    ['b', { shape: [3], data: Uint8Array.of(1, 2, 3) }],
    ['a', { shape: [1], data: Float32Array.of(1) }],
    ['z', { shape: [1], data: Float64Array.of(2) }],
    ['c', { shape: [1], data: Float32Array.of(3) }],
  ];
  const one = encodeSafetensors(new Map(entries), { x: '1', a: '2' });
  const two = encodeSafetensors(Object.fromEntries([...entries].reverse()), { a: '2', x: '1' });
  assert.equal(one, two);
  assert.equal([...decodeSafetensors(one, PATH).tensors.keys()], ['z', 'a', 'c', 'b']);
  const header = new DataView(one.buffer).getUint32(0, true);
  assert.is(header % 8, 0);
});

test('half precision is converted exactly: all 65,536 values against the definition', () => {
  const bytes = file(`{"h":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]}}`, 131072);
  const start = bytes.length - 131072;
  for (let i = 0; i < 65536; i++) {
    bytes[start + 2 * i] = i & 255;
    bytes[start + 2 * i + 1] = i >> 8;
  }
  const { data } = decodeSafetensors(bytes, PATH).tensors.get('h')!;
  assert.instance(data, Float32Array);
  for (let i = 0; i < 65536; i++) {
    const exponent = (i >> 10) & 31;
    const fraction = (i & 1023) / 1024;
    let expected = exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15);
    if (exponent === 31) expected = fraction === 0 ? Infinity : Number.NaN;
    if (i & 0x8000) expected = -expected;
    if (!Object.is(data[i], expected)) assert.is(data[i], expected, `half ${i.toString(16)}`);
  }
});

test('bfloat16 is the upper half of a float', () => {
  const bytes = file(`{"h":{"dtype":"BF16","shape":[3],"data_offsets":[0,6]}}`, 6);
  bytes.set([0x80, 0x3f, 0x49, 0xc0, 0x80, 0x7f], bytes.length - 6);
  assert.equal([...decodeSafetensors(bytes, PATH).tensors.get('h')!.data], [1, -3.140625, Infinity]);
});

test('unusual names and metadata are just names', () => {
  const names = ['__proto__', 'constructor', 'a"b\\c', 'ü🙂', '\ud800', '', 'line\nbreak'];
  const tensors = new Map(names.map((name, i) => [name, { shape: [1], data: Float32Array.of(i) }]));
  const metadata: Record<string, string> = Object.create(null);
  for (const name of names) metadata[name] = `value of ${name}`;
  const decoded = decodeSafetensors(encodeSafetensors(tensors, metadata), PATH);
  assert.is(decoded.tensors.size, names.length);
  names.forEach((name, i) => {
    assert.is(decoded.tensors.get(name)!.data[0], i);
    assert.is(decoded.metadata[name], `value of ${name}`);
  });
  assert.is(decoded.metadata.toString, undefined);
  assert.is(({} as Record<string, unknown>).dtype, undefined);
});

test('files may lie anywhere: in a larger buffer, unaligned, in shared memory, in a Buffer', () => {
  const bytes = encodeSafetensors({ w: { shape: [3], data: Float32Array.of(1, 2, 3) } });
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 3)).subarray(3);
  shared.set(bytes);
  for (const place of [shared, Buffer.from(bytes)]) {
    const { data } = decodeSafetensors(place, PATH).tensors.get('w')!;
    assert.equal(data, Float32Array.of(1, 2, 3));
    assert.instance(data.buffer, ArrayBuffer);
    place.fill(0);
    assert.is(data[1], 2);
  }
});

test('headers from other writers: spaces, any key order, no metadata, no tensors', () => {
  const spaced = file(
    `{ "b" : ${f32([1], 4, 8)} ,\n"a":{"data_offsets":[0,4],"shape":[1],"dtype":"F32"} }   `,
    8,
  );
  assert.equal([...decodeSafetensors(spaced, PATH).tensors.keys()], ['a', 'b']);
  assert.is(decodeSafetensors(file('{}'), PATH).tensors.size, 0);
});

test('what is no safetensors file at all is refused', () => {
  refused(new Uint8Array(0), /not a safetensors file: only 0 bytes/);
  refused(new Uint8Array(7), /only 7 bytes/);
  refused(new TextEncoder().encode('This is a plain text file.'), /not a safetensors file: a header of/);
  refused(file('{}', 0, 100_000_001), /at most 100000000/);
  refused(file('[]'), /does not begin with "\{"/);
  refused(file('{}', 0, 3), /truncated: its header alone needs 11 bytes, 10 found/);
  refused(file('{"a":'), /not a JSON object/);
  refused(file('{}{}'), /not a JSON object/);
  const invalid = file('{"a":1}');
  invalid[10] = 0xff;
  refused(invalid, /not valid UTF-8/);
  refused(file(`{"a":${'['.repeat(200_000)}`), /the header: JSON nested deeper than 64 levels/);
});

test('keys that occur twice are refused at every level', () => {
  const one = f32([1], 0, 4);
  refused(file(`{"a":${one},"a":${one}}`, 4), /the key "a" stands twice/);
  refused(file(`{"a":${one},"\\u0061":${one}}`, 4), /the key "a" stands twice/);
  refused(file(`{"__metadata__":{"k":"1","k":"2"}}`), /the key "k" stands twice/);
  refused(
    file(`{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 4),
    /the key "dtype" stands twice/,
  );
  refused(file(`{"__proto__":${one},"__proto__":${one}}`, 4), /the key "__proto__" stands twice/);
  const fine = file(`{"a":${one},"__metadata__":{"a":"{\\"a\\":1,\\"a\\":2}","b":"a"}}`, 4);
  assert.is(decodeSafetensors(fine, PATH).metadata.a, '{"a":1,"a":2}');
});

test('records that do not add up are refused', () => {
  const record = (dtype: unknown, shape: unknown, offsets: unknown) =>
    file(`{"a":${JSON.stringify({ dtype, shape, data_offsets: offsets })}}`, 8);
  const dtype = refused(
    record('F8_E4M3', [8], [0, 8]),
    /tensor "a" has the dtype "F8_E4M3"; supported are F32.*\(quantised values are not read: fetch the original model\)/,
  );
  assert.is(dtype.actual, 'F8_E4M3');
  refused(record('__proto__', [2], [0, 8]), /dtype/);
  refused(record(undefined, [2], [0, 8]), /dtype/);
  for (const shape of [
    undefined,
    'x',
    { length: 1 },
    [-2],
    [1.5],
    ['2'],
    [null],
    [2 ** 53],
    [2 ** 30, 2 ** 30],
  ]) {
    refused(record('F32', shape, [0, 8]), /shape/, JSON.stringify(shape));
  }
  refused(record('F64', [2 ** 52], [0, 8]), /sizes that fit memory/);
  for (const offsets of [undefined, [0], [0, 8, 9], [8, 0], [-8, 0], [0, 1e300], ['0', '8'], [0.5, 8.5]]) {
    refused(record('F32', [2], offsets), /data_offsets/, JSON.stringify(offsets));
  }
  refused(record('F32', [3], [0, 8]), /F32 \[3\], needs 12 bytes, its offsets span 8/);
  refused(file('{"a":null}'), /must be an object/);
  refused(file('{"a":[]}'), /must be an object/);
  refused(file('{"__metadata__":[]}'), /__metadata__ must be an object/);
  refused(file('{"__metadata__":{"step":5}}'), /metadata "step" must be a string/);
});

test('holes, overlaps, missing and surplus data are refused', () => {
  refused(
    file(`{"a":${f32([1], 0, 4)},"b":${f32([1], 2, 6)}}`, 6),
    /"b" begins at offset 2, inside the one before/,
  );
  refused(file(`{"a":${f32([1], 0, 4)},"b":${f32([1], 0, 4)}}`, 4), /inside the one before/);
  refused(
    file(`{"a":${f32([1], 0, 4)},"b":${f32([1], 8, 12)}}`, 12),
    /"b" begins at offset 8, not at the end/,
  );
  refused(file(`{"a":${f32([1], 4, 8)}}`, 8), /begins at offset 4/);
  const cut = refused(file(`{"a":${f32([2], 0, 8)}}`, 7), /truncated: \d+ bytes expected, \d+ found/);
  assert.is((cut.expected as number) - (cut.actual as number), 1);
  refused(file(`{"a":${f32([2], 0, 8)}}`, 9), /longer than its header says/);
  refused(file('{}', 1), /longer than its header says/);
});

test('every truncation of a file is refused', () => {
  const bytes = encodeSafetensors({ w: { shape: [5], data: new Float32Array(5) } }, { a: 'b' });
  for (let length = 0; length < bytes.length; length++) {
    refused(bytes.slice(0, length), /truncated|not a safetensors file/, `length ${length}`);
  }
});

test('random damage is a FormatError or another valid file, never anything else', () => {
  const original = encodeSafetensors(
    { w: { shape: [2, 2], data: new Float32Array(4) }, b: { shape: [3], data: new Uint8Array(3) } },
    { k: 'v' },
  );
  const random = new RandomStream(5, 'damage');
  for (let round = 0; round < 3000; round++) {
    const bytes = original.slice();
    for (let n = random.nextInt(3); n >= 0; n--) bytes[random.nextInt(bytes.length)] = random.nextInt(256);
    try {
      decodeSafetensors(bytes, PATH);
    } catch (error) {
      assert.instance(error, FormatError);
    }
  }
});

test('the encoder refuses what it could not read back', () => {
  const refuses = (tensors: Record<string, unknown>, metadata: Record<string, unknown>, pattern: RegExp) =>
    assert.throws(
      () => encodeSafetensors(tensors as never, metadata as never),
      (error: unknown) => error instanceof FormatError && pattern.test(error.message),
    );
  const data = new Float32Array(4);
  refuses({ w: { shape: [5], data } }, {}, /"w" has 4 values, its shape \[5\]/);
  refuses({ w: { shape: [-4, -1], data } }, {}, /"w" has 4 values/);
  refuses({ w: { shape: [4], data: [1, 2, 3, 4] } }, {}, /typed array/);
  refuses({ __metadata__: { shape: [4], data } }, {}, /cannot be a tensor name/);
  refuses({ w: { shape: [4], data } }, { step: 5 }, /metadata "step" must be a string/);
});

test('values are read in place only where whoever asks copies them at once', () => {
  const bytes = encodeSafetensors({ a: { shape: [2], data: Float32Array.of(1, 2) } });
  const header = readSafetensorsHeader(bytes, 'x');
  const values = (inPlace: boolean) => readTensors(bytes, header, '', inPlace).get('a')!.data;
  assert.is(values(true).buffer, bytes.buffer);
  assert.is.not(values(false).buffer, bytes.buffer);
  const shifted = new Uint8Array(bytes.length + 1);
  shifted.set(bytes, 1);
  const elsewhere = readTensors(shifted.subarray(1), header, '', true).get('a')!.data;
  assert.equal([...elsewhere], [1, 2]);
});

test.run();
