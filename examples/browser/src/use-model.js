/** What can be done with the model of the moment, also while it trains: let it write, and take it home. */
import { saveFile } from './save-file.js';

const LENGTH = 400;

/** `trainer`, `step` and `curve` are functions: they change from run to run. */
export function useModel({ $, notices, trainer, step, curve }) {
  let writing = false;
  $('sample').addEventListener('click', async () => {
    if (writing) return; // disabled, the button would lose the focus
    const temperature = Number($('temperature').value);
    if (!(temperature > 0)) {
      notices.say('sample', 'The temperature must be a number above 0, for instance 0.8.');
      return;
    }
    writing = true;
    const prompt = $('prompt').value;
    try {
      const { text } = await trainer().generate({
        prompt: prompt === '' ? '\n' : prompt,
        length: LENGTH,
        temperature,
        seed: step(),
      });
      $('sampled').textContent = prompt + text;
      notices.solved('sample');
    } catch (error) {
      notices.say('sample', 'It could not write just now. Try it once more.', { error, seconds: 20 });
    }
    writing = false;
  });
  $('temperature').addEventListener('input', () => notices.solved('sample'));

  $('download').addEventListener('click', async () => {
    try {
      const { weights, step: at } = await trainer().snapshot();
      saveFile(`weights-step-${at}.safetensors`, weights);
      notices.solved('download');
    } catch (error) {
      notices.say('download', 'The weights could not be fetched just now.', { error, seconds: 20 });
    }
  });

  $('csv').addEventListener('click', () => saveFile('loss.csv', curve().csv(), 'text/csv'));
}
