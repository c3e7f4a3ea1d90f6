/**
 * @file The way to where a lane computes: a worker made of the page's own text, or, where the browser starts none, the
 * page itself, which then trains between two of its own turns.
 */
import { type FromLane, LaneHost, type ToLane } from '../../src/lab/lane-host.js';

export interface LanePort {
  /** Where it computes. */
  readonly where: 'worker' | 'page';
  /** @param moved buffers of the message that nobody needs here any more */
  post(message: ToLane, moved?: ArrayBuffer[]): void;
  close(): void;
}

/** How long a worker may take to say that it is there, on a machine that does much else. */
const START_MS = 20_000;
/** Between two questions whether it lives. */
const BEAT_MS = 1000;

let address: string | null = null;
/** A browser that starts none once starts none later. */
let noWorkers = false;

function programAddress(): string {
  address ??= (document.getElementById('running') as HTMLScriptElement).src;
  return address;
}

/**
 * Opens a port.
 * @param lost is called when the worker ends by itself, which browsers do to those that take too much memory, some of
 * them without a word
 * @param patience seconds in which it must answer
 */
export function openLanePort(
  receive: (message: FromLane) => void,
  lost: (why: string) => void,
  patience: number,
): LanePort {
  if (noWorkers || typeof Worker === 'undefined') return inPage(receive);
  let worker: Worker;
  try {
    worker = new Worker(programAddress());
  } catch {
    noWorkers = true;
    return inPage(receive);
  }
  const sent: ToLane[] = [];
  let heard = false;
  let instead: LanePort | null = null;
  const giveUp = (): void => {
    clearTimeout(late);
    worker.terminate();
    noWorkers = true;
    clearInterval(beat);
    instead = inPage(receive);
    for (const message of sent) instead.post(message);
  };
  const late = setTimeout(giveUp, START_MS);
  const end = (why: string): void => {
    clearInterval(beat);
    worker.terminate();
    lost(why);
  };
  // Seconds are counted by the page's own turns: those of a device that slept are none.
  let silent = 0;
  const beat = setInterval(() => {
    if (!heard) return;
    silent++;
    if (silent === 1) worker.postMessage({ type: 'ping' } satisfies ToLane);
    if (silent > patience) end('its worker does not answer any more');
  }, BEAT_MS);
  worker.addEventListener('message', ({ data }) => {
    heard = true;
    silent = 0;
    clearTimeout(late);
    if (data !== 'here' && data.type !== 'pong') receive(data as FromLane);
  });
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    if (!heard) giveUp();
    else end(event.message || 'the browser ended its worker');
  });
  return {
    get where() {
      return instead ? 'page' : 'worker';
    },
    post(message, moved = []) {
      if (instead) instead.post(message);
      else {
        if (!heard) sent.push(message);
        worker.postMessage(message, moved);
      }
    },
    close() {
      clearTimeout(late);
      clearInterval(beat);
      instead?.close();
      worker.terminate();
    },
  };
}

function inPage(receive: (message: FromLane) => void): LanePort {
  let open = true;
  const host = new LaneHost((message) => open && receive(message));
  return {
    where: 'page',
    post: (message) => void host.receive(message),
    close() {
      open = false;
      host.close();
    },
  };
}
