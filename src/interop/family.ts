/** @file What a family of models is: how its configuration and its tensors are ours. Each has a file of its own. */

import { positive, share } from '../checks.js';
import { brief, ConfigError } from '../errors.js';
import { isJsonObject } from '../json.js';
import { JsonPart } from '../json-part.js';
import { mostOfTable, TENSORS_PER_LAYER } from '../nn/file-room.js';
import type { LibraryModel, ModelKind } from '../nn/model-kinds.js';
import { MAX_TABLE } from '../nn/room.js';
import { MAX_LAYERS } from '../nn/transformer.js';

/**
 * How values of theirs lie beside ours. `transposed`: theirs is (in, out), as GPT-2's Conv1D has it. `reversed`: its rows
 * stand in the opposite order. `patches`: theirs is a convolution (out, channels, height, width), ours a product (out, height ·
 * width · channels). `batched`: theirs has an axis of size 1 in front.
 */
export type Layout = 'transposed' | 'reversed' | 'patches' | 'batched';

/** A tensor of theirs and where it is ours. */
export interface KeyRow {
  /** Their name; `N` stands for a layer's number. */
  theirs: string;
  /** Our name in the state dict. */
  ours: string;
  /** How theirs lies beside ours. Default: as it is. */
  layout?: Layout;
  /** Theirs is a part of ours: the rows of queries, keys or values of a packed projection. */
  part?: 'q' | 'k' | 'v';
  /** Their second name for values that have another: written, and where it is in a file not read. */
  copy?: boolean;
}

/** Weight and bias of one of theirs. */
export const weightAndBias = (theirs: string, ours: string, layout?: Layout): KeyRow[] => [
  { theirs: `${theirs}.weight`, ours: `${ours}.weight`, layout },
  { theirs: `${theirs}.bias`, ours: `${ours}.bias` },
];

/** Queries, keys and values of their own, weight and bias; `named` gives their name. */
export const queriesKeysValues = (named: (part: 'q' | 'k' | 'v') => string, ours: string): KeyRow[] =>
  (['q', 'k', 'v'] as const).flatMap((part) => [
    { theirs: `${named(part)}.weight`, ours: `${ours}.in_proj_weight`, part },
    { theirs: `${named(part)}.bias`, ours: `${ours}.in_proj_bias`, part },
  ]);

/** What a caller says in place of a configuration: nothing of it changes what is computed without dropout. */
export interface PretrainedOverrides {
  /** Dropout of embeddings and of every branch's output. Default: the configuration's. */
  dropout?: number;
  /** Dropout of the attention probabilities. Default: the configuration's. */
  attentionDropout?: number;
}

/** What a folder is to be here. */
export interface Reading {
  /** Their class, one of `architectures` in config.json: it decides which heads there are. */
  architecture: string;
  kind: ModelKind;
  /** Our options. */
  options: object;
  /** Names of a classifier's classes, in their order. */
  labels?: readonly string[];
  /** Tensors that files of this class may have, and that it does not use. */
  unused?: RegExp;
}

/** A configuration of ours, of any kind. */
export type AnyConfig = LibraryModel['config'];

/** Values that keys of our configuration may have. */
export type Allowed = Readonly<Record<string, readonly unknown[]>>;

/** One family. */
export interface Family {
  /** `model_type` in config.json. */
  type: string;
  /** What people call it. */
  title: string;
  /** Their classes that are read here; the first is what a file without any means. */
  architectures: readonly string[];
  /** Kinds of our models that it can express. */
  kinds: readonly ModelKind[];
  /** What stands before names in files of a model with a head, and not in those without. */
  prefix: string;
  /** Names of a head's tensors, which never have it. */
  heads: RegExp;
  /** Names of tensors that are buffers and no weights. */
  buffers: RegExp;
  /** The present name of a tensor that older files call otherwise. Default: the same. */
  renamed?(name: string): string;
  /** @throws ConfigError naming a key that cannot be honoured */
  read(config: ConfigReader, overrides: PretrainedOverrides, tensors: ReadonlySet<string>): Reading;
  /** What of our configuration it can express; keys that are not here change nothing that is computed without dropout. */
  allowed(config: AnyConfig): Allowed;
  /** Their class for a model of ours. */
  architecture(config: AnyConfig): string;
  /** All their tensors. Those of a part that the model has not are left out. */
  rows(config: AnyConfig, architecture: string): readonly KeyRow[];
  /** Their config.json for a configuration of ours, without `architectures` and `model_type`. */
  config(config: AnyConfig): Record<string, unknown>;
}

/** Their names of activations; of several for one of ours the first is written. */
export const ACTIVATIONS = {
  gelu: 'gelu',
  gelu_new: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
} as const;

/** Keys that encoders have in common, written. */
export const encoderKeys = (config: AnyConfig): Record<string, unknown> => ({
  hidden_size: config.dModel,
  num_hidden_layers: config.numLayers,
  num_attention_heads: config.numHeads,
  intermediate_size: config.dFF,
  hidden_act: nameOf(ACTIVATIONS, config.activation),
  hidden_dropout_prob: config.dropout,
  attention_probs_dropout_prob: config.attentionDropout,
  layer_norm_eps: config.eps,
});

/** The name that stands for our value in one of the tables of `choice`. */
export const nameOf = (table: Readonly<Record<string, unknown>>, ours: unknown): string | undefined =>
  Object.keys(table).find((name) => table[name] === ours);

/** What the files of weights hold: no size in config.json is larger. */
export interface FilesRoom {
  /** Values of all tensors. */
  elements: number;
  tensors: number;
}

/** Values that a small folder may lack: then the tensors that are missing can be named. */
export const MISSING: number = 1 << 20;

/** Reads config.json key by key, and knows in the end which keys nobody asked for. */
export class ConfigReader extends JsonPart {
  constructor(
    value: unknown,
    path: string,
    readonly room: FilesRoom,
  ) {
    super(value, path);
  }

  /** config.json as it is. */
  get json(): Readonly<Record<string, unknown>> {
    return this.value;
  }

  /** @throws ConfigError that names the key */
  refuse(key: string, wanted: string, hint?: string): never {
    throw this.refusal(key, wanted, hint);
  }

  /** A key that must say one thing, which is also what its absence means. */
  only(key: string, value: unknown): void {
    this.among(key, [value]);
  }

  /** A size of tensors. */
  size(key: string, otherwise: number, least = 1): number {
    const { elements } = this.room;
    return this.#upTo(key, least, elements + MISSING, otherwise, `the files hold ${elements} values`);
  }

  /** The number of layers. */
  layers(key: string, otherwise: number): number {
    const { tensors } = this.room;
    const most = Math.min(MAX_LAYERS, Math.max(1, Math.floor(tensors / TENSORS_PER_LAYER)));
    return this.#upTo(key, 1, most, otherwise, `the files hold ${tensors} tensors`);
  }

  /** Positions of which each has a row of `width` angles, which are in no file. */
  angles(key: string, otherwise: number, width: number): number {
    const values = Math.min(MAX_TABLE, mostOfTable(this.room.elements));
    const why = `each is ${width} angles, of which there are ${values} at most; lower it for shorter texts`;
    return this.#upTo(key, 1, Math.floor(values / width), otherwise, why);
  }

  /** A number of equal parts of another key's value. */
  divisor(key: string, of: string, value: number, otherwise: number, pairs = false): number {
    const unit = pairs ? 2 : 1;
    const holds = (parts: unknown): boolean =>
      Number.isSafeInteger(parts) && (parts as number) > 0 && value % (unit * (parts as number)) === 0;
    const means = this.value[key] == null ? `, where nothing means ${otherwise}` : '';
    return this.typed(
      key,
      `a divisor of ${of} ${value}${pairs ? ' into even parts' : ''}${means}`,
      otherwise,
      holds,
    );
  }

  /** A number above 0. */
  positive(key: string, otherwise?: number): number {
    return this.typed(key, positive.wanted, otherwise, positive.holds);
  }

  /** A dropout. */
  share(key: string, otherwise: number): number {
    return this.typed(key, share.wanted, otherwise, share.holds);
  }

  /** An object below this one; null where there is none. */
  object(key: string): ConfigReader | null {
    const value = this.take(key) ?? null;
    if (value === null) return null;
    return isJsonObject(value)
      ? new ConfigReader(value, this.at(key), this.room)
      : this.refuse(key, 'an object');
  }

  /** Their class, of `known`; where the file says none, the first. */
  architecture(known: readonly string[], headless: readonly string[] = []): string {
    const list = this.take('architectures') ?? known;
    const named = (names: readonly string[]) =>
      Array.isArray(list) ? names.find((name) => list.includes(name)) : undefined;
    const found = named(known);
    if (found !== undefined) return found;
    const bare = named(headless);
    return this.refuse('architectures', `[one of ${known.join(', ')}]`, bare && withHead(bare, known));
  }

  /** Refuses a class without a head whose output would be a table of its own, which no file has. */
  tiedHead(
    architecture: string,
    tied: boolean,
    tensors: ReadonlySet<string>,
    known: readonly string[],
  ): void {
    if (architecture === known[0] || tied || tensors.has('lm_head.weight')) return;
    const hint = withHead(architecture, known.slice(0, 1));
    this.refuse('tie_word_embeddings', `true for ${architecture}, as the files have no lm_head`, hint);
  }

  #upTo(key: string, least: number, most: number, otherwise: number, why: string): number {
    const holds = (value: unknown): boolean =>
      Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
    return this.typed(key, `a whole number from ${least} to ${most} (${why})`, otherwise, holds);
  }

  protected override refusal(key: string, wanted: string, hint = ANOTHER): ConfigError {
    const actual = this.take(key);
    const came = actual === undefined ? 'nothing' : brief(actual);
    const fields = { op: 'fromPretrained', path: this.path, expected: wanted, actual, hint };
    return new ConfigError(`${key} must be ${wanted}, got ${came}`, fields);
  }

  protected override surplus(key: string): ConfigError {
    return new ConfigError(`config.json has ${key}, which is not known here: ${brief(this.value[key])}`, {
      op: 'fromPretrained',
      path: this.path,
      actual: key,
      hint: 'if it changes nothing of what the model computes, leave it out',
    });
  }
}

/** What to do about a value, whether the file is wrong or the model is not known. */
const ANOTHER =
  'fetch config.json again, as it was published with these weights; a model that has this value there is not read here';

/** What to do with a model without a head, which computes no answer of any kind. */
const withHead = (bare: string, known: readonly string[]): string =>
  `${bare} has no head; in Python: from transformers import ${known[0]}; ${known[0]}.from_pretrained('FOLDER').save_pretrained('WITH_HEAD') puts one on it that has learnt nothing yet, to be trained here${known.length > 1 ? `; so do ${known.slice(1).join(', ')}` : ''}`;

/** Keys of every config.json that say where it comes from, how others run it, or how they generate. */
export const GENERAL_KEYS: readonly string[] = `
  model_type architectures transformers_version torch_dtype dtype _name_or_path use_cache transformers.js_config
  bos_token_id eos_token_id pad_token_id sep_token_id cls_token_id decoder_start_token_id initializer_range
  gradient_checkpointing task_specific_params output_past _attn_implementation _commit_hash attn_implementation
  return_dict output_attentions output_hidden_states torchscript use_bfloat16 xla_device finetuning_task
  id2label label2id do_sample temperature top_k top_p typical_p max_length min_length max_new_tokens early_stopping
  num_beams num_beam_groups num_return_sequences length_penalty repetition_penalty diversity_penalty
  no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids forced_bos_token_id forced_eos_token_id
  remove_invalid_values exponential_decay_length_penalty suppress_tokens begin_suppress_tokens output_scores
  return_dict_in_generate tokenizer_class prefix tf_legacy_loss
`
  .trim()
  .split(/\s+/);
