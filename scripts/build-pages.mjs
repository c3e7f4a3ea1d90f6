/**
 * @file Bundles the scripts and styles of pages that the package writes: `web/NAME/main.ts` and `web/NAME/page.css` to
 * `dist/pages/NAME.js.gz` and `NAME.css.gz`, with the plotting library (uPlot) inside and its notice
 * at the top. src/report/ puts them into documents that load nothing, src/lab/page.ts the Lab's. Run by scripts/build.mjs at its end,
 * or alone: `node scripts/build-pages.mjs`. The conformance page is no part of the package and has a build of its own.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const require = createRequire(import.meta.url);
const { gzipAsync } = require('@gfx/zopfli');
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Bytes of all pages together. */
const BUDGET = 700_000;

/** @satisfies {import('esbuild').BuildOptions} */
const options = {
  // web/figures/language.ts has an effect; package.json speaks of what is published and does not name it.
  ignoreAnnotations: true,
  bundle: true,
  minify: true,
  target: 'es2022',
  write: /** @type {const} */ (false),
  logLevel: /** @type {const} */ ('warning'),
  legalComments: /** @type {const} */ ('none'),
};

/**
 * Script and style of a page as text.
 * @param {string} script path of its script
 * @param {string} style path of its style
 */
export async function bundlePage(script, style) {
  const [js, css] = await Promise.all([
    build({ ...options, entryPoints: [script], format: 'esm' }),
    // Safari knows `user-select` by its own prefix only.
    build({ ...options, target: ['es2022', 'safari16.4'], entryPoints: [style] }),
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

/** What the Lab has in place of kernels and data: src/lab/page.ts puts the package's own into the page. */
const embedded = /^(genesis|train|valid|test|int12WasmBase64)$/;

/**
 * The Lab: one script for the page and its workers, no module, because Chromium starts no module worker for a page
 * opened from disk; its style; its markup.
 */
export async function bundleLab() {
  const folder = join(root, 'web/lab');
  const generated = {
    name: 'embedded',
    /** @param {import('esbuild').PluginBuild} plugin */
    setup({ onLoad }) {
      // The whole kernels do for both kinds of arithmetic: those of int12 have the strict ones in them.
      onLoad({ filter: /generated[/\\]wasm\.ts$/ }, () => ({
        contents: "export { int12WasmBase64 as strictWasmBase64 } from './wasm-int12.js';",
        loader: /** @type {const} */ ('js'),
      }));
      onLoad({ filter: /generated[/\\](kjv|ui-de-en|digits|wasm-\w+)\.ts$/ }, ({ path }) => {
        const text = readFileSync(path, 'utf8');
        const names = [...text.matchAll(/^export const (\w+)/gm)].map(([, name]) => name);
        const hash = /^export const (\w+Hash = '[0-9a-f]+';)/gm;
        if (hash.test(text)) return { contents: text, loader: /** @type {const} */ ('ts') };
        const lines = names.map(
          (name) => `export const ${name} = ${JSON.stringify(embedded.test(name) ? `@@${name}@@` : '')};\n`,
        );
        return { contents: lines.join(''), loader: /** @type {const} */ ('js') };
      });
    },
  };
  const [js, css] = await Promise.all([
    build({
      ...options,
      entryPoints: [join(folder, 'main.ts')],
      format: 'iife',
      plugins: [generated],
      // The bundle is no module: what asks where it lies gets no answer, and workers are made of its text.
      logOverride: { 'empty-import-meta': 'silent' },
    }),
    build({ ...options, target: ['es2022', 'safari16.4'], entryPoints: [join(folder, 'page.css')] }),
  ]);
  return {
    js: js.outputFiles[0].text.trim(),
    css: css.outputFiles[0].text.trim(),
    html: readFileSync(join(folder, 'index.html'), 'utf8'),
  };
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
      name !== 'lab' &&
      existsSync(join(root, 'web', name, 'page.css')) &&
      existsSync(join(root, 'web', name, 'main.ts')),
  );
}

export async function buildPages(target = join(root, 'dist/pages')) {
  mkdirSync(target, { recursive: true });
  const pages = { lab: await bundleLab() };
  for (const name of pageNames())
    pages[name] = await bundlePage(join(root, 'web', name, 'main.ts'), join(root, 'web', name, 'page.css'));
  let bytes = 0;
  for (const [name, { js, css, ...rest }] of Object.entries(pages)) {
    // Scripts and styles lie packed: pages hold much that the package has as a library once more.
    const [script, style] = await Promise.all(
      [js, css].map((text) => gzipAsync(Buffer.from(text), { numiterations: 5 })),
    );
    for (const [kind, content] of Object.entries({ 'js.gz': script, 'css.gz': style, ...rest })) {
      writeFileSync(join(target, `${name}.${kind}`), content);
      bytes += Buffer.byteLength(content);
    }
  }
  if (bytes > BUDGET)
    throw new Error(`dist/pages: ${bytes} bytes, more than the ${BUDGET} that pages may take`);
  return bytes;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  console.log(`dist/pages: ${await buildPages()} bytes`);
