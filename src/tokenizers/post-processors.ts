/** @file Post-processors of tokenizer.json: the special tokens around one text, or around and between two. */
import { brief, FormatError } from '../errors.js';
import { JsonPart, readTyped, refusal } from '../json-part.js';
import { isId } from './vocabulary.js';

/** Special ids, or the place of the first or second text; `segment` is what BERT calls the token type. */
export type TemplateItem =
  | { readonly ids: readonly number[]; readonly segment: number }
  | { readonly text: 0 | 1; readonly segment: number };

/** What stands around one text, and around two. */
export interface Template {
  readonly single: readonly TemplateItem[];
  readonly pair: readonly TemplateItem[];
}

const A: TemplateItem = { text: 0, segment: 0 };
/** Without a post-processor. */
export const PLAIN: Template = { single: [A], pair: [A, { text: 1, segment: 1 }] };

const READERS: Readonly<Record<string, (part: JsonPart) => Template | null>> = {
  // Its options move offsets, which are not computed here.
  ByteLevel(part) {
    part.irrelevant('add_prefix_space', 'trim_offsets', 'use_regex');
    return null;
  },
  BertProcessing(part) {
    const [cls, sep] = [readMark(part, 'cls'), readMark(part, 'sep')];
    const pair = [mark(cls, 0), A, mark(sep, 0), { text: 1, segment: 1 } as const, mark(sep, 1)];
    return { single: [mark(cls, 0), A, mark(sep, 0)], pair };
  },
  RobertaProcessing(part) {
    part.irrelevant('trim_offsets', 'add_prefix_space');
    const [cls, sep] = [readMark(part, 'cls'), readMark(part, 'sep')];
    const pair = [
      mark(cls, 0),
      A,
      mark(sep, 0),
      mark(sep, 0),
      { text: 1, segment: 0 } as const,
      mark(sep, 0),
    ];
    return { single: [mark(cls, 0), A, mark(sep, 0)], pair };
  },
  TemplateProcessing(part) {
    const ids = readSpecialIds(part.part('special_tokens'));
    const items = (key: string) =>
      part.list(key).map((item, i) => readItem(new JsonPart(item, `${part.at(key)}[${i}]`), ids));
    return { single: items('single'), pair: items('pair') };
  },
};

/** `post_processor` of the file. */
export function readPostProcessor(value: unknown, path: string): Template {
  const found = readTyped(value, path, 'post-processor', 'processors', READERS).filter(
    (made) => made !== null,
  );
  if (found.length > 1) {
    throw new FormatError('has two post-processors that add tokens; one is known here', { path });
  }
  return found[0] ?? PLAIN;
}

const mark = (id: number, segment: number): TemplateItem => ({ ids: [id], segment });

/** `["[CLS]", 101]` */
function readMark(part: JsonPart, key: string): number {
  const value = part.take(key);
  if (Array.isArray(value) && value.length === 2 && isId(value[1])) return value[1];
  throw refusal(part.at(key), 'must be a token and its id', value);
}

function readSpecialIds(part: JsonPart): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, readonly number[]>();
  for (const name of Object.keys(part.value as object)) {
    const special = part.part(name);
    const ids = special.list('ids');
    if (!ids.every(isId)) throw refusal(special.at('ids'), 'must be ids', ids);
    special.irrelevant('id', 'tokens').finish();
    found.set(name, ids);
  }
  return found;
}

function readItem(part: JsonPart, special: ReadonlyMap<string, readonly number[]>): TemplateItem {
  const isText = part.take('Sequence') !== undefined;
  const key = isText ? 'Sequence' : 'SpecialToken';
  const inner = part.part(key);
  part.finish();
  const id = inner.text('id');
  const segment = inner.whole('type_id', 0, 255, 0);
  inner.finish();
  if (isText) {
    if (id !== 'A' && id !== 'B') throw refusal(inner.at('id'), 'must be A or B', id);
    return { text: id === 'A' ? 0 : 1, segment };
  }
  const ids = special.get(id);
  if (ids !== undefined) return { ids, segment };
  throw new FormatError(`${brief(id)} is not among special_tokens`, { path: inner.at('id'), actual: id });
}
