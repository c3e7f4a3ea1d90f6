import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { defineConfig } from 'vite';

/** Writes service-worker.js with the names of all files of the build. */
function serviceWorker() {
  return {
    name: 'service-worker',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      const files = ['./', ...Object.keys(bundle).filter((name) => !/\.map$|\.html$/.test(name))].sort();
      const version = createHash('sha256').update(files.join('\n')).digest('hex').slice(0, 12);
      const source = readFileSync(new URL('./service-worker.js', import.meta.url), 'utf8')
        .replace("'__FILES__'", files.map((name) => JSON.stringify(name)).join(', '))
        .replace('__VERSION__', version);
      this.emitFile({ type: 'asset', fileName: 'service-worker.js', source });
    },
  };
}

export default defineConfig({
  base: './',
  // Its workers are files beside it, which must not be moved.
  optimizeDeps: { exclude: ['prenorm'] },
  worker: { format: 'es' },
  build: { target: 'es2022' },
  plugins: [serviceWorker()],
});
