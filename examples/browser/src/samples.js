/** What the model writes while it trains: every few seconds at most, and never for more than a fortieth of the time. */

const LENGTH = 160;
const FIRST_AFTER_MS = 2000;
const PAUSE_MS = 8000;
const SHARE = 40;
const KEPT = 8;

export function trainingSamples(element, changed) {
  const empty = [...element.children];
  let samples = [];
  let due = 0;
  let busy = false;

  const entry = ({ step, text }) => {
    const figure = document.createElement('figure');
    const caption = document.createElement('figcaption');
    caption.textContent = `After step ${step}`;
    const words = document.createElement('blockquote');
    words.textContent = text;
    figure.append(caption, words);
    return figure;
  };
  const older = document.createElement('details');
  const summary = document.createElement('summary');
  const list = document.createElement('div');
  summary.id = 'older';
  older.append(summary, list);
  const show = () => {
    if (samples.length === 0) return element.replaceChildren(...empty);
    const [newest, ...rest] = samples.toReversed();
    summary.textContent = rest.length === 1 ? 'The one before' : `The ${rest.length} before`;
    list.replaceChildren(...rest.map(entry));
    // In place, so that a list that was opened stays open.
    element.replaceChildren(entry(newest), ...(rest.length > 0 ? [older] : []));
  };

  return {
    /** A run begins or goes on here. */
    begin: (now) => {
      due = now + FIRST_AFTER_MS;
    },
    set(kept) {
      samples = kept;
      show();
    },
    get all() {
      return samples;
    },
    isDue: (now) => !busy && !document.hidden && now >= due,
    /** Asks the worker, which answers between two steps. What fails here fails the run as well, and is told there. */
    async take(trainer, { step, text: learnt }) {
      if (busy || samples.at(-1)?.step === step) return;
      busy = true;
      const begun = performance.now();
      try {
        const prompt = ['\n', ' ', learnt[0]].find((character) => learnt.includes(character));
        const { text } = await trainer.generate({ prompt, length: LENGTH, temperature: 0.8, seed: step });
        // The first one stays: it is what the others are compared with.
        samples = [...samples.slice(0, 1), ...samples.slice(1).slice(2 - KEPT), { step, text: text.trim() }];
        show();
        changed();
      } catch {
        // closed or ended meanwhile
      } finally {
        busy = false;
        const now = performance.now();
        due = now + Math.max(PAUSE_MS, SHARE * (now - begun));
      }
    },
  };
}
