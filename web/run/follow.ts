/**
 * @file A page of a run that goes on loads itself anew as often as it is written; it waits while its reader is at work
 * on it, or has another tab in front, and says that it waits. When nothing has been written for long it says so, but only
 * while it knows: what it has last loaded says nothing about a file that it does not look at. A page of a run that has
 * ended never reloads.
 */

/** Pages that do not come before it is said. */
const MISSED = 6;
/** Seconds of silence that say nothing, however often pages are written. */
const PATIENCE = 60;
/** Milliseconds without a key, a click or a movement after which a reader is taken to read. */
const REST = 2000;
/** The same of one who has selected text or is in a figure: reloading would undo that. */
const HOLD = 20_000;
/** Seconds after which a reload that was due has plainly not come. */
const OVERDUE = 3;

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
  const quiet = (Date.now() - written) / 1000;
  const isSilent = quiet > Math.max(PATIENCE, MISSED * every);
  // Of a run that is silent a new page is still possible, but there is no hurry.
  const wait = isSilent ? PATIENCE : every;
  if (silence) silence.textContent = wording(quiet);

  pause.hidden = false;
  pause.addEventListener('click', () => {
    isPaused = !isPaused;
    write(name, isPaused ? 'yes' : 'no');
    check();
  });

  const touch = (): void => {
    touched = performance.now();
  };
  for (const event of ['keydown', 'pointerdown', 'pointermove', 'wheel', 'touchmove'])
    addEventListener(event, touch, { passive: true });

  const hold = (): number => {
    const holdsSomething =
      getSelection()?.isCollapsed === false ||
      // A figure that somebody reads with the keys.
      document.activeElement?.closest('figure') != null;
    return holdsSomething ? HOLD : REST;
  };

  const check = (): void => {
    const late = (performance.now() - loaded) / 1000 - wait;
    const rest = hold();
    const isHeld = isPaused || document.hidden || performance.now() - touched < rest;
    if (silent) silent.hidden = !isSilent || (isHeld && late > OVERDUE);
    const label = isPaused ? 'Go on reloading' : 'Pause reloading';
    if (pause.textContent !== label) pause.textContent = label;
    const text = isPaused
      ? 'Reloading is paused, so newer numbers are not shown.'
      : isHeld && late > 0
        ? `Reloading waits until ${rest / 1000} s after your last key, click or movement.`
        : 'The page reloads by itself.';
    if (says && says.textContent !== text) says.textContent = text;
    if (!isHeld && late >= 0) location.reload();
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
