/** @file What is wrong from outside: one clear line each, and nothing lost. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { queueName } from '../../src/cli/queue/names.ts';
import { openServer } from '../../src/cli/queue/server.ts';
import { freePort, TestRedis } from '../../test/cli/redis.ts';
import { claim, Lab, pause, prenorm, printTable } from './lab.mjs';
import { writeGrid } from './runs.mjs';

export async function badInput() {
  const lab = new Lab();
  const rows = [];
  const cwd = lab.place('asking');
  writeGrid(cwd, 2, 4);
  let asked = 0;
  // Who waits holds its folder.
  const sweep = (address, environment = {}) =>
    prenorm(['sweep', 'grid.json', '--out', `out-${asked++}`, '--queue', address], cwd, [], environment);
  /** One line on standard error, and the exit code of bad input. */
  const refused = async (what, address, pattern, environment) => {
    const { code, stderr } = await sweep(address, environment);
    const isOne = /^prenorm: [^\n]*\n$/.test(stderr);
    claim(code === 2 && isOne && pattern.test(stderr), what);
    rows.push([what, `\`${stderr.trim().replace(/127\.0\.0\.1:\d+/g, 'lab-1:6379')}\``]);
  };
  /** What is said while a run waits; then it is still there. */
  const waits = async (what, queue, said, pattern) => {
    for (let tries = 0; !pattern.test(said()) && tries < 200; tries++) await pause(100);
    const line =
      said()
        .split('\n')
        .find((one) => pattern.test(one)) ?? '';
    const counts = await queue.getJobCounts('waiting', 'delayed', 'active', 'failed', 'completed');
    const isKept = counts.failed === 0 && counts.waiting + counts.delayed + counts.active > 0;
    claim(line !== '' && isKept, `${what}; the run is still there`);
    rows.push([what, `\`${line.trim()}\``]);
  };
  try {
    await refused('no Redis', `redis://127.0.0.1:${await freePort()}`, /no Redis answers there/);
    const old = createServer((socket) => {
      socket.on('data', (commands) => {
        const info = 'redis_version:5.0.14\r\n';
        for (const _ of String(commands).matchAll(/^\*\d/gm)) socket.write(`$${info.length}\r\n${info}\r\n`);
      });
      socket.on('error', () => {});
    });
    const port = await freePort();
    await new Promise((done) => old.listen(port, '127.0.0.1', () => done(undefined)));
    await refused('an old Redis', `redis://127.0.0.1:${port}`, /this Redis is version 5\.0\.14, too old/);
    old.close();
    const guarded = await TestRedis.start('--requirepass', 'right');
    await refused('a wrong password', guarded.address, /wants another password/, {
      PRENORM_REDIS_PASSWORD: 'wrong',
    });
    await guarded.stop();
    const small = await TestRedis.start('--maxmemory', '1kb', '--maxmemory-policy', 'noeviction');
    await refused('a full Redis', small.address, /this Redis is full/);
    await small.stop();

    await lab.start();
    const open = async (database) => {
      const address = `${lab.address}/${database}`;
      const server = await openServer(address);
      const queue = new server.bullmq.Queue(queueName(), {
        connection: server.redis,
        skipVersionCheck: true,
      });
      return { address, server, queue, close: () => queue.close().then(() => server.close()) };
    };
    /** Leaves a sweep to the queue, and goes away when its runs are in it. */
    const leave = async ({ address, queue }) => {
      const asking = sweep(address);
      while ((await queue.getJobCountByTypes('waiting', 'delayed')) < 2) await pause(50);
      return asking;
    };

    const later = await open(1);
    void leave(later);
    while ((await later.queue.getWaitingCount()) < 2) await pause(50);
    const [job] = await later.queue.getWaiting();
    await later.queue.drain();
    await later.queue.add('recipe', {
      ...job.data,
      prenorm: '9.9.9',
      spec: { ...job.data.spec, kind: 'of the future' },
    });
    const younger = await lab.worker('old', ['--concurrency', '1'], [], later.address);
    await waits('a recipe of a newer version', later.queue, younger.said, /it is of prenorm "9\.9\.9"/);
    await lab.kill(younger);
    await later.close();

    const other = await open(2);
    const program = `export function dataset() {
      const batch = { ids: Int32Array.of(1, 2, 3, 0), targets: Int32Array.of(2, 3, 0, 1), batchSize: 1, seqLen: 4 };
      return { data: { next: () => batch, state: () => ({}), restore() {} }, sha256: 'x', seqLen: 4 };
    }`;
    writeFileSync(join(cwd, 'data.mjs'), program);
    const grid = JSON.parse(readFileSync(join(cwd, 'grid.json'), 'utf8'));
    const model = { ...grid.model, vocabSize: 5 };
    writeFileSync(
      join(cwd, 'grid.json'),
      JSON.stringify({ ...grid, model, data: { kind: 'module', url: 'data.mjs' } }),
    );
    void leave(other);
    while ((await other.queue.getWaitingCount()) < 2) await pause(50);
    const root = join(lab.place('root'), 'data');
    mkdirSync(root);
    writeFileSync(join(root, 'data.mjs'), `${program} // altered`);
    const altered = await lab.worker(
      'altered',
      ['--concurrency', '1', '--allow-modules', '--data-root', root],
      [],
      other.address,
    );
    await waits(
      'data with another hash',
      other.queue,
      altered.said,
      /has another content than the run was made for/,
    );
    await lab.kill(altered);
    await other.close();

    const large = await open(3);
    writeGrid(cwd, 2, 4);
    void leave(large);
    while ((await large.queue.getWaitingCount()) < 2) await pause(50);
    const narrow = await lab.worker('narrow', ['--concurrency', '1', '--memory', '1kB'], [], large.address);
    await waits('a worker with too little memory', large.queue, narrow.said, /a step takes .* of memory/);
    await lab.kill(narrow);
    await large.close();
    printTable(['what', 'line'], rows);
  } finally {
    await lab.end();
  }
  // Those who asked wait for ever: their runs are kept, not failed.
  process.exit(process.exitCode ?? 0);
}
