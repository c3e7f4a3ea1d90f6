import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import fs from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CheckpointError, EnvironmentError, type PrenormError } from '../../src/errors.js';
import { checkpointFormat } from '../../src/io/checkpoint-file.js';
import { makeFolder, readFileChecked, writeFileAtomic } from '../../src/io/files-node.js';
import { readTensors } from '../../src/io/safetensors.js';
import { openSealed } from '../../src/io/sealed-file.js';
import { removeAllLeftovers, temporaryName } from '../../src/io/temporary-node.js';
import { fnv1a } from '../../src/random.js';

const test = suite<{ folder: string }>('files');

test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'prenorm-files-'));
});
test.after.each(({ folder }) => {
  rmSync(folder, { recursive: true, force: true });
});

async function failure(promise: Promise<unknown>, pattern: RegExp): Promise<PrenormError> {
  try {
    await promise;
  } catch (error) {
    const { message } = error as Error;
    assert.match(message, pattern);
    assert.not.match(message, '\n');
    return error as PrenormError;
  }
  throw new Error(`nothing was thrown: ${pattern}`);
}

/** Runs with one method of the file module failing, as a full or read-only disk makes it. */
async function withFailing(
  method: 'open' | 'rename' | 'write' | 'sync',
  code: string,
  run: () => Promise<void>,
  folder: string,
): Promise<void> {
  const fail = async () => {
    throw Object.assign(new Error(`${code}: simulated`), { code });
  };
  const probe = await fs.open(join(folder, 'probe'), 'w');
  const prototype = Object.getPrototypeOf(probe);
  await probe.close();
  await fs.rm(join(folder, 'probe'));
  const [owner, name] = {
    open: [fs, 'open'],
    rename: [fs, 'rename'],
    write: [prototype, 'writeFile'],
    sync: [prototype, 'sync'],
  }[method] as [Record<string, unknown>, string];
  const original = owner[name];
  owner[name] = fail;
  try {
    await run();
  } finally {
    owner[name] = original;
  }
}

test('writes bytes and text, replaces what was there, and leaves nothing else', async ({ folder }) => {
  const path = join(folder, 'a.ckpt');
  await writeFileAtomic(path, Uint8Array.of(1, 2, 3));
  assert.equal([...readFileSync(path)], [1, 2, 3]);
  await writeFileAtomic(path, 'grün');
  assert.is(readFileSync(path, 'utf8'), 'grün');
  assert.equal(readdirSync(folder), ['a.ckpt']);
  assert.equal([...(await readFileChecked(path))], [...Buffer.from('grün')]);
});

test('writes views into shared memory, and several files at once', async ({ folder }) => {
  const shared = new Uint8Array(new SharedArrayBuffer(100)).fill(7);
  await writeFileAtomic(join(folder, 's'), shared.subarray(10, 30));
  assert.equal([...readFileSync(join(folder, 's'))], new Array(20).fill(7));
  const same = join(folder, 'same');
  await Promise.all(Array.from({ length: 8 }, (_, i) => writeFileAtomic(same, new Uint8Array(1000).fill(i))));
  assert.is(new Set(readFileSync(same)).size, 1);
  assert.equal(readdirSync(folder).sort(), ['s', 'same']);
});

test('a link keeps pointing at the file, which is replaced', async ({ folder }) => {
  mkdirSync(join(folder, 'real'));
  writeFileSync(join(folder, 'real/x'), 'old');
  symlinkSync(join(folder, 'real/x'), join(folder, 'latest'));
  await writeFileAtomic(join(folder, 'latest'), 'new');
  assert.is(readFileSync(join(folder, 'real/x'), 'utf8'), 'new');
  assert.equal(readdirSync(folder).sort(), ['latest', 'real']);
});

test('whatever fails, the old content stays and the temporary file goes', async ({ folder }) => {
  const path = join(folder, 'a.ckpt');
  writeFileSync(path, 'old');
  const cases: ['open' | 'rename' | 'write' | 'sync', string, RegExp][] = [
    ['open', 'EACCES', /cannot write the checkpoint: permission denied \(check the permissions/],
    ['open', 'EROFS', /cannot write the checkpoint: the file system is read-only \(choose another folder\)/],
    ['write', 'ENOSPC', /cannot write the checkpoint: no space left on the device \(free some space/],
    ['sync', 'EDQUOT', /cannot write the checkpoint: the disk quota is used up/],
    ['rename', 'EPERM', /cannot write the checkpoint: operation not permitted/],
    ['rename', 'EIO', /cannot write the checkpoint: EIO/],
  ];
  for (const [method, code, pattern] of cases) {
    const run = async () => {
      const error = await failure(writeFileAtomic(path, 'new', 'checkpoint'), pattern);
      assert.instance(error, CheckpointError);
      assert.is(error.path, path);
      assert.is(error.actual, code);
      assert.ok(error.message.startsWith(`${path}: `));
    };
    await withFailing(method, code, run, folder);
    assert.is(readFileSync(path, 'utf8'), 'old', `${method} ${code}`);
    assert.equal(readdirSync(folder), ['a.ckpt'], `${method} ${code}`);
  }
});

test('missing folders, files in the way and folders as files are one clear line', async ({ folder }) => {
  const missing = await failure(
    writeFileAtomic(join(folder, 'no/such/a'), 'x'),
    /cannot write the file: no such file or folder \(create the folder first: mkdir -p .*no\/such\)/,
  );
  assert.instance(missing, EnvironmentError);
  writeFileSync(join(folder, 'plain'), 'x');
  await failure(
    writeFileAtomic(join(folder, 'plain/a'), 'x', 'report'),
    /cannot write the report: a part of the path/,
  );
  mkdirSync(join(folder, 'dir/inner'), { recursive: true });
  await failure(writeFileAtomic(join(folder, 'dir'), 'x'), /cannot write the file: the path is a folder/);
  await failure(writeFileAtomic(join(folder, 'n'.repeat(250)), 'x'), /the name is too long/);
  assert.equal(readdirSync(folder).sort(), ['dir', 'plain']);

  const unread = await failure(
    readFileChecked(join(folder, 'none'), 'checkpoint'),
    /cannot read the checkpoint: no such/,
  );
  assert.instance(unread, CheckpointError);
  await failure(readFileChecked(join(folder, 'dir')), /cannot read the file: the path is a folder/);
  await failure(
    makeFolder(join(folder, 'plain/x')),
    /cannot create the folder: a part of the path is a file/,
  );
  await makeFolder(join(folder, 'dir/a/b'));
  await makeFolder(join(folder, 'dir/a/b'));
  assert.equal(readdirSync(join(folder, 'dir/a')), ['b']);
});

test('many make folders within one that is not there yet, as processes that start together do', async ({
  folder,
}) => {
  for (let round = 0; round < 40; round++) {
    const runs = join(folder, `${round}`, 'runs');
    await Promise.all(['a', 'b', 'a', 'c'].map((name) => makeFolder(join(runs, name))));
    assert.equal(readdirSync(runs).sort(), ['a', 'b', 'c']);
  }
});

test('an unwritable folder is refused', async ({ folder }) => {
  // Root may write everywhere; the simulated EACCES above covers that case.
  if (process.getuid?.() === 0) return;
  chmodSync(folder, 0o500);
  await failure(writeFileAtomic(join(folder, 'a'), 'x'), /permission denied/);
  chmodSync(folder, 0o700);
});

/** Names as this process makes them, with another process, start or place. */
function leftover(path: string, change: { pid?: number; start?: string; place?: string } = {}): string {
  const own = /^(.*\.)([0-9a-f]+)-(\d+)-(\d+)-\d+\.tmp$/.exec(temporaryName(path));
  assert.ok(own);
  const { place = own?.[2], pid = own?.[3], start = own?.[4] } = change;
  const name = `${own?.[1]}${place}-${pid}-${start}-7.tmp`;
  writeFileSync(name, 'half');
  return basename(name);
}

test('leftovers of killed processes are removed, writes under way stay', async ({ folder }) => {
  const { pid: deadPid } = spawnSync(process.execPath, ['-e', '']);
  const [a, b] = ['a.ckpt', 'b.ckpt'].map((name) => join(folder, name));
  leftover(a, { pid: deadPid });
  // The id came again: for another process, and as in a restarted container for this one.
  if (process.platform === 'linux') {
    leftover(a, { pid: process.ppid, start: '1' });
    leftover(a, { start: '1' });
  }
  const old = leftover(a, { place: 'ff', pid: 1 });
  if (process.platform !== 'linux') return;
  const parent = readFileSync(`/proc/${process.ppid}/stat`, 'latin1').split(') ').at(-1)?.split(' ')[19];
  const kept = [
    leftover(a),
    leftover(a, { pid: process.ppid, start: parent }),
    leftover(b, { pid: deadPid }),
    leftover(a, { place: 'fe', pid: 1 }),
  ];
  // Nothing can be asked about the processes of another place; after an hour without progress they are dead.
  const before = Date.now() / 1000 - 3700;
  utimesSync(join(folder, old), before, before);
  await writeFileAtomic(a, 'x');
  assert.equal(readdirSync(folder).sort(), [...kept, 'a.ckpt'].sort());
  await removeAllLeftovers(folder);
  assert.equal(readdirSync(folder), ['a.ckpt']);
});

test("a leftover of a process with the same id is in nobody's way", async ({ folder }) => {
  const path = join(folder, 'a');
  const host = fnv1a(hostname()).toString(16);
  // The first names that a process of this id and host could think of, with and without its start.
  const next = /-(\d+)\.tmp$/.exec(temporaryName(path))?.[1];
  for (let n = 0; n < 50; n++) {
    writeFileSync(join(folder, `.a.${host}-${process.pid}-${Number(next) + n}.tmp`), 'half');
    writeFileSync(join(folder, `.a.${host}-${process.pid}-${n}.tmp`), 'half');
  }
  for (let n = 0; n < 3; n++) await writeFileAtomic(path, `x${n}`);
  assert.is(readFileSync(path, 'utf8'), 'x2');
});

test('what is read is a file or a pipe, and not longer than what reads it can hold', async ({ folder }) => {
  const begun = performance.now();
  for (const path of ['/dev/zero', '/dev/null']) {
    const error = await failure(
      readFileChecked(path),
      /cannot read the file: it is neither a file nor a pipe/,
    );
    assert.equal([error.code, error.path, error.actual], ['ENVIRONMENT', path, 'a device']);
  }
  await failure(readFileChecked('/dev/zero', 'checkpoint'), /cannot read the checkpoint: it is neither/);
  assert.ok(performance.now() - begun < 2000, 'at once');
  await failure(readFileChecked(folder), /the path is a folder/);

  const path = join(folder, 'a');
  writeFileSync(path, 'ten bytes.');
  assert.is(Buffer.from(await readFileChecked(path, 'file', 10)).toString(), 'ten bytes.');
  const long = await failure(readFileChecked(path, 'file', 9), /the file has 10 bytes, at most 9 are read/);
  assert.equal([long.expected, long.actual], [9, 10]);
  // Its size is looked at, not its bytes: they would be 1 TB.
  truncateSync(path, 2 ** 40);
  await failure(readFileChecked(path), /the file has 1099511627776 bytes, at most 2147483648 are read/);

  // Files that say no size, and pipes, of more than a piece.
  assert.match(Buffer.from(await readFileChecked('/proc/self/status')).toString(), /^Name:.*\nVmRSS:/s);
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  for (const most of [300_000, 299_999]) {
    spawn('sh', ['-c', `head -c 300000 /dev/zero | tr '\\0' x > ${pipe}`], { stdio: 'ignore' });
    const read = readFileChecked(pipe, 'file', most);
    if (most === 300_000) assert.equal(await read, new Uint8Array(300_000).fill(120));
    else await failure(read, /the file has more bytes, at most 299999 are read/);
  }
});

test('a checkpoint of more than 2 GiB is read and hashed, to its last byte', async ({ folder }) => {
  const path = join(folder, 'large');
  const elements = 2 ** 29 + 2 ** 24;
  const tensors = { a: elements, z: 2 };
  const zero = '0'.repeat(64);
  const record = (begin: number, size: number) =>
    `{"dtype":"F32","shape":[${size}],"data_offsets":[${4 * begin},${4 * (begin + size)}]}`;
  const header = (sha256: string) => {
    const meta = `{"format":"prenorm-checkpoint","sha256":"${sha256}","version":"1"}`;
    const text = `{"__metadata__":${meta},"a":${record(0, tensors.a)},"z":${record(tensors.a, 2)}}`;
    const bytes = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
    const length = Buffer.alloc(8);
    length.writeUInt32LE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const end = Buffer.from(Float32Array.of(0.5, -2).buffer);
  const hash = createHash('sha256').update(header(zero));
  const piece = Buffer.alloc(2 ** 26);
  for (let at = 0; at < 4 * elements; at += piece.length) hash.update(piece);
  const start = header(hash.update(end).digest('hex'));
  const handle = await fs.open(path, 'w');
  await handle.write(start);
  await handle.write(end, 0, 8, start.length + 4 * elements); // what lies between takes no room on the disk
  await handle.close();

  const bytes = await readFileChecked(path, 'checkpoint');
  assert.is(bytes.length, start.length + 4 * elements + 8);
  const { header: found } = openSealed(bytes, path, checkpointFormat);
  assert.equal(readTensors(bytes, found, 'z').get('z')?.data, Float32Array.of(0.5, -2));
  bytes[bytes.length - 1] ^= 1;
  assert.throws(() => openSealed(bytes, path, checkpointFormat), /is damaged: its SHA-256 does not match/);
  // What a user gives as data is not as long.
  await failure(readFileChecked(path), /bytes, at most 2147483648 are read/);
});

test.run();
