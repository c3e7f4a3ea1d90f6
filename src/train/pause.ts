/**
 * @file Lets the host breathe between steps. Timers are throttled in hidden tabs, so this uses setImmediate or a
 * message channel (a timer only where a host, like jsdom, has neither); and it waits only when 12 ms have passed, so
 * short steps are not slowed down.
 */
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

function turn(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise((resolve) => setImmediate(resolve));
  if (typeof MessageChannel === 'undefined') return new Promise((resolve) => setTimeout(resolve, 0));
  return new Promise((resolve) => {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      resolve();
    };
    channel.port2.postMessage(null);
  });
}
