/** @file metrics.jsonl: one line per step, kept in step with the checkpoint a run goes on from. */
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { EnvironmentError } from '../errors.js';
import { readText, writeText } from './files.js';

export class MetricsLog {
  readonly #file: number;
  /** Bytes of whole lines in the file. */
  #size: number;
  /** Lines that a full disk has kept waiting. */
  #waiting = '';

  private constructor(
    readonly path: string,
    size: number,
    readonly warn: (line: string) => void,
  ) {
    try {
      this.#file = openSync(path, 'r+');
    } catch (cause) {
      throw new EnvironmentError(`the metrics cannot be written: ${(cause as Error).message}`, {
        path,
        cause,
      });
    }
    this.#size = size;
  }

  /** Opens the log of a run that stands at `step`; lines of later steps, which will come again, are dropped. */
  static async open(path: string, step: number, warn: (line: string) => void): Promise<MetricsLog> {
    const lines = step > 0 && existsSync(path) ? (await readText(path)).split('\n') : [];
    const kept = lines.filter((line) => stepOf(line) <= step);
    const text = kept.map((line) => `${line}\n`).join('');
    await writeText(path, text);
    return new MetricsLog(path, Buffer.byteLength(text), warn);
  }

  /** Adds a line. When the disk is full, training goes on: the line waits for the next call, and `warn` is told once. */
  append(metrics: object): void {
    const toldAlready = this.#waiting !== '';
    this.#waiting += `${JSON.stringify(metrics)}\n`;
    const bytes = Buffer.from(this.#waiting);
    try {
      this.write(bytes, this.#size);
      this.#size += bytes.length;
      this.#waiting = '';
    } catch (error) {
      ftruncateSync(this.#file, this.#size);
      const { message } = error as Error;
      if (!toldAlready) this.warn(`${this.path}: metrics cannot be written, training goes on: ${message}`);
    }
  }

  protected write(bytes: Uint8Array, position: number): void {
    let done = 0;
    while (done < bytes.length) {
      done += writeSync(this.#file, bytes, done, bytes.length - done, position + done);
    }
  }

  /** Makes what was added survive a power cut, where the disk lets it. */
  sync(): void {
    try {
      fsyncSync(this.#file);
    } catch {
      // A disk that cannot take the lines has been told of already.
    }
  }

  close(): void {
    closeSync(this.#file);
  }
}

/** Step of a line; a line cut short belongs to no step. */
function stepOf(line: string): number {
  try {
    return (JSON.parse(line) as { step: number }).step;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
