/**
 * @file The safetensors format (github.com/huggingface/safetensors): the header's length as a little-endian
 * 64-bit integer, a JSON header that gives each tensor's dtype, shape and offsets, then the raw values.
 * Encoding is deterministic: equal tensors give equal bytes. Decoding trusts nothing: every length, offset
 * and key is checked before it is used. All typed arrays here are little-endian, as every JavaScript host is.
 */
import { bytesOf } from '../checks.js';
import { brief, FormatError, formatShape } from '../errors.js';
import { fromHalf } from '../half.js';
import { isJsonObject, parseStrictJson } from '../json.js';
import { decodeBytes, encodeBytes } from '../utf8.js';

/** Values of one tensor; BigInt arrays are 64-bit integers. */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array
  | BigInt64Array
  | BigUint64Array;

/** A tensor to write; `data` is row-major and decides the dtype. */
export interface TensorEntry {
  shape: readonly number[];
  data: TensorData;
}

/** A tensor as a file had it. */
export interface DecodedTensor {
  /** As in the file, e.g. `F32`; `F16` and `BF16` arrive as a Float32Array, which holds them exactly. */
  dtype: string;
  shape: number[];
  data: TensorData;
}

/** Content of a safetensors file. */
export interface DecodedSafetensors {
  /** In the order of the file's data. */
  tensors: Map<string, DecodedTensor>;
  /** No prototype, so that no key of a file can meet an inherited property. */
  metadata: Record<string, string>;
}

/** The format's own limit, which keeps a damaged length from asking for gigabytes. */
export const MAX_HEADER_BYTES = 100_000_000;
/** As many axes as PyTorch's tensors may have. */
const MAX_RANK = 64;

type TypedArray = new (buffer: ArrayBuffer) => TensorData;

/**
 * How each dtype lies in memory. For writing, the first that an array is of: floats of 16 bits, which JavaScript has no
 * arrays of, are converted when they are read, and never written.
 */
const DTYPES: ReadonlyMap<string, TypedArray & { BYTES_PER_ELEMENT: number }> = new Map<
  string,
  TypedArray & { BYTES_PER_ELEMENT: number }
>([
  ['F32', Float32Array],
  ['F64', Float64Array],
  ['I64', BigInt64Array],
  ['U64', BigUint64Array],
  ['I32', Int32Array],
  ['U32', Uint32Array],
  ['I16', Int16Array],
  ['U16', Uint16Array],
  ['I8', Int8Array],
  ['U8', Uint8Array],
  ['BOOL', Uint8Array],
  ['F16', Uint16Array],
  ['BF16', Uint16Array],
]);

/**
 * The bytes of a safetensors file. Tensors lie by falling element size and then by name, so every one is
 * aligned; keys of the metadata are sorted. Refuses a shape that does not match its data.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, TensorEntry> | Readonly<Record<string, TensorEntry>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const entries = tensors instanceof Map ? [...tensors] : Object.entries(tensors);
  entries.sort(([a, x], [b, y]) => y.data.BYTES_PER_ELEMENT - x.data.BYTES_PER_ELEMENT || compareKeys(a, b));
  const fields: string[] = [];
  const metadataKeys = Object.keys(metadata).sort(compareKeys);
  if (metadataKeys.length > 0) {
    const pairs = metadataKeys.map((key) => {
      if (typeof metadata[key] !== 'string') refuse(`metadata "${key}" must be a string`);
      return `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`;
    });
    fields.push(`"__metadata__":{${pairs.join(',')}}`);
  }
  let offset = 0;
  for (const [name, { shape, data }] of entries) {
    if (name === '__metadata__') refuse('"__metadata__" cannot be a tensor name');
    if (countElements(shape) !== data.length) {
      refuse(
        `tensor "${name}" has ${data.length} values, its shape ${formatShape(shape)} needs another number`,
      );
    }
    const value = JSON.stringify({
      dtype: dtypeOf(name, data),
      shape,
      data_offsets: [offset, offset + data.byteLength],
    });
    fields.push(`${JSON.stringify(name)}:${value}`);
    offset += data.byteLength;
  }
  const header = encodeBytes(`{${fields.join(',')}}`);
  const headerBytes = Math.ceil(header.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES)
    refuse(`header of ${headerBytes} bytes, at most ${MAX_HEADER_BYTES} fit`);
  const bytes = new Uint8Array(8 + headerBytes + offset);
  new DataView(bytes.buffer).setUint32(0, headerBytes, true);
  bytes.set(header, 8);
  bytes.fill(0x20, 8 + header.length, 8 + headerBytes);
  let position = 8 + headerBytes;
  for (const [, { data }] of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position);
    position += data.byteLength;
  }
  return bytes;
}

/** Tensors and metadata of a safetensors file; `path` is only for messages. The values are copies. */
export function decodeSafetensors(
  file: ArrayBufferView | ArrayBufferLike,
  path = 'safetensors',
): DecodedSafetensors {
  const bytes = bytesOf('decodeSafetensors', 'the file', file);
  const header = readSafetensorsHeader(bytes, path);
  const dataBytes = bytes.length - header.dataStart;
  if (dataBytes !== header.dataBytes) {
    const what = dataBytes < header.dataBytes ? 'truncated' : 'longer than its header says';
    throw new FormatError(
      `the file is ${what}: ${header.dataStart + header.dataBytes} bytes expected, ${bytes.length} found`,
      {
        path,
        expected: header.dataStart + header.dataBytes,
        actual: bytes.length,
        hint: 'copy or download it again',
      },
    );
  }
  return { tensors: readTensors(bytes, header), metadata: header.metadata };
}

/**
 * Copies of tensors of a file that is as long as its header says, in the order of its data: those with this prefix. With
 * `inPlace` float32 values are not copied where they can be read as they lie, for whoever copies them elsewhere at once.
 */
export function readTensors(
  bytes: Uint8Array,
  header: SafetensorsHeader,
  prefix = '',
  inPlace = false,
): Map<string, DecodedTensor> {
  const tensors = new Map<string, DecodedTensor>();
  for (const { name, dtype, shape, begin, end } of header.tensors) {
    if (!name.startsWith(prefix)) continue;
    const at = bytes.byteOffset + header.dataStart + begin;
    if (inPlace && dtype === 'F32' && at % 4 === 0) {
      const data = new Float32Array(bytes.buffer as ArrayBuffer, at, (end - begin) / 4);
      tensors.set(name, { dtype, shape, data });
      continue;
    }
    // A copy: aligned, and unshared even where the file lies in shared memory.
    const own = new Uint8Array(end - begin);
    own.set(bytes.subarray(header.dataStart + begin, header.dataStart + end));
    tensors.set(name, { dtype, shape, data: tensorValues(dtype, own.buffer) });
  }
  return tensors;
}

/** A parsed and checked header. `dataBytes` is what the tensors need, whatever the file holds. */
export interface SafetensorsHeader {
  /** The JSON text, with its padding. */
  text: string;
  metadata: Record<string, string>;
  tensors: TensorRecord[];
  dataStart: number;
  dataBytes: number;
}

interface TensorRecord {
  name: string;
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

/** Reads the header alone, so that a caller can judge a file whose data is cut off. */
export function readSafetensorsHeader(bytes: Uint8Array, path: string): SafetensorsHeader {
  const fail: Fail = (message, fields = {}) => {
    throw new FormatError(message, { path, ...fields });
  };
  if (bytes.length < 8)
    fail(`not a safetensors file: only ${bytes.length} bytes`, { expected: 8, actual: bytes.length });
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const headerBytes = view.getUint32(0, true) + view.getUint32(4, true) * 4294967296;
  if (headerBytes > MAX_HEADER_BYTES) {
    fail(
      `not a safetensors file: a header of ${headerBytes} bytes, at most ${MAX_HEADER_BYTES} are allowed`,
      {
        expected: MAX_HEADER_BYTES,
        actual: headerBytes,
      },
    );
  }
  if (bytes.length > 8 && bytes[8] !== 0x7b)
    fail('not a safetensors file: the header does not begin with "{"');
  const dataStart = 8 + headerBytes;
  if (dataStart > bytes.length) {
    fail(`the file is truncated: its header alone needs ${dataStart} bytes, ${bytes.length} found`, {
      expected: dataStart,
      actual: bytes.length,
    });
  }
  const text = decodeText(bytes.subarray(8, dataStart)) ?? fail('the header is not valid UTF-8');
  const json = parseHeader(text, fail);
  if (!isJsonObject(json)) return fail('the header is not a JSON object');

  const metadata: Record<string, string> = Object.create(null);
  const tensors: TensorRecord[] = [];
  for (const [name, value] of Object.entries(json)) {
    if (name !== '__metadata__') {
      tensors.push(readRecord(name, value, fail));
      continue;
    }
    if (!isJsonObject(value)) return fail('__metadata__ must be an object of strings');
    for (const [key, item] of Object.entries(value)) {
      if (typeof item !== 'string') return fail(`metadata ${brief(key)} must be a string`, { actual: item });
      metadata[key] = item;
    }
  }
  // The format allows no holes and no overlap: sorted by offset, each tensor begins where the last one ended.
  tensors.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let dataBytes = 0;
  for (const { name, begin, end } of tensors) {
    if (begin !== dataBytes) {
      fail(
        `tensor ${brief(name)} begins at offset ${begin}, ${begin < dataBytes ? 'inside' : 'not at the end of'} the one before`,
        {
          expected: dataBytes,
          actual: begin,
        },
      );
    }
    dataBytes = end;
  }
  return { text, metadata, tensors, dataStart, dataBytes };
}

type Fail = (message: string, fields?: { expected?: unknown; actual?: unknown; hint?: string }) => never;

function readRecord(name: string, value: unknown, fail: Fail): TensorRecord {
  const label = `tensor ${brief(name)}`;
  if (!isJsonObject(value)) return fail(`${label} must be an object with dtype, shape and data_offsets`);
  const { dtype, shape, data_offsets: offsets } = value;
  const kind = typeof dtype === 'string' ? DTYPES.get(dtype) : undefined;
  if (!kind || typeof dtype !== 'string') {
    const known = [...DTYPES.keys()];
    return fail(`${label} has the dtype ${brief(dtype)}; supported are ${known.join(', ')}`, {
      expected: known,
      actual: dtype,
      hint: 'quantised values are not read: fetch the original model',
    });
  }
  const count = Array.isArray(shape) && shape.length <= MAX_RANK ? countElements(shape) : undefined;
  if (count === undefined || !Number.isSafeInteger(count * kind.BYTES_PER_ELEMENT)) {
    return fail(`${label} has the shape ${brief(shape)}, which is not a list of sizes that fit memory`, {
      actual: shape,
    });
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize) || offsets[1] < offsets[0]) {
    return fail(`${label} has the data_offsets ${brief(offsets)}, which is not a range`, {
      actual: offsets,
    });
  }
  const [begin, end] = offsets as [number, number];
  if (end - begin !== count * kind.BYTES_PER_ELEMENT) {
    const need = count * kind.BYTES_PER_ELEMENT;
    return fail(
      `${label}, ${dtype} ${formatShape(shape as number[])}, needs ${need} bytes, its offsets span ${end - begin}`,
      {
        expected: need,
        actual: end - begin,
      },
    );
  }
  return { name, dtype, shape: [...(shape as number[])], begin, end };
}

/** The product of the sizes, or undefined where one is no size or the product leaves the safe integers. */
function countElements(shape: readonly unknown[]): number | undefined {
  let count = 1;
  for (const size of shape) {
    if (!isSize(size)) return undefined;
    count *= size;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

function isSize(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return decodeBytes(bytes, true);
  } catch {
    return undefined;
  }
}

function parseHeader(text: string, fail: Fail): unknown {
  try {
    return parseStrictJson(text);
  } catch (error) {
    if (error instanceof FormatError) return fail(`the header: ${error.message}`, { actual: error.actual });
    return undefined;
  }
}

/** By UTF-16 code units, which is the same in every locale. */
function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function dtypeOf(name: string, data: TensorData): string {
  for (const [dtype, type] of DTYPES) if (data instanceof type) return dtype;
  return refuse(`tensor "${name}" must hold a typed array`);
}

function refuse(message: string): never {
  throw new FormatError(message, { op: 'encodeSafetensors' });
}

/** The values of one tensor, in memory of their own. @internal */
export function tensorValues(dtype: string, buffer: ArrayBuffer): TensorData {
  const values = new (DTYPES.get(dtype) as TypedArray)(buffer);
  if (dtype !== 'F16' && dtype !== 'BF16') return values;
  const type = dtype === 'F16' ? 'f16' : 'bf16';
  return Float32Array.from(values as Uint16Array, (half) => fromHalf(type, half));
}
