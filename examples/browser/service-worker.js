/**
 * Keeps the page for when there is no network, and adds the two headers that make it cross-origin isolated, for hosts
 * that cannot send them. vite-service-worker.js puts the page's name and the list of files in.
 */
const FILES = ['__FILES__'];
const NAME = '__NAME__';
const CACHE = `${NAME}-__VERSION__`;

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(FILES))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) =>
        Promise.all(
          names
            .filter((name) => name.startsWith(`${NAME}-`) && name !== CACHE)
            .map((name) => caches.delete(name)),
        ),
      )
      .then(() => self.clients.claim()),
  );
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || new URL(request.url).origin !== self.location.origin) return;
  event.respondWith(answer(request));
});

async function answer(request) {
  const key = request.mode === 'navigate' ? './' : request;
  const found = (await caches.match(key, { cacheName: CACHE })) ?? (await fetch(request));
  if (found.status === 0) return found;
  const headers = new Headers(found.headers);
  headers.set('Cross-Origin-Opener-Policy', 'same-origin');
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp');
  return new Response(found.body, { status: found.status, statusText: found.statusText, headers });
}
