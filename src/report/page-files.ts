/**
 * @file The script and the style of a page, as scripts/build-pages.mjs bundles them into dist/pages. In the package
 * they lie beside the chunks; tests run from the sources and find what was built last.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { EnvironmentError } from '../errors.js';

/** What a page has inline. */
export interface PageFiles {
  script: string;
  style: string;
  /** Names and licences of others' code in the script, from the comment at its top. */
  notice: string;
  /** The document, of a page that is not made by `renderPage`. */
  markup?: string;
}

const folders = ['../pages/', '../../dist/pages/'].map((path) => new URL(path, import.meta.url));
const kept = new Map<string, PageFiles>();

/** Files of the page `name`, e.g. `report`. Throws `EnvironmentError` where the package was not built whole. */
export function pageFiles(name: string): PageFiles {
  const before = kept.get(name);
  if (before) return before;
  const folder = folders.find((one) => existsSync(new URL(`${name}.css.gz`, one)));
  if (!folder) {
    throw new EnvironmentError(`the files of the page "${name}" are missing`, {
      op: 'report',
      expected: `${name}.js.gz and ${name}.css.gz`,
      actual: `neither in ${folders.map((one) => fileURLToPath(one)).join(' nor in ')}`,
      hint: 'install prenorm again, or run `node scripts/build.mjs` in its sources',
    });
  }
  const at = (extension: string) => new URL(`${name}.${extension}`, folder);
  const unpack = (extension: string) =>
    gunzipSync(readFileSync(at(extension)))
      .toString('utf8')
      .trim();
  const script = unpack('js.gz');
  const notice = /^\/\*!\s*([\s\S]*?)\s*\*\//.exec(script)?.[1] ?? '';
  const markup = existsSync(at('html')) ? { markup: readFileSync(at('html'), 'utf8').trim() } : {};
  const files = { script, style: unpack('css.gz'), notice, ...markup };
  kept.set(name, files);
  return files;
}
