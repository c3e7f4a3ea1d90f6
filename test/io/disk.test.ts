/** Disks that are full, read-only or limited, for real: training goes on and the last good checkpoint stays. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CheckpointError } from '../../src/errors.js';
import { decodeCheckpoint } from '../../src/io/checkpoint-file.js';
import { readFileChecked, writeFileAtomic } from '../../src/io/files-node.js';
import { init } from '../../src/runtime/init.js';
import { lm, writeCorpus } from '../cli/corpus.js';
import { command, inFolder } from '../cli/spawn.js';
import { translationTrainer } from '../train/setup.js';

const test = suite('disks');
test.before(async () => {
  await init();
});

const mount = (...args: string[]) => execFileSync('mount', args, { stdio: 'ignore' });

/** A disk of 256 KB for `use`; false where this user may not mount one. */
async function onSmallDisk(use: (disk: string) => Promise<void>): Promise<boolean> {
  const disk = mkdtempSync(join(tmpdir(), 'prenorm-disk-'));
  try {
    mount('-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk);
  } catch {
    rmSync(disk, { recursive: true });
    return false;
  }
  try {
    await use(disk);
  } finally {
    execFileSync('umount', [disk]);
    rmSync(disk, { recursive: true });
  }
  return true;
}

const troubles: [name: string, code: string, begin: (disk: string) => void, end: (disk: string) => void][] = [
  [
    'a full disk',
    'ENOSPC',
    (disk) => {
      try {
        writeFileSync(join(disk, 'filler'), new Uint8Array(1 << 20));
      } catch {}
    },
    (disk) => rmSync(join(disk, 'filler')),
  ],
  [
    'a read-only disk',
    'EROFS',
    (disk) => mount('-o', 'remount,ro', disk),
    (disk) => mount('-o', 'remount,rw', disk),
  ],
];

for (const [name, code, begin, end] of troubles) {
  test(`${name} for some steps: reported, survived, and the checkpoint before it stays whole`, async () => {
    const done = await onSmallDisk(async (disk) => {
      const path = join(disk, 'run.safetensors');
      const read = async () => decodeCheckpoint(await readFileChecked(path, 'checkpoint'), path);
      const trainer = translationTrainer({
        steps: 10,
        checkpointEvery: 2,
        onCheckpoint: (bytes) => writeFileAtomic(path, bytes, 'checkpoint'),
      });
      const failed: [step: number, code: unknown, savedStep: number | null][] = [];
      trainer.on('checkpointFailed', ({ step, error, savedStep }) => {
        assert.instance(error, CheckpointError);
        assert.is(error.path, path);
        failed.push([step, error.actual, savedStep]);
      });
      for await (const { step } of trainer.run()) {
        if (step === 3) begin(disk);
        if (step === 5 || step === 7) assert.is((await read()).step, 2);
        if (step === 7) end(disk);
      }
      assert.equal(failed, [
        [4, code, 2],
        [6, code, 2],
      ]);
      assert.is((await read()).step, 10);
      assert.equal(readdirSync(disk), ['run.safetensors']);
      const undisturbed = translationTrainer({ steps: 10 });
      for await (const _ of undisturbed.run());
      assert.is(trainer.hash(), undisturbed.hash());
    });
    if (!done) console.log('skipped: a small disk cannot be mounted here');
  });
}

test('a limit on the size of files: every lost checkpoint is a line, the last good one stays', () =>
  inFolder(async (cwd) => {
    const shell = spawnSync('bash', ['-c', 'ulimit -f 1'], { encoding: 'utf8' });
    if (shell.status !== 0) {
      console.log('skipped: no bash that can limit the size of files');
      return;
    }
    writeCorpus(cwd);
    const run = (steps: number, before: string, ...rest: string[]) => {
      writeFileSync(join(cwd, 'c.json'), JSON.stringify({ ...lm, steps, checkpointEvery: 2 }));
      const line = `${before} exec "$0" "$@"`;
      const args = ['-c', line, process.execPath, ...command, 'train', 'c.json', '--out', 'run', ...rest];
      return spawnSync('bash', args, { cwd, encoding: 'utf8' });
    };
    assert.is(run(4, '').status, 0);
    const path = join(cwd, 'run/checkpoint.safetensors');
    const before = readFileSync(path);
    // Without the trap the system would end the process; 16 blocks of 1 KB hold the log, not a checkpoint.
    const limited = run(9, "trap '' XFSZ; ulimit -f 16;", '--resume');
    assert.is(limited.status, 2, limited.stderr);
    const told = limited.stderr.split('\n').filter((line) => line.startsWith('prenorm: '));
    // The page, which is larger than the limit from the beginning, is told of once.
    const page = told.findIndex((line) => line.includes('report.html'));
    assert.match(told.splice(page, 1)[0]!, /training goes on without its page/);
    assert.is(told.length, 3, limited.stderr);
    for (const line of told.slice(0, 2)) {
      assert.match(line, /larger than allowed here.*; training goes on, the checkpoint of step 4 stays/);
    }
    assert.match(told[2], /the checkpoint of step 4 stays, go on with --resume/);
    assert.equal(readFileSync(path), before);
    const resumed = run(9, '', '--resume');
    assert.is(resumed.status, 0, resumed.stderr);
    assert.is(decodeCheckpoint(new Uint8Array(readFileSync(path)), path).step, 9);
  }));

test.run();
