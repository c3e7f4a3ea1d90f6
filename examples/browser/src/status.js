/** Where the training is, in words: for the eye many times a second, for the ear every ten seconds. */
import { duration } from './pace.js';

const SHOWN_EVERY_MS = 250;
const SPOKEN_EVERY_MS = 10_000;

/** The newest losses of a curve as one says them; empty before the first step. `whole` is what a tenth is held out of. */
export function lossesInWords(curve, whole = 'text') {
  const at = curve.length - 1;
  if (at < 0) return '';
  const held = curve.heldAt(at);
  const unseen =
    held === null ? '' : `, and ${held.toFixed(2)} on the tenth of the ${whole} that it never sees`;
  return `Loss ${curve.smoothed[at].toFixed(2)}${unseen}.`;
}

export function statusLine(status, spoken) {
  let shown = 0;
  let told = 0;
  return {
    say(text) {
      status.textContent = text;
    },
    /** While it runs, a screen reader does not read every step. */
    setRunning(isRunning) {
      status.setAttribute('aria-live', isRunning ? 'off' : 'polite');
      if (!isRunning) spoken.textContent = '';
    },
    report({ step, steps, secondsLeft, curve, whole }) {
      const now = performance.now();
      if (now - shown < SHOWN_EVERY_MS) return;
      shown = now;
      const left = secondsLeft === null ? '' : `, about ${duration(secondsLeft)} left`;
      status.textContent = `Step ${step} of ${steps}${left}. ${lossesInWords(curve, whole)}`;
      if (now - told < SPOKEN_EVERY_MS) return;
      told = now;
      spoken.textContent = status.textContent;
    },
  };
}
