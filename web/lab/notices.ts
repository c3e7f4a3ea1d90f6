/** @file What the page says to its reader: lines under the title, one for each matter, and what is read aloud. */
import { button, element } from '../figures/elements.js';

type Action = [label: string, use: () => void];

/** Shows a line about a matter, with buttons perhaps, any of which takes it away; null does, too. */
export function notice(about: string, text: string | null, ...actions: Action[]): void {
  const place = document.getElementById('notices') as HTMLElement;
  const old = [...place.children].find((child) => (child as HTMLElement).dataset.about === about);
  if (text === null) {
    old?.remove();
    return;
  }
  if (old?.firstChild?.textContent === text) return;
  const made = element('p', { class: 'notice', 'data-about': about }, text);
  for (const [label, use] of actions) {
    const act = (): void => {
      made.remove();
      use();
    };
    made.append(' ', button(label, '', act));
  }
  if (old) old.replaceWith(made);
  else place.append(made);
}

/** Says something to those who do not see. */
export function say(text: string): void {
  const place = document.getElementById('announce');
  if (place) place.textContent = text;
}
