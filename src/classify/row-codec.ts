/** @file Texts as the rows of one or two segments that classifiers read: by a tokenizer of ours, or a pretrained one like BERT's. */
import { ConfigError } from '../errors.js';
import { type MaskedMarks, maskedMarks, Tokenizer } from '../text/index.js';
import type { PretrainedTokenizer } from '../tokenizers/pretrained-tokenizer.js';
import { isPretrainedTokenizer } from '../tokenizers/tokenizer-module.js';

/** What makes rows of texts. */
export interface RowCodec {
  readonly vocabSize: number;
  readonly marks: MaskedMarks;
  /** A text as ids without marks. */
  encode(text: string): Int32Array;
}

/**
 * @param op for messages
 * @throws ConfigError for a tokenizer whose rows are not first mark, text, end mark, text, end mark
 */
export function rowCodec(op: string, tokenizer: unknown): RowCodec {
  if (tokenizer instanceof Tokenizer) {
    const encode = (text: string) => tokenizer.encode(text);
    return { vocabSize: tokenizer.vocabSize, marks: maskedMarks(tokenizer), encode };
  }
  if (isPretrainedTokenizer(tokenizer)) return pretrainedRows(op, tokenizer);
  if (tokenizer === null) {
    throw new ConfigError('there is no tokenizer, which makes rows of texts', {
      op,
      expected: 'a tokenizer',
      hint: 'give the one that the model was trained with; folders of Hugging Face have it in tokenizer.json or vocab.txt',
    });
  }
  throw new ConfigError('the tokenizer must be one with marks for begin, end and padding', {
    op,
    expected: "a Tokenizer, or a PretrainedTokenizer with BERT's marks",
    actual: tokenizer,
    hint: 'give the one that the model was trained with',
  });
}

function pretrainedRows(op: string, tokenizer: PretrainedTokenizer): RowCodec {
  const { clsId, sepId, padId, maskId, vocabSize } = tokenizer;
  const { ids, segments } = tokenizer.encodePair('', '');
  const isRow =
    clsId !== undefined &&
    sepId !== undefined &&
    padId !== undefined &&
    String(tokenizer.encode('')) === String([clsId, sepId]) &&
    String(ids) === String([clsId, sepId, sepId]) &&
    String(segments) === '0,0,1';
  if (!isRow) {
    throw new ConfigError('the tokenizer does not make rows of [CLS] text [SEP] text [SEP]', {
      op,
      expected: "BERT's marks: cls, sep and pad, and segments 0 and 1",
      actual: `a pair of empty texts as ${ids.length === 0 ? 'nothing' : Array.from(ids, (id) => tokenizer.idToToken(id)).join(' ')}`,
      hint: 'encode texts yourself, and give ids to the model',
    });
  }
  return {
    vocabSize,
    marks: { padId, clsId, sepId, maskId: maskId ?? vocabSize, firstId: 0, endId: vocabSize, vocabSize },
    encode: (text) => tokenizer.encode(text, { addSpecialTokens: false }),
  };
}
