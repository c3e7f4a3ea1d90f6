/**
 * @file Tokenizers of pretrained models: tokenizer.json, GPT-2's and BERT's own files; and ours for other libraries.
 * @module prenorm/tokenizers
 */
export { checkWeightFiles } from './foreign-files.js';
export {
  type EncodedPair,
  type PretrainedDecodeOptions,
  type PretrainedEncodeOptions,
  PretrainedTokenizer,
  type PretrainedTokenizerJSON,
} from './pretrained-tokenizer.js';
export type { Role, TokenizerSettings } from './special-names.js';
export { toTokenizerJSON } from './to-tokenizer-json.js';
export {
  type TokenizerFile,
  type TokenizerFiles,
  type TokenizerOptions,
  tokenizerFileNames,
  tokenizerFrom,
} from './tokenizer-files.js';
