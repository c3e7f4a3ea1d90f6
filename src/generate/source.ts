/** @file A sentence as the encoder of a Transformer reads it. */

/** What translation needs of a tokenizer: `Tokenizer`, or one of your own with these marks. */
export interface MarkedCodec {
  readonly padId: number;
  readonly bosId: number;
  readonly eosId: number;
  readonly vocabSize: number;
  /** A text as ids; an eos is put behind them where it is wanted. */
  encode(text: string, options?: { eos?: boolean }): Int32Array;
  /** The text of ids, marks left out. */
  decode(ids: ArrayLike<number>): string;
}

/** What an encoder reads: the tokens and an eos. The decoder's marks are added by the batches. */
export function encodeSource(tokenizer: MarkedCodec, text: string): Int32Array {
  return tokenizer.encode(text, { eos: true });
}
