/** @file `toPretrained`: a model of ours as a folder of Hugging Face. */
import type { Parameter } from '../autograd/variable.js';
import { anything, checkOptions, integer, optional, type Rules, text } from '../checks.js';
import { ConfigError, NumericError, PrenormError } from '../errors.js';
import { labelsProblem, libraryKind } from '../io/model-file.js';
import { encodeSafetensors, type TensorEntry } from '../io/safetensors.js';
import type { LibraryModel } from '../nn/model-kinds.js';
import { sizeOf } from '../tensor/shape.js';
import type { Tokenizer } from '../text/tokenizer.js';
import type { PretrainedTokenizer } from '../tokenizers/pretrained-tokenizer.js';
import { encodeBytes } from '../utf8.js';
import { familyFor, namesOf } from './families.js';
import type { AnyConfig, KeyRow } from './family.js';
import { labelEntries, unnamedLabels } from './labels.js';
import { firstNotFinite, placesOf, rangeOf, theirShape } from './layouts.js';
import { tokenizerFiles } from './tokenizer.js';

/** How a model is written. */
export interface ToPretrainedOptions {
  /** Largest file of weights, in bytes; a larger model is several, with an index. Default 5e9. */
  maxShardBytes?: number;
  /** Names of a classifier's classes, in their order. Default: `LABEL_0` and so on. */
  labels?: readonly string[] | null;
  /** The tokenizer that the model was trained with: a `Tokenizer` or a `PretrainedTokenizer`. Default: none is written. */
  tokenizer?: Tokenizer | PretrainedTokenizer | null;
}

const rules: Rules<ToPretrainedOptions> = {
  maxShardBytes: optional(integer(1)),
  labels: optional({
    wanted: 'a list of strings, or null',
    holds: (list) => list === null || (Array.isArray(list) && list.every(text.holds)),
  }),
  tokenizer: optional(anything),
};

/**
 * The files of a folder of Hugging Face by their names: `config.json`, and weights under the names that its modules have, a
 * tied output under both, so that `load_state_dict(strict=True)` takes them. The family is the first that can express the
 * model's configuration; a dropout that it has no key for is not written.
 * @throws ConfigError for a model that no known family can express, a tokenizer without such a form, and labels that are
 * not one for each class: all of it in one error, with what to do; NumericError for values that are no finite numbers
 */
export function toPretrained(
  model: LibraryModel,
  options: ToPretrainedOptions = {},
): Map<string, Uint8Array<ArrayBuffer>> {
  checkOptions('toPretrained', options, rules);
  libraryKind('toPretrained', model);
  const { maxShardBytes = 5e9, labels = null, tokenizer = null } = options;
  const { config } = model;
  const [family, texts] = allOf(
    () => familyFor(model),
    () => (tokenizer === null ? null : tokenizerFiles(tokenizer, model)),
    () => checkLabels(labels, config),
  );
  const architecture = family.architecture(config);
  const { numClasses: classes } = config as { numClasses?: number };
  const named = classes === undefined ? {} : labelEntries(labels ?? unnamedLabels(classes));
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const json = (value: unknown) => encodeBytes(`${JSON.stringify(value, null, 2)}\n`).slice();
  const first = { model_type: family.type, architectures: [architecture] };
  files.set(
    'config.json',
    json({ ...first, ...family.config(config), ...named, ...texts?.config, torch_dtype: 'float32' }),
  );
  for (const [name, content] of texts?.files ?? []) files.set(name, json(content));

  const parameters = new Map(model.namedParameters());
  const rows = [...namesOf(family.rows(config, architecture), model)].map(([theirs, row]): Written => {
    const parameter = parameters.get(row.ours) as Parameter;
    return { theirs, row, parameter, shape: theirShape(row, parameter.shape, config) };
  });
  const shards = shardsOf(rows, maxShardBytes);
  const index: Record<string, string> = {};
  shards.forEach((shard, i) => {
    const number = (n: number) => String(n).padStart(5, '0');
    const name =
      shards.length === 1
        ? 'model.safetensors'
        : `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
    for (const { theirs } of shard) index[theirs] = name;
    const tensors = new Map(shard.map((one) => [one.theirs, entryOf(one, config)]));
    files.set(name, encodeSafetensors(tensors, { format: 'pt' }));
  });
  if (shards.length > 1) {
    const total = rows.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
    files.set('model.safetensors.index.json', json({ metadata: { total_size: total }, weight_map: index }));
  }
  return files;
}

function checkLabels(labels: unknown, config: AnyConfig): void {
  const problem = labelsProblem(labels, config);
  if (problem !== null) throw new ConfigError(problem, { op: 'toPretrained', actual: labels });
}

/** What each gives; of several that refuse, one error that says all. */
function allOf<A, B>(first: () => A, second: () => B, third: () => void): [A, B] {
  const refusals: PrenormError[] = [];
  const [a, b] = [first, second, third].map((one) => {
    try {
      return one();
    } catch (error) {
      if (!(error instanceof PrenormError)) throw error;
      refusals.push(error);
      return undefined;
    }
  });
  if (refusals.length === 0) return [a as A, b as B];
  if (refusals.length === 1) throw refusals[0];
  const said = refusals.map(
    ({ message, op = '' }, i) => `${i + 1}. ${message.slice(op ? op.length + 2 : 0)}`,
  );
  throw new ConfigError(`${refusals.length} things are in the way: ${said.join(' ')}`, {
    op: 'toPretrained',
    cause: refusals[0],
  });
}

/** A tensor of theirs that is to be written. */
interface Written {
  theirs: string;
  row: KeyRow;
  parameter: Parameter;
  shape: number[];
}

function entryOf({ row, parameter, shape }: Written, config: AnyConfig): TensorEntry {
  const [begin, end] = rangeOf(row, parameter.shape, config);
  const values = parameter.storage.read(parameter.offset + begin, end - begin);
  const bad = firstNotFinite(values);
  if (bad >= 0) {
    throw new NumericError(`${row.ours} has ${values[bad]}, so there is nothing to compute with`, {
      op: 'toPretrained',
      path: row.ours,
      expected: 'finite numbers',
      actual: values[bad],
      hint: 'its training has failed: take an earlier checkpoint, or a lower lr',
    });
  }
  const place = placesOf(row, shape);
  if (!place) return { shape, data: Float32Array.from(values) };
  const data = new Float32Array(values.length);
  for (let i = 0; i < data.length; i++) data[i] = values[place(i)];
  return { shape, data };
}

function shardsOf(rows: readonly Written[], most: number): Written[][] {
  const shards: Written[][] = [[]];
  let bytes = 0;
  for (const one of rows) {
    const size = 4 * sizeOf(one.shape);
    const last = shards[shards.length - 1];
    const isFull = last.length > 0 && bytes + size > most;
    if (isFull) shards.push([one]);
    else last.push(one);
    bytes = isFull ? size : bytes + size;
  }
  return shards;
}
