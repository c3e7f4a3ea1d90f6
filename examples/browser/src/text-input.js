/** The text to learn: pasted, typed, dropped or chosen. Large ones are kept aside, because a text field would choke. */

/** More would not be learnt in an afternoon, and a browser needs several times as much memory. */
export const MAX_CHARS = 4_000_000;
const SHOWN_WHOLE = 200_000;
const PREVIEW = 2_000;

/** Where a model belongs that was given as a text. */
const MODEL_GOES = 'Open it below, with "Open a model".';

export function textInput({ area, file, section, size, notices, changed, modelGoes = MODEL_GOES }) {
  let kept = null;
  let locked = false;

  const describe = () => {
    const length = kept === null ? area.value.length : kept.length;
    size.textContent = length === 0 ? '' : `${length.toLocaleString('en')} characters`;
  };
  const set = (whole, total = whole.length, unit = 'characters') => {
    changed();
    const text = whole.slice(0, MAX_CHARS).replace(/[\uD800-\uDBFF]$/, '');
    if (total > MAX_CHARS) {
      notices.say(
        'cut',
        `The text has ${total.toLocaleString('en')} ${unit}. The first ${text.length.toLocaleString('en')} characters are used; the rest is left out.`,
      );
    } else notices.solved('cut');
    const isLarge = text.length > SHOWN_WHOLE;
    kept = isLarge ? text : null;
    area.value = isLarge ? `${text.slice(0, PREVIEW)}\n… (only the beginning is shown)` : text;
    area.readOnly = isLarge || locked;
    describe();
  };
  const read = async (blob) => {
    const head = await blob.slice(0, 4 * MAX_CHARS).arrayBuffer();
    // Cut inside a character, the last one becomes U+FFFD.
    const text = new TextDecoder().decode(head);
    if (text.slice(0, 10_000).includes('\0')) {
      const what = /\.safetensors$/.test(blob.name ?? '')
        ? `is a model and not a text. ${modelGoes}`
        : 'is not a text. Choose a plain text file in UTF-8.';
      notices.say('file', `${blob.name || 'The file'} ${what}`, { seconds: 20 });
      return;
    }
    notices.solved('file');
    if (blob.size > head.byteLength) set(text.replace(/\uFFFD+$/, ''), blob.size, 'bytes');
    else set(text);
  };

  area.addEventListener('paste', (event) => {
    if (locked) return;
    const pasted = event.clipboardData?.getData('text/plain') ?? '';
    if (pasted.length <= SHOWN_WHOLE && kept === null) return; // the field's own way
    event.preventDefault();
    set(pasted);
  });
  area.addEventListener('input', () => {
    changed();
    if (kept === null && area.value.length > SHOWN_WHOLE) set(area.value);
    else describe();
  });
  file.addEventListener('change', () => {
    if (file.files?.[0]) read(file.files[0]);
    file.value = '';
  });
  for (const type of ['dragover', 'dragleave', 'drop']) {
    section.addEventListener(type, (event) => {
      event.preventDefault();
      section.classList.toggle('over', type === 'dragover');
      if (type !== 'drop') return;
      if (locked) {
        const text = 'A run has begun with the text that is here. Start over to use another.';
        return notices.say('locked', text, { seconds: 20 });
      }
      const dropped = event.dataTransfer?.files?.[0];
      if (dropped) read(dropped);
      else set(event.dataTransfer?.getData('text/plain') ?? '');
    });
  }
  return {
    set,
    get: () => kept ?? area.value,
    /** A run has begun: the text can be read, not changed. */
    setLocked(isLocked) {
      locked = isLocked;
      area.readOnly = locked || kept !== null;
      file.disabled = locked;
    },
  };
}
