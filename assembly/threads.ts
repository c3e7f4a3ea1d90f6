/**
 * Fork and join of the threads that share one memory. Nothing here touches a tensor.
 *
 * A control block holds four int32 words, each in a cache line of its own: the number of commands given so far, the
 * number of arrivals so far, how many threads sleep, and a failure flag. Counters only grow (they may wrap), and
 * waits compare differences with `>= 0`, never for equality: a thread that looks late must not wait forever.
 */

const COMMANDS: usize = 0;
const ARRIVALS: usize = 64;
const SLEEPERS: usize = 128;
const FAILED: usize = 192;

/** Nanoseconds of one sleep; a missed wake-up costs no more than this. */
const NAP: i64 = 20_000_000;

/** Gives the next command and wakes whoever sleeps; returns its number. */
export function publishCommand(control: usize): i32 {
  const next = atomic.add<i32>(control + COMMANDS, 1) + 1;
  if (atomic.load<i32>(control + SLEEPERS) != 0) atomic.notify(control + COMMANDS, -1);
  return next;
}

/** Waits until a command after number `seen` is there: `spins` looks, then asleep. Returns the newest number. */
export function awaitCommand(control: usize, seen: i32, spins: i32): i32 {
  for (let i = 0; i < spins; i++) {
    const now = atomic.load<i32>(control + COMMANDS);
    if (now != seen) return now;
  }
  atomic.add<i32>(control + SLEEPERS, 1);
  let now = atomic.load<i32>(control + COMMANDS);
  while (now == seen) {
    atomic.wait<i32>(control + COMMANDS, seen, NAP);
    now = atomic.load<i32>(control + COMMANDS);
  }
  atomic.sub<i32>(control + SLEEPERS, 1);
  return now;
}

/**
 * Arrives, and waits until `target` arrivals have been counted since the pool began: `spins` looks, then asleep for
 * at most `naps` times 20 ms. Returns 0 when all are there, 1 after the time-out, 2 when a thread has failed.
 */
export function joinThreads(control: usize, target: i32, spins: i32, naps: i32): i32 {
  const arrived = atomic.add<i32>(control + ARRIVALS, 1) + 1;
  if (arrived - target >= 0) {
    if (atomic.load<i32>(control + SLEEPERS) != 0) atomic.notify(control + ARRIVALS, -1);
    return atomic.load<i32>(control + FAILED) != 0 ? 2 : 0;
  }
  for (let i = 0; i < spins; i++) {
    if (atomic.load<i32>(control + ARRIVALS) - target >= 0) return atomic.load<i32>(control + FAILED) != 0 ? 2 : 0;
  }
  atomic.add<i32>(control + SLEEPERS, 1);
  let result = 1;
  for (let nap = 0; nap < naps; nap++) {
    const now = atomic.load<i32>(control + ARRIVALS);
    if (now - target >= 0) {
      result = 0;
      break;
    }
    if (atomic.load<i32>(control + FAILED) != 0) break;
    atomic.wait<i32>(control + ARRIVALS, now, NAP);
  }
  atomic.sub<i32>(control + SLEEPERS, 1);
  return atomic.load<i32>(control + FAILED) != 0 ? 2 : result;
}

/** Tells all threads that this one cannot go on. */
export function failThreads(control: usize): void {
  atomic.store<i32>(control + FAILED, 1);
  atomic.notify(control + ARRIVALS, -1);
  atomic.notify(control + COMMANDS, -1);
}
