/** @file A file that grows by lines while a run goes on, and waits when the disk is full. */
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { EnvironmentError } from '../errors.js';
import { writeText } from './files.js';

export class LineLog {
  /** Bytes of whole lines in the file. */
  #size: number;
  #file: number | null = null;
  /** Lines that a full disk has kept waiting. */
  #waiting = '';

  protected constructor(
    readonly path: string,
    size: number,
    readonly warn: (line: string) => void,
  ) {
    this.#size = size;
  }

  /** Makes the file what a run goes on with. Without any lines yet there is none before the first comes. */
  protected static async prepare(path: string, text: string): Promise<number> {
    if (text !== '') await writeText(path, text);
    else rmSync(path, { force: true });
    return Buffer.byteLength(text);
  }

  /** A log that holds these whole lines. */
  static async begin(path: string, text: string, warn: (line: string) => void): Promise<LineLog> {
    return new LineLog(path, await LineLog.prepare(path, text), warn);
  }

  /** Opens the file, which may have to be made. @throws EnvironmentError */
  protected openFile(): number {
    try {
      this.#file ??= openSync(this.path, existsSync(this.path) ? 'r+' : 'w');
    } catch (cause) {
      throw new EnvironmentError(`the metrics cannot be written: ${(cause as Error).message}`, {
        path: this.path,
        cause,
      });
    }
    return this.#file;
  }

  /** Adds a line. When the disk is full, training goes on: the line waits for the next call, and `warn` is told once. */
  add(line: string): void {
    const toldAlready = this.#waiting !== '';
    this.#waiting += `${line}\n`;
    const bytes = Buffer.from(this.#waiting);
    try {
      this.openFile();
      this.write(bytes, this.#size);
      this.#size += bytes.length;
      this.#waiting = '';
    } catch (error) {
      if (this.#file !== null) ftruncateSync(this.#file, this.#size);
      const { message } = error as Error;
      if (!toldAlready) this.warn(`${this.path}: metrics cannot be written, training goes on: ${message}`);
    }
  }

  protected write(bytes: Uint8Array, position: number): void {
    const file = this.openFile();
    let done = 0;
    while (done < bytes.length) {
      done += writeSync(file, bytes, done, bytes.length - done, position + done);
    }
  }

  /** Makes what was added survive a power cut, where the disk lets it. */
  sync(): void {
    try {
      if (this.#file !== null) fsyncSync(this.#file);
    } catch {
      // A disk that cannot take the lines has been told of already.
    }
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file);
    this.#file = null;
  }
}
