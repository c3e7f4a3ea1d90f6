/**
 * @file Embeds what the report page needs into src/report/generated/uplot.ts: the plotting library (uPlot) and the
 * page's own script and style, deflated, with the hashes its Content-Security-Policy names. Run by
 * scripts/build.mjs, or alone: `node scripts/embed-report.mjs`.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const read = (path) => readFileSync(join(root, path), 'utf8').replaceAll('\r\n', '\n').trim();

const uplot = JSON.parse(read('node_modules/uplot/package.json'));
const copyright = read('node_modules/uplot/LICENSE').match(/^Copyright .*$/m)?.[0];
if (uplot.license !== 'MIT' || !copyright)
  throw new Error('uplot: its licence changed, see node_modules/uplot');
const notice = `uPlot ${uplot.version}. ${copyright}. MIT License, see NOTICE.`;

const parts = [
  { name: 'uplotScript', path: 'node_modules/uplot/dist/uPlot.iife.min.js' },
  { name: 'uplotStyle', path: 'node_modules/uplot/dist/uPlot.min.css' },
  { name: 'pageScript', path: 'src/report/page/page.js' },
  { name: 'pageStyle', path: 'src/report/page/page.css' },
].map(({ name, path }) => ({ name, path, text: read(path) }));

const digest = createHash('sha256');
for (const { path, text } of parts) {
  // Inside <script> and <style> these would end or hide the rest of the element.
  if (/<\/(script|style)|<!--/i.test(text))
    throw new Error(`${path}: holds text that would break out of its element`);
  digest.update(text);
}

const lines = [
  '// Auto-generated from src/report/page/ and node_modules/uplot/dist/ by `node scripts/embed-report.mjs`. Do not edit.',
  `// sha256 of the content: ${digest.digest('hex')}`,
  '/*!',
  ` * ${notice}`,
  ' */',
  '',
  "import { inflateRawSync } from 'node:zlib';",
  '',
  "const text = (deflated: string): string => inflateRawSync(Buffer.from(deflated, 'base64')).toString();",
  '',
  `export const uplotNotice: string = ${JSON.stringify(notice)};`,
];
for (const { name, path, text } of parts) {
  const hash = createHash('sha256').update(text).digest('base64');
  lines.push('', `/** ${path} */`);
  // The annotations keep the literals out of the declaration file.
  const deflated = deflateRawSync(text, { level: 9 }).toString('base64');
  lines.push(`export const ${name}: string = text(\n  '${deflated}',\n);`);
  lines.push(`export const ${name}Hash: string = 'sha256-${hash}';`);
}
const module = `${lines.join('\n')}\n`;
const folder = join(root, 'src/report/generated');
mkdirSync(folder, { recursive: true });
const target = join(folder, 'uplot.ts');
if (!existsSync(target) || readFileSync(target, 'utf8') !== module) writeFileSync(target, module);
