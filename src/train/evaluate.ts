import { noGrad } from '../autograd/tape.js';
import { TokenCount } from '../autograd/token-count.js';
import { brief, ConfigError, DataError } from '../errors.js';
import { log64 } from '../runtime/math.js';
import { withRuntime } from '../runtime/runtime.js';
import { BatchMean } from './batch-mean.js';
import { inTurns } from './pause.js';
import type { Trainable } from './trainable.js';

/** What an evaluation found, and on how much. */
export interface BatchesLoss {
  /** Mean un-smoothed negative log-likelihood per target, in nats. */
  nll: number;
  /** Targets that counted; null where the loss does not say. */
  tokens: number | null;
}

/**
 * Mean un-smoothed negative log-likelihood per target, in evaluation mode (no dropout). For a loss without `nll` it is
 * the mean of the loss, for one without `count` every batch weighs the same.
 * @throws DataError when there is no batch, or every target is ignored.
 */
export function evaluateLoss<B>(model: Trainable<B>, batches: Iterable<B>): number {
  return evaluateBatches(model, batches).nll;
}

/**
 * As `evaluateLoss`, with the number of targets.
 * @throws DataError when there is no batch, or every target is ignored.
 */
export function evaluateBatches<B>(model: Trainable<B>, batches: Iterable<B>): BatchesLoss {
  const parts = evaluating(model, batches);
  for (;;) {
    const { done, value } = parts.next();
    if (done) return value;
  }
}

/** The same in parts, between which others may have their turn. */
function* evaluating<B>(model: Trainable<B>, batches: Iterable<B>): Generator<void, BatchesLoss, void> {
  const runtime = model.runtime();
  const training = model.training;
  const mean = new BatchMean('evaluate');
  try {
    for (const batch of batches) {
      model.eval();
      withRuntime(runtime, () =>
        noGrad(() => {
          const { loss, nll, count } = model.loss(batch, { count: new TokenCount() });
          mean.weigh(count);
          mean.add(nll ? nll.item() : loss.item() * (count ?? 1));
        }),
      );
      yield;
    }
  } finally {
    model.train(training);
  }
  return { nll: mean.value(), tokens: mean.isCounted ? mean.total : null };
}

/**
 * What a trainer measures of its loss on these batches, of a text of so many bytes. Between batches a signal is heard.
 * @throws ConfigError for bytes of a loss that does not say how many targets counted
 */
export async function evaluationOf<B>(
  model: Trainable<B>,
  batches: Iterable<B>,
  bytes: number | undefined,
): Promise<{ validNll: number; bitsPerByte?: number }> {
  const { nll, tokens } = await inTurns(evaluating(model, batches));
  if (bytes === undefined) return { validNll: nll };
  if (tokens !== null) return { validNll: nll, bitsPerByte: bitsPerByte(nll, tokens, bytes) };
  throw new ConfigError('validationBytes is given, but the loss does not say how many targets counted', {
    op: 'Trainer',
    hint: 'return a count from loss(), or leave validationBytes out',
  });
}

/**
 * Bits per byte of the text that was predicted, by which models of different tokenizers can be compared: the negative
 * log-likelihoods of all tokens, those of marks like the end of a sentence included, over the bytes of the text alone.
 * @param nll mean per token, in nats
 * @param bytes of the text in UTF-8; marks have none
 */
export function bitsPerByte(nll: number, tokens: number, bytes: number): number {
  return (nll * tokens) / (bytes * log64(2));
}

/**
 * Batches that can be gone through again and again: what can be read once only, as a generator, is read into an array.
 * @throws ConfigError for what cannot be iterated, DataError when there is no batch.
 */
export function repeatable<B>(op: string, name: string, batches: Iterable<B>): Iterable<B> {
  if (typeof (batches as Partial<Iterable<B>> | null)?.[Symbol.iterator] !== 'function') {
    throw new ConfigError(`${name} must be a list of batches, got ${brief(batches)}`, {
      op,
      expected: 'an iterable',
      actual: batches,
    });
  }
  // What hands itself out as its own iterator has one pass only.
  const isOnce = batches[Symbol.iterator]() === (batches as unknown);
  const again = isOnce ? [...batches] : batches;
  for (const _ of again) return again;
  throw new DataError(`${name} holds no batch`, { op, expected: 'at least one', hint: `leave out ${name}` });
}
