import { evaluationTextWindows, loadKjv, TextWindows } from '../../data/index.js';
import { DataError } from '../../errors.js';
import { Sha256 } from '../../io/sha256.js';
import type { TextData, TokensData } from '../data-recipe.js';
import { checkOrigin, contentHash, originKeys, readContent } from './content.js';
import { checkCounts, type DataKind, type OpenedData } from './kind.js';

const HELD_OUT = 0.1;
const WINDOWS = { batchSize: 16, seqLen: 64 } as const;

/** Running text. */
export const textKind: DataKind<TextData> = {
  kind: 'text',
  keys: [...originKeys, 'batchSize', 'seqLen'],
  contentKeys: originKeys,
  models: ['causalLM'],
  defaults: WINDOWS,
  check(data, must) {
    checkOrigin(data, must);
    checkCounts(data, ['batchSize', 'seqLen'], must);
  },
  async open(data, { sources, tokenizer: make }) {
    const content = await readContent(
      data,
      { kind: 'text', embedded: { kjv: loadKjv }, file: 'text.txt', format: 'UTF-8' },
      sources,
    );
    const { whole } = content.texts as { whole: string };
    const { whole: path } = content.names as { whole: string };
    const tokenizer = await make([whole], content.source);
    const ids = tokenizer.encode(whole);
    const share = data.validation ?? HELD_OUT;
    const held = Math.floor(ids.length * share);
    const cut = ids.length - held;
    const valid = held >= 2 ? ids.subarray(cut) : null;
    const text = contentHash(whole);
    const opened = windows(ids.subarray(0, cut), valid, { ...WINDOWS, ...data }, path);
    return {
      ...opened,
      sizes: { ...opened.sizes, vocabSize: tokenizer.vocabSize },
      // The share that is held out decides what is trained on.
      sha256: contentHash([text, cut]),
      tokenizer,
      // The command line of 0.1, which hashed the text, always held out that share.
      oldHashes: () => [...(share === HELD_OUT ? [text] : []), idsHash(ids.subarray(0, cut), valid)],
    };
  },
};

/** Token ids. */
export const tokensKind: DataKind<TokensData> = {
  kind: 'tokens',
  keys: ['ids', 'validation', 'batchSize', 'seqLen'],
  contentKeys: ['ids', 'validation'],
  models: ['causalLM'],
  defaults: WINDOWS,
  check(data, must) {
    must(isIds(data.ids), 'data.ids', 'an Int32Array or a list of ids', data.ids);
    const { validation } = data;
    must(
      validation === undefined || isIds(validation),
      'data.validation',
      'an Int32Array or a list of ids',
      validation,
    );
    checkCounts(data, ['batchSize', 'seqLen'], must);
  },
  async open(data) {
    const held = data.validation === undefined ? null : Int32Array.from(data.validation);
    const ids = Int32Array.from(data.ids);
    const hash = idsHash(ids, held);
    return {
      ...windows(ids, held, { ...WINDOWS, ...data }, 'data.ids'),
      // Ids that move from one part to the other leave the hash of both as it is.
      sha256: contentHash([hash, ids.length]),
      tokenizer: null,
      oldHashes: () => [hash],
    };
  },
};

function isIds(ids: unknown): boolean {
  const isList = ids instanceof Int32Array || Array.isArray(ids);
  return isList && (ids as number[]).every((id) => Number.isInteger(id) && id >= 0 && id < 0x80000000);
}

function windows(
  ids: Int32Array,
  held: Int32Array | null,
  { batchSize, seqLen }: { batchSize: number; seqLen: number },
  path: string,
): Omit<OpenedData, 'sha256' | 'tokenizer'> {
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
    tokens: ids.length,
    sizes: { maxSeqLen: seqLen },
    heldOut: held ? ['valid'] : [],
    train: (seed) => new TextWindows(ids, { ...size, seed }),
    evaluation: () => [...evaluationTextWindows(held as Int32Array, size)],
  };
}

function idsHash(ids: Int32Array, held: Int32Array | null): string {
  const hash = new Sha256();
  for (const part of [ids, held ?? new Int32Array(0)]) {
    hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  }
  return hash.hex();
}
