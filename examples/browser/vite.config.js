import { defineConfig } from 'vite';
import { serviceWorker } from './vite-service-worker.js';

export default defineConfig({
  base: './',
  // Its workers are files beside it, which must not be moved.
  optimizeDeps: { exclude: ['prenorm'] },
  worker: { format: 'es' },
  build: { target: 'es2022' },
  plugins: [serviceWorker('prenorm-example')],
});
