/** @file Progress on a terminal as bars, elsewhere as a line now and then. Goes to stderr: stdout is for results. */
import cliProgress from 'cli-progress';
import { note } from './errors.js';

export interface ProgressBar {
  update(done: number, text: string): void;
  stop(): void;
}

export interface ProgressBars {
  /** `from` is what was done before, in an earlier process. */
  add(label: string, total: number, from?: number): ProgressBar;
  /** A line above the bars. */
  log(line: string): void;
  /** A line that must be seen, even when progress is quiet. */
  warn(line: string): void;
  stop(): void;
}

const FORMAT = '{label} {bar} {value}/{total} {rate} {eta_formatted} left {text}';
const LABEL_WIDTH = 44;
/** Without a terminal, a bar is one line in this many milliseconds at most. */
const LINE_EVERY = 10_000;

export function progressBars(options: { quiet?: boolean } = {}): ProgressBars {
  if (options.quiet) return { add: () => ({ update() {}, stop() {} }), log() {}, warn: note, stop() {} };
  if (!process.stderr.isTTY) return plainProgress();
  const multi = new cliProgress.MultiBar(
    {
      format: FORMAT,
      stream: process.stderr,
      barsize: 20,
      hideCursor: true,
      clearOnComplete: true,
      etaBuffer: 30,
    },
    cliProgress.Presets.shades_classic,
  );
  return {
    add(label, total, from = 0) {
      const bar = multi.create(total, from, {
        label: label.slice(0, LABEL_WIDTH).padEnd(LABEL_WIDTH),
        text: '',
        rate: '',
      });
      const rateOf = rateSince(from);
      return {
        update: (done, text) => bar.update(done, { text, rate: formatRate(rateOf(done)) }),
        stop() {
          bar.stop();
          multi.remove(bar);
        },
      };
    },
    log: (line) => multi.log(`${line}\n`),
    warn: (line) => multi.log(`prenorm: ${line}\n`),
    stop: () => multi.stop(),
  };
}

function plainProgress(): ProgressBars {
  return {
    add(label, total, from = 0) {
      const rateOf = rateSince(from);
      let last = performance.now();
      return {
        update(done, text) {
          const now = performance.now();
          if (now - last < LINE_EVERY) return;
          last = now;
          const rate = rateOf(done);
          const left = rate > 0 ? `, ${Math.ceil((total - done) / rate)} s left` : '';
          process.stderr.write(`${label}: ${done}/${total}, ${formatRate(rate)}${left}, ${text}\n`);
        },
        stop() {},
      };
    },
    log: (line) => process.stderr.write(`${line}\n`),
    warn: note,
    stop() {},
  };
}

function rateSince(from: number): (done: number) => number {
  const started = performance.now();
  return (done) => (done - from) / ((performance.now() - started) / 1000);
}

function formatRate(rate: number): string {
  return `${rate.toFixed(rate < 10 ? 1 : 0)}/s`;
}
