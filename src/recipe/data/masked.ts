/** @file Masked text. */
import { optional } from '../../checks.js';
import { evaluationMaskedPairs, loadKjv, MaskedPairBatches, type MaskedTexts } from '../../data/index.js';
import { rowLength } from '../../data/row-batches.js';
import { ConfigError, DataError } from '../../errors.js';
import type { MaskedMarks } from '../../text/index.js';
import type { MaskedData } from '../data-recipe.js';
import { rowsBy, type TextCodec } from '../tokenizers.js';
import { checkOrigin, contentHash, originKeys, type Parts, readContent, SHARE } from './content.js';
import type { DataKind } from './kind.js';
import { boundsOf, decidedBounds, MAX_LEN, rowDefaults, rowRules } from './rows.js';

/**
 * Documents of a text with a sentence a line and an empty line between documents, and the last share of the sentences
 * of each, held out.
 * @throws DataError when no document is long enough to hold anything out
 */
export function divideDocuments(text: string, path: string, validation: number): Parts<string[][]> {
  const documents = text
    .split(/\r?\n(?:[ \t]*\r?\n)+/)
    .map((document) => document.split(/\r?\n/).filter((line) => line.trim() !== ''))
    .filter((document) => document.length > 0);
  const cuts = documents.map((document) => document.length - Math.floor(document.length * validation));
  const train = documents.map((document, d) => document.slice(0, cuts[d])).filter(({ length }) => length > 0);
  const valid = documents.map((document, d) => document.slice(cuts[d])).filter(({ length }) => length > 0);
  if (validation === 0) return { train };
  if (valid.length > 0) return { train, valid };
  throw new DataError('no document is long enough to hold sentences out for validation', {
    path,
    hint: 'a sentence a line, an empty line between documents; or set validation to 0',
  });
}

/** The documents of each part. */
export interface ReadMasked {
  sha256: string;
  source: string | null;
  parts: Parts<string[][]>;
}

/** A pretrained tokenizer without a mask has none beside its ids either: its model has no row for one. */
function checkMask({ maskId, vocabSize }: MaskedMarks, tokenizer: TextCodec): void {
  if (maskId < vocabSize) return;
  throw new ConfigError('the tokenizer has no token to mask with', {
    op: 'tokenizer',
    expected: 'one with a mask_token',
    actual: tokenizer.vocabSize,
    hint: 'take that of a BERT, or { "kind": "bpe", "vocabSize": 1000 }',
  });
}

/** Masked text. */
export const maskedKind: DataKind<MaskedData, ReadMasked> = {
  kind: 'masked',
  rules: {
    ...rowRules,
    maskedShare: optional({
      wanted: 'a share above 0, at most 1',
      holds: (value) => typeof value === 'number' && value > 0 && value <= 1,
    }),
  },
  contentKeys: originKeys,
  models: ['maskedLM'],
  defaults: { ...rowDefaults, maskedShare: 0.15 },
  check: checkOrigin,
  async read(data, sources) {
    const content = await readContent(
      data,
      {
        kind: 'masked',
        embedded: { kjv: loadKjv },
        file: 'text.txt',
        format: 'a sentence a line, an empty line between documents',
      },
      sources,
    );
    const { whole } = content.texts as { whole: string };
    const { whole: path } = content.names as { whole: string };
    const parts = divideDocuments(whole, path, data.validation ?? SHARE);
    return { source: content.source, parts, sha256: contentHash([parts.train, parts.valid]) };
  },
  async open(data, { source, parts, sha256 }, make) {
    const { maskedShare } = data;
    const tokenizer = await make(parts.train.flat(), source);
    const codec = rowsBy(tokenizer, 'masked');
    const { marks } = codec;
    checkMask(marks, tokenizer);
    const encode = (documents: string[][] = []): MaskedTexts => ({
      documents: documents.map((document) => document.map((sentence) => codec.encode(sentence))),
    });
    const train = encode(parts.train);
    const longest = train.documents.reduce((most, document) => {
      const pairs = document.map(({ length }, i) => rowLength(length, document[i + 1]?.length ?? 0, MAX_LEN));
      return pairs.reduce((a, b) => Math.max(a, b), most);
    }, 0);
    const decided = decidedBounds(data, longest);
    const bounds = boundsOf(data, decided);
    const options = { ...bounds, marks, ...(maskedShare === undefined ? {} : { maskedShare }) };
    return {
      sha256,
      tokenizer,
      decided,
      tokens: train.documents.flat().reduce((sum, { length }) => sum + length, 0),
      sizes: { vocabSize: marks.vocabSize, maxSeqLen: bounds.maxLen, numSegments: 2, nextSentence: true },
      heldOut: parts.valid ? ['valid'] : [],
      train: (seed) => new MaskedPairBatches(train, { ...options, seed }),
      evaluation: () => [...evaluationMaskedPairs(encode(parts.valid), { ...options, seed: 0 })],
      // Which tokens are masked depends on all of them.
      numExamples: () => null,
    };
  },
};
