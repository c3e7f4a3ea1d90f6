/**
 * @file Adapters as PEFT has them: `adapter_config.json` and `adapter_model.safetensors`, under names of the modules of the
 * model's family.
 */
import { checkOptions, flag, optional, type Rules, text } from '../checks.js';
import { brief, ConfigError, FormatError, formatShape } from '../errors.js';
import { libraryKind } from '../io/model-file.js';
import { decodeSafetensors, encodeSafetensors, type TensorEntry } from '../io/safetensors.js';
import { JsonPart } from '../json-part.js';
import type { LibraryModel } from '../nn/model-kinds.js';
import type { StateDict } from '../nn/module.js';
import { LoraAdapter } from '../tuning/lora.js';
import { chooseTargets, targetsOf } from '../tuning/targets.js';
import { encodeBytes } from '../utf8.js';
import { baseHashes, checkBase } from './adapter-base.js';
import { type AdapterName, adapterNames, keyOf, namesFor, readKey } from './adapter-names.js';
import { openFolder, type PretrainedSource } from './source.js';
import { readJsonFile } from './weights.js';

const CONFIG = 'adapter_config.json';
const WEIGHTS = 'adapter_model.safetensors';

/** How an adapter is written. */
export interface SaveAdapterOptions {
  /** Name or folder of the base, for PEFT: `base_model_name_or_path`. Default: none. */
  base?: string;
}

const saveRules: Rules<SaveAdapterOptions> = { base: optional(text) };

/**
 * The files of an adapter as PEFT reads them, by their names: `adapter_config.json` and `adapter_model.safetensors`, which
 * also says the hashes of the matrices it belongs to, as they are and in 16 bits. A model of no known family has our own names in it.
 * @throws ConfigError for an adapter that is merged, and for a target that its family has no module for
 */
export function saveAdapter(
  adapter: LoraAdapter,
  options: SaveAdapterOptions = {},
): Map<string, Uint8Array<ArrayBuffer>> {
  const op = 'saveAdapter';
  if (!(adapter instanceof LoraAdapter)) {
    throw new ConfigError(`the adapter must be a LoraAdapter, got ${brief(adapter)}`, {
      op,
      actual: adapter,
    });
  }
  checkOptions(op, options, saveRules);
  const model = adapter.model as LibraryModel;
  libraryKind(op, model, true);
  if (adapter.merged)
    throw new ConfigError('the adapter is merged into its model', { op, hint: 'unmerge() it first' });
  const { names } = adapterNames(model);
  const tensors = new Map<string, TensorEntry>();
  const modules = new Set<string>();
  let transposed = false;
  const { dModel = 0 } = model.config as { dModel?: number };
  const state = adapter.stateDict();
  for (const target of chooseTargets(op, model, adapter.config.targets)) {
    const [a, b] = ['a', 'b'].map((half) => state.get(`${target.path}.lora_${half}`) as TensorEntry);
    const found = namesFor(names, target.path);
    const rank = a.shape[0];
    for (const name of found) {
      // Of several that stand for one packed projection, each has the rows that are its own.
      const kv = (b.shape[0] - dModel) / 2;
      const rows =
        found.length === 1
          ? [0, b.shape[0]]
          : { q: [0, dModel], k: [dModel, dModel + kv], v: [dModel + kv, dModel + 2 * kv] }[name.part as 'q'];
      const data = (b.data as Float32Array).slice(rows[0] * rank, rows[1] * rank);
      tensors.set(keyOf(name.theirs, 'A'), a);
      tensors.set(keyOf(name.theirs, 'B'), { shape: [rows[1] - rows[0], rank], data });
      modules.add(name.theirs.replace(/^.*\.\d+\./, ''));
      transposed ||= name.transposed;
    }
  }
  const { rank, alpha, dropout } = adapter.config;
  const config = {
    peft_type: 'LORA',
    task_type: TASKS[model.kind] ?? null,
    base_model_name_or_path: options.base ?? null,
    r: rank,
    lora_alpha: alpha,
    lora_dropout: dropout,
    target_modules: [...modules].sort(),
    bias: 'none',
    fan_in_fan_out: transposed,
    inference_mode: true,
    init_lora_weights: true,
    modules_to_save: null,
  };
  const metadata = { format: 'pt', ...baseHashes(model, adapter.config.targets) };
  return new Map([
    [CONFIG, encodeBytes(`${JSON.stringify(config, null, 2)}\n`).slice()],
    [WEIGHTS, encodeSafetensors(tensors, metadata)],
  ]);
}

const TASKS: Readonly<Record<string, string>> = { causalLM: 'CAUSAL_LM', textClassifier: 'SEQ_CLS' };

/** How an adapter is read. */
export interface LoadAdapterOptions {
  /** Take it though it was trained on a base with other weights. Default false. */
  otherBase?: boolean;
}

const loadRules: Rules<LoadAdapterOptions> = { otherBase: optional(flag) };

/**
 * An adapter for `model` out of the folder that PEFT, or `saveAdapter`, has written; not attached yet.
 * @param source as for `fromPretrained`
 * @throws FormatError for files that are damaged or missing, and for parts that the model has no projection for;
 * ConfigError for a kind of adapter that is not known here, and for one that was trained on other weights
 */
export async function loadAdapter(
  model: LibraryModel,
  source: PretrainedSource,
  options: LoadAdapterOptions = {},
): Promise<LoraAdapter> {
  const op = 'loadAdapter';
  checkOptions(op, options, loadRules);
  libraryKind(op, model, true);
  const hint = 'give the folder of an adapter, as save_pretrained of PEFT writes it';
  const folder = await openFolder(source, hint);
  const json = await readJsonFile(folder, CONFIG);
  const file = await folder.open(WEIGHTS);
  if (!json || !file) {
    await file?.close();
    throw new FormatError(`there is no ${json ? WEIGHTS : CONFIG}`, {
      path: folder.path,
      expected: [CONFIG, WEIGHTS],
      hint,
    });
  }
  let bytes: Uint8Array;
  try {
    bytes = await file.read(0, file.size);
  } finally {
    await file.close();
  }
  const read = readConfig(json, `${folder.path}/${CONFIG}`);
  const { tensors, metadata } = decodeSafetensors(bytes, file.path);
  const state = oursOf(model, tensors, read.rank, file.path);
  const targets = shortNames(model, [
    ...new Set([...state.keys()].map((key) => key.replace(/\.lora_[ab]$/, ''))),
  ]);
  if (!options.otherBase) checkBase(metadata, model, targets, file.path);
  const adapter = new LoraAdapter(model, { ...read, targets });
  try {
    adapter.loadStateDict(state);
  } catch (error) {
    adapter.free();
    throw error;
  }
  return adapter;
}

/** Keys that say who made it, or how it began. */
const IRRELEVANT =
  `task_type base_model_name_or_path target_modules fan_in_fan_out inference_mode init_lora_weights revision
  auto_mapping peft_version layers_to_transform layers_pattern megatron_config megatron_core loftq_config exclude_modules
  eva_config corda_config qalora_group_size runtime_config lora_ga_config ensure_weight_tying`
    .trim()
    .split(/\s+/);

function readConfig(json: unknown, path: string): { rank: number; alpha: number; dropout: number } {
  const part = new JsonPart(json, path);
  part.choice('peft_type', { LORA: true });
  part.among('bias', ['none'], 'biases of the base are no part of it here');
  for (const key of ['use_dora', 'lora_bias', 'use_qalora', 'alora_invocation_tokens', 'arrow_config'])
    part.among(key, [null, false]);
  for (const key of ['modules_to_save', 'trainable_token_indices', 'target_parameters', 'layer_replication'])
    if (!isEmpty(part.take(key))) part.among(key, [null], 'parameters beside low-rank parts are not read');
  for (const key of ['rank_pattern', 'alpha_pattern'])
    if (!isEmpty(part.take(key))) part.among(key, [null], 'all parts have one rank and one alpha here');
  const rank = part.whole('r', 1, 4096);
  const alpha = part.number('lora_alpha', 8);
  const dropout = part.number('lora_dropout', 0);
  const root = part.flag('use_rslora', false);
  if (alpha <= 0) part.among('lora_alpha', [8], 'above 0');
  if (!(dropout >= 0 && dropout < 1)) part.among('lora_dropout', [0], 'in [0, 1)');
  part.irrelevant(...IRRELEVANT).finish();
  // Rank-stabilised, the product counts alpha / sqrt(rank) times.
  return { rank, alpha: root ? alpha * Math.sqrt(rank) : alpha, dropout };
}

const isEmpty = (value: unknown): boolean =>
  value == null || (typeof value === 'object' && Object.keys(value).length === 0);

/** Values of the parts under our paths; queries, keys and values that share their A are one packed part. */
function oursOf(
  model: LibraryModel,
  tensors: ReadonlyMap<string, { shape: readonly number[]; data: unknown }>,
  rank: number,
  path: string,
): StateDict {
  const { names } = adapterNames(model);
  const byTheirs = new Map<string, AdapterName>(names.map((name) => [name.theirs, name]));
  const fail = (message: string, fields: object = {}): never => {
    throw new FormatError(message, { op: 'loadAdapter', path, ...fields });
  };
  const halves = new Map<string, Partial<Record<'A' | 'B', StateDictEntry>>>();
  for (const [key, { shape, data }] of tensors) {
    const read = readKey(key);
    const hint = 'the adapter is for another model: load it into the base it was trained on';
    if (!read)
      return fail(`unexpected tensor ${brief(key)}`, { actual: key, expected: keyOf('MODULE', 'A') });
    if (!byTheirs.has(read.theirs))
      return fail(`the model has no module ${brief(read.theirs)}`, { actual: key, hint });
    if (!(data instanceof Float32Array))
      return fail(`tensor ${brief(key)} does not hold floats`, { actual: key });
    const bad = data.findIndex((value) => !Number.isFinite(value));
    if (bad >= 0) return fail(`${key} has ${data[bad]} as its value ${bad}`, { actual: data[bad] });
    const wanted = read.half === 'A' ? shape[0] : shape[1];
    if (shape.length !== 2 || wanted !== rank)
      return fail(`${key} must have rank ${rank}, got ${formatShape(shape)}`, {
        expected: rank,
        actual: shape,
      });
    halves.set(read.theirs, { ...halves.get(read.theirs), [read.half]: { shape, data } });
  }
  if (halves.size === 0) fail('there is no low-rank part in it');
  const state: StateDict = new Map();
  const packed = new Map<
    string,
    Partial<Record<'q' | 'k' | 'v', { a: StateDictEntry; b: StateDictEntry }>>
  >();
  for (const [theirs, { A: a, B: b }] of halves) {
    if (!a || !b) return fail(`${theirs} has no lora_${a ? 'B' : 'A'}`);
    const { ours, part } = byTheirs.get(theirs) as AdapterName;
    if (part) packed.set(ours, { ...packed.get(ours), [part]: { a, b } });
    else put(state, ours, a, b);
  }
  for (const [ours, { q, k, v }] of packed) {
    if (q && k && v && sameValues(q.a, k.a) && sameValues(q.a, v.a)) {
      const all = [q, k, v].flatMap(({ b }) => [...b.data]);
      put(state, ours, q.a, { shape: [all.length / rank, rank], data: Float32Array.from(all) });
      continue;
    }
    const prefix = ours.slice(0, -'in_proj'.length);
    for (const [name, pair] of Object.entries({ q, k, v }))
      if (pair) put(state, `${prefix}${name}_proj`, pair.a, pair.b);
  }
  return state;
}

type StateDictEntry = { shape: readonly number[]; data: Float32Array };

function put(state: StateDict, path: string, a: StateDictEntry, b: StateDictEntry): void {
  state.set(`${path}.lora_a`, a);
  state.set(`${path}.lora_b`, b);
}

const sameValues = (a: StateDictEntry, b: StateDictEntry): boolean =>
  a.data.length === b.data.length && a.data.every((value, i) => value === b.data[i]);

/** Names in the place of paths where they mean just these. */
function shortNames(model: LibraryModel, paths: readonly string[]): string[] {
  const wanted = new Set(paths);
  const ordered = targetsOf(model).flatMap(({ path }) => (wanted.has(path) ? [path] : []));
  const names = [...new Set(ordered.map((path) => path.replace(/^.*\./, '')))];
  const found = names.flatMap((name) => chooseTargets('loadAdapter', model, [name]).map(({ path }) => path));
  return found.length === wanted.size && found.every((path) => wanted.has(path)) ? names : ordered;
}
