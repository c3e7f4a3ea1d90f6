/**
 * docs/tutorial.md, step by step: files are written, commands carried out, the page opened, and everything must come out
 * as it says. `PRENORM_UPDATE_DOCS=1 node --import tsx test/examples/tutorial.test.ts` writes new outputs.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type BrowserName, findBrowser, launch, problemsOf, skipMessage } from '../browser.js';
import { serve } from '../browsers/static-server.js';
import { inProject, runNode, writeModule } from './project.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const path = join(root, 'docs/tutorial.md');
const text = readFileSync(path, 'utf8');
const test = suite('examples/tutorial');

/** A file to write, a command with what it prints, or what the page shows. */
const STEP =
  /<!-- (?:file (?<file>[\w.-]+)|(?<kind>sh|page)) -->\n```\w+\n(?<body>[\s\S]*?)```\n(?:\n```text\n(?<printed>[\s\S]*?)```\n)?/g;
const browsers = (['chromium', 'firefox'] as const).filter((name) => {
  const found = findBrowser(name);
  if (!found) console.log(skipMessage(name));
  return found;
});

test('every step comes out as it says', () =>
  inProject(async (folder) => {
    let updated = text;
    const compare = (whole: string, expected: string, what: string): void => {
      // After an ellipsis, the end is meant.
      const lines = expected.startsWith('…\n') ? expected.split('\n').length - 1 : 0;
      const actual = lines > 0 ? `…\n${whole.split('\n').slice(-lines).join('\n')}` : whole;
      if (process.env.PRENORM_UPDATE_DOCS) updated = updated.replace(expected, () => actual);
      else assert.fixture(actual, expected, `${what} comes to something else`);
    };
    const kinds: string[] = [];
    for (const { groups = {} } of text.matchAll(STEP)) {
      const { file, kind, body, printed } = groups;
      kinds.push(kind ?? file);
      if (file) writeModule(folder, file, body);
      else if (kind === 'page') {
        for (const name of browsers) compare(`${await shown(name, folder)}\n`, body, `the page in ${name}`);
      } else {
        const { code, stdout, stderr } = await carryOut(folder, body.trim());
        assert.is(code, 0, `${body}${stderr}`);
        if (printed !== undefined) compare(stdout, printed, body);
      }
    }
    assert.equal(kinds, ['text.mjs', 'sh', 'sh', 'sh', 'complete.mjs', 'sh', 'index.html', 'page']);
    if (updated !== text) writeFileSync(path, updated);
  }));

/** `node FILE ...` or `npx prenorm ...` with arguments that may be quoted. */
function carryOut(folder: string, line: string) {
  const words = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
  if (words[0] === 'node') return runNode(folder, words[1], words.slice(2));
  assert.equal(words.slice(0, 2), ['npx', 'prenorm'], line);
  return runNode(folder, join(root, 'dist/cli/main.js'), words.slice(2));
}

/** What a person sees who presses the button. */
async function shown(name: BrowserName, folder: string): Promise<string> {
  const { url, server } = await serve(folder);
  const browser = await launch(name);
  try {
    const page = await browser.newPage();
    const problems = problemsOf(page, url);
    await page.goto(url);
    const isFree = () => !(document.querySelector('button') as HTMLButtonElement).disabled;
    await page.waitForFunction(isFree, { timeout: 60_000 });
    await page.click('button');
    await page.waitForFunction(isFree, { timeout: 60_000 });
    assert.equal(problems, []);
    return await page.evaluate(() => document.querySelector('#sentence')?.textContent ?? '');
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
  }
}

test.run();
