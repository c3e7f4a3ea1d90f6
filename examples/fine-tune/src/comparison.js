/** Before and after: the same beginning and the same draws, written on by the model as it came and as it is tuned. */

/** Words of the text that stand for a prompt where none was given. */
const WORDS = 5;
/** Between two texts that have one label. */
const BETWEEN = ' | ';

export class Comparison {
  #task = 'lm';
  #isPairs = false;
  #prompt = '';
  #busy = false;
  #seed = 0;

  constructor({ $, tuner, notices }) {
    Object.assign(this, { $, tuner, notices });
    $('compare').addEventListener('click', () => {
      if (this.#busy) return;
      this.#seed++;
      this.run();
    });
  }

  clear() {
    for (const id of ['before', 'after', 'score-before', 'score-after', 'same']) this.$(id).textContent = '';
  }

  setReady(ready) {
    this.$('compare').disabled = !ready;
  }

  /** A tuning begins; what the page's words are follows from its task. */
  begin({ task, isPairs }, text) {
    this.#task = task;
    this.#isPairs = isPairs;
    this.#seed = 0;
    this.clear();
    const isText = task === 'lm';
    this.$('prompt-name').textContent = isText
      ? 'Begin with'
      : `To label${isPairs ? ', two texts with | between' : ''}`;
    this.$('compare').textContent = isText ? 'Write on' : 'Label it';
    const cells = text.trim().split('\n')[0].split('\t');
    const first = cells.slice(0, isPairs ? 2 : 1).join(BETWEEN);
    this.#prompt = isText ? text.trim().split(/\s+/, WORDS).join(' ') : first;
    this.$('prompt').placeholder = this.#prompt;
  }

  /** How many mistakes it makes on what it has not seen. */
  score(when, { nll, accuracy }, note = '') {
    const share = accuracy === null ? '' : `, ${(100 * accuracy).toFixed(0)} % right`;
    this.$(`score-${when}`).textContent = `loss ${nll.toFixed(3)}${share} on what it never saw${note}`;
  }

  async run() {
    const { $, tuner, notices } = this;
    this.#busy = true;
    const prompt = $('prompt').value || this.#prompt;
    $('same').textContent = '';
    try {
      for (const when of ['before', 'after']) {
        const output = $(when);
        output.setAttribute('aria-busy', 'true');
        if (this.#task === 'classify') {
          const { label, probability } = await tuner.ask('label', {
            text: this.#isPairs ? prompt.split(BETWEEN) : prompt,
            when,
          });
          output.textContent = `${label}  (${(100 * probability).toFixed(1)} %)`;
        } else {
          output.textContent = prompt;
          await tuner.ask('write', { prompt, seed: this.#seed, when }, ({ piece }) => {
            output.textContent += piece;
          });
        }
        output.removeAttribute('aria-busy');
      }
      if (this.#task === 'lm')
        $('same').textContent =
          `Both drew with temperature 0.8 and seed ${this.#seed}: any device writes the same.`;
      notices.solved('compare');
    } catch (error) {
      notices.say('compare', 'It could not do that just now. Try other words.', { error, seconds: 20 });
      for (const when of ['before', 'after']) $(when).removeAttribute('aria-busy');
    } finally {
      this.#busy = false;
    }
  }
}
