/** @file The tensors of one or several safetensors files, each read when it is asked for. */
import { brief, FormatError } from '../errors.js';
import { MAX_HEADER_BYTES, readSafetensorsHeader, tensorValues } from '../io/safetensors.js';
import { isJsonObject } from '../json.js';
import { sizeOf } from '../tensor/shape.js';
import { checkTextSize, jsonOf } from '../text-file.js';
import { FOREIGN_NAMES, foreignFile } from '../tokenizers/foreign-files.js';
import { checkName, type Folder, type OpenFile } from './source.js';

const ONE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
const FLOATS = ['F32', 'F16', 'BF16'];
/** Values that are read at a time. */
const PIECE = 1 << 20;

/** A tensor in a file, not read yet. */
export interface LazyTensor {
  /** As the file calls it. */
  name: string;
  shape: readonly number[];
  /** As the file says, e.g. `BF16`. */
  dtype: string;
  /** The file it lies in. */
  path: string;
  /** Its values in order as 32-bit floats, at most `PIECE` at a time. */
  pieces(): AsyncGenerator<Float32Array>;
}

/** All tensors of a folder by their names, and how to let go of the files. */
export interface Weights {
  tensors: Map<string, LazyTensor>;
  close(): Promise<void>;
}

/**
 * A JSON object of the folder; null where there is no such file.
 * @throws DataError for what is no UTF-8 or no JSON
 */
export async function readJsonFile(folder: Folder, name: string): Promise<Record<string, unknown> | null> {
  const file = await folder.open(name);
  if (!file) return null;
  try {
    checkTextSize(file.size, file.path);
    const json = jsonOf(await file.read(0, file.size), file.path);
    if (isJsonObject(json)) return json;
    throw new FormatError(`a JSON object is wanted, got ${Array.isArray(json) ? 'a list' : brief(json)}`, {
      path: file.path,
      expected: 'an object',
      actual: json,
      hint: 'fetch the file again',
    });
  } finally {
    await file.close();
  }
}

/** @throws FormatError for a folder without weights, and for files that are damaged or do not go together */
export async function openWeights(folder: Folder): Promise<Weights> {
  const index = await readJsonFile(folder, INDEX);
  const map = index ? weightMap(index, `${folder.path}/${INDEX}`) : null;
  const names = map ? [...new Set(map.values())] : [ONE];
  const files: OpenFile[] = [];
  const close = async (): Promise<void> => {
    for (const file of files) await file.close();
  };
  const tensors = new Map<string, LazyTensor>();
  try {
    for (const name of names) {
      const file = await folder.open(name);
      if (!file) throw await noFile(folder, name);
      files.push(file);
      for (const [key, tensor] of await readTensorsOf(file)) {
        if (map && map.get(key) !== name) {
          throw new FormatError(`tensor ${brief(key)} is in ${name}, its index says ${brief(map.get(key))}`, {
            path: file.path,
            expected: map.get(key),
            actual: name,
          });
        }
        tensors.set(key, tensor);
      }
    }
    for (const [key, name] of map ?? []) {
      if (!tensors.has(key))
        throw new FormatError(`tensor ${brief(key)} is not in ${name}`, { path: folder.path });
    }
    return { tensors, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function weightMap(index: Record<string, unknown>, path: string): Map<string, string> {
  const { weight_map: map } = index;
  if (!isJsonObject(map)) throw new FormatError('there is no weight_map in it', { path });
  const found = new Map<string, string>();
  for (const [key, name] of Object.entries(map)) {
    if (typeof name !== 'string') throw new FormatError(`weight_map of ${brief(key)} is no name`, { path });
    checkName(name, path);
    found.set(key, name);
  }
  return found;
}

/** What to say where a file is not there: perhaps there are weights of another kind, which are not read. */
export async function noFile(folder: Folder, name: string): Promise<FormatError> {
  const names = folder.names ?? (await present(folder, FOREIGN_NAMES));
  if (!names.some((other) => /\.safetensors$/i.test(other))) {
    for (const other of names) {
      const error = foreignFile(other, 'weights');
      if (error !== null) return error;
    }
  }
  const there = names.length === 0 ? 'nothing' : brief(names.slice(0, 20).join(', '), 200);
  const wanted = 'a folder of Hugging Face has config.json and *.safetensors';
  const hint = folder.names === null && names.length === 0 ? wanted : `there is ${there}; ${wanted}`;
  return new FormatError(`there is no ${name}`, { path: folder.path, expected: name, hint });
}

async function present(folder: Folder, names: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) {
    const file = await folder.open(name);
    await file?.close();
    if (file) found.push(name);
  }
  return found;
}

/** @throws FormatError for a tensor that holds no floats */
export function checkFloats({ name, dtype, path }: LazyTensor): void {
  if (FLOATS.includes(dtype)) return;
  const of = `tensor ${brief(name)} is ${dtype}; weights are read from ${FLOATS.join(', ')}`;
  const hint =
    dtype === 'F64'
      ? "in Python: model.float().save_pretrained('FOLDER')"
      : "quantised weights are not read: fetch the original model; or in Python: model.dequantize().save_pretrained('FOLDER')";
  throw new FormatError(of, { path, expected: FLOATS, actual: dtype, hint });
}

/** The header alone is read, and judged against the file's size before anything is made room for. */
async function readTensorsOf(file: OpenFile): Promise<[string, LazyTensor][]> {
  const { path, size } = file;
  const start = await file.read(0, Math.min(9, size));
  const view = new DataView(start.buffer);
  const length = size < 8 ? 0 : view.getUint32(0, true) + view.getUint32(4, true) * 4294967296;
  // A length beyond the limit, and a header that does not begin as one, are refused by these alone.
  const readable = length > MAX_HEADER_BYTES || start[8] !== 0x7b ? 9 : 8 + length;
  const header = readSafetensorsHeader(await file.read(0, Math.min(size, readable)), path);
  const end = header.dataStart + header.dataBytes;
  if (end !== size) {
    const what = size < end ? 'truncated' : 'longer than its header says';
    const fields = { path, expected: end, actual: size, hint: 'copy or download it again' };
    throw new FormatError(`the file is ${what}: ${end} bytes expected, ${size} found`, fields);
  }
  return header.tensors.map(({ name, dtype, shape, begin, end: to }) => [
    name,
    {
      name,
      shape,
      dtype,
      path,
      async *pieces() {
        const size = sizeOf(shape);
        const bytes = (to - begin) / size;
        const start = header.dataStart + begin;
        for (let at = 0; at < size; at += PIECE) {
          const piece = await file.read(start + at * bytes, start + Math.min(at + PIECE, size) * bytes);
          yield tensorValues(dtype, piece.buffer) as Float32Array;
        }
      },
    },
  ]);
}
