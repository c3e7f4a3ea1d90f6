/**
 * @file A tokenizer out of a tokenizer.json: added tokens are found, what is between them is normalized, split, and
 * turned into ids by the model; special tokens go around it. Classes, lower case and normal forms come from one pinned
 * Unicode version, so a text has the same ids in every engine.
 */
import {
  checkOptions,
  checkValue,
  flag,
  idList,
  integer,
  number,
  optional,
  text as textRule,
} from '../checks.js';
import { brief, DataError, FormatError } from '../errors.js';
import { isJsonObject } from '../json.js';
import { JsonPart, refusal } from '../json-part.js';
import { UNICODE_VERSION } from '../text/unicode-table.js';
import { hasLoneSurrogate } from '../utf8.js';
import { type AddedToken, AddedTokenSplitter, readAddedTokens } from './added-tokens.js';
import { cleanUp, Decoder } from './decoders.js';
import { readModel } from './model.js';
import { type Normalizer, readNormalizer } from './normalizers.js';
import { readPostProcessor, type Template, type TemplateItem } from './post-processors.js';
import { type PreTokenizer, readPreTokenizer } from './pre-tokenizers.js';
import { FORMAT, isPretrainedJSON } from './saved-form.js';
import {
  ROLE_KEYS,
  ROLES,
  type Role,
  readEndIds,
  readSettings,
  type TokenizerSettings,
} from './special-names.js';
import type { SubwordModel } from './vocabulary.js';

/** How a text becomes ids. */
export interface PretrainedEncodeOptions {
  /** Put the model's special tokens around the text, e.g. `[CLS]` and `[SEP]`, where it has such. Default true. */
  addSpecialTokens?: boolean;
  /** Whether a special token's name in the text is that token; false for texts of strangers. Default true. */
  parseSpecialTokens?: boolean;
}

/** How ids become a text. */
export interface PretrainedDecodeOptions {
  /** Leave special tokens out. Default true. */
  skipSpecialTokens?: boolean;
  /** Drop the space in front of English punctuation. Default: what tokenizer_config.json says, else false. */
  cleanUp?: boolean;
}

/** Two texts as one row of ids. */
export interface EncodedPair {
  ids: Int32Array;
  /** 0 for ids of the first text, 1 for those of the second: BERT's token types. */
  segments: Int32Array;
}

/** What `JSON.stringify` writes of a `PretrainedTokenizer`. */
export interface PretrainedTokenizerJSON {
  format: 'prenorm-pretrained-tokenizer';
  version: 1;
  /** Version of the Unicode tables. */
  unicode: string;
  /** What tokenizer.json holds. */
  tokenizer: unknown;
  settings: TokenizerSettings;
}

const NONE = new Uint8Array(0);
const settingsRule = {
  wanted: '{ roles, chatTemplate, cleanUp, maxLength }; tokenizerFrom makes them of the files',
  holds: (value: unknown) => isJsonObject(value) && isJsonObject(value.roles),
};

/** Made by `tokenizerFrom` or `PretrainedTokenizer.fromJSON`; immutable, and the same ids on every engine. */
export class PretrainedTokenizer {
  /** One more than the highest id. */
  readonly vocabSize: number;
  /** Ids of the tokens with a role; undefined where the files name none. */
  readonly bosId?: number;
  readonly eosId?: number;
  /** All ids that end a text: `eosId`, and those that generation_config.json or else config.json names besides. */
  readonly eosIds: readonly number[];
  readonly padId?: number;
  readonly unkId?: number;
  readonly clsId?: number;
  readonly sepId?: number;
  readonly maskId?: number;
  /** The model's template for conversations, in Jinja, to be shown: it is never executed. null for none. */
  readonly chatTemplate: string | null;
  /** The longest text of the model in tokens, special ones included; null where nobody says. */
  readonly maxLength: number | null;
  readonly #source: Record<string, unknown>;
  readonly #settings: TokenizerSettings;
  readonly #model: SubwordModel;
  readonly #added = new Map<number, AddedToken>();
  readonly #addedIds = new Map<string, number>();
  readonly #words = new Map<number, string>();
  readonly #normalizer: Normalizer | null;
  readonly #preTokenizer: PreTokenizer;
  readonly #template: Template;
  readonly #decoder: Decoder;
  readonly #splitters: Readonly<Record<'all' | 'plain', readonly [AddedTokenSplitter, AddedTokenSplitter]>>;

  /**
   * @param source what a tokenizer.json holds, as an object
   * @param settings of tokenizer_config.json
   * @param path what messages call the file
   * @throws FormatError naming the place of what is wrong, or not known here
   */
  constructor(source: unknown, settings: TokenizerSettings, path: string) {
    checkValue('PretrainedTokenizer', 'settings', settings, settingsRule);
    const part = new JsonPart(source, path);
    this.#source = source as Record<string, unknown>;
    this.#settings = settings;
    part.among('version', ['1.0'], 'another version of the format is not known');
    // How long rows are is said where rows are made.
    part.irrelevant('truncation', 'padding');
    const added = readAddedTokens(part.take('added_tokens'), part.at('added_tokens'));
    this.#model = readModel(part.take('model'), part.at('model'));
    this.#normalizer = readNormalizer(part.take('normalizer'), part.at('normalizer'));
    this.#preTokenizer = readPreTokenizer(part.take('pre_tokenizer'), part.at('pre_tokenizer'));
    this.#template = readPostProcessor(part.take('post_processor'), part.at('post_processor'));
    const contents = new Set(added.map(({ content }) => content));
    this.#decoder = new Decoder(part.take('decoder') ?? null, part.at('decoder'), contents);
    part.finish();
    for (const [word, id] of this.#model.ids) this.#words.set(id, word);
    for (const token of added) this.#add(token, part.at('added_tokens'));
    let highest = 0;
    for (const id of this.#words.keys()) highest = Math.max(highest, id);
    this.vocabSize = highest + 1;
    this.#checkTemplate(part.at('post_processor'));
    this.#splitters = {
      all: this.#splittersOf(added),
      plain: this.#splittersOf(added.filter(({ special }) => !special)),
    };
    for (const role of ROLE_KEYS) {
      const id = this.#roleId(role, settings.roles[role], path);
      if (id !== undefined) this[ROLES[role]] = id;
    }
    this.eosIds = [
      ...new Set([...(this.eosId === undefined ? [] : [this.eosId]), ...(settings.endIds ?? [])]),
    ];
    this.chatTemplate = settings.chatTemplate;
    this.maxLength = settings.maxLength;
  }

  #add(token: AddedToken, path: string): void {
    const { content, id } = token;
    const [own, word] = [this.#model.ids.get(content) ?? id, this.#words.get(id) ?? content];
    if (own !== id || word !== content) {
      const clash =
        own !== id ? `has the id ${own} in the vocabulary, not ${id}` : `has the id of ${brief(word)}`;
      throw new FormatError(`the added token ${brief(content)} ${clash}`, { path, actual: id });
    }
    this.#added.set(id, token);
    this.#addedIds.set(content, id);
    this.#words.set(id, content);
  }

  #checkTemplate(path: string): void {
    for (const item of [...this.#template.single, ...this.#template.pair])
      for (const id of 'ids' in item ? item.ids : [])
        if (!this.#words.has(id)) throw refusal(path, 'must name ids of the vocabulary', id);
  }

  #splittersOf(tokens: readonly AddedToken[]): readonly [AddedTokenSplitter, AddedTokenSplitter] {
    const normalizes = (token: AddedToken) => token.normalized && this.#normalizer !== null;
    const raw = tokens.filter((token) => !normalizes(token));
    const normalized = tokens.filter(normalizes);
    return [
      new AddedTokenSplitter(raw.map((token) => [token.content, token])),
      new AddedTokenSplitter(normalized.map((token) => [this.#normalizer!(token.content), token])),
    ];
  }

  #roleId(role: Role, content: string | undefined, path: string): number | undefined {
    if (content === undefined) return undefined;
    const id = this.tokenToId(content);
    if (id !== undefined) return id;
    throw new FormatError(`the ${role} ${brief(content)} is not in the vocabulary`, {
      path,
      actual: content,
    });
  }

  /**
   * The ids of a text, (tokens). Halves of surrogate pairs, which no vocabulary spells, count as U+FFFD.
   */
  encode(text: string, options: PretrainedEncodeOptions = {}): Int32Array {
    const parse = this.#checkEncode('encode', text, options);
    const items = this.#itemsOf(this.#template.single, options.addSpecialTokens ?? true);
    return Int32Array.from(this.#fill(items, [this.#idsOf(text, parse)]).ids);
  }

  /** The ids of two texts, as the model wants to see a pair. */
  encodePair(first: string, second: string, options: PretrainedEncodeOptions = {}): EncodedPair {
    const parse = this.#checkEncode('encodePair', first, options);
    checkValue('PretrainedTokenizer.encodePair', 'second', second, textRule);
    const items = this.#itemsOf(this.#template.pair, options.addSpecialTokens ?? true);
    const { ids, segments } = this.#fill(items, [this.#idsOf(first, parse), this.#idsOf(second, parse)]);
    return { ids: Int32Array.from(ids), segments: Int32Array.from(segments) };
  }

  #checkEncode(method: string, text: string, options: PretrainedEncodeOptions): boolean {
    const op = `PretrainedTokenizer.${method}`;
    checkOptions(op, options, { addSpecialTokens: optional(flag), parseSpecialTokens: optional(flag) });
    checkValue(op, 'text', text, textRule);
    return options.parseSpecialTokens ?? true;
  }

  #itemsOf(items: readonly TemplateItem[], special: boolean): readonly TemplateItem[] {
    return special ? items : items.filter((item) => 'text' in item);
  }

  #fill(
    items: readonly TemplateItem[],
    texts: readonly (readonly number[])[],
  ): Record<'ids' | 'segments', number[]> {
    const ids: number[] = [];
    const segments: number[] = [];
    for (const item of items) {
      for (const id of 'ids' in item ? item.ids : texts[item.text]) {
        ids.push(id);
        segments.push(item.segment);
      }
    }
    return { ids, segments };
  }

  #idsOf(text: string, parsesSpecial: boolean): number[] {
    const [raw, normalized] = this.#splitters[parsesSpecial ? 'all' : 'plain'];
    const wellFormed = hasLoneSurrogate(text) ? Array.from(text, wholeCharacter).join('') : text;
    const out: number[] = [];
    for (const outer of raw.split(wellFormed)) {
      if (outer.token !== null) {
        out.push(outer.token.id);
        continue;
      }
      const now = this.#normalizer === null ? outer.text : this.#normalizer(outer.text);
      for (const inner of normalized.split(now)) {
        if (inner.token !== null) out.push(inner.token.id);
        else {
          const pieces = this.#preTokenizer([inner.text], outer.start === 0 && inner.start === 0);
          for (const piece of pieces) this.#model.encode(piece, out);
        }
      }
    }
    return out;
  }

  /**
   * The text of ids. Bytes that are no text become U+FFFD; an id that no token has is no text.
   * @throws DataError for an id outside [0, vocabSize)
   */
  decode(ids: ArrayLike<number>, options: PretrainedDecodeOptions = {}): string {
    checkOptions('PretrainedTokenizer.decode', options, {
      skipSpecialTokens: optional(flag),
      cleanUp: optional(flag),
    });
    checkValue('PretrainedTokenizer.decode', 'ids', ids, idList);
    const { skipSpecialTokens = true, cleanUp: cleans = this.#settings.cleanUp } = options;
    const words: string[] = [];
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i];
      if (!Number.isInteger(id) || id < 0 || id >= this.vocabSize) {
        throw new DataError(`id ${brief(id)} at position ${i} is not in [0, ${this.vocabSize})`, {
          op: 'PretrainedTokenizer.decode',
          expected: this.vocabSize,
          actual: id,
          hint: 'was it made with another tokenizer?',
        });
      }
      const word = this.#words.get(id);
      if (word === undefined || (skipSpecialTokens && this.#added.get(id)?.special === true)) continue;
      words.push(word);
    }
    const text = this.#decoder.decode(words);
    return cleans ? cleanUp(text) : text;
  }

  /**
   * The bytes of a token inside a text, none for a special one: what lets a text be shown as it comes.
   * @throws ConfigError for an id outside [0, vocabSize)
   */
  tokenBytes(id: number): Uint8Array {
    checkValue('PretrainedTokenizer.tokenBytes', 'id', id, integer(0, this.vocabSize - 1));
    const word = this.#words.get(id);
    return word === undefined || this.#added.get(id)?.special === true ? NONE : this.#decoder.bytesOf(word);
  }

  /** The id of a token as the vocabulary writes it, e.g. `Ġthe` or `[CLS]`; undefined when there is none. */
  tokenToId(token: string): number | undefined {
    checkValue('PretrainedTokenizer.tokenToId', 'token', token, textRule);
    return this.#addedIds.get(token) ?? this.#model.ids.get(token);
  }

  /** A token as the vocabulary writes it; undefined when no token has the id. */
  idToToken(id: number): string | undefined {
    checkValue('PretrainedTokenizer.idToToken', 'id', id, number);
    return this.#words.get(id);
  }

  /** Contents of the special tokens, in the order of their ids. */
  get specialTokens(): readonly string[] {
    const special = [...this.#added.values()].filter((token) => token.special);
    return special.sort((a, b) => a.id - b.id).map(({ content }) => content);
  }

  /** A tokenizer.json: what was read, or what vocab.json and merges.txt, or vocab.txt, come to. */
  toTokenizerJSON(): Record<string, unknown> {
    return this.#source;
  }

  /** What `JSON.stringify(tokenizer)` writes and `PretrainedTokenizer.fromJSON` reads. */
  toJSON(): PretrainedTokenizerJSON {
    return {
      format: FORMAT,
      version: 1,
      unicode: UNICODE_VERSION,
      tokenizer: this.#source,
      settings: this.#settings,
    };
  }

  /**
   * Reads what `toJSON` made, as an object.
   * @throws FormatError naming what is wrong
   */
  static fromJSON(data: unknown): PretrainedTokenizer {
    const op = 'PretrainedTokenizer.fromJSON';
    if (!isPretrainedJSON(data))
      throw new FormatError('not a pretrained tokenizer', { op, hint: 'tokenizerFrom reads tokenizer.json' });
    const part = new JsonPart(data, op).irrelevant('format');
    part.among('version', [1], 'a newer Prenorm made it: update this one');
    part.among(
      'unicode',
      [UNICODE_VERSION],
      'texts may be split in other ways: use the Prenorm that made it',
    );
    const [tokenizer, settings] = [part.take('tokenizer'), part.part('settings')];
    part.finish();
    return new PretrainedTokenizer(tokenizer, storedSettings(settings), 'tokenizer');
  }
}

function storedSettings(part: JsonPart): TokenizerSettings {
  const { cleanUp: cleans, roles, chatTemplate, maxLength } = part.value as Record<string, unknown>;
  const endIds = readEndIds(part, 'endIds');
  part.irrelevant('cleanUp', 'roles', 'chatTemplate', 'maxLength').finish();
  const given = {
    clean_up_tokenization_spaces: cleans,
    chat_template: chatTemplate,
    model_max_length: maxLength,
  };
  const settings = readSettings({ ...(isJsonObject(roles) ? roles : {}), ...given }, part.path);
  return endIds.length === 0 ? settings : { ...settings, endIds };
}

const wholeCharacter = (character: string): string => (hasLoneSurrogate(character) ? '\ufffd' : character);
