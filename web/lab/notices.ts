/** @file What the page says to its reader: lines under the title, one for each matter, and what is read aloud. */
import { button, element } from '../figures/elements.js';

/** Shows a line about a matter, with a button perhaps; null takes it away. */
export function notice(about: string, text: string | null, action?: [label: string, use: () => void]): void {
  const place = document.getElementById('notices') as HTMLElement;
  const old = [...place.children].find((child) => (child as HTMLElement).dataset.about === about);
  if (text === null) {
    old?.remove();
    return;
  }
  if (old?.firstChild?.textContent === text) return;
  const made = element('p', { class: 'notice', 'data-about': about }, text);
  if (action) {
    const [label, use] = action;
    made.append(' ', button(label, '', use));
  }
  if (old) old.replaceWith(made);
  else place.append(made);
}

/** Says something to those who do not see. */
export function say(text: string): void {
  const place = document.getElementById('announce');
  if (place) place.textContent = text;
}
