/**
 * @file Light or dark: what the system prefers, unless the page's button chose. Paper is light, whatever the screen
 * shows. What is drawn on a canvas cannot follow style sheets, so drawings listen here and read the tokens anew.
 */

const NAMES = [
  ...[
    'background',
    'surface',
    'raised',
    'text',
    'quiet',
    'line',
    'grid',
    'edge',
    'stem',
    'ink',
    'bad',
    'other',
  ],
  ...[1, 2, 3, 4, 5, 6].map((lane) => `lane-${lane}`),
  ...[1, 2, 3, 4].map((more) => `more-${more}`),
  ...Array.from({ length: 19 }, (_, stop) => `g${stop}`),
  ...['on-low', 'on-mid', 'on-high'],
];

/** Colours by their names in tokens.css, as `#rrggbb`. */
export type Tokens = Readonly<Record<string, string>>;
export type Theme = 'light' | 'dark';

const listeners = new Set<() => void>();
let printing = false;
let listening = false;

/** The theme that the page shows. */
export function currentTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** Whether the page is laid out for paper, whose width the window does not tell. */
export function isPrinting(): boolean {
  return printing;
}

/** Values of the tokens, of the theme shown or of another; nothing is painted in between. */
export function readTokens(theme: Theme = currentTheme()): Tokens {
  return withTheme(theme, () => {
    const style = getComputedStyle(document.documentElement);
    return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  });
}

function withTheme<T>(theme: Theme, read: () => T): T {
  const { dataset } = document.documentElement;
  const before = dataset.theme;
  if (before === theme) return read();
  dataset.theme = theme;
  try {
    return read();
  } finally {
    setTheme(before);
  }
}

function setTheme(theme: string | undefined): void {
  const { dataset } = document.documentElement;
  if (theme === undefined) delete dataset.theme;
  else dataset.theme = theme;
}

/** Calls the listener after every change of theme, and before and after printing; returns what ends that. */
export function onTheme(listener: () => void): () => void {
  listen();
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell(): void {
  for (const listener of [...listeners]) listener();
}

function listen(): void {
  if (listening) return;
  listening = true;
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', tell);
  let before: string | undefined;
  const print = (starts: boolean) => {
    if (starts === printing) return;
    printing = starts;
    if (starts) {
      before = document.documentElement.dataset.theme;
      setTheme('light');
    } else setTheme(before);
    tell();
  };
  addEventListener('beforeprint', () => print(true));
  addEventListener('afterprint', () => print(false));
  // Where a browser lays out for paper without saying so.
  matchMedia('print').addEventListener('change', ({ matches }) => print(matches));
}

/** Shows the button, which says the theme it leads to. */
export function setUpThemeButton(button: HTMLButtonElement): void {
  const label = () => {
    button.textContent = currentTheme() === 'dark' ? 'Light theme' : 'Dark theme';
  };
  button.hidden = false;
  button.addEventListener('click', () => {
    setTheme(currentTheme() === 'dark' ? 'light' : 'dark');
    tell();
  });
  onTheme(label);
  label();
}
