import { defineConfig } from 'vite';
import { serviceWorker } from '../browser/vite-service-worker.js';

export default defineConfig({
  base: './',
  // Parts of the page lie in ../browser, which need not be installed.
  resolve: { dedupe: ['prenorm', 'uplot'] },
  server: { fs: { allow: ['../..'] } },
  // Its workers are files beside it, which must not be moved.
  optimizeDeps: { exclude: ['prenorm'] },
  worker: { format: 'es' },
  build: { target: 'es2022' },
  plugins: [serviceWorker('prenorm-fine-tune')],
});
