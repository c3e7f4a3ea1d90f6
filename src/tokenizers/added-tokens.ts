/**
 * @file Tokens that are found in a text before anything else: special ones like `<|endoftext|>`, and words that were
 * added to a vocabulary. At each place the longest counts.
 */
import { brief, FormatError } from '../errors.js';
import { JsonPart, refusal } from '../json-part.js';
import { isSpace, isWord } from './unicode-properties.js';
import { isId, MAX_ID } from './vocabulary.js';

/** An entry of `added_tokens`. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Only where no word character stands beside it. */
  readonly singleWord: boolean;
  /** Takes white space on its left, or right, with it. */
  readonly stripsLeft: boolean;
  readonly stripsRight: boolean;
  /** Looked for in the normalized text. */
  readonly normalized: boolean;
  /** No text: left out where ids are decoded. */
  readonly special: boolean;
}

/** A stretch of a text: an added token, or what is between them. */
export interface Section {
  readonly text: string;
  readonly start: number;
  readonly token: AddedToken | null;
}

/** Beyond any published vocabulary's; the search tree has a node for every letter. */
const MAX_CONTENT = 4096;

/** `added_tokens` of tokenizer.json. */
export function readAddedTokens(value: unknown, path: string): AddedToken[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw refusal(path, 'must be a list', value);
  const tokens = value.map((item, i) => readAddedToken(new JsonPart(item, `${path}[${i}]`)));
  const contents = new Set<string>();
  const ids = new Set<number>();
  for (const { content, id } of tokens) {
    if (contents.has(content) || ids.has(id))
      throw new FormatError(`${brief(content)} or its id ${id} stands twice`, { path, actual: content });
    contents.add(content);
    ids.add(id);
  }
  return tokens;
}

function readAddedToken(part: JsonPart): AddedToken {
  const id = part.take('id');
  const content = part.text('content');
  if (content === '' || content.length > MAX_CONTENT)
    throw refusal(part.at('content'), `must have 1 to ${MAX_CONTENT} characters`, content);
  if (!isId(id)) throw refusal(part.at('id'), `must be a whole number from 0 to ${MAX_ID}`, id);
  const special = part.flag('special', false);
  const token = {
    id,
    content,
    singleWord: part.flag('single_word', false),
    stripsLeft: part.flag('lstrip', false),
    stripsRight: part.flag('rstrip', false),
    normalized: part.flag('normalized', !special),
    special,
  };
  part.irrelevant('__type').finish();
  return token;
}

interface Branch {
  token: AddedToken | null;
  next: Map<number, Branch> | null;
}

/** Finds added tokens in texts. */
export class AddedTokenSplitter {
  readonly #root: Branch = { token: null, next: null };

  /** @param tokens with what they look like in the texts that come */
  constructor(tokens: readonly (readonly [string, AddedToken])[]) {
    for (const [content, token] of tokens) {
      let branch = this.#root;
      for (let i = 0; i < content.length; i++) {
        branch.next ??= new Map();
        const unit = content.charCodeAt(i);
        let child = branch.next.get(unit);
        if (child === undefined) {
          child = { token: null, next: null };
          branch.next.set(unit, child);
        }
        branch = child;
      }
      if (content !== '') branch.token ??= token;
    }
  }

  /** The text's sections from the left; none is empty. */
  split(text: string): Section[] {
    const sections: Section[] = [];
    if (this.#root.next === null) return text === '' ? [] : [{ text, start: 0, token: null }];
    let open = 0;
    for (let at = 0; at < text.length; ) {
      const found = this.#longestAt(text, at);
      if (found === null) {
        at++;
        continue;
      }
      let [end, start] = [found.end, at];
      at = end;
      const { token } = found;
      if (token.singleWord && !standsAlone(text, start, end)) continue;
      if (token.stripsLeft) while (start > open && isSpace(text.charCodeAt(start - 1))) start--;
      if (token.stripsRight) while (end < text.length && isSpace(text.charCodeAt(end))) end++;
      if (open < start) sections.push({ text: text.slice(open, start), start: open, token: null });
      sections.push({ text: text.slice(start, end), start, token });
      open = end;
      at = Math.max(at, end);
    }
    if (open < text.length) sections.push({ text: text.slice(open), start: open, token: null });
    return sections;
  }

  #longestAt(text: string, start: number): { token: AddedToken; end: number } | null {
    let found: { token: AddedToken; end: number } | null = null;
    let branch: Branch | undefined = this.#root;
    for (let at = start; at < text.length; ) {
      branch = branch.next?.get(text.charCodeAt(at++));
      if (branch === undefined) break;
      if (branch.token !== null) found = { token: branch.token, end: at };
    }
    return found;
  }
}

function standsAlone(text: string, start: number, end: number): boolean {
  const low = start > 1 && (text.charCodeAt(start - 1) & 0xfc00) === 0xdc00;
  const before = start === 0 ? -1 : text.codePointAt(start - (low ? 2 : 1))!;
  const after = end === text.length ? -1 : text.codePointAt(end)!;
  return (before < 0 || !isWord(before)) && (after < 0 || !isWord(after));
}
