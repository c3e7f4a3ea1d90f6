/** @file What tokenizer_config.json and its older companions say: names of special tokens, a chat's template. */
import { isJsonObject } from '../json.js';
import { JsonPart, refusal } from '../json-part.js';

/** A role that a token may have, as tokenizer_config.json calls it. */
export type Role =
  | 'bos_token'
  | 'eos_token'
  | 'pad_token'
  | 'unk_token'
  | 'cls_token'
  | 'sep_token'
  | 'mask_token';

/** Names of the roles here. */
export const ROLES = {
  bos_token: 'bosId',
  eos_token: 'eosId',
  pad_token: 'padId',
  unk_token: 'unkId',
  cls_token: 'clsId',
  sep_token: 'sepId',
  mask_token: 'maskId',
} as const satisfies Record<Role, string>;
export const ROLE_KEYS = Object.keys(ROLES) as readonly Role[];

/** What decides no id of a text. */
export interface TokenizerSettings {
  /** Contents of the tokens with a role. */
  readonly roles: Readonly<Partial<Record<Role, string>>>;
  /** Jinja; shown, never executed. */
  readonly chatTemplate: string | null;
  /** Whether texts lose the space in front of punctuation. */
  readonly cleanUp: boolean;
  /** Of the model, in tokens; null where nobody says. */
  readonly maxLength: number | null;
  /** Ids that end a text beside that of `eos_token`. Default: none. */
  readonly endIds?: readonly number[];
}

/** Larger numbers stand for no limit. */
const NO_LIMIT = 1e15;

/** Roles out of tokenizer_config.json or special_tokens_map.json; a role is a text or an object with `content`. */
export function readRoles(value: unknown, path: string): Partial<Record<Role, string>> {
  const part = new JsonPart(value, path);
  const roles: Partial<Record<Role, string>> = {};
  for (const key of ROLE_KEYS) {
    const token = part.take(key);
    if (token === undefined || token === null) continue;
    const content = isJsonObject(token) ? token.content : token;
    if (typeof content !== 'string') throw refusal(part.at(key), 'must be a string or have a content', token);
    if (content !== '') roles[key] = content;
  }
  return roles;
}

/** The settings of tokenizer_config.json; undefined is an empty one. */
export function readSettings(value: unknown, path: string): TokenizerSettings {
  if (value === undefined) return { roles: {}, chatTemplate: null, cleanUp: false, maxLength: null };
  const part = new JsonPart(value, path);
  const limit = part.take('model_max_length');
  return {
    roles: readRoles(value, path),
    chatTemplate: readChatTemplate(part.take('chat_template'), part.at('chat_template')),
    cleanUp: part.flag('clean_up_tokenization_spaces', false),
    maxLength: typeof limit === 'number' && limit > 0 && limit < NO_LIMIT ? Math.floor(limit) : null,
  };
}

/** Ids that end a text: one, or a list; none where the key is missing or null. */
export function readEndIds(part: JsonPart, key: string): number[] {
  const value = part.take(key) ?? [];
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  const bad = ids.find((id) => !Number.isSafeInteger(id) || (id as number) < 0);
  if (bad !== undefined) throw refusal(part.at(key), 'must be an id, or a list of ids', bad);
  return ids as number[];
}

/** A text, or a list of named ones, of which `default` counts, or else the first. */
function readChatTemplate(value: unknown, path: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) throw refusal(path, 'must be a string or a list', value);
  const named = value.map((item, i) => {
    const entry = new JsonPart(item, `${path}[${i}]`);
    return { name: entry.text('name'), template: entry.text('template') };
  });
  return (named.find(({ name }) => name === 'default') ?? named[0])?.template ?? null;
}
