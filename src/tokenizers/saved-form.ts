/** @file What tells the stored form of a `PretrainedTokenizer`. */
import { isJsonObject } from '../json.js';

/** `format` of what `PretrainedTokenizer.toJSON` makes. */
export const FORMAT = 'prenorm-pretrained-tokenizer';

/** Whether a value is what `PretrainedTokenizer.toJSON` made. */
export const isPretrainedJSON = (json: unknown): boolean => isJsonObject(json) && json.format === FORMAT;
