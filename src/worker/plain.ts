/** @file What can cross to a worker. */
import { bytes, isBlob } from '../checks.js';
import { ConfigError } from '../errors.js';

/** A closure would be refused by the browser with a message that names nothing. */
export function checkPlain(op: string, value: unknown, path: string, depth = 0): void {
  if (typeof value === 'function' || typeof value === 'symbol') {
    throw new ConfigError(`${path} is a ${typeof value}, which cannot go to a worker`, {
      op,
      actual: typeof value,
      hint: `give plain data${op === 'WorkerTrainer' ? '; for data of your own, the address of a module that exports dataset()' : ''}`,
    });
  }
  if (typeof value !== 'object' || value === null || depth > 16) return;
  // Of an array of numbers the elements are not asked one by one: an image has hundreds of thousands.
  if (ArrayBuffer.isView(value) || bytes.holds(value) || isBlob(value)) return;
  for (const [key, part] of Object.entries(value)) checkPlain(op, part, `${path}.${key}`, depth + 1);
}
