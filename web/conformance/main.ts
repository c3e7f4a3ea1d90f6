/**
 * @file The program of the conformance page. The page runs it twice: as its own script, which draws, and in a module
 * worker, which computes. `?where=page` computes in the page; other parameters: threads, arithmetic, replay, wasm, items.
 */
import { itemNames } from '../../src/conformance/index.js';
import { setUpThemeButton } from '../figures/theme.js';
import { type Message, type RunOptions, runHere } from './host.js';
import { View } from './view.js';

/** Threads that do not start are given up after 5 s by the worker itself. Before what starts the page, which reads it. */
const BRING_UP_MS = 15_000;

if (typeof document === 'undefined') {
  addEventListener(
    'message',
    ({ data }) => void runHere(data as RunOptions, (message) => postMessage(message)),
  );
} else startPage();

function startPage(): void {
  setUpThemeButton(document.getElementById('theme') as HTMLButtonElement);
  const query = new URLSearchParams(location.search);
  const inPage = query.get('where') === 'page';
  const only = query.get('items')?.split(',') ?? null;
  // In the order in which they run; what is no item comes last, and the run refuses it by name.
  const view = new View(
    only
      ? [
          ...itemNames.filter((name) => only.includes(name)),
          ...only.filter((name) => !itemNames.includes(name)),
        ]
      : itemNames,
    inPage,
  );
  const isolated = globalThis.crossOriginIsolated === true;
  const most = isolated && !inPage ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;
  const wasm = query.get('wasm');
  const run = () => {
    const options: RunOptions = {
      threads: Number(query.get('threads') ?? most) || 1,
      // What is none is refused by `init`, by name.
      arithmetic: (query.get('arithmetic') ?? 'strict') as RunOptions['arithmetic'],
      replay: query.has('replay') ? query.get('replay') !== 'off' : null,
      // A worker made from a Blob has no address that a relative one could start from.
      wasm: wasm && new URL(wasm, location.href).href,
      items: only,
    };
    view.begin();
    if (inPage) void runHere(options, (message) => view.show(message));
    else runInWorker(options, view);
  };
  view.onAgain(run);
  run();
}

function runInWorker(options: RunOptions, view: View): void {
  const worker = new Worker(import.meta.url, { type: 'module' });
  let started = false;
  const show = (message: Message) => {
    view.show(message);
    if (message.kind === 'end' || message.kind === 'error') worker.terminate();
  };
  // While a debugger listens, WebDriver's too, Firefox may block a worker for ever that starts another.
  const late = setTimeout(() => {
    if (options.threads === 1) return;
    worker.terminate();
    runInWorker({ ...options, threads: 1, noThreads: 'a worker with threads did not start' }, view);
  }, BRING_UP_MS);
  worker.addEventListener('message', ({ data }) => {
    clearTimeout(late);
    started = true;
    show(data as Message);
  });
  worker.addEventListener('error', (event) => {
    clearTimeout(late);
    if (started) show({ kind: 'error', text: event.message || 'the worker failed' });
    else {
      // Chromium starts no module worker for a page opened from disk.
      view.computeInPage();
      void runHere(options, (message) => view.show(message));
    }
  });
  worker.postMessage(options);
}
