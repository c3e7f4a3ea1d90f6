/** @file `fromPretrained`: a folder of Hugging Face to a model of ours. */
import type { Parameter } from '../autograd/variable.js';
import { checkOptions, oneOf, optional, type Rules, share } from '../checks.js';
import { brief, ConfigError, DataError, FormatError, formatShape } from '../errors.js';
import { withinFile } from '../nn/file-room.js';
import { inHalf } from '../nn/half.js';
import { type LibraryModel, makeModel } from '../nn/model-kinds.js';
import { currentRuntime, withRuntime } from '../runtime/runtime.js';
import { sameShape, sizeOf } from '../tensor/shape.js';
import { checkFullWidth } from '../tokenizers/foreign-files.js';
import type { PretrainedTokenizer } from '../tokenizers/pretrained-tokenizer.js';
import { type TokenizerModule, tokenizerModule } from '../tokenizers/tokenizer-module.js';
import { families, familiesOf, type Named, namedNow, namesOf } from './families.js';
import {
  type AnyConfig,
  ConfigReader,
  type Family,
  type KeyRow,
  MISSING,
  type PretrainedOverrides,
} from './family.js';
import { firstNotFinite, placesOf, rangeOf, theirShape } from './layouts.js';
import { openFolder, type PretrainedSource } from './source.js';
import { tokenizerOf } from './tokenizer.js';
import { checkFloats, type LazyTensor, noFile, openWeights, readJsonFile } from './weights.js';

/** What to do otherwise than the folder says. */
export interface FromPretrainedOptions extends PretrainedOverrides {
  /**
   * Store the matrices in 16 bits a number, frozen: half the memory, computing with the rounded weights. Those of a file in
   * the same type are as they were. Default: as float32, and not frozen.
   */
  dtype?: 'f16' | 'bf16';
  /**
   * The module `prenorm/tokenizers`, to read the folder's tokenizer too: only pages that want it load it. Default: the model
   * alone is read.
   */
  tokenizers?: TokenizerModule;
}

/** A model out of a folder. */
export interface PretrainedModel {
  /** In evaluation mode, on the current runtime. */
  model: LibraryModel;
  /** `model_type` of its family. */
  family: string;
  /** Names of a classifier's classes, in their order; null for other models. */
  labels: readonly string[] | null;
  /** The folder's, for texts; null where it has none, for images, and when `tokenizers` was not given. */
  tokenizer: PretrainedTokenizer | null;
  /** config.json as it was. */
  config: Readonly<Record<string, unknown>>;
}

const loadRules: Rules<FromPretrainedOptions> = {
  dropout: optional(share),
  attentionDropout: optional(share),
  tokenizers: optional(tokenizerModule),
  dtype: optional(oneOf('f16', 'bf16')),
};

/**
 * A model of a known family, from `config.json` and one or several safetensors files (F32, F16, BF16) of a folder: `gpt2`,
 * `llama` and `qwen2` give a `CausalLM`, `bert` a `MaskedLM` or, of a classifier, a `TextClassifier`, `vit` a
 * `VisionTransformer`. Nothing is fetched. Tensors go into the model piece by piece: the peak is the model and one tensor.
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
  if (!json) throw await noFile(folder, 'config.json');
  checkFullWidth(json);
  const family = familyOf(json, folder.path);
  const { tensors: found, close } = await openWeights(folder);
  try {
    checkFamily(family, found, folder.path);
    const named = namedNow(family, found);
    const { tensors } = named;
    let elements = 0;
    for (const { shape } of tensors.values()) elements += sizeOf(shape);
    const path = `${folder.path}/config.json`;
    const reader = new ConfigReader(json, path, { elements, tensors: tensors.size });
    const reading = family.read(reader, options, new Set(tensors.keys()));
    reader.finish();
    const { kind, options: own, architecture, labels = null, unused } = reading;
    for (const name of tensors.keys()) if (unused?.test(name)) tensors.delete(name);
    const room = { elements, tensors: tensors.size, missing: elements + MISSING };
    const model = inConfig(path, () =>
      withRuntime(runtime, () => withinFile(room, () => inHalf(options.dtype, () => makeModel(kind, own)))),
    );
    try {
      const tokenizer = options.tokenizers ? await tokenizerOf(folder, model, options.tokenizers) : null;
      await fill(model, namesOf(family.rows(model.config, architecture), model), named, folder.path);
      return { model: model.eval() as LibraryModel, family: family.type, labels, tokenizer, config: json };
    } catch (error) {
      model.free();
      throw error;
    }
  } finally {
    await close();
  }
}

/** The family that config.json names. */
function familyOf(json: Readonly<Record<string, unknown>>, path: string): Family {
  const { model_type: type } = json;
  const family = families.find((known) => known.type === type);
  if (family) return family;
  const known = families.map((one) => one.type);
  throw new ConfigError(
    type === undefined
      ? `it has no model_type, which says what the model is; known here are ${known.join(', ')}`
      : `model_type is ${brief(type)}; known here are ${known.join(', ')}`,
    {
      op: 'fromPretrained',
      path: `${path}/config.json`,
      expected: known,
      actual: type,
      hint: type === undefined ? 'fetch config.json again' : 'fetch a model of one of these families',
    },
  );
}

/** @throws FormatError for tensors that are surely of another family than config.json says */
function checkFamily(family: Family, found: ReadonlyMap<string, LazyTensor>, path: string): void {
  const fitting = familiesOf(found);
  if (fitting.length === 0 || fitting.includes(family)) return;
  const [[name, tensor]] = found;
  const titles = fitting.map(({ title }) => title).join(' or ');
  fail(`its tensors are those of ${titles}, e.g. ${brief(name)}; config.json says ${brief(family.type)}`, {
    path: tensor.path ?? path,
    expected: family.type,
    actual: fitting.map(({ type }) => type),
    hint: 'take config.json and weights out of one folder',
  });
}

/** What the library refuses of a configuration that config.json alone could not be seen to ask for. */
function inConfig<T>(path: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    const { expected, actual, message, op, hint = 'take config.json and weights out of one folder' } = cause;
    const said = message.slice(op ? op.length + 2 : 0);
    throw new ConfigError(said, { op: 'fromPretrained', path, expected, actual, hint, cause });
  }
}

function fail(message: string, fields: object): never {
  throw new FormatError(message, { op: 'fromPretrained', ...fields });
}

/** Every tensor is found, and its kind and shape judged, before the first is read. */
async function fill(
  model: LibraryModel,
  names: ReadonlyMap<string, KeyRow>,
  { tensors, inFile }: Named<LazyTensor>,
  path: string,
): Promise<void> {
  const parameters = new Map(model.namedParameters());
  const missing = [...names].flatMap(([name, { copy }]) => (copy || tensors.has(name) ? [] : [inFile(name)]));
  for (const [key, tensor] of tensors) {
    const row = names.get(key);
    const { name } = tensor;
    if (!row) {
      return fail(`unexpected tensor ${brief(name)}`, {
        path: tensor.path,
        actual: name,
        hint: 'config.json asks for none of this name: take it and the weights out of one folder',
      });
    }
    checkFloats(tensor);
    const wanted = theirShape(row, (parameters.get(row.ours) as Parameter).shape, model.config);
    if (!sameShape(tensor.shape, wanted)) {
      fail(`${name} must have shape ${formatShape(wanted)}, got ${formatShape(tensor.shape)}`, {
        path: tensor.path,
        expected: wanted,
        actual: tensor.shape,
        hint: 'config.json asks for that shape: take it and the weights out of one folder',
      });
    }
  }
  if (missing.length > 0) {
    const list = `${missing.slice(0, 4).join(', ')}${missing.length > 4 ? ` and ${missing.length - 4} more` : ''}`;
    fail(`missing ${list}`, {
      path,
      expected: missing,
      hint: 'config.json asks for what no file of weights has: fetch the folder again',
    });
  }
  for (const [key, tensor] of tensors) {
    const row = names.get(key) as KeyRow;
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
    const bad = firstNotFinite(values);
    if (bad >= 0) {
      fail(`${tensor.name} has ${values[bad]} as its value ${at + bad}, so the model computes nothing`, {
        path: tensor.path,
        expected: 'finite numbers',
        actual: values[bad],
        hint: 'fetch the file again; in the original, its training has failed, or it was converted to too small a type',
      });
    }
    if (whole) for (let i = 0; i < values.length; i++) whole[place(at + i)] = values[i];
    else write(parameter, begin + at, values, tensor);
    at += values.length;
  }
  if (whole) write(parameter, begin, whole, tensor);
}

function write({ storage }: Parameter, at: number, values: Float32Array, { name, path }: LazyTensor): void {
  try {
    storage.write(at, values);
  } catch (cause) {
    if (!(cause instanceof DataError)) throw cause;
    const { message, op, expected, actual, hint } = cause;
    fail(`${name}: ${message.slice(op ? op.length + 2 : 0)}`, { path, expected, actual, hint, cause });
  }
}
