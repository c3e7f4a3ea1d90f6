import type { Tokenizer } from './tokenizer.js';

/** The ids a masked language model needs beside those of the text (Devlin et al. 2019). */
export interface MaskedMarks {
  padId: number;
  /** Stands first in every row (BERT's [CLS]). */
  clsId: number;
  /** Ends every segment ([SEP]). */
  sepId: number;
  /** Replaces masked tokens ([MASK]). */
  maskId: number;
  /** Ids of text lie in [firstId, endId). */
  firstId: number;
  endId: number;
  /** Rows of the model's token table, the mask's included. */
  vocabSize: number;
}

/**
 * The marks for any tokenizer: bos as first mark, eos as end of a segment, and as mask its special token `<mask>` or,
 * where it has none, one id behind its last, so that its own ids stay what they are.
 */
export function maskedMarks(tokenizer: Tokenizer): MaskedMarks {
  const { padId, bosId, eosId, specialTokens, vocabSize } = tokenizer;
  const own = tokenizer.specialId('<mask>');
  return {
    padId,
    clsId: bosId,
    sepId: eosId,
    maskId: own ?? vocabSize,
    firstId: specialTokens.length,
    endId: vocabSize,
    vocabSize: own === undefined ? vocabSize + 1 : vocabSize,
  };
}
