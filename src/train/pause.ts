/** @file Lets the host breathe between steps, only when 12 ms have passed, so that short steps are not slowed down. */
import { turn } from '../runtime/turn.js';

let last = 0;

export async function pause(): Promise<void> {
  const now = performance.now();
  if (now - last < 12) return;
  await turn();
  last = performance.now();
}

/** What these parts come to, with a turn for the host between them. */
export async function inTurns<T>(parts: Generator<void, T, void>): Promise<T> {
  for (;;) {
    const { done, value } = parts.next();
    if (done) return value;
    await pause();
  }
}
