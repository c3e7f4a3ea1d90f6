/** @file GPT-2's and BERT's own files as a tokenizer.json each. */
import { brief, FormatError } from '../errors.js';
import { isJsonObject } from '../json.js';
import { refusal } from '../json-part.js';

/** A special token of tokenizer.json. */
export const added = (content: string, id: number) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

const BARE = { version: '1.0', truncation: null, padding: null };
const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };

/** GPT-2's end of a text, which also begins one. */
export const GPT2_END = '<|endoftext|>';

/**
 * A tokenizer.json out of vocab.json and merges.txt.
 * @param vocabulary what vocab.json holds
 * @param merges two words a line; the first line may tell a version
 */
export function gpt2TokenizerJSON(
  vocabulary: unknown,
  merges: string,
  path: string,
): Record<string, unknown> {
  if (!isJsonObject(vocabulary))
    throw refusal('vocab.json', 'must be an object of words and ids', vocabulary);
  const pairs: string[][] = [];
  merges.split(/\r?\n/).forEach((line, i) => {
    if (line === '' || (i === 0 && line.startsWith('#version'))) return;
    const pair = line.split(' ');
    if (pair.length !== 2 || pair.includes('')) {
      throw new FormatError(`must be two words with a space between, got ${brief(line)}`, {
        path: `${path}:${i + 1}`,
        actual: line.slice(0, 200),
      });
    }
    pairs.push(pair);
  });
  const end = vocabulary[GPT2_END];
  return {
    ...BARE,
    added_tokens: typeof end === 'number' ? [added(GPT2_END, end)] : [],
    normalizer: null,
    pre_tokenizer: BYTE_LEVEL,
    post_processor: BYTE_LEVEL,
    decoder: BYTE_LEVEL,
    model: {
      type: 'BPE',
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab: vocabulary,
      merges: pairs,
    },
  };
}

/** BERT's tokens with a role. */
export const BERT_ROLES = {
  unk_token: '[UNK]',
  sep_token: '[SEP]',
  pad_token: '[PAD]',
  cls_token: '[CLS]',
  mask_token: '[MASK]',
} as const;

/** How a BERT was trained to see texts. */
export interface BertOptions {
  /** null: unless the vocabulary has capital letters. */
  lowercase: boolean | null;
  /** null: as `lowercase`. */
  stripAccents: boolean | null;
  splitIdeographs: boolean;
}

/** A tokenizer.json out of vocab.txt, whose lines are the words of the ids 0, 1, …. */
export function bertTokenizerJSON(text: string, path: string, options: BertOptions): Record<string, unknown> {
  const words = text.split(/\r?\n/);
  if (words[words.length - 1] === '') words.pop();
  const ids = new Map<string, number>();
  words.forEach((word, id) => {
    if (ids.has(word)) {
      throw new FormatError(`the word ${brief(word)} stands twice`, {
        path: `${path}:${id + 1}`,
        actual: word,
      });
    }
    ids.set(word, id);
  });
  for (const word of ['[UNK]', '[CLS]', '[SEP]']) {
    if (ids.has(word)) continue;
    throw new FormatError(`there is no line ${word}`, {
      path,
      expected: word,
      hint: "is it a BERT's vocabulary? one of another model needs its tokenizer.json",
    });
  }
  const cased = words.some((word) => /^[A-Z]/.test(word));
  const [cls, sep] = [ids.get('[CLS]'), ids.get('[SEP]')] as [number, number];
  const special = Object.values(BERT_ROLES).filter((word) => ids.has(word));
  return {
    ...BARE,
    added_tokens: special.map((word) => added(word, ids.get(word) as number)).sort((a, b) => a.id - b.id),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: options.splitIdeographs,
      strip_accents: options.stripAccents,
      lowercase: options.lowercase ?? !cased,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', sep], cls: ['[CLS]', cls] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
}
