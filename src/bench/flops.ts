/**
 * @file FLOPs that a model needs for one training step, whatever the implementation does: a multiplication and an
 * addition per weight and token forward, twice that backward, in matrix products only. Causal attention counts half,
 * padding not at all.
 */
import type { ModelConfig } from '../nn/config.js';

/** Forward and backward of a product that takes `multiplications` forward. */
const trained = (multiplications: number): number => 6 * multiplications;

type Widths = Pick<ModelConfig, 'dModel' | 'dFF' | 'vocabSize' | 'numEncoderLayers' | 'numDecoderLayers'>;

/** A decoder-only model on `batchSize` full windows. */
export function causalLmFlops(config: Widths, numLayers: number, batchSize: number, seqLen: number): number {
  const { dModel, dFF, vocabSize } = config;
  const tokens = batchSize * seqLen;
  const layer = tokens * (4 * dModel * dModel + 2 * dModel * dFF) + batchSize * seqLen * seqLen * dModel;
  return trained(numLayers * layer + tokens * dModel * vocabSize);
}

/** An encoder-decoder on sentence pairs of these lengths; marks of the target included in its length. */
export function translationFlops(
  config: Widths,
  sourceLengths: ArrayLike<number>,
  targetLengths: ArrayLike<number>,
): number {
  const { dModel, dFF, vocabSize, numEncoderLayers, numDecoderLayers } = config;
  const square = dModel * dModel;
  const feedForward = 2 * dModel * dFF;
  let total = 0;
  for (let b = 0; b < sourceLengths.length; b++) {
    const [s, t] = [sourceLengths[b], targetLengths[b]];
    total += numEncoderLayers * (s * (4 * square + feedForward) + 2 * s * s * dModel);
    // Self-attention 4, queries and output of the cross-attention 2; its keys and values are made of the source.
    const projections = t * (6 * square + feedForward) + s * 2 * square;
    total += numDecoderLayers * (projections + (t * t + 2 * t * s) * dModel);
    total += t * dModel * vocabSize;
  }
  return trained(total);
}
