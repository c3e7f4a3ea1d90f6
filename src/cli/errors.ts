/** @file One clear line and the right exit code for whatever ended a command. */

import { ConfigError, NumericError, PrenormError } from '../errors.js';
import { forOutput, hasCursor } from '../terminal/output.js';
import { showCursor, tell } from '../terminal/write.js';

/** Done; a claim or check failed; bad usage or input. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** What shells have of a command that a signal has ended: 128 and the signal's number. */
const INTERRUPTED = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type Interrupt = keyof typeof INTERRUPTED;

/** The signal that was heard last. */
let heard: Interrupt = 'SIGINT';

/** The exit code of a command that was interrupted. */
export const interrupted = (): number => INTERRUPTED[heard];

export function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

/** Any text as one line, for messages. */
export function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ');
}

/** A line, wrapped where there is a terminal, on standard error that a reader of the results does not see. */
export function note(line: string): void {
  tell(`${forOutput(`prenorm: ${oneLine(line)}`, process.stderr)}\n`);
}

/** Prints the error as one line and returns the exit code. Unexpected errors keep their stack: they are bugs. */
export function reportError(error: unknown): number {
  if (isAbort(error)) {
    note('interrupted');
    return interrupted();
  }
  if (error instanceof PrenormError) {
    note(error.message);
    // A training that ends in a NaN has failed like one that ends in a huge loss.
    return error instanceof NumericError ? EXIT.failed : EXIT.usage;
  }
  tell(
    `prenorm: unexpected error, please report it\n${error instanceof Error ? error.stack : String(error)}\n`,
  );
  return EXIT.failed;
}

/** Runs `fn`; a ConfigError of the library inside gets the recipe's file it comes from. */
export async function inConfig<T>(path: string, fn: () => Promise<T>): Promise<T> {
  try {
    return await fn();
  } catch (error) {
    // The check of a recipe names the file itself.
    const isNamed = (at: string | undefined) => at === path || at?.startsWith(`${path}:`);
    if (!(error instanceof ConfigError) || error.path !== undefined || isNamed(error.op)) throw error;
    const { expected, actual, message } = error;
    throw new ConfigError(message, { path, expected, actual, cause: error });
  }
}

let interrupt: AbortSignal | undefined;
let beforeExit = (): void => {};

/** Whether signals are heard here: elsewhere they end the process at once, and nothing is done after them. */
export const hearsSignals = (): boolean => interrupt !== undefined;

/**
 * The AbortSignal that Ctrl-C, SIGTERM and SIGHUP (a closed terminal) trigger; a second Ctrl-C or SIGTERM ends the process
 * at once, a third whatever it does.
 * @param lastly what is done before that; no asynchronous work is waited for
 */
export function interruptSignal(lastly?: () => void): AbortSignal {
  if (lastly) beforeExit = lastly;
  interrupt ??= listenForInterrupt();
  return interrupt;
}

function listenForInterrupt(): AbortSignal {
  const controller = new AbortController();
  const signals = Object.keys(INTERRUPTED) as Interrupt[];
  const stop = (signal: NodeJS.Signals) => {
    if (!controller.signal.aborted) {
      heard = signal as Interrupt;
      tell(`${process.stderr.isTTY ? '\n' : ''}stopping; press Ctrl-C again to stop at once\n`);
      controller.abort();
      return;
    }
    // A shell and the system both tell of a closed terminal.
    if (signal === 'SIGHUP') return;
    heard = signal as Interrupt;
    for (const name of signals) process.off(name, stop);
    beforeExit();
    // A progress bar may have hidden the cursor.
    if (hasCursor(process.stderr)) showCursor(process.stderr);
    process.exit(interrupted());
  };
  for (const name of signals) process.on(name, stop);
  return controller.signal;
}

/** Of options that mean nothing here, the first that is given. */
export function firstGiven<K extends string>(options: Readonly<Record<K, unknown>>): K | undefined {
  return (Object.keys(options) as K[]).find((name) => options[name] !== undefined);
}
