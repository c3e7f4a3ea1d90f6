/** @file The tensors of one or several safetensors files, each read when it is asked for. */
import { brief, FormatError } from '../errors.js';
import { MAX_HEADER_BYTES, readSafetensorsHeader, tensorValues } from '../io/safetensors.js';
import { isJsonObject, parseStrictJson } from '../json.js';
import { checkName, type Folder, type OpenFile } from './source.js';

const ONE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';
/** JSON files of a folder are small; a vocabulary of a million tokens has some tens of megabytes. */
const MAX_JSON_BYTES = 256e6;
const FLOATS = ['F32', 'F16', 'BF16'];
/** What else may lie in a folder, and what to do about it. */
const FOREIGN: readonly (readonly [file: string, hint: string])[] = [
  [
    'pytorch_model.bin',
    'convert it: AutoModel.from_pretrained(folder).save_pretrained(folder, safe_serialization=True)',
  ],
  ['model.gguf', 'GGUF is not read: get the safetensors files of the model it was made from'],
];

/** A tensor in a file, not read yet. */
export interface LazyTensor {
  shape: readonly number[];
  /** The file it lies in. */
  path: string;
  /** Its values as 32-bit floats. */
  read(): Promise<Float32Array>;
}

/** All tensors of a folder by their names, and how to let go of the files. */
export interface Weights {
  tensors: Map<string, LazyTensor>;
  close(): Promise<void>;
}

/** A JSON object of the folder; null where there is no such file. */
export async function readJsonFile(folder: Folder, name: string): Promise<Record<string, unknown> | null> {
  const file = await folder.open(name);
  if (!file) return null;
  try {
    if (file.size > MAX_JSON_BYTES) throw new FormatError(`${file.size} bytes of JSON`, { path: file.path });
    const text = new TextDecoder('utf-8', { fatal: true }).decode(await file.read(0, file.size));
    const json = parseStrictJson(text);
    if (!isJsonObject(json)) throw new FormatError('a JSON object is wanted', { path: file.path });
    return json;
  } catch (cause) {
    const { message } = cause as Error;
    throw new FormatError(`not readable: ${message}`, { path: file.path, cause });
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
      if (!file) throw await missing(folder, name);
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

async function missing(folder: Folder, name: string): Promise<FormatError> {
  for (const [file, hint] of FOREIGN) {
    const there = await folder.open(file);
    await there?.close();
    if (there) return new FormatError(`there is no ${name}, but ${file}`, { path: folder.path, hint });
  }
  return new FormatError(`there is no ${name}`, { path: folder.path, expected: name });
}

/** The header alone is read, and judged against the file's size before anything is made room for. */
async function readTensorsOf(file: OpenFile): Promise<[string, LazyTensor][]> {
  const { path, size } = file;
  const start = await file.read(0, Math.min(8, size));
  const view = new DataView(start.buffer);
  const length = size < 8 ? 0 : view.getUint32(0, true) + view.getUint32(4, true) * 4294967296;
  const header = readSafetensorsHeader(
    await file.read(0, Math.min(size, 8 + Math.min(length, MAX_HEADER_BYTES))),
    path,
  );
  const end = header.dataStart + header.dataBytes;
  if (end !== size) {
    const what = size < end ? 'truncated' : 'longer than its header says';
    const fields = { path, expected: end, actual: size, hint: 'copy or download it again' };
    throw new FormatError(`the file is ${what}: ${end} bytes expected, ${size} found`, fields);
  }
  return header.tensors.map(({ name, dtype, shape, begin, end: to }) => [
    name,
    {
      shape,
      path,
      async read() {
        if (!FLOATS.includes(dtype)) {
          throw new FormatError(
            `tensor ${brief(name)} is ${dtype}; weights are read from ${FLOATS.join(', ')}`,
            {
              path,
              expected: FLOATS,
              actual: dtype,
              hint: 'quantised weights are not read: save the model in bfloat16',
            },
          );
        }
        const bytes = await file.read(header.dataStart + begin, header.dataStart + to);
        return tensorValues(dtype, bytes.buffer) as Float32Array;
      },
    },
  ]);
}
