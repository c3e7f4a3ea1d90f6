/**
 * @file Builds the conformance page into one file, build/web/conformance/index.html: `npm run build:page`. It needs
 * nothing beside it: put it on any web server, or open it from disk. Two response headers give it threads:
 * Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const source = join(root, 'web/conformance');
const target = join(root, 'build/web/conformance/index.html');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** @satisfies {import('esbuild').BuildOptions} */
const options = {
  bundle: true,
  minify: true,
  format: /** @type {const} */ ('esm'),
  target: 'es2022',
  write: /** @type {const} */ (false),
  logLevel: /** @type {const} */ ('warning'),
};
const worker = await build({ ...options, entryPoints: [join(root, 'src/runtime/kernel-worker.ts')] });
const { outputFiles } = await build({
  ...options,
  entryPoints: [join(source, 'main.ts')],
  define: { KERNEL_WORKER: JSON.stringify(worker.outputFiles[0].text) },
});
const program = outputFiles[0].text;
// Inside a script element these would end it, or hide its end.
if (/<\/script|<!--/i.test(program)) throw new Error('the program holds text that HTML takes for a tag');
const style = await build({ ...options, entryPoints: [join(source, 'page.css')] });
const css = style.outputFiles[0].text.trim();
// The program is kept as text, so that the page and its worker run the same bytes and one file holds everything.
const start = `const text = document.getElementById('program').textContent;
await import(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })));`;
const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
// Besides itself and what it makes of itself the page loads nothing but kernels from its own server, by ?wasm=.
const policy = [
  "default-src 'none'",
  `script-src ${hash(start)} blob: 'wasm-unsafe-eval'`,
  'worker-src blob:',
  `style-src ${hash(css)}`,
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');
// Functions, because a replacement text would have its dollar signs interpreted.
const page = readFileSync(join(source, 'index.html'), 'utf8')
  .replace('/* policy */', () => policy)
  .replace('/* page.css */', () => css)
  .replace('<span id="version"></span>', () => version)
  .replace('/* program */', () => program)
  .replace('/* start */', () => start);
mkdirSync(dirname(target), { recursive: true });
writeFileSync(target, page);
if (!process.argv.includes('--quiet')) console.log(`${target}: ${(page.length / 1024).toFixed(0)} KB`);
