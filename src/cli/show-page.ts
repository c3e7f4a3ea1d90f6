/** @file Shows a page in the browser, for `--open`. */

import { resolve } from 'node:path';
import { tell } from '../terminal/write.js';
import { note } from './errors.js';

/**
 * Opens a file with what the system opens such files with, and waits for no one. Where there is no browser, a line says
 * so: the command goes on, and the path is printed in any case.
 */
export async function showPage(path: string): Promise<void> {
  tell(`page: ${path}\n`);
  const failed = (why: string): void => note(`the page cannot be shown: ${why} (open ${path} yourself)`);
  try {
    // On demand: other commands need not load it.
    const { default: open } = await import('open');
    const opener = await open(resolve(path));
    opener.once('exit', (code) => {
      if (code !== 0 && code !== null) failed(`what opens files ended with code ${code}`);
    });
  } catch (error) {
    failed((error as Error).message);
  }
}
