/** @file `fromPretrained` and `toPretrained`: a folder of Hugging Face to a model of ours, and back. */
import { noGrad } from '../autograd/tape.js';
import type { Parameter } from '../autograd/variable.js';
import { checkOptions, integer, optional, type Rules, share } from '../checks.js';
import { brief, ConfigError, FormatError, formatShape } from '../errors.js';
import { encodeSafetensors, type TensorEntry } from '../io/safetensors.js';
import { withinFile } from '../nn/file-room.js';
import { type LibraryModel, type ModelKind, modelKind } from '../nn/model-kinds.js';
import { currentRuntime, withRuntime } from '../runtime/runtime.js';
import { sameShape } from '../tensor/shape.js';
import { checkFullWidth } from '../tokenizers/foreign-files.js';
import { ConfigReader, type Family, type KeyRow, type PretrainedOverrides } from './family.js';
import { gpt2 } from './gpt2.js';
import { openFolder, type PretrainedSource } from './source.js';
import { checkFloats, type LazyTensor, openWeights, readJsonFile } from './weights.js';

const families: readonly Family[] = [gpt2];

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
 * A model of a known family (`gpt2`), from `config.json` and one or several safetensors files (F32, F16, BF16) of a folder.
 * Nothing is fetched. Tensors go into the model one after the other: the peak is the model and one tensor.
 * @throws ConfigError naming a key of config.json that cannot be honoured; FormatError naming file and tensor for what is
 * damaged, missing, of another shape or too much. What is asked for is held against the files before anything is made.
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
  const reader = new ConfigReader(json, `${folder.path}/config.json`);
  const own = family.options(reader, options);
  reader.finish();
  const { tensors, close } = await openWeights(folder);
  try {
    const elements = [...tensors.values()].reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    const model = withRuntime(runtime, () =>
      withinFile({ elements, tensors: tensors.size }, () => family.make(own)),
    );
    await fill(model, family, tensors, folder.path);
    return { model: model.eval() as LibraryModel, family: family.type, config: json };
  } finally {
    await close();
  }
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, n) => product * n, 1);

/** Our names by theirs, for as many layers as the model has. */
function namesOf(family: Family, layers: number): Map<string, KeyRow> {
  const names = new Map<string, KeyRow>();
  for (const row of family.rows) {
    const times = row.ours.includes('.N.') ? layers : 1;
    for (let n = 0; n < times; n++) {
      const theirs = row.theirs.replace('.N.', `.${n}.`);
      names.set(theirs, { ...row, theirs, ours: row.ours.replace('.N.', `.${n}.`) });
    }
  }
  return names;
}

/** Every tensor is found and its shape judged before the first is read. */
async function fill(
  model: LibraryModel,
  family: Family,
  tensors: ReadonlyMap<string, LazyTensor>,
  path: string,
): Promise<void> {
  const parameters = new Map(model.namedParameters());
  const names = namesOf(family, model.config.numLayers);
  const tied = (model.config as { tiedEmbeddings?: boolean }).tiedEmbeddings === true;
  const work: [Parameter, KeyRow, LazyTensor][] = [];
  const open = new Set(parameters.keys());
  const fail = (message: string, fields: object = {}): never => {
    throw new FormatError(message, { op: 'fromPretrained', path, ...fields });
  };
  for (const [full, tensor] of tensors) {
    const name = full.startsWith(family.prefix) ? full.slice(family.prefix.length) : full;
    if (family.buffers.test(name) || (tied && name === family.tied[0])) continue;
    const row = names.get(name);
    const parameter = row && parameters.get(row.ours);
    if (!row || !parameter)
      return fail(`unexpected tensor ${brief(full)}`, { path: tensor.path, actual: full });
    if (!open.delete(row.ours)) return fail(`tensor ${brief(full)} is there twice`, { path: tensor.path });
    checkFloats(full, tensor);
    const shape = row.transposed ? [...parameter.shape].reverse() : parameter.shape;
    if (!sameShape(tensor.shape, shape)) {
      fail(`${full} must have shape ${formatShape(shape)}, got ${formatShape(tensor.shape)}`, {
        path: tensor.path,
        expected: shape,
        actual: tensor.shape,
      });
    }
    work.push([parameter, row, tensor]);
  }
  if (open.size > 0) {
    const missing = [...names].filter(([, { ours }]) => open.has(ours)).map(([theirs]) => theirs);
    const list = `${missing.slice(0, 4).join(', ')}${missing.length > 4 ? ` and ${missing.length - 4} more` : ''}`;
    fail(`missing ${list}`, { expected: missing });
  }
  for (const [parameter, { transposed }, tensor] of work) {
    const values = await tensor.read();
    noGrad(() => parameter.set(transposed ? turned(values, tensor.shape) : values), parameter.runtime);
  }
}

/** A matrix (rows, cols) as (cols, rows). */
function turned(values: ArrayLike<number>, [rows, cols]: readonly number[]): Float32Array {
  const out = new Float32Array(rows * cols);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) out[c * rows + r] = values[r * cols + c];
  return out;
}

/** How a model is written. */
export interface ToPretrainedOptions {
  /** Largest file of weights, in bytes; a larger model is several, with an index. Default 5e9. */
  maxShardBytes?: number;
}

const FAMILY_OF: Partial<Record<ModelKind, Family>> = { causalLM: gpt2 };

/**
 * The files of a folder of Hugging Face by their names: `config.json`, and weights under the names that its modules have, a
 * tied output under both, so that `load_state_dict(strict=True)` takes them.
 * @throws ConfigError for a model that no known family can express
 */
export function toPretrained(
  model: LibraryModel,
  options: ToPretrainedOptions = {},
): Map<string, Uint8Array<ArrayBuffer>> {
  checkOptions<ToPretrainedOptions>('toPretrained', options, { maxShardBytes: optional(integer(1)) });
  const { maxShardBytes = 5e9 } = options;
  const kind = modelKind(model);
  const family = kind && FAMILY_OF[kind];
  if (!family) {
    throw new ConfigError(`no family is known for ${brief(kind)}`, {
      op: 'toPretrained',
      expected: Object.keys(FAMILY_OF),
      actual: kind,
    });
  }
  const config = family.config(model);
  const state = model.stateDict();
  const tensors = new Map<string, TensorEntry>();
  const named = (name: string): string => (name === family.tied[0] ? name : family.prefix + name);
  for (const [theirs, { ours, transposed }] of namesOf(family, model.config.numLayers)) {
    const entry = state.get(theirs === family.tied[0] && !state.has(ours) ? tiedOf(family) : ours);
    if (!entry) throw new ConfigError(`the model has no ${ours}`, { op: 'toPretrained', expected: ours });
    const { shape, data } = entry as { shape: readonly number[]; data: Float32Array };
    tensors.set(
      named(theirs),
      transposed ? { shape: [...shape].reverse(), data: turned(data, shape) } : { shape, data },
    );
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

const tiedOf = (family: Family): string => {
  const row = family.rows.find(({ theirs }) => theirs === family.tied[1]) as KeyRow;
  return row.ours;
};

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
