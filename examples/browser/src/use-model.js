/** What can be done with a model, the one that is trained here or one out of a file: let it write, take it home. */
import { openModel } from './open-model.js';
import { saveFile } from './save-file.js';

const LENGTH = 400;

/** `trainer`, `step` and `curve` are functions: they change from run to run. Returns what shows the state of the moment. */
export function useModel({ $, notices, trainer, step, curve }) {
  /** The model out of a file; null while the trained one writes. */
  let opened = null;
  /** The file that is being opened; null while none is. */
  let opening = null;
  /** Ends what is being written; null while nothing is. */
  let writing = null;
  /** What was asked for last, and how often. */
  let last = { asked: '', times: 0 };

  const show = () => {
    const isIdle = writing === null;
    $('sample').disabled = trainer() === null && opened === null;
    $('sample').textContent = isIdle || !opened ? 'Write on' : 'Stop';
    $('download').disabled = trainer() === null;
    $('close').hidden = opened === null;
    $('close').textContent = trainer() ? 'Back to the model trained here' : 'Close it';
    $('writer').textContent = opening
      ? `Opening ${opening.name} …`
      : opened
        ? `${opened.name}: ${opened.parameters.toLocaleString('en')} numbers, after ${opened.step.toLocaleString('en')} steps of training.`
        : trainer()
          ? 'The model that is trained here.'
          : 'No model yet: train one, or open one that was kept.';
  };

  /** Pieces of text as they come, of whichever model writes. */
  async function* pieces({ prompt, temperature, seed }, signal) {
    if (opened) yield* opened.model.generate(prompt, { maxNewTokens: LENGTH, temperature, seed, signal });
    else yield (await trainer().generate({ prompt, length: LENGTH, temperature, seed })).text;
  }

  async function write() {
    const temperature = Number($('temperature').value);
    if (!(temperature > 0)) {
      notices.say('sample', 'The temperature must be a number above 0, for instance 0.8.');
      return;
    }
    const prompt = $('prompt').value;
    const from = opened ? opened.step : step();
    // Asked once more for the same, it writes something else.
    const asked = JSON.stringify([opened?.name ?? null, from, prompt, temperature]);
    last = { asked, times: asked === last.asked ? last.times + 1 : 0 };
    const seed = from + last.times;
    const mine = new AbortController();
    writing = mine;
    show();
    $('sampled').setAttribute('aria-busy', 'true');
    $('again-same').textContent = '';
    let text = '';
    try {
      const begin = prompt === '' ? '\n' : prompt;
      for await (const piece of pieces({ prompt: begin, temperature, seed }, mine.signal)) {
        if (mine.signal.aborted) return;
        text += piece;
        $('sampled').textContent = prompt + text;
      }
      if (mine.signal.aborted) return;
      $('again-same').textContent =
        `Temperature ${temperature} and seed ${seed} give this text again, from this model on any device.`;
      notices.solved('sample');
    } catch (error) {
      if (error.name === 'AbortError') return; // it was closed
      notices.say('sample', 'It could not write just now. Try it once more.', { error, seconds: 20 });
    } finally {
      if (writing === mine) {
        writing = null;
        $('sampled').removeAttribute('aria-busy');
        show();
      }
    }
  }

  $('sample').addEventListener('click', () => {
    // Disabled meanwhile, the button would lose the focus.
    if (writing === null) write();
    else if (opened) writing.abort();
  });
  $('temperature').addEventListener('input', () => notices.solved('sample'));

  const forget = () => {
    writing?.abort();
    writing = null;
    opened?.model.close();
    opened = null;
    $('sampled').textContent = '';
    $('sampled').removeAttribute('aria-busy');
    $('again-same').textContent = '';
  };
  const open = async (file) => {
    notices.solved('open', 'sample');
    opening = file;
    show();
    try {
      const next = await openModel(file);
      // Of two that were chosen, the later one counts.
      if (opening !== file) return next.model.close();
      forget();
      opened = next;
    } catch (error) {
      if (opening !== file) return;
      notices.say('open', error.message, { error: error.cause });
    }
    opening = null;
    show();
  };
  $('open').addEventListener('change', () => {
    const file = $('open').files?.[0];
    if (file) open(file);
  });
  // Chosen a second time it is opened again: it may have changed, or have been closed.
  $('open').addEventListener('click', () => {
    $('open').value = '';
  });
  $('close').addEventListener('click', () => {
    forget();
    show();
    $('open').focus();
  });
  const section = $('open').closest('section');
  for (const type of ['dragover', 'dragleave', 'drop']) {
    section.addEventListener(type, (event) => {
      event.preventDefault();
      section.classList.toggle('over', type === 'dragover');
      const file = type === 'drop' && event.dataTransfer?.files?.[0];
      if (file) open(file);
    });
  }

  $('download').addEventListener('click', async () => {
    try {
      const { model, best, step: at } = await trainer().snapshot();
      saveFile(`model-step-${best?.step ?? at}.safetensors`, model);
      notices.solved('download');
    } catch (error) {
      notices.say('download', 'The model could not be fetched just now.', { error, seconds: 20 });
    }
  });

  $('csv').addEventListener('click', () => saveFile('loss.csv', curve().csv(), 'text/csv'));
  return {
    show,
    get isOpen() {
      return opened !== null;
    },
    /** A training begins anew: what the last one wrote goes. */
    startOver() {
      if (!opened) forget();
    },
  };
}
