/** @file `fromPretrained` and `toPretrained`: a folder of Hugging Face to a model of ours, and back. */
import type { Parameter } from '../autograd/variable.js';
import { checkOptions, integer, optional, type Rules, share } from '../checks.js';
import { brief, ConfigError, FormatError, formatShape } from '../errors.js';
import { encodeSafetensors, type TensorEntry } from '../io/safetensors.js';
import { withinFile } from '../nn/file-room.js';
import { type LibraryModel, makeModel, modelKind } from '../nn/model-kinds.js';
import { currentRuntime, withRuntime } from '../runtime/runtime.js';
import { sameShape, sizeOf } from '../tensor/shape.js';
import { checkFullWidth } from '../tokenizers/foreign-files.js';
import {
  type AnyConfig,
  ConfigReader,
  type Family,
  type KeyRow,
  type PretrainedOverrides,
} from './family.js';
import { gpt2 } from './gpt2.js';
import { placesOf, rangeOf, theirShape } from './layouts.js';
import { llama, qwen2 } from './llama.js';
import { openFolder, type PretrainedSource } from './source.js';
import { checkFloats, type LazyTensor, openWeights, readJsonFile } from './weights.js';

const families: readonly Family[] = [gpt2, llama, qwen2];

/** Values that a small file may lack. */
const MISSING = 1 << 20;

/** What to do otherwise than the folder says. */
export interface FromPretrainedOptions extends PretrainedOverrides {}

/** A model out of a folder. */
export interface PretrainedModel {
  /** In evaluation mode, on the current runtime. */
  model: LibraryModel;
  /** `model_type` of its family. */
  family: string;
  /** config.json as it was. */
  config: Readonly<Record<string, unknown>>;
}

const loadRules: Rules<FromPretrainedOptions> = {
  dropout: optional(share),
  attentionDropout: optional(share),
};

/**
 * A model of a known family, from `config.json` and one or several safetensors files (F32, F16, BF16) of a folder: `gpt2`,
 * `llama` and `qwen2` give a `CausalLM`. Nothing is fetched. Tensors go into the model piece by piece: the peak is the model and
 * one tensor.
 * @throws ConfigError naming a key of config.json that cannot be honoured; FormatError naming file and tensor for what is
 * damaged, missing, of another shape or kind, or too much. What is asked for is held against the files before anything is made.
 */
export async function fromPretrained(
  source: PretrainedSource,
  options: FromPretrainedOptions = {},
): Promise<PretrainedModel> {
  checkOptions('fromPretrained', options, loadRules);
  const runtime = currentRuntime();
  const folder = await openFolder(source);
  const json = await readJsonFile(folder, 'config.json');
  if (!json) throw new FormatError('there is no config.json', { path: folder.path, expected: 'config.json' });
  checkFullWidth(json);
  const { model_type: type } = json;
  const family = families.find((known) => known.type === type);
  if (!family) {
    const known = families.map((one) => one.type);
    throw new ConfigError(`model_type is ${brief(type)}; known here are ${known.join(', ')}`, {
      op: 'fromPretrained',
      path: folder.path,
      expected: known,
      actual: type,
    });
  }
  const { tensors: found, close } = await openWeights(folder);
  try {
    const tensors = namedNow(family, found);
    const reader = new ConfigReader(json, `${folder.path}/config.json`);
    const { kind, options: own, architecture } = family.read(reader, options, new Set(tensors.keys()));
    reader.finish();
    const elements = [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    // Somewhat more than the files hold may be asked for: then the tensors that are missing can be named.
    const room = { elements, tensors: tensors.size, missing: elements + MISSING };
    const model = withRuntime(runtime, () => withinFile(room, () => makeModel(kind, own)));
    await fill(model, namesOf(family.rows(model.config, architecture), model), tensors, folder.path);
    return { model: model.eval() as LibraryModel, family: family.type, config: json };
  } finally {
    await close();
  }
}

/** Tensors by the names that their modules have now: of a whole model, and as the newest version calls them. */
function namedNow(family: Family, found: ReadonlyMap<string, LazyTensor>) {
  const tensors = new Map<string, LazyTensor>();
  const whole = [...found.keys()].some((name) => name.startsWith(family.prefix));
  for (const [full, tensor] of found) {
    if (family.buffers.test(full)) continue;
    const current = family.renamed?.(full) ?? full;
    const name = whole || family.heads.test(current) ? current : family.prefix + current;
    if (tensors.has(name)) fail(`tensor ${brief(full)} is there twice`, { path: tensor.path });
    tensors.set(name, tensor);
  }
  return tensors;
}

function fail(message: string, fields: object): never {
  throw new FormatError(message, { op: 'fromPretrained', ...fields });
}

/** Rows of what the model has, by their names. */
function namesOf(rows: readonly KeyRow[], model: LibraryModel): Map<string, KeyRow> {
  const own = new Set([...model.namedParameters()].map(([name]) => name));
  const names = new Map<string, KeyRow>();
  for (const row of rows) {
    const times = row.ours.includes('.N.') ? model.config.numLayers : 1;
    for (let n = 0; n < times; n++) {
      const [theirs, ours] = [row.theirs, row.ours].map((name) => name.replace('.N.', `.${n}.`));
      if (own.has(ours)) names.set(theirs, { ...row, theirs, ours });
    }
  }
  return names;
}

/** Every tensor is found, and its kind and shape judged, before the first is read. */
async function fill(
  model: LibraryModel,
  names: ReadonlyMap<string, KeyRow>,
  tensors: ReadonlyMap<string, LazyTensor>,
  path: string,
): Promise<void> {
  const parameters = new Map(model.namedParameters());
  const missing = [...names].flatMap(([name, { copy }]) => (copy || tensors.has(name) ? [] : [name]));
  for (const [name, tensor] of tensors) {
    const row = names.get(name);
    if (!row) return fail(`unexpected tensor ${brief(name)}`, { path: tensor.path, actual: name });
    checkFloats(name, tensor);
    const wanted = theirShape(row, (parameters.get(row.ours) as Parameter).shape, model.config);
    if (!sameShape(tensor.shape, wanted)) {
      fail(`${name} must have shape ${formatShape(wanted)}, got ${formatShape(tensor.shape)}`, {
        path: tensor.path,
        expected: wanted,
        actual: tensor.shape,
      });
    }
  }
  if (missing.length > 0) {
    const list = `${missing.slice(0, 4).join(', ')}${missing.length > 4 ? ` and ${missing.length - 4} more` : ''}`;
    fail(`missing ${list}`, { path, expected: missing });
  }
  for (const [name, tensor] of tensors) {
    const row = names.get(name) as KeyRow;
    if (!row.copy) await copyInto(parameters.get(row.ours) as Parameter, row, tensor, model.config);
  }
}

/** Piece by piece where theirs lies as ours does, else as a whole. */
async function copyInto(
  parameter: Parameter,
  row: KeyRow,
  tensor: LazyTensor,
  config: AnyConfig,
): Promise<void> {
  const [begin, end] = rangeOf(row, parameter.shape, config);
  const place = placesOf(row, tensor.shape);
  const whole = place && new Float32Array(end - begin);
  let at = 0;
  for await (const values of tensor.pieces()) {
    if (whole) for (let i = 0; i < values.length; i++) whole[place(at + i)] = values[i];
    else parameter.storage.write(begin + at, values);
    at += values.length;
  }
  if (whole) parameter.storage.write(begin, whole);
}

/** How a model is written. */
export interface ToPretrainedOptions {
  /** Largest file of weights, in bytes; a larger model is several, with an index. Default 5e9. */
  maxShardBytes?: number;
}

/**
 * The files of a folder of Hugging Face by their names: `config.json`, and weights under the names that its modules have, a
 * tied output under both, so that `load_state_dict(strict=True)` takes them. The family is the first that can express the
 * model's configuration; a dropout that it has no key for is not written.
 * @throws ConfigError for a model that no known family can express, which says what each would need
 */
export function toPretrained(
  model: LibraryModel,
  options: ToPretrainedOptions = {},
): Map<string, Uint8Array<ArrayBuffer>> {
  checkOptions<ToPretrainedOptions>('toPretrained', options, { maxShardBytes: optional(integer(1)) });
  const { maxShardBytes = 5e9 } = options;
  const family = familyFor(model);
  const architecture = family.architecture(model.config);
  const own = family.config(model.config);
  const config = { model_type: family.type, architectures: [architecture], ...own, torch_dtype: 'float32' };
  const parameters = new Map(model.namedParameters());
  const tensors = new Map<string, TensorEntry>();
  for (const [theirs, row] of namesOf(family.rows(model.config, architecture), model)) {
    const parameter = parameters.get(row.ours) as Parameter;
    const [begin, end] = rangeOf(row, parameter.shape, model.config);
    const shape = theirShape(row, parameter.shape, model.config);
    const values = parameter.storage.read(parameter.offset + begin, end - begin);
    const place = placesOf(row, shape);
    tensors.set(theirs, {
      shape,
      data: Float32Array.from(values, (value, i) => (place ? values[place(i)] : value)),
    });
  }
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const json = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
  files.set('config.json', json(config));
  const shards = shardsOf(tensors, maxShardBytes);
  const index: Record<string, string> = {};
  shards.forEach((shard, i) => {
    const number = (n: number) => String(n).padStart(5, '0');
    const name =
      shards.length === 1
        ? 'model.safetensors'
        : `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
    for (const key of shard.keys()) index[key] = name;
    files.set(name, encodeSafetensors(shard, { format: 'pt' }));
  });
  if (shards.length > 1) {
    const total = [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    files.set('model.safetensors.index.json', json({ metadata: { total_size: total }, weight_map: index }));
  }
  return files;
}

/** @throws ConfigError that says of every family of the model's kind what it would need */
function familyFor(model: LibraryModel): Family {
  const kind = modelKind(model);
  const ofKind = families.filter(({ kinds }) => kind !== null && kinds.includes(kind));
  const config = model.config as unknown as Record<string, unknown>;
  const needs: string[] = [];
  for (const { title, allowed } of ofKind) {
    const key = Object.keys(allowed).find((name) => !allowed[name].includes(config[name]));
    if (key === undefined) return ofKind[needs.length];
    const values = allowed[key].map((value) => brief(value)).join(' or ');
    needs.push(`${title} has ${key} ${values}, the model ${brief(config[key])}`);
  }
  throw new ConfigError(needs.length > 0 ? needs.join('; ') : `no family is known for ${brief(kind)}`, {
    op: 'toPretrained',
    expected: [...new Set(families.flatMap(({ kinds }) => kinds))],
    actual: kind,
  });
}

function shardsOf(tensors: ReadonlyMap<string, TensorEntry>, most: number): Map<string, TensorEntry>[] {
  const shards: Map<string, TensorEntry>[] = [new Map()];
  let bytes = 0;
  for (const [name, entry] of tensors) {
    const last = shards[shards.length - 1];
    if (last.size > 0 && bytes + entry.data.byteLength > most) {
      shards.push(new Map([[name, entry]]));
      bytes = entry.data.byteLength;
      continue;
    }
    last.set(name, entry);
    bytes += entry.data.byteLength;
  }
  return shards;
}
