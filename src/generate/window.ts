/**
 * @file What a model sees of a text that is longer than its context. Let R be the context and H = floor(R / 2), at least
 * 1. Up to R tokens it sees all. A window that has R tokens and gets another drops its first R + 1 - H, so H stay, and
 * grows to R again. So where the window begins depends only on how many tokens the text has, not on which of them were
 * a prompt; and on average the model sees three quarters of R, for twice the work a token.
 */

/** Tokens that a full window drops when another comes. */
export const windowStep = (context: number): number =>
  context + 1 - Math.max(1, (context - (context % 2)) / 2);

/** Where the window of `length` tokens begins. */
export function windowStart(length: number, context: number): number {
  if (length <= context) return 0;
  const step = windowStep(context);
  return Math.ceil((length - context) / step) * step;
}
