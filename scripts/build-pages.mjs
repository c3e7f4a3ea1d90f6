/**
 * @file Bundles the scripts and styles of pages that the package writes: `web/NAME/main.ts` and `web/NAME/page.css` to
 * `dist/pages/NAME.js` and `NAME.css`, with the plotting library (uPlot) inside and its notice
 * at the top. src/report/ puts them into documents that load nothing. Run by scripts/build.mjs at its end,
 * or alone: `node scripts/build-pages.mjs`. The conformance page is no part of the package and has a build of its own.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Bytes of all pages together. */
const BUDGET = 700_000;

/**
 * Script and style of a page as text.
 * @param {string} script path of its script
 * @param {string} style path of its style
 */
export async function bundlePage(script, style) {
  // web/figures/language.ts has an effect; package.json speaks of what is published and does not name it.
  const options = {
    ignoreAnnotations: true,
    bundle: true,
    minify: true,
    target: 'es2022',
    write: /** @type {const} */ (false),
    logLevel: /** @type {const} */ ('warning'),
  };
  const [js, css] = await Promise.all([
    build({ ...options, entryPoints: [script], format: 'esm', legalComments: 'none' }),
    // Safari knows `user-select` by its own prefix only.
    build({ ...options, target: ['es2022', 'safari16.4'], entryPoints: [style], legalComments: 'none' }),
  ]);
  const notice = `/*! ${uplotNotice()} */\n`;
  const page = { js: notice + js.outputFiles[0].text.trim(), css: notice + css.outputFiles[0].text.trim() };
  // Inside <script> and <style> these would end or hide the rest of the element.
  for (const text of Object.values(page)) {
    if (/<\/(script|style)|<!--/i.test(text))
      throw new Error(`${script}: the bundle holds text that would break out of its element`);
  }
  return page;
}

/** What uPlot's licence asks for. */
export function uplotNotice() {
  const read = (file) => readFileSync(join(root, 'node_modules/uplot', file), 'utf8');
  const { license, version } = JSON.parse(read('package.json'));
  const copyright = read('LICENSE').match(/^Copyright .*$/m)?.[0];
  if (license !== 'MIT' || !copyright) throw new Error('uplot: its licence changed, see node_modules/uplot');
  return `uPlot ${version}. ${copyright.trim()}. MIT License, see NOTICE.`;
}

/** Folders of pages that the package holds. */
export function pageNames() {
  return readdirSync(join(root, 'web')).filter(
    (name) =>
      name !== 'conformance' &&
      existsSync(join(root, 'web', name, 'page.css')) &&
      existsSync(join(root, 'web', name, 'main.ts')),
  );
}

export async function buildPages(target = join(root, 'dist/pages')) {
  mkdirSync(target, { recursive: true });
  let bytes = 0;
  for (const name of pageNames()) {
    const folder = join(root, 'web', name);
    for (const [kind, text] of Object.entries(
      await bundlePage(join(folder, 'main.ts'), join(folder, 'page.css')),
    )) {
      writeFileSync(join(target, `${name}.${kind}`), text);
      bytes += Buffer.byteLength(text);
    }
  }
  if (bytes > BUDGET)
    throw new Error(`dist/pages: ${bytes} bytes, more than the ${BUDGET} that pages may take`);
  return bytes;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  console.log(`dist/pages: ${await buildPages()} bytes`);
