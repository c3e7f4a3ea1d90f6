/**
 * @file A whole file into memory, in Node: what it is and how large is looked at before a byte is read. It gets
 * `node:fs/promises`, so that who loads models by path in any bundle can have it too.
 */
import type { ErrorFields } from '../errors.js';

/** What is asked of `node:fs/promises`. */
export type FileReader = Pick<typeof import('node:fs/promises'), 'open' | 'stat'>;

/** The most that Node's own reading of a file gives; a checkpoint may be longer. */
export const MOST_BYTES = 0x80000000;

/** One read of the system gives 2 GiB at most. */
const PIECE = 1 << 26;

/**
 * The bytes of a file, or of a pipe until its other end is closed. Files that say no size (`/proc`) are read like pipes.
 * A device is refused, since it may have no end; errors of the system come as they are.
 * @param most bytes to accept
 * @param refuse makes the error of a file that is not read
 */
export async function readWhole(
  fs: FileReader,
  path: string,
  most: number,
  refuse: (message: string, fields: ErrorFields) => Error,
): Promise<Uint8Array<ArrayBuffer>> {
  const tooLong = (actual: number, found: string) =>
    refuse(`the file has ${found} bytes, at most ${most} are read`, { expected: most, actual });
  // Before it is opened: opening alone can wait for ever, or do something to a device.
  const kind = await fs.stat(path);
  if (!kind.isFile() && !kind.isFIFO() && !kind.isDirectory()) {
    throw refuse('it is neither a file nor a pipe', {
      expected: 'a file',
      actual: kind.isCharacterDevice() || kind.isBlockDevice() ? 'a device' : 'a socket',
      hint: 'a device may have no end: copy what you want of it to a file',
    });
  }
  const handle = await fs.open(path, 'r');
  try {
    const stat = await handle.stat();
    if (stat.isFile() && stat.size > most) throw tooLong(stat.size, String(stat.size));
    /** Reads until `bytes` are full or the file ends; how many it were. */
    const fill = async (bytes: Uint8Array): Promise<number> => {
      for (let at = 0; ; ) {
        const { bytesRead } = await handle.read(bytes.subarray(at, at + PIECE));
        at += bytesRead;
        if (bytesRead === 0 || at === bytes.length) return at;
      }
    };
    if (stat.isFile() && stat.size > 0) {
      const bytes = room(stat.size, refuse);
      return bytes.subarray(0, await fill(bytes));
    }
    const pieces: Uint8Array[] = [];
    let length = 0;
    for (let size = 1 << 16; ; size = Math.min(2 * size, PIECE)) {
      const piece = new Uint8Array(size);
      const count = await fill(piece);
      pieces.push(piece.subarray(0, count));
      length += count;
      if (length > most) throw tooLong(length, 'more');
      if (count < size) break;
    }
    const bytes = room(length, refuse);
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}

function room(
  length: number,
  refuse: (message: string, fields: ErrorFields) => Error,
): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw refuse(`its ${length} bytes do not fit the memory of this program`, { actual: length, cause });
  }
}
