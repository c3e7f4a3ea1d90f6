/**
 * @file Files in Node: written whole or not at all, and every failure one clear line. Node only, so the rest
 * of the library imports it dynamically.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import fs from 'node:fs/promises';
import { dirname } from 'node:path';
import { CheckpointError, EnvironmentError, type ErrorFields, PrenormError } from '../errors.js';
import { MOST_BYTES, readWhole } from './read-node.js';
import { removeLeftovers, temporaryName } from './temporary-node.js';

/**
 * Writes a file so that at every moment, a crash included, either the old content or the new stands under
 * `path`: temporary file in the same folder, write, fsync, rename, fsync of the folder. A failure removes the
 * temporary file and leaves the old content. `what` names the thing in messages; for 'checkpoint' the error
 * is a CheckpointError, else an EnvironmentError.
 */
export async function writeFileAtomic(
  path: string,
  content: Uint8Array | string,
  what = 'file',
): Promise<void> {
  let temporary: string | undefined;
  try {
    const target = await resolveLink(path);
    const candidate = temporaryName(target);
    const handle = await fs.open(candidate, 'wx');
    temporary = candidate;
    try {
      // Before a byte is written: what they take may be all that is free.
      await removeLeftovers(target, (await handle.stat()).mtimeMs);
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(temporary, target);
    temporary = undefined;
    await syncFolder(dirname(target));
  } catch (error) {
    if (temporary !== undefined) await fs.rm(temporary, { force: true }).catch(() => {});
    throw fileError(error, 'write', what, path);
  }
}

/** `writeFileAtomic` for a program that ends now, without a turn for others; it leaves older leftovers where they are. */
export function writeFileAtomicNow(path: string, content: Uint8Array | string, what = 'file'): void {
  let temporary: string | undefined;
  try {
    const target = existsSync(path) ? realpathSync(path) : path;
    const candidate = temporaryName(target);
    const handle = openSync(candidate, 'wx');
    temporary = candidate;
    try {
      writeFileSync(handle, content);
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(temporary, target);
  } catch (error) {
    if (temporary !== undefined) rmSync(temporary, { force: true });
    throw fileError(error, 'write', what, path);
  }
}

/** The bytes of a file or a pipe; of a checkpoint as many as a program can hold, else at most `most`. */
export async function readFileChecked(
  path: string,
  what = 'file',
  most = what === 'checkpoint' ? Number.POSITIVE_INFINITY : MOST_BYTES,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readWhole(fs, path, most, (message, fields) =>
      failure(what, `cannot read the ${what}: ${message}`, { path, ...fields }),
    );
  } catch (error) {
    throw fileError(error, 'read', what, path);
  }
}

/** Makes a folder and its parents; one that exists is fine. */
export async function makeFolder(path: string, what = 'folder'): Promise<void> {
  try {
    await makeFolders(path);
  } catch (error) {
    throw fileError(error, 'create', what, path);
  }
}

/**
 * Node's own `recursive` never returns where a parent exists and yet says ENOENT, as /proc does. Where the parent is a
 * folder by now, another process may have made it meanwhile, so that a second attempt decides.
 */
async function makeFolders(path: string, isSecond = false): Promise<void> {
  try {
    await fs.mkdir(path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' && (await fs.stat(path)).isDirectory()) return;
    const parent = dirname(path);
    if (code !== 'ENOENT' || parent === path || isSecond) throw error;
    if (!(await isFolder(parent))) await makeFolders(parent);
    await makeFolders(path, true);
  }
}

async function isFolder(path: string): Promise<boolean> {
  return fs.stat(path).then(
    (stat) => stat.isDirectory(),
    () => false,
  );
}

/** A link keeps pointing at the file it names, so the file behind it is the one replaced. */
async function resolveLink(path: string): Promise<string> {
  try {
    return await fs.realpath(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return path;
    throw error;
  }
}

/** Makes a rename survive a power cut. Windows cannot open folders and needs no such step. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await fs.open(path, 'r');
  try {
    await handle.sync();
  } catch (error) {
    // Some network file systems cannot sync a folder; the file is complete all the same.
    if (!['EINVAL', 'ENOTSUP', 'EPERM'].includes(codeOf(error) ?? '')) throw error;
  } finally {
    await handle.close();
  }
}

const REASONS: Readonly<Record<string, [reason: string, hint: string]>> = {
  ENOSPC: ['no space left on the device', 'free some space or choose another folder'],
  EDQUOT: ['the disk quota is used up', 'free some space or choose another folder'],
  EFBIG: [
    'the file is larger than allowed here',
    'raise the limit (ulimit -f) or choose another file system',
  ],
  EACCES: ['permission denied', 'check the permissions of the file and its folder'],
  EPERM: ['operation not permitted', 'check the permissions of the file and its folder'],
  EROFS: ['the file system is read-only', 'choose another folder'],
  ENOENT: ['no such file or folder', 'check the path'],
  ENOTDIR: ['a part of the path is a file, not a folder', 'check the path'],
  EISDIR: ['the path is a folder', 'name a file'],
  EEXIST: ['a file of this name is in the way', 'remove it or choose another name'],
  ENAMETOOLONG: ['the name is too long', 'choose a shorter one'],
  EMFILE: ['too many open files', 'raise the limit (ulimit -n)'],
};

/** @internal The error of a file operation as one clear line. */
export function fileError(
  error: unknown,
  verb: 'read' | 'write' | 'create',
  what: string,
  path: string,
): Error {
  const code = codeOf(error);
  if (code === undefined || error instanceof PrenormError) return error as Error;
  const [reason, generalHint] = REASONS[code] ?? [code, 'check the path and the device'];
  const hint =
    code === 'ENOENT' && verb === 'write'
      ? `create the folder first: mkdir -p ${dirname(path)}`
      : generalHint;
  return failure(what, `cannot ${verb} the ${what}: ${reason}`, { path, actual: code, hint, cause: error });
}

function failure(what: string, message: string, fields: ErrorFields): Error {
  return new (what === 'checkpoint' ? CheckpointError : EnvironmentError)(message, fields);
}

/** @internal The system's name of an error, e.g. ENOENT. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
