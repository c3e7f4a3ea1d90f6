import { integer, optional, type Rule } from '../../checks.js';
import { evaluationTextWindows, loadKjv, TextWindows } from '../../data/index.js';
import { DataError } from '../../errors.js';
import { Sha256 } from '../../io/sha256.js';
import { CharTokenizer, Tokenizer } from '../../text/index.js';
import { isPretrainedTokenizer } from '../../tokenizers/tokenizer-module.js';
import { encodeBytes } from '../../utf8.js';
import type { TextData, TokensData } from '../data-recipe.js';
import { bytesOf, type TextCodec } from '../tokenizers.js';
import {
  type Content,
  checkOrigin,
  contentHash,
  originKeys,
  originRules,
  readContent,
  SHARE,
} from './content.js';
import type { DataKind, OpenedData } from './kind.js';

interface ReadText extends Content {
  sha256: string;
  whole: string;
}

const WINDOWS = { batchSize: 16, seqLen: 64 } as const;

const windowRules = { batchSize: optional(integer(1)), seqLen: optional(integer(1)) };

const isId = integer(0, 0x7fffffff).holds;
const idsRule: Rule = {
  wanted: 'an Int32Array or a list of ids',
  holds: (ids) => (ids instanceof Int32Array || Array.isArray(ids)) && (ids as number[]).every(isId),
};

/** Running text. */
export const textKind: DataKind<TextData, ReadText> = {
  kind: 'text',
  rules: { ...originRules, ...windowRules },
  contentKeys: originKeys,
  models: ['causalLM'],
  defaults: WINDOWS,
  check: checkOrigin,
  async read(data, sources) {
    const layout = { kind: 'text', embedded: { kjv: loadKjv }, file: 'text.txt', format: 'UTF-8' } as const;
    const content = await readContent(data, layout, sources);
    const { whole } = content.texts as { whole: string };
    // The share that is held out decides what is trained on.
    return { ...content, whole, sha256: contentHash([contentHash(whole), data.validation ?? SHARE]) };
  },
  async open(data, { sha256, whole, names, source }, make) {
    const tokenizer = await make([whole], source);
    const ids = tokenizer.encode(whole);
    const held = Math.floor(ids.length * (data.validation ?? SHARE));
    const train = ids.subarray(0, ids.length - held);
    const valid = held >= 2 ? ids.subarray(ids.length - held) : null;
    const opened = windows(train, valid, { ...WINDOWS, ...data }, (names as { whole: string }).whole);
    return {
      ...opened,
      sizes: { ...opened.sizes, vocabSize: tokenizer.vocabSize },
      sha256,
      tokenizer,
      ...(valid && {
        textBytes: (_, __, count) =>
          targetBytes(tokenizer, whole, valid, firstWindows(valid, count, { ...WINDOWS, ...data }).length),
        examples: () => [{ text: firstWords(tokenizer.decode(valid)) }],
      }),
      // The command line of 0.1, which hashed the text, always held out that share.
      oldHashes: () => [
        ...(data.validation === undefined || data.validation === SHARE ? [contentHash(whole)] : []),
        idsHash(train, valid),
      ],
    };
  },
};

/**
 * Every held-out token but the first is a target once, of the first `length` tokens. A character that has no token
 * counts by its own bytes.
 * @param held the tokens that `whole` ends with
 */
function targetBytes(
  tokenizer: TextCodec,
  whole: string,
  held: Int32Array,
  length = held.length,
): number | null {
  if (tokenizer instanceof Tokenizer || isPretrainedTokenizer(tokenizer))
    return bytesOf(tokenizer, held.subarray(1, length));
  if (!(tokenizer instanceof CharTokenizer)) return null;
  let from = whole.length;
  for (let n = 1; n < held.length; n++) from -= (whole.codePointAt(from - 2) ?? 0) > 0xffff ? 2 : 1;
  let to = from;
  for (let n = 1; n < length; n++) to += (whole.codePointAt(to) ?? 0) > 0xffff ? 2 : 1;
  return encodeBytes(whole.slice(from, to)).length;
}

/** The ids of the first windows of a text, and the target of the last. */
function firstWindows(
  ids: Int32Array,
  count: number | undefined,
  { seqLen }: { seqLen: number },
): Int32Array {
  return count === undefined ? ids : ids.subarray(0, count * seqLen + 1);
}

/**
 * A text that a trained model is judged by, all of it.
 * @throws DataError for fewer than two tokens
 */
export function textToJudge(
  whole: string,
  path: string,
  tokenizer: TextCodec,
  size: { batchSize: number; seqLen: number },
): Pick<OpenedData, 'evaluation' | 'numExamples' | 'textBytes'> {
  const ids = tokenizer.encode(whole);
  if (ids.length < 2) {
    throw new DataError('the text has one token only, so there is nothing to predict', {
      path,
      expected: 2,
      actual: ids.length,
    });
  }
  return {
    ...judged(ids, size),
    textBytes: (_, __, count) => targetBytes(tokenizer, whole, ids, firstWindows(ids, count, size).length),
  };
}

function judged(
  ids: Int32Array,
  size: { batchSize: number; seqLen: number },
): Pick<OpenedData, 'evaluation' | 'numExamples'> {
  return {
    evaluation: (_, __, count) => [...evaluationTextWindows(firstWindows(ids, count, size), size)],
    numExamples: () => Math.ceil((ids.length - 1) / size.seqLen),
  };
}

const WORDS = 6;
const MOST_CHARS = 60;

/** The first whole words, not those that the cut runs through. */
function firstWords(text: string): string {
  const words = text
    .slice(0, 10 * MOST_CHARS)
    .split(/\s+/)
    .slice(1, WORDS + 1);
  const first = words.join(' ').slice(0, MOST_CHARS).trim();
  return first === '' ? Array.from(text.slice(0, MOST_CHARS)).slice(0, 10).join('') : first;
}

interface ReadTokens {
  sha256: string;
  ids: Int32Array;
  held: Int32Array | null;
}

/** Token ids. */
export const tokensKind: DataKind<TokensData, ReadTokens> = {
  kind: 'tokens',
  rules: { ids: idsRule, validation: optional(idsRule), ...windowRules },
  contentKeys: ['ids', 'validation'],
  models: ['causalLM'],
  defaults: WINDOWS,
  async read({ ids: given, validation }) {
    const ids = Int32Array.from(given);
    const held = validation === undefined ? null : Int32Array.from(validation);
    // Ids that move from one part to the other leave the hash of both as it is.
    return { ids, held, sha256: contentHash([idsHash(ids, held), ids.length]) };
  },
  async open(data, { ids, held, sha256 }) {
    const opened = windows(ids, held, { ...WINDOWS, ...data }, 'data.ids');
    return { ...opened, sha256, tokenizer: null, oldHashes: () => [idsHash(ids, held)] };
  },
};

/** Text or ids, and those to train on. */
export interface OpenedText extends OpenedData {
  readonly ids: Int32Array;
}

function windows(
  ids: Int32Array,
  held: Int32Array | null,
  { batchSize, seqLen }: { batchSize: number; seqLen: number },
  path: string,
): Omit<OpenedText, 'sha256' | 'tokenizer'> {
  if (ids.length < batchSize * seqLen + 1) {
    throw new DataError(
      `there are ${ids.length} tokens to train on, one batch of ${batchSize} x ${seqLen} needs ${batchSize * seqLen + 1}`,
      {
        path,
        expected: batchSize * seqLen + 1,
        actual: ids.length,
        hint: 'use more text, or a smaller batchSize, seqLen or vocabulary',
      },
    );
  }
  const size = { batchSize, seqLen };
  return {
    ids,
    tokens: ids.length,
    sizes: { maxSeqLen: seqLen },
    heldOut: held ? ['valid'] : [],
    train: (seed) => new TextWindows(ids, { ...size, seed }),
    ...judged(held ?? new Int32Array(0), size),
  };
}

function idsHash(ids: Int32Array, held: Int32Array | null): string {
  const hash = new Sha256();
  for (const part of [ids, held ?? new Int32Array(0)]) {
    hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }
  return hash.hex();
}
