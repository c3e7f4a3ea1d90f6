/**
 * @file A page of a run that goes on loads itself anew as often as it is written; it waits while its reader is at work
 * on it, or has another tab in front, and says so when nothing has been written for long. A page of a run that has ended
 * never reloads.
 */

/** Pages that do not come before it is said. */
const MISSED = 6;
/** Seconds of silence that say nothing, however often pages are written. */
const PATIENCE = 60;
/** Milliseconds without a key, a click or a movement after which a reader is taken to read. */
const REST = 2000;

export function followRun(): void {
  const live = document.querySelector<HTMLElement>('#live');
  const pause = document.querySelector<HTMLButtonElement>('#pause');
  if (!live || !pause) return;
  const every = Number(live.dataset.every) || 5;
  const written = Date.parse(live.dataset.written ?? '');
  const says = document.querySelector<HTMLElement>('#reloading');
  const silent = document.querySelector<HTMLElement>('#silent');
  const silence = document.querySelector<HTMLElement>('#silence');
  const name = `prenorm paused ${location.pathname}`;
  let isPaused = read(name) === 'yes';
  let touched = Number.NEGATIVE_INFINITY;
  const loaded = performance.now();

  const show = (): void => {
    pause.textContent = isPaused ? 'Go on reloading' : 'Pause reloading';
    if (says) says.textContent = isPaused ? 'Reloading is paused.' : 'The page reloads by itself.';
  };
  pause.hidden = false;
  pause.addEventListener('click', () => {
    isPaused = !isPaused;
    write(name, isPaused ? 'yes' : 'no');
    show();
  });
  show();

  const touch = (): void => {
    touched = performance.now();
  };
  for (const event of ['keydown', 'pointerdown', 'pointermove', 'wheel', 'touchmove'])
    addEventListener(event, touch, { passive: true });

  const isBusy = (): boolean =>
    performance.now() - touched < REST ||
    getSelection()?.isCollapsed === false ||
    // A figure that somebody has zoomed into, or reads with the keys.
    document.querySelector('.tools button:first-child:not([hidden])') !== null ||
    document.activeElement?.closest('figure') != null;

  const check = (): void => {
    const quiet = (Date.now() - written) / 1000;
    const isSilent = quiet > Math.max(PATIENCE, MISSED * every);
    if (silent) silent.hidden = !isSilent;
    if (silence && isSilent) silence.textContent = wording(quiet);
    if (isPaused || document.hidden || isBusy()) return;
    // Of a run that is silent a new page is still possible, but there is no hurry.
    const wait = isSilent ? PATIENCE : every;
    if (performance.now() - loaded >= wait * 1000) location.reload();
  };
  setInterval(check, 500);
  document.addEventListener('visibilitychange', check);
  check();
}

function wording(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

function read(name: string): string | null {
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

function write(name: string, value: string): void {
  try {
    sessionStorage.setItem(name, value);
  } catch {}
}
