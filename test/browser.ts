/**
 * @file Browsers for tests: where one is installed, and a headless session in it. Without one the test says so and is
 * skipped, unless PRENORM_REQUIRE_BROWSERS=1, which makes that an error.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';

export type BrowserName = 'chromium' | 'firefox';

const programs: Record<BrowserName, string[]> = {
  chromium: [
    'chromium',
    'chromium-browser',
    'google-chrome',
    'google-chrome-stable',
    'chrome.exe',
    'msedge.exe',
  ],
  firefox: ['firefox', 'firefox-esr', 'firefox.exe'],
};

const elsewhere: Record<BrowserName, string[]> = {
  chromium: [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    'C:/Program Files/Google/Chrome/Application/chrome.exe',
    'C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe',
  ],
  firefox: [
    '/Applications/Firefox.app/Contents/MacOS/firefox',
    'C:/Program Files/Mozilla Firefox/firefox.exe',
  ],
};

/** The browser's program: PRENORM_CHROMIUM or PRENORM_FIREFOX, else the PATH, else the usual folders. */
export function findBrowser(name: BrowserName): string | undefined {
  const chosen = process.env[`PRENORM_${name.toUpperCase()}`];
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean);
  const onPath = folders.flatMap((folder) => programs[name].map((program) => join(folder, program)));
  const found = (chosen ? [chosen] : [...onPath, ...elsewhere[name]]).find(isProgram);
  if (!found && process.env.PRENORM_REQUIRE_BROWSERS === '1') {
    throw new Error(
      `${name}: not found (${chosen ?? 'looked on the PATH'}), and PRENORM_REQUIRE_BROWSERS is 1`,
    );
  }
  return found;
}

export interface LaunchChoices {
  /** Further arguments of Chromium. */
  args?: string[];
  /** Preferences of Firefox. */
  preferences?: Record<string, unknown>;
  /** Slows hidden tabs down as a person's browser does; a driven Chromium does not do it by itself. */
  throttlesHidden?: boolean;
}

/** A machine that does much else is slow to start one. */
const PATIENCE = { timeout: 120_000 };

const UNTHROTTLED = [
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];

/** A headless browser with a fresh profile, which does nothing on the network by itself. */
export async function launch(
  name: BrowserName,
  executablePath = findBrowser(name),
  { args = [], preferences, throttlesHidden = false }: LaunchChoices = {},
): Promise<Browser> {
  if (!executablePath) throw new Error(`${name}: not found`);
  if (name === 'firefox') {
    return puppeteer.launch({
      browser: 'firefox',
      executablePath,
      headless: true,
      ...PATIENCE,
      extraPrefsFirefox: preferences,
    });
  }
  const asRoot = process.getuid?.() === 0;
  return puppeteer.launch({
    executablePath,
    headless: true,
    ...PATIENCE,
    ignoreDefaultArgs: throttlesHidden ? UNTHROTTLED : [],
    args: [
      ...(asRoot ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...args,
    ],
  });
}

/** Fills with what must not happen on the page at `url`: errors in the console, exceptions, requests to elsewhere. */
export function problemsOf(page: Page, url: string): string[] {
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !isHalfReadFormula(message.text())) problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => {
    const address = request.url();
    const isOwn = /^(data|blob):/.test(address) || new URL(address).origin === new URL(url).origin;
    if (!isOwn) problems.push(`request to ${address}`);
  });
  return problems;
}

/**
 * Firefox lays a page out while it still reads it. A formula that is half there at that moment is then reported as one
 * with too few children, which says nothing of the page: `wrongFormulas` judges the page that has been read to its end.
 */
export function isHalfReadFormula(text: string): boolean {
  return text.includes('Invalid markup: Incorrect number of children');
}

/** The elements of MathML on a page that do not have as many children as theirs must have. */
export function wrongFormulas(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const children: Record<string, number> = {
      mfrac: 2,
      mroot: 2,
      msub: 2,
      msup: 2,
      munder: 2,
      mover: 2,
      msubsup: 3,
      munderover: 3,
    };
    return [...document.querySelectorAll('math *')]
      .filter(
        ({ localName, childElementCount }) =>
          childElementCount !== (children[localName] ?? childElementCount),
      )
      .map(({ outerHTML }) => outerHTML);
  });
}

/** What a skipped test prints in place of its result. */
export function skipMessage(name: BrowserName): string {
  return `skipped: no ${name} found; install one or set PRENORM_${name.toUpperCase()} to its program`;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
