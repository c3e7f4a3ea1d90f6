/** @file One line of progress that fits the columns there are: what goes when they shrink, and what never does. */
import stringWidth from 'string-width';
import { pad, shorten } from '../terminal/wrap.js';

/** What is known of something that runs. */
export interface ProgressState {
  label: string;
  /** What is counted, e.g. `step`. */
  unit: string;
  done: number;
  total: number;
  /** Steps per second; NaN when that is not known yet. */
  rate: number;
  /** What is measured, most important first: the loss, then what can be done without. */
  measured: readonly string[];
}

const WIDEST_LABEL = 44;
const WIDEST_BAR = 20;

/**
 * What goes as columns shrink, one after the other: the label is shortened to 12 columns, the bar to 8, then the bar
 * goes, then the rate, then the label is shortened to 6, then what is measured beside the loss goes from the end, then
 * the label. Step, loss and time left always stay.
 */
function levels(extras: number): { label: number; bar: number; rate: boolean; measured: number }[] {
  const all = 1 + extras;
  return [
    { label: 12, bar: 8, rate: true, measured: all },
    { label: 12, bar: 0, rate: true, measured: all },
    { label: 12, bar: 0, rate: false, measured: all },
    ...Array.from({ length: all }, (_, gone) => ({ label: 6, bar: 0, rate: false, measured: all - gone })),
    { label: 0, bar: 0, rate: false, measured: 1 },
  ];
}

/**
 * The line for a terminal.
 * @param labelWidth columns of the widest label beside it, so that bars stand below each other
 */
export function progressLine(state: ProgressState, columns: number, labelWidth = 0): string {
  const { label, done, total, measured } = state;
  const wanted = Math.min(WIDEST_LABEL, Math.max(stringWidth(label), labelWidth));
  const step = `${String(done).padStart(String(total).length)}/${total}`;
  const rate = formatRate(state.rate);
  for (const level of levels(Math.max(0, measured.length - 1))) {
    const parts = [step, ...(level.rate && rate ? [rate] : []), ...measured.slice(0, level.measured)];
    const rest = [...parts, timeLeft(state)].filter((part) => part !== '').join('  ');
    const least = Math.min(level.label, wanted);
    const room = columns - stringWidth(rest) - (least > 0 ? 2 : 0) - (level.bar > 0 ? 2 : 0);
    if (room < least + level.bar) continue;
    const bar = level.bar > 0 ? Math.max(level.bar, Math.min(WIDEST_BAR, room - wanted, room - least)) : 0;
    const width = least > 0 ? Math.min(wanted, room - bar) : 0;
    return [pad(shorten(label, width), width), drawBar(done / total, bar), rest]
      .filter((part) => part !== '')
      .join('  ');
  }
  return shorten([step, measured[0] ?? '', timeLeft(state)].filter((part) => part !== '').join(' '), columns);
}

/** The line where there is no terminal: everything, with names. */
export function plainLine(state: ProgressState): string {
  const { label, unit, done, total, measured } = state;
  const parts = [`${unit} ${done}/${total}`, ...measured, formatRate(state.rate), timeLeft(state)];
  return `${label}: ${parts.filter((part) => part !== '').join(', ')}`;
}

/** `45s left`, `12m34s left`, `3h12m left`, `2d04h left`; `? left` while the rate is not known. */
export function timeLeft({ done, total, rate }: ProgressState): string {
  const seconds = Math.ceil((total - done) / rate);
  if (done >= total) return '0s left';
  if (!(rate > 0) || !Number.isFinite(seconds)) return '? left';
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  if (seconds < 60) return `${seconds}s left`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s left`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}h${two((seconds % 3600) / 60)}m left`;
  return `${Math.floor(seconds / 86400)}d${two((seconds % 86400) / 3600)}h left`;
}

/** Steps per second, or seconds per step of what is slower than one a second; nothing while it is not known. */
export function formatRate(rate: number): string {
  if (!(rate > 0) || !Number.isFinite(rate)) return '';
  if (rate < 1) return `${(1 / rate).toFixed(1)}s each`;
  return `${rate.toFixed(rate < 10 ? 1 : 0)}/s`;
}

function drawBar(share: number, columns: number): string {
  const full = Math.round(columns * Math.min(1, Math.max(0, share)));
  return '█'.repeat(full) + '░'.repeat(columns - full);
}

/** Milliseconds that a rate is told from: what is first heard of between two steps says nothing of how long they take. */
const SHORTEST = 50;

/** Steps per second over the last half minute, so that time left follows what happens now. */
export class Pace {
  #seen: { at: number; done: number }[];

  /** @param from steps done in an earlier process */
  constructor(
    from: number,
    readonly now: () => number = () => performance.now(),
  ) {
    this.#seen = [{ at: now(), done: from }];
  }

  /** The rate, now that `done` steps are done; NaN while there is nothing to tell it from. */
  at(done: number): number {
    const at = this.now();
    const last = this.#seen[this.#seen.length - 1];
    if (at - last.at >= 500) this.#seen.push({ at, done });
    while (this.#seen.length > 2 && at - this.#seen[1].at >= 30_000) this.#seen.shift();
    const [first] = this.#seen;
    return at - first.at >= SHORTEST ? ((done - first.done) / (at - first.at)) * 1000 : Number.NaN;
  }
}
