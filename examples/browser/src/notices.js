/** Notices: each has a key, and goes away when what it speaks of is solved, by itself after a while, or when hidden. */

const AT_MOST = 3;

/** What an error means for whoever looks at the page; its own message stays readable under "Details". */
const meanings = {
  MEMORY: 'This device has not enough memory for this model. Start over with the tiny one.',
  NUMERIC:
    'The training went astray: its numbers grew beyond all bounds. Start over; another text may do better.',
  DATA: 'This text cannot be used.',
  CHECKPOINT: 'What this browser has kept of the run cannot be used.',
  ENVIRONMENT: 'A part that the training needs could not be loaded. Reload the page, or try another browser.',
};

/** @param own what some kinds mean on this page */
export function inPlainWords(error, own = {}) {
  return own[error.code] ?? meanings[error.code] ?? 'Something went wrong that this page did not expect.';
}

export function noticeBoard(element) {
  const find = (key) => [...element.children].find((line) => line.dataset.key === key);
  const solved = (...keys) => {
    for (const key of keys) find(key)?.remove();
  };
  return {
    solved,
    /** `error` gives the details; with `seconds` it goes by itself, but not while somebody is at it. */
    say(key, text, { error, seconds } = {}) {
      solved(key);
      const line = document.createElement('div');
      line.dataset.key = key;
      const said = document.createElement('p');
      said.textContent = text;
      line.append(said);
      if (error) {
        const details = document.createElement('details');
        const summary = document.createElement('summary');
        summary.textContent = 'Details';
        details.append(summary, error.message);
        line.append(details);
      }
      const hide = document.createElement('button');
      hide.type = 'button';
      hide.textContent = 'Hide';
      hide.addEventListener('click', () => line.remove());
      line.append(hide);
      element.append(line);
      while (element.children.length > AT_MOST) element.firstChild.remove();
      if (!seconds) return;
      const leave = () => {
        if (line.matches(':hover, :focus-within')) setTimeout(leave, 3000);
        else line.remove();
      };
      setTimeout(leave, seconds * 1000);
    },
  };
}
