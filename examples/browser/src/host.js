/** What this browser can do, in words for whoever looks at the page. */

/** One function with one SIMD instruction: valid exactly where the kernels are. */
const SIMD = Uint8Array.of(
  ...[
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98,
    11,
  ],
);
const EMPTY = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);

/** Why nothing can be trained here; null when it can. */
export function obstacle() {
  if (typeof WebAssembly !== 'object')
    return 'This browser has no WebAssembly, which the training needs. Use a newer one.';
  if (!WebAssembly.validate(SIMD)) {
    return 'This browser has no SIMD in WebAssembly, which the training needs. Use Chrome 91, Firefox 89, Safari 16.4 or later.';
  }
  try {
    new WebAssembly.Module(EMPTY);
  } catch {
    return "This page's Content-Security-Policy blocks WebAssembly. Whoever serves it has to add 'wasm-unsafe-eval' to script-src.";
  }
  if (typeof Worker === 'undefined') return 'This browser has no workers, which the training needs.';
  return null;
}

const canShareMemory = () => globalThis.crossOriginIsolated && typeof SharedArrayBuffer !== 'undefined';

/** One processor stays for the page. */
export function threadsToUse() {
  if (!canShareMemory()) return 1;
  return Math.max(1, Math.min(4, (navigator.hardwareConcurrency ?? 2) - 1));
}

export function describeHost({ capabilities, store }) {
  const { threads } = capabilities;
  const count = threads === 1 ? 'one thread' : `${threads} threads`;
  const why = canShareMemory()
    ? ''
    : ' (SharedArrayBuffer is not available here, so there is one thread only)';
  const where = { opfs: 'the private files of this site', indexeddb: 'the IndexedDB of this site' }[store];
  return `Trains with ${count}${why}. ${where ? `The run is kept in ${where}, on this device only.` : 'Nothing is kept: this browser stores nothing for this page.'}`;
}

/**
 * The service worker that vite.config.js makes: it keeps the page for when there is no network, and adds the headers
 * that a static host does not send. They count from the next load on; nothing is lost by that one before a text is in.
 */
export async function registerServiceWorker(mayReload) {
  if (!import.meta.env.PROD || !navigator.serviceWorker) return;
  try {
    await navigator.serviceWorker.register('./service-worker.js');
    await navigator.serviceWorker.ready;
    if (globalThis.crossOriginIsolated || sessionStorage.getItem('isolated-once') || !mayReload()) return;
    sessionStorage.setItem('isolated-once', 'yes');
    location.reload();
    await new Promise(() => {}); // the next load goes on
  } catch {
    // Without it the page trains with one thread, and says so.
  }
}
