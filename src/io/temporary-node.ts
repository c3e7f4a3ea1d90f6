/**
 * @file Names of temporary files, which tell a leftover of a killed process from a write under way. A process id alone
 * does not: ids come again, in a restarted container the same one at once.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import fs from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fnv1a } from '../random.js';

/** What `read` gives, or '' where the system has no such thing. */
function orNone(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}

/** When a process was started, in ticks since the boot (proc(5), field 22 of stat); '0' where there is no /proc. */
function startOf(pid: number | 'self'): string {
  const stat = orNone(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  // The name before it may hold spaces and brackets.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
}

const ownStart = startOf('self');

/** Where process ids mean what they mean here: a host since its boot, or a container of it. */
const place = fnv1a(
  [
    hostname(),
    orNone(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()),
    orNone(() => readlinkSync('/proc/self/ns/pid')),
  ].join(' '),
).toString(16);

let numWritten = 0;

/** @internal A name beside `path` that no other write has: place, process, its start, number of the write. */
export function temporaryName(path: string): string {
  const unique = `${place}-${process.pid}-${ownStart}-${numWritten++}`;
  return join(dirname(path), `.${basename(path)}.${unique}.tmp`);
}

const NAME = /^\.(.+)\.([0-9a-f]+)-(\d+)-(?:(\d+)-)?\d+\.tmp$/;

/** A write whose process cannot be asked about is given up after this many milliseconds without progress. */
const PATIENCE = 3600_000;

/**
 * @internal Removes temporary files that killed processes left for the same target, where it may.
 * @param now the time by the clock that dates the files there, in milliseconds
 */
export async function removeLeftovers(path: string, now: number): Promise<void> {
  for (const file of await leftovers(path, now)) await remove(file, true);
}

/**
 * @internal Temporary files and folders that killed processes left for the same target.
 * @param ending what stands behind their temporary name
 */
export async function leftovers(path: string, now: number, ending = ''): Promise<string[]> {
  const found: string[] = [];
  for (const name of await list(dirname(path))) {
    if (!name.endsWith(ending)) continue;
    const [, target, at, pid, start] = NAME.exec(name.slice(0, name.length - ending.length)) ?? [];
    if (target !== basename(path)) continue;
    const file = join(dirname(path), name);
    const alive = at === place ? isAlive(Number(pid), start) : undefined;
    if (alive === false || (alive === undefined && (await isOld(file, now)))) found.push(file);
  }
  return found;
}

/** @internal Removes all temporary files of a folder that nobody else may be writing to. */
export async function removeAllLeftovers(folder: string): Promise<void> {
  for (const name of await list(folder)) if (NAME.test(name)) await remove(join(folder, name));
}

// Tidying must not fail a write that would succeed: a folder can be writable and yet not listable.
const list = (folder: string): Promise<string[]> => fs.readdir(folder).catch(() => []);
const remove = (path: string, recursive = false): Promise<void> =>
  fs.rm(path, { force: true, recursive }).catch(() => {});

async function isOld(path: string, now: number): Promise<boolean> {
  const stat = await fs.stat(path).catch(() => null);
  return stat !== null && now - stat.mtimeMs > PATIENCE;
}

/** Whether a process of this place lives; undefined where an id is taken, but perhaps by another process. */
function isAlive(pid: number, start: string | undefined): boolean | undefined {
  if (start === undefined) return isRunning(pid) ? undefined : false;
  if (pid === process.pid) return start === ownStart;
  if (!isRunning(pid)) return false;
  // /proc may be that of another namespace, and its process of this id another one.
  const known = orNone(() => readlinkSync('/proc/self')) === String(process.pid) ? startOf(pid) : '0';
  return known === '0' ? undefined : known === start;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: unknown }).code !== 'ESRCH';
  }
}
