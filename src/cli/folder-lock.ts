/**
 * @file One process at a time writes to a folder. The lock is the system's, not the file: it ends with the process
 * however that ends, and knows nothing of process ids, containers, clocks or restarts. The file is only its place.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { EnvironmentError } from '../errors.js';
import { codeOf, fileError, makeFolder } from '../io/files-node.js';
import { removeAllLeftovers } from '../io/temporary-node.js';
import { note } from './errors.js';

const LOCK = '.prenorm.lock';

/** `open` that also locks (libuv's UV_FS_O_EXLOCK): on macOS and the BSDs O_EXLOCK, on Windows without any sharing. */
const EXCLUSIVE: Readonly<Partial<Record<NodeJS.Platform, number>>> = {
  darwin: 0x20 | constants.O_NONBLOCK,
  freebsd: 0x20 | constants.O_NONBLOCK,
  openbsd: 0x20 | constants.O_NONBLOCK,
  win32: 0x10000000,
};

/** What `open` says of a file that another process has locked in this way. */
const TAKEN = ['EAGAIN', 'EWOULDBLOCK', 'EBUSY'];

/**
 * Makes the folder where there is none, and keeps every other process from holding it until the returned function is
 * called or this process ends. What killed processes left half written in it is removed. Folders made here go again on
 * release when nothing was written to them.
 * @throws EnvironmentError when a living process holds the folder, or it cannot be written to
 */
export async function holdFolder(folder: string): Promise<() => void> {
  const made: string[] = [];
  for (let path = folder; !existsSync(path) && path !== dirname(path); path = dirname(path)) made.push(path);
  const path = join(folder, LOCK);
  let unlock: (() => void) | undefined;
  const release = (): void => {
    unlock?.();
    unlock = undefined;
    for (const own of made.splice(0)) quietly(() => rmdirSync(own));
  };
  try {
    // Some folders, as /proc, take no file and say that they do not exist.
    for (let tries = 100; !unlock; tries--) {
      await makeFolder(folder);
      unlock = await take(path, tries === 0);
    }
    await removeAllLeftovers(folder);
    return release;
  } catch (error) {
    release();
    throw error;
  }
}

/** The lock; undefined when its file has gone meanwhile, as when the one who held it ends. */
async function take(path: string, isLast: boolean): Promise<(() => void) | undefined> {
  let file: number;
  const flags = EXCLUSIVE[process.platform];
  try {
    file = openSync(path, constants.O_RDWR | constants.O_CREAT | (flags ?? 0), 0o666);
  } catch (error) {
    const code = codeOf(error) ?? '';
    if (code === 'ENOENT' && !isLast) return undefined;
    if (flags !== undefined && TAKEN.includes(code)) throw taken(path);
    throw fileError(error, 'write', 'lock', path);
  }
  const free = flags === undefined ? await lock(file, path) : () => {};
  if (!free) {
    closeSync(file);
    throw taken(path);
  }
  const unlock = (): void => {
    // Gone before it is free, so that whoever opens it now finds out; Windows removes no file that is open.
    quietly(() => unlinkSync(path));
    free();
    closeSync(file);
    if (process.platform === 'win32') quietly(() => unlinkSync(path));
  };
  if (process.platform !== 'win32' && !isAt(file, path)) {
    free();
    closeSync(file);
    return undefined;
  }
  // For the message of the next one; a full disk must not keep anybody from going on.
  quietly(() => {
    ftruncateSync(file);
    writeSync(file, `process ${process.pid} on ${hostname()}`);
  });
  return unlock;
}

/** Whether the path still leads to the open file. */
function isAt(file: number, path: string): boolean {
  const own = fstatSync(file);
  const there = statSync(path, { throwIfNoEntry: false });
  return there?.ino === own.ino && there.dev === own.dev;
}

/**
 * Locks an open file on Linux, where Node cannot: flock(1) takes flock(2) on the file it inherits, and the lock stays
 * with this process, which has the file open too. Without that command a socket in the abstract namespace, named after
 * the file, does the same for processes that share a network. Returns what frees it, undefined when it is taken.
 */
async function lock(file: number, path: string): Promise<(() => void) | undefined> {
  const { status } = spawnSync('flock', ['-x', '-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', file] });
  if (status === 0) return () => {};
  if (status === 1) return undefined;
  const { dev, ino } = fstatSync(file);
  const server = createServer();
  const code = await new Promise<string | undefined>((done) => {
    server.once('error', (error) => done(codeOf(error)));
    server.listen(`\0prenorm ${dev} ${ino}`, () => done(undefined));
  });
  if (code === 'EADDRINUSE') return undefined;
  if (code !== undefined) note(`${path}: cannot be locked here; start nothing else in this folder`);
  server.unref();
  return () => server.close();
}

function taken(path: string): EnvironmentError {
  let holder = '';
  quietly(() => {
    holder = readFileSync(path, 'utf8').slice(0, 200);
  });
  return new EnvironmentError(
    `a running process writes to this folder${holder === '' ? '' : `: ${holder}`}`,
    {
      path: dirname(path),
      actual: holder,
      hint: 'wait until it has ended, or choose another folder with --out',
    },
  );
}

/** For what may fail without harm. */
function quietly(fn: () => void): void {
  try {
    fn();
  } catch {}
}
