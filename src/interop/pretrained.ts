/** @file `fromPretrained`: a folder of Hugging Face to a model of ours. */
import type { Parameter } from '../autograd/variable.js';
import { checkOptions, optional, type Rules, share } from '../checks.js';
import { brief, ConfigError, FormatError, formatShape } from '../errors.js';
import { withinFile } from '../nn/file-room.js';
import { type LibraryModel, makeModel } from '../nn/model-kinds.js';
import { currentRuntime, withRuntime } from '../runtime/runtime.js';
import { sameShape, sizeOf } from '../tensor/shape.js';
import { checkFullWidth } from '../tokenizers/foreign-files.js';
import type { PretrainedTokenizer } from '../tokenizers/pretrained-tokenizer.js';
import { type TokenizerModule, tokenizerModule } from '../tokenizers/tokenizer-module.js';
import { families, namesOf } from './families.js';
import {
  type AnyConfig,
  ConfigReader,
  type Family,
  type KeyRow,
  type PretrainedOverrides,
} from './family.js';
import { placesOf, rangeOf, theirShape } from './layouts.js';
import { openFolder, type PretrainedSource } from './source.js';
import { tokenizerOf } from './tokenizer.js';
import { checkFloats, type LazyTensor, openWeights, readJsonFile } from './weights.js';

/** Values that a small file may lack. */
const MISSING = 1 << 20;

/** What to do otherwise than the folder says. */
export interface FromPretrainedOptions extends PretrainedOverrides {
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
    const reading = family.read(reader, options, new Set(tensors.keys()));
    reader.finish();
    const { kind, options: own, architecture, labels = null, unused } = reading;
    for (const name of tensors.keys()) if (unused?.test(name)) tensors.delete(name);
    const elements = [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    // Somewhat more than the files hold may be asked for: then the tensors that are missing can be named.
    const room = { elements, tensors: tensors.size, missing: elements + MISSING };
    const model = withRuntime(runtime, () => withinFile(room, () => makeModel(kind, own)));
    try {
      const tokenizer = options.tokenizers ? await tokenizerOf(folder, model, options.tokenizers) : null;
      await fill(model, namesOf(family.rows(model.config, architecture), model), tensors, folder.path);
      return { model: model.eval() as LibraryModel, family: family.type, labels, tokenizer, config: json };
    } catch (error) {
      model.free();
      throw error;
    }
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
