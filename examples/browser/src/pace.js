/** How fast it goes, and how long that will take. */

const WINDOW_MS = 20_000;

/** Steps per second over the last twenty seconds. */
export class Pace {
  #seen;

  constructor(step, now) {
    this.#seen = [{ step, now }];
  }

  add(step, now) {
    this.#seen.push({ step, now });
    while (this.#seen.length > 2 && now - this.#seen[1].now > WINDOW_MS) this.#seen.shift();
  }

  get stepsPerSecond() {
    const first = this.#seen[0];
    const last = this.#seen.at(-1);
    return last.now > first.now ? ((last.step - first.step) * 1000) / (last.now - first.now) : 0;
  }

  /** Seconds until `steps`; null while there is too little to judge from. */
  secondsLeft(steps) {
    const first = this.#seen[0];
    const last = this.#seen.at(-1);
    if (last.now - first.now < 1500 || last.step - first.step < 3) return null;
    return (steps - last.step) / this.stepsPerSecond;
  }
}

const plural = (count, unit) => `${count} ${unit}${count === 1 ? '' : 's'}`;

/** As one says it: "40 seconds", "3 minutes", "2 hours". */
export function duration(seconds) {
  if (seconds < 10) return 'a few seconds';
  if (seconds < 55) return `${5 * Math.round(seconds / 5)} seconds`;
  if (seconds < 90 * 60) return plural(Math.max(1, Math.round(seconds / 60)), 'minute');
  if (seconds < 48 * 3600) return plural(Math.round(seconds / 3600), 'hour');
  return plural(Math.round(seconds / 86_400), 'day');
}

/** Milliseconds of a step with one thread on a machine of 2023, where the sum below takes SUM_MS. */
const STEP_MS = { tiny: 15, small: 105 };
const SUM_MS = 4.5;

/** How this device compares with that one: the best of a few short sums, some ten milliseconds in all. */
function slowness() {
  const values = Float64Array.from({ length: 4096 }, (_, i) => i / 7);
  let best = Number.POSITIVE_INFINITY;
  let sum = 0;
  for (let round = 0; round < 4; round++) {
    const begun = performance.now();
    for (let i = 0; i < 4_000_000; i++) sum += values[i & 4095] * 0.5;
    best = Math.min(best, performance.now() - begun);
  }
  return sum > 0 ? best / SUM_MS : 1;
}

const keyOf = (size, threads) => `prenorm-example-rate:${size}:${threads}`;
let measured = 0;

/** Seconds that so many steps will take: by what they took here the last time, or else by a guess. */
export function estimate(size, steps, threads) {
  try {
    const known = Number(localStorage.getItem(keyOf(size, threads)));
    if (known > 0) return steps / known;
  } catch {
    // A browser that keeps nothing: guess.
  }
  measured ||= slowness();
  return (steps * STEP_MS[size] * measured) / 1000 / threads ** 0.7;
}

/** For the next estimate. */
export function rememberRate(size, threads, stepsPerSecond) {
  try {
    localStorage.setItem(keyOf(size, threads), String(stepsPerSecond));
  } catch {
    // It is only for the estimate.
  }
}
