/**
 * @file The Lab as one file that loads nothing. What scripts/build-pages.mjs has bundled has no data and no kernels:
 * they are in the package once, and come into the page here, where it is written.
 */
import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { genesis } from '../data/generated/kjv.js';
import { test, train, valid } from '../data/generated/ui-de-en.js';
import { pageFiles } from '../report/page-files.js';
import { int12WasmBase64 } from '../runtime/generated/wasm-int12.js';

/** By the names that the bundle has in their place. */
const parts: Readonly<Record<string, string>> = {
  genesis,
  train,
  valid,
  test,
  int12WasmBase64,
};

/**
 * What starts the page: the program is kept deflated, so that the file is small, and as one text, so that the page and its
 * workers run the same bytes.
 */
const START = `const packed = document.getElementById('program').textContent;
const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
(async () => {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const text = await new Response(stream).text();
  const script = document.createElement('script');
  script.id = 'running';
  script.src = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  document.body.append(script);
})().catch((error) => {
  document.getElementById('facts').textContent = 'The Lab cannot start in this browser: ' + error.message;
});`;

/** The whole page; works from `file://` without a network. */
export function labPage(version: string): string {
  const { script, style, markup = '' } = pageFiles('lab');
  const program = script.replace(/@@(\w+)@@/g, (_, name: string) => {
    if (parts[name] === undefined) throw new Error(`unreachable: the page asks for ${name}`);
    return parts[name];
  });
  if (/<\/(script|style)|<!--/i.test(style))
    throw new Error('a file of the page holds text that would end its element');
  const policy = [
    "default-src 'none'",
    `script-src ${hash(START)} blob: 'wasm-unsafe-eval'`,
    'worker-src blob:',
    `style-src ${hash(style)}`,
    'img-src data: blob:',
    "connect-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const packed = deflateRawSync(program, { level: 9 }).toString('base64');
  const inserted: Record<string, string> = { policy, style, program: packed, start: START, version };
  return markup.replace(/(?:\/\* )?@@(\w+)@@(?: \*\/)?/g, (_, name: string) => inserted[name] ?? '');
}

function hash(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}
