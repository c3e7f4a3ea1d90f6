/** @file What a family of models is: how its configuration and its tensors are ours. Each has a file of its own. */

import { brief, ConfigError } from '../errors.js';
import { JsonPart } from '../json-part.js';
import type { ModelOptions } from '../nn/config.js';
import type { LibraryModel } from '../nn/model-kinds.js';

/** A tensor of theirs and where it is ours. */
export interface KeyRow {
  /** Their name; `N` stands for a layer's number. */
  theirs: string;
  /** Our name in the state dict. */
  ours: string;
  /** Theirs is (in, out), as GPT-2's Conv1D has it. */
  transposed?: boolean;
  /** Theirs is a part of ours: the queries, keys or values of a packed projection. */
  part?: 'q' | 'k' | 'v';
}

/** What a caller says in place of a configuration: nothing of it changes what is computed without dropout. */
export interface PretrainedOverrides {
  /** Dropout of embeddings and of every branch's output. Default: the configuration's. */
  dropout?: number;
  /** Dropout of the attention probabilities. Default: the configuration's. */
  attentionDropout?: number;
}

/** One family. */
export interface Family {
  /** `model_type` in config.json. */
  type: string;
  rows: readonly KeyRow[];
  /** What stands before every name of theirs but that of a head; files of a model without a head do without. */
  prefix: string;
  /** Names of the output's table and of the one it is where both are tied: their modules have it under both. */
  tied: readonly [output: string, table: string];
  /** Names of tensors that are buffers and no weights. */
  buffers: RegExp;
  /** Our options. @throws ConfigError naming a key that cannot be honoured */
  options(config: ConfigReader, overrides: PretrainedOverrides): ModelOptions;
  make(options: ModelOptions): LibraryModel;
  /** Their config.json for a model of ours. @throws ConfigError for one that the family cannot express */
  config(model: LibraryModel): Record<string, unknown>;
}

/** Reads config.json key by key, and knows in the end which keys nobody asked for. */
export class ConfigReader extends JsonPart {
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

  protected override refusal(key: string, wanted: string, hint?: string): ConfigError {
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

/** Keys of every config.json that say where it comes from or how others run it. */
export const GENERAL_KEYS: readonly string[] = [
  ...[
    'model_type',
    'architectures',
    'transformers_version',
    'torch_dtype',
    'dtype',
    '_name_or_path',
    'use_cache',
  ],
  ...['bos_token_id', 'eos_token_id', 'pad_token_id', 'initializer_range', 'gradient_checkpointing'],
  ...['task_specific_params', 'output_past', '_attn_implementation', 'return_dict', 'output_attentions'],
  ...['output_hidden_states', 'id2label', 'label2id'],
];
