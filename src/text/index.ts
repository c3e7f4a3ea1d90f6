/**
 * @file Tokenizers (byte-pair encoding, characters, words) and BLEU with its bootstrap.
 * @module prenorm/text
 */
export { decodeText, decodeUtf8Strict } from '../utf8.js';
export { BLEU, type BLEUOptions, type BLEUScore, type References, sentenceBLEU } from './bleu.js';
export {
  type BootstrapInterval,
  type BootstrapOptions,
  type BootstrapResult,
  pairedBootstrap,
} from './bootstrap.js';
export { type TrainBPEOptions, trainBPE } from './bpe.js';
export { CharTokenizer, type CharTokenizerJSON, trainChars } from './char-tokenizer.js';
export { repeatedLoopShare } from './loops.js';
export { type MaskedMarks, maskedMarks } from './masked-marks.js';
export { tokenize13a } from './tokenize-13a.js';
export { type EncodeOptions, Tokenizer, type TokenizerJSON } from './tokenizer.js';
export { lowercase } from './unicode.js';
export { UNICODE_VERSION } from './unicode-table.js';
export { tokenizeWords, type WordLanguage, wordLanguages } from './word-tokenizer.js';
