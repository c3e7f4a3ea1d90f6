/** @file Progress on a terminal as bars, elsewhere as a line now and then. Goes to stderr: stdout is for results. */
import { moveCursor } from 'node:readline';
import cliProgress from 'cli-progress';
import stringWidth from 'string-width';
import { columnsOf, forOutput, hasCursor } from '../terminal/output.js';
import { visible, write } from '../terminal/write.js';
import { hearsSignals, note } from './errors.js';
import { Pace, type ProgressState, plainLine, progressLine } from './progress-line.js';

export interface ProgressBar {
  /** @param text what is measured, with commas between, most important first */
  update(done: number, text: string): void;
  stop(): void;
}

export interface ProgressBars {
  /** `from` is what was done before, in an earlier process; `unit` is what is counted. */
  add(label: string, total: number, from?: number, unit?: string): ProgressBar;
  /** A line above the bars. */
  log(line: string): void;
  /** A line that must be seen, even when progress is quiet. */
  warn(line: string): void;
  stop(): void;
}

export interface ProgressOptions {
  /** No progress, for --json; lines that `logEvery` asks for come all the same. */
  quiet?: boolean;
  /** A line every so many steps: beside the bar on a terminal, instead of one every few seconds elsewhere. */
  logEvery?: number;
  /** Default: standard error. */
  stream?: NodeJS.WriteStream;
}

/** Without a terminal, a bar is one line in this many milliseconds at most. */
const LINE_EVERY = 5000;
/** Bars are drawn by a timer, and by what moves them where no timer gets its turn for so many milliseconds. */
const DRAW_EVERY = 250;

export function progressBars(options: ProgressOptions = {}): ProgressBars {
  const { quiet = false, logEvery, stream = process.stderr } = options;
  if (quiet && logEvery === undefined) {
    return { add: () => ({ update() {}, stop() {} }), log() {}, warn: note, stop() {} };
  }
  if (quiet || !hasCursor(stream)) return plainProgress(stream, logEvery, quiet);
  return terminalProgress(stream, logEvery);
}

function terminalProgress(stream: NodeJS.WriteStream, logEvery?: number): ProgressBars {
  const states = new Map<object, ProgressState>();
  let labelWidth = 0;
  /** What stands on the screen, to find it again when a terminal that became narrower has broken it into more lines. */
  const drawn = new Map<object, string>();
  let lastDrawn = performance.now();
  // What nobody hears of must not keep the process from ending, and leaves the cursor as it is.
  const heard = hearsSignals();
  const multi = new cliProgress.MultiBar(
    {
      format: (_options, _params, payload) => {
        const state = states.get(payload.key) as ProgressState;
        // A line that fills the last column wraps in some terminals.
        const line = progressLine(state, columnsOf(stream) - 1, labelWidth);
        drawn.set(payload.key, line);
        lastDrawn = performance.now();
        return line;
      },
      stream,
      hideCursor: heard,
      gracefulExit: heard,
      clearOnComplete: true,
    },
    cliProgress.Presets.shades_classic,
  );
  const onResize = (): void => {
    const columns = columnsOf(stream);
    const rows = [...drawn.values()].reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(stringWidth(line) / columns)),
      0,
    );
    if (rows === 0) return;
    moveCursor(stream, 0, drawn.size - rows);
    stream.write('\x1b[J');
    multi.update();
  };
  stream.on('resize', onResize);
  // While bars are drawn the terminal itself wraps nothing.
  const log = (line: string): void => multi.log(`${visible(forOutput(line, stream))}\n`);
  return {
    add(name, total, from = 0, unit = 'step') {
      const key = {};
      const label = visible(name);
      const pace = new Pace(from);
      const state: ProgressState = { label, unit, done: from, total, rate: Number.NaN, measured: [] };
      states.set(key, state);
      labelWidth = Math.max(labelWidth, stringWidth(label));
      const bar = multi.create(total, from, { key });
      return {
        update(done, text) {
          Object.assign(state, { done, rate: pace.at(done), measured: partsOf(text) });
          bar.update(done);
          if (performance.now() - lastDrawn >= DRAW_EVERY) multi.update();
          if (logEvery !== undefined && isDue(done, total, from, logEvery)) log(plainLine(state));
        },
        stop() {
          bar.stop();
          multi.remove(bar);
          drawn.delete(key);
          states.delete(key);
        },
      };
    },
    log,
    warn: (line) => log(`prenorm: ${line}`),
    stop() {
      stream.off('resize', onResize);
      // What was logged last is written with the next drawing, which would not come any more.
      multi.update();
      multi.stop();
    },
  };
}

/** The first line comes at once, the last always. */
function plainProgress(stream: NodeJS.WriteStream, logEvery?: number, quiet = false): ProgressBars {
  const writeLine = (line: string): void => {
    write(`${line}\n`, stream);
  };
  return {
    add(label, total, from = 0, unit = 'step') {
      const pace = new Pace(from);
      let written = -1;
      let last = Number.NEGATIVE_INFINITY;
      let state: ProgressState | undefined;
      const say = (): void => {
        if (!state || state.done === written) return;
        written = state.done;
        last = performance.now();
        writeLine(plainLine(state));
      };
      return {
        update(done, text) {
          state = { label, unit, done, total, rate: pace.at(done), measured: partsOf(text) };
          const due =
            logEvery === undefined
              ? performance.now() - last >= LINE_EVERY || done === total
              : isDue(done, total, from, logEvery);
          if (due) say();
        },
        stop: say,
      };
    },
    log: (line) => {
      if (!quiet) writeLine(line);
    },
    warn: note,
    stop() {},
  };
}

function isDue(done: number, total: number, from: number, every: number): boolean {
  return done % every === 0 || done === total || done === from + 1;
}

function partsOf(text: string): string[] {
  return text.split(', ').filter((part) => part !== '');
}
