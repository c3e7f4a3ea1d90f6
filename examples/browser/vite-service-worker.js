import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/**
 * Writes service-worker.js with the names of all files of the build.
 * @param {string} name what the page's cache is called: pages of one address keep apart by it
 */
export function serviceWorker(name) {
  return {
    name: 'service-worker',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      const files = ['./', ...Object.keys(bundle).filter((name) => !/\.map$|\.html$/.test(name))].sort();
      const version = createHash('sha256').update(files.join('\n')).digest('hex').slice(0, 12);
      const source = readFileSync(new URL('./service-worker.js', import.meta.url), 'utf8')
        .replace("'__FILES__'", files.map((name) => JSON.stringify(name)).join(', '))
        .replace('__NAME__', name)
        .replace('__VERSION__', version);
      this.emitFile({ type: 'asset', fileName: 'service-worker.js', source });
    },
  };
}
