/**
 * @file What the report does beyond its text: figures, sorting of runs, copying of commands, the theme, and what leads
 * to something folded opens it. It reads all from the page and loads nothing.
 */
import { mountFigures, setUpThemeButton } from '../figures/index.js';

// A phone's first screen is to hold the whole of the first figure and its sentence.
const first = document.querySelector<HTMLElement>('.opening [data-height]');
if (first && innerWidth < 640) first.dataset.height = '240';
mountFigures();
const theme = document.querySelector<HTMLButtonElement>('button#theme');
if (theme) setUpThemeButton(theme);
for (const table of document.querySelectorAll<HTMLTableElement>('table.runs')) sortable(table);
for (const button of document.querySelectorAll<HTMLButtonElement>('[data-copy]')) copying(button);
unfolding();
printing();

function announce(text: string): void {
  const place = document.querySelector('#announce');
  if (place) place.textContent = text;
}

function sortable(table: HTMLTableElement): void {
  const body = table.tBodies[0];
  const heads = [...table.querySelectorAll('thead th')];
  table.querySelectorAll<HTMLButtonElement>('[data-sort]').forEach((button, column) => {
    button.disabled = false;
    button.addEventListener('click', () => {
      const head = heads[column];
      if (!body || !head) return;
      const up = head.getAttribute('aria-sort') !== 'ascending';
      for (const other of heads) other.setAttribute('aria-sort', 'none');
      head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
      const value = (row: HTMLTableRowElement) => row.cells[column]?.dataset.value ?? '';
      const compare = head.classList.contains('number')
        ? (a: string, b: string) => Number(a) - Number(b)
        : (a: string, b: string) => a.localeCompare(b, 'en', { numeric: true });
      // Rows without a value stay at the end in either direction.
      const sorted = [...body.rows].sort((one, two) => {
        const [a, b] = [value(one), value(two)];
        if (a === '' || b === '') return Number(a === '') - Number(b === '');
        return up ? compare(a, b) : -compare(a, b);
      });
      body.append(...sorted);
      announce(`Runs sorted by ${button.textContent}, ${up ? 'ascending' : 'descending'}.`);
    });
  });
}

function copying(button: HTMLButtonElement): void {
  button.hidden = false;
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy ?? '');
      announce('Command copied.');
    } catch {
      // Without access to the clipboard the command is selected, ready to be copied by hand.
      const code = button.parentElement?.querySelector('code');
      if (code) getSelection()?.selectAllChildren(code);
      announce('Command selected; copy it with the keyboard.');
    }
  });
}

/** Whatever a link leads to is unfolded, and the contents of a phone close behind it. */
function unfolding(): void {
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let fold = target.closest('details'); fold; fold = fold.parentElement?.closest('details') ?? null) {
      fold.open = true;
    }
    target.scrollIntoView();
  };
  addEventListener('hashchange', reveal);
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a[href^="#"]') : null;
    const menu = document.querySelector<HTMLDetailsElement>('details.menu');
    if (menu && (link || !(event.target instanceof Node && menu.contains(event.target)))) menu.open = false;
    // The same place twice is no change of the address.
    if (link?.getAttribute('href') === location.hash) reveal();
  });
  addEventListener('keydown', (event) => {
    const menu = document.querySelector<HTMLDetailsElement>('details.menu[open]');
    if (event.key !== 'Escape' || !menu) return;
    menu.open = false;
    menu.querySelector('summary')?.focus();
  });
  if (location.hash) reveal();
}

/** On paper nothing can be unfolded: claims are, and the long lists of runs stay in the file. */
function printing(): void {
  let opened: HTMLDetailsElement[] = [];
  addEventListener('beforeprint', () => {
    opened = [...document.querySelectorAll<HTMLDetailsElement>('details.claims:not([open])')];
    for (const fold of opened) fold.open = true;
  });
  addEventListener('afterprint', () => {
    for (const fold of opened) fold.open = false;
  });
}
