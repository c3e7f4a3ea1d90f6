/** @file `tokenizerFrom`: the tokenizer of a model's folder, whichever of the usual files it has. */
import {
  bytesOf,
  checkOptions,
  checkValue,
  flag,
  hostObject,
  optional,
  text as textRule,
} from '../checks.js';
import { brief, ConfigError, DataError, FormatError } from '../errors.js';
import { isJsonObject, parseJson } from '../json.js';
import { JsonPart } from '../json-part.js';
import { checkTextSize, textOf } from '../text-file.js';
import { foreignFile } from './foreign-files.js';
import { BERT_ROLES, bertTokenizerJSON, GPT2_END, gpt2TokenizerJSON } from './known-tokenizers.js';
import { PretrainedTokenizer } from './pretrained-tokenizer.js';
import { ROLE_KEYS, readEndIds, readRoles, readSettings, type TokenizerSettings } from './special-names.js';

/** A file of a tokenizer, as bytes or as text. */
export type TokenizerFile = ArrayBufferView | ArrayBufferLike | string;

/** Files by their names, in an object or a Map; folders in front of a name do not count. */
export type TokenizerFiles = Readonly<Record<string, TokenizerFile>> | ReadonlyMap<string, TokenizerFile>;

/** What the files do not say, or say otherwise. */
export interface TokenizerOptions {
  /** The token that begins a text. Default: as the files say. */
  bosToken?: string;
  /** The token that ends a text. Default: as the files say. */
  eosToken?: string;
  /** The token that fills rows up. Default: as the files say. */
  padToken?: string;
  /**
   * For vocab.txt: whether texts become lower case. Default: as tokenizer_config.json says, else true unless a word of the
   * vocabulary begins with a capital letter.
   */
  lowercase?: boolean;
}

/** Names of the files that `tokenizerFrom` reads, for those who fetch a folder's files one by one. */
export const tokenizerFileNames: readonly string[] = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'vocab.json',
  'merges.txt',
  'encoder.json',
  'vocab.bpe',
  'vocab.txt',
  'added_tokens.json',
  'generation_config.json',
  'config.json',
];

/**
 * The tokenizer of a model's files: of tokenizer.json where there is one, else of GPT-2's vocab.json and merges.txt (or
 * encoder.json and vocab.bpe), else of BERT's vocab.txt. tokenizer_config.json, special_tokens_map.json,
 * chat_template.jinja and, beside vocabularies, added_tokens.json are read too, and the ids that end a text, of
 * generation_config.json or else of config.json; other files are left alone.
 * @param files bytes or texts by name
 * @throws FormatError naming file and place of what is wrong or not known here; for SentencePiece's and GGUF files alone
 * with how to convert them
 * @throws DataError for a file that is no UTF-8 or no JSON, and when there is no tokenizer among the files
 */
export function tokenizerFrom(files: TokenizerFiles, options: TokenizerOptions = {}): PretrainedTokenizer {
  checkOptions<TokenizerOptions>('tokenizerFrom', options, {
    bosToken: optional(textRule),
    eosToken: optional(textRule),
    padToken: optional(textRule),
    lowercase: optional(flag),
  });
  const folder = new Folder(files);
  const config = folder.json('tokenizer_config.json');
  const [source, path, roles] = sourceOf(folder, config, options);
  const settings = settingsOf(folder, config, roles, options);
  return new PretrainedTokenizer(source, settings, path);
}

/** The files by their last names. */
class Folder {
  readonly #files = new Map<string, [path: string, content: TokenizerFile]>();

  constructor(files: TokenizerFiles) {
    const isMap = hostObject(files, 'Map');
    if (!isMap && !hostObject(files, 'Object')) {
      throw new ConfigError(`files must be an object or a Map of names and contents, got ${brief(files)}`, {
        op: 'tokenizerFrom',
        actual: files,
        hint: "pass { 'tokenizer.json': bytes, … }",
      });
    }
    for (const [path, content] of isMap
      ? (files as ReadonlyMap<string, TokenizerFile>)
      : Object.entries(files)) {
      checkValue('tokenizerFrom', 'a name in files', path, textRule);
      const name = path.slice(path.lastIndexOf('/') + 1);
      if (this.#files.has(name) && tokenizerFileNames.includes(name))
        throw new ConfigError(`files has ${name} twice`, { op: 'tokenizerFrom', actual: path });
      this.#files.set(name, [path, content]);
    }
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  names(): string[] {
    return [...this.#files.keys()];
  }

  text(name: string): string | undefined {
    const found = this.#files.get(name);
    if (found === undefined) return undefined;
    const [path, content] = found;
    if (typeof content === 'string') {
      checkTextSize(content.length, path);
      return content;
    }
    return textOf(bytesOf('tokenizerFrom', name, content), path);
  }

  json(name: string): unknown {
    const text = this.text(name);
    return text === undefined ? undefined : parseJson(text, name);
  }
}

type Source = [source: Record<string, unknown>, path: string, roles: TokenizerSettings['roles']];

function sourceOf(folder: Folder, config: unknown, options: TokenizerOptions): Source {
  if (options.lowercase !== undefined && (folder.has('tokenizer.json') || !folder.has('vocab.txt'))) {
    throw new ConfigError('lowercase is for vocab.txt; here another file says it', {
      op: 'tokenizerFrom',
      actual: options.lowercase,
    });
  }
  if (folder.has('tokenizer.json')) {
    const json = folder.json('tokenizer.json');
    if (!isJsonObject(json)) throw new FormatError('must be an object', { path: 'tokenizer.json' });
    if (json.format === 'prenorm-tokenizer' || json.format === 'prenorm-chars') {
      throw new FormatError('this tokenizer.json is one of a training of Prenorm', {
        path: 'tokenizer.json',
        hint: 'read it with Tokenizer.fromJSON or CharTokenizer.fromJSON of prenorm/text',
      });
    }
    return [json, 'tokenizer.json', {}];
  }
  for (const [words, merges] of [
    ['vocab.json', 'merges.txt'],
    ['encoder.json', 'vocab.bpe'],
  ]) {
    if (!folder.has(words) || !folder.has(merges)) continue;
    const vocabulary = folder.json(words);
    const source = gpt2TokenizerJSON(vocabulary, folder.text(merges) as string, merges);
    const ends = isJsonObject(vocabulary) && Object.hasOwn(vocabulary, GPT2_END);
    declareTokens(source, folder, config);
    return [source, words, ends ? { bos_token: GPT2_END, eos_token: GPT2_END, unk_token: GPT2_END } : {}];
  }
  if (folder.has('vocab.txt')) {
    const part = new JsonPart(config ?? {}, 'tokenizer_config.json');
    const told = (key: string) => (part.take(key) === undefined ? null : part.flag(key));
    const source = bertTokenizerJSON(folder.text('vocab.txt') as string, 'vocab.txt', {
      lowercase: options.lowercase ?? told('do_lower_case'),
      stripAccents: part.take('strip_accents') === null ? null : told('strip_accents'),
      splitIdeographs: part.flag('tokenize_chinese_chars', true),
    });
    declareTokens(source, folder, config);
    const present = (source.added_tokens as { content: string }[]).map(({ content }) => content);
    const roles = Object.entries(BERT_ROLES).filter(([, word]) => present.includes(word));
    return [source, 'vocab.txt', Object.fromEntries(roles)];
  }
  return noTokenizer(folder.names());
}

/** Tokens that were added to a model's own vocabulary: beside it, or in tokenizer_config.json by their ids. */
function declareTokens(source: Record<string, unknown>, folder: Folder, config: unknown): void {
  const tokens = source.added_tokens as Record<string, unknown>[];
  const known = new Set(tokens.map(({ content }) => content));
  const declared = isJsonObject(config) ? config.added_tokens_decoder : undefined;
  const beside = folder.json('added_tokens.json');
  for (const [id, token] of Object.entries(isJsonObject(declared) ? declared : {})) {
    if (!isJsonObject(token) || known.has(token.content)) continue;
    known.add(token.content);
    tokens.push({ ...token, id: Number(id) });
  }
  for (const [content, id] of Object.entries(isJsonObject(beside) ? beside : {}))
    if (!known.has(content)) tokens.push({ content, id, special: false, normalized: true });
}

function noTokenizer(names: readonly string[]): never {
  for (const name of names) {
    const error = foreignFile(name, 'tokenizer');
    if (error !== null) throw error;
  }
  throw new DataError('there is no tokenizer among the files', {
    op: 'tokenizerFrom',
    expected: 'tokenizer.json, or vocab.json and merges.txt, or vocab.txt',
    actual: names.slice(0, 20),
    hint: names.length === 0 ? 'no file was given' : `there are ${brief(names.slice(0, 20).join(', '), 200)}`,
  });
}

/** Later ones count: what the kind of file implies, special_tokens_map.json, tokenizer_config.json, the options. */
function settingsOf(
  folder: Folder,
  config: unknown,
  implied: TokenizerSettings['roles'],
  options: TokenizerOptions,
): TokenizerSettings {
  const settings = readSettings(config, 'tokenizer_config.json');
  const map = folder.json('special_tokens_map.json');
  const given = { bos_token: options.bosToken, eos_token: options.eosToken, pad_token: options.padToken };
  const layers = [
    implied,
    map === undefined ? {} : readRoles(map, 'special_tokens_map.json'),
    settings.roles,
    given,
  ];
  const roles: Partial<Record<(typeof ROLE_KEYS)[number], string>> = {};
  // In one order, whoever said them: what is written is then the same when it is read and written again.
  for (const key of ROLE_KEYS)
    for (const layer of layers) {
      const word = (layer as TokenizerSettings['roles'])[key];
      if (word !== undefined) roles[key] = word;
    }
  const endIds = endIdsOf(folder);
  return {
    ...settings,
    roles,
    chatTemplate: folder.text('chat_template.jinja') ?? settings.chatTemplate,
    ...(endIds.length > 0 ? { endIds } : {}),
  };
}

/** Of the first file that says any, as Hugging Face generates by them. */
function endIdsOf(folder: Folder): number[] {
  for (const name of ['generation_config.json', 'config.json']) {
    const json = folder.json(name);
    // A run's config.json is a recipe, which has no such key.
    const ids = json === undefined ? [] : readEndIds(new JsonPart(json, name), 'eos_token_id');
    if (ids.length > 0) return ids;
  }
  return [];
}
