/** @file Opens pages in Chromium and Firefox and waits for what they compute. */
import { launch, problemsOf } from '../../test/browser.ts';
import { serve } from '../../test/browsers/static-server.ts';

/** A page that says nothing new for so long is given up; how long it takes in all depends on the machine. */
const SILENCE_MS = 120_000;
const browsers = {};

/**
 * What a page comes to. A request to another origin is a failure, and so is an error in the console that the page does
 * not report itself.
 * @param {import('../../test/browser.ts').BrowserName} name
 * @param {string} url
 * @param {object} [options]
 * @param {string} [options.before] a script that runs before the page's own
 * @param {string} [options.outcome] an expression: undefined until there is a result
 * @param {string} [options.stage] an expression: changes while the page gets on
 * @param {string} [options.allowed] the address of another server that the page may ask
 */
export async function inBrowser(
  name,
  url,
  { before, outcome = 'globalThis.outcome', stage = 'globalThis.stage', allowed = undefined } = {},
) {
  browsers[name] ??= await launch(name);
  const tab = await browsers[name].newPage();
  const problems = problemsOf(tab, url);
  try {
    if (before) await tab.evaluateOnNewDocument(before);
    await tab.goto(url);
    const result = await settled(tab, `({ outcome: ${outcome}, stage: ${stage} })`, problems);
    const wrong = problems.filter((text) => !allowed || !text.startsWith(`request to ${allowed}`));
    if (wrong.length > 0 && !result.error) throw new Error(wrong.join('\n'));
    return { ...result, where: name };
  } finally {
    await tab.close();
  }
}

/** Asks again and again, as long as the answer's stage changes. */
async function settled(tab, question, problems) {
  let stage = 'nothing';
  let last = Date.now();
  while (Date.now() - last < SILENCE_MS) {
    // A page that loads itself anew, as Vite's do, cannot answer at that moment.
    const answer = await tab.evaluate(question).catch((error) => ({ failed: error.message }));
    if (answer.outcome !== undefined) return answer.outcome;
    const now = answer.failed ?? answer.stage ?? stage;
    if (now !== stage) last = Date.now();
    stage = now;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(
    [`no result; for ${SILENCE_MS / 1000} s nothing new after "${stage}"`, ...problems].join('\n'),
  );
}

/**
 * The same, of files served from `path`, in one browser after the other.
 * @param {import('../../test/browser.ts').BrowserName[]} names
 * @param {string} path
 * @param {object} [options] and those of `inBrowser`
 * @param {Record<string, string>} [options.headers]
 * @param {(path: string, headers: Record<string, string>) => Record<string, string>} [options.headersOf]
 * @param {string} [options.file]
 * @param {string} [options.before]
 * @param {string} [options.outcome]
 * @param {string} [options.stage]
 * @param {string} [options.allowed]
 */
export async function inStatic(
  names,
  path,
  { headers = {}, headersOf = undefined, file = '/index.html', ...options } = {},
) {
  const { url, server } = await serve(path, headers, undefined, headersOf);
  try {
    const outcomes = [];
    for (const name of names) outcomes.push(await inBrowser(name, url + file, options));
    return outcomes;
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

export async function closeBrowsers() {
  for (const browser of Object.values(browsers)) await browser.close();
}
