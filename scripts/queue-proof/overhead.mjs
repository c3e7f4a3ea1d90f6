/** @file 2,000 runs of some milliseconds: how fast they go in and through, and what a job takes of Redis. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { queueName } from '../../src/cli/queue/names.ts';
import { openServer } from '../../src/cli/queue/server.ts';
import { submit } from '../../src/cli/queue/submit.ts';
import { init } from '../../src/runtime/init.ts';
import { quickRun, text } from '../../test/cli/queue-runs.ts';
import { claim, Lab, now, pause, printTable } from './lab.mjs';

const JOBS = 2000;

export async function overhead() {
  await init();
  const lab = new Lab();
  try {
    await lab.start();
    const folder = lab.place('asking');
    writeFileSync(join(folder, 'cats.txt'), text);
    const server = await openServer(lab.address);
    const queue = new server.bullmq.Queue(queueName(), { connection: server.redis, skipVersionCheck: true });
    const memory = async () => Number(/used_memory:(\d+)/.exec(await server.redis.info('memory'))?.[1]);
    const rows = [];
    const rates = [];
    for (const count of [1, 2]) {
      await server.redis.flushdb();
      const before = await memory();
      const specs = Array.from({ length: JOBS }, (_, i) => quickRun(count * JOBS + i));
      const begun = now();
      await submit(server, queue, specs, { sweep: 'overhead', arithmetic: 'strict', folder });
      const submitted = now() - begun;
      const waiting = (await memory()) - before;
      const workers = [];
      for (let i = 0; i < count; i++) workers.push(await lab.worker(`w${i}`, ['--concurrency', '1']));
      // Their processes are started and warm after the first runs.
      while ((await queue.getCompletedCount()) < 50) await pause(20);
      const [from, at] = [await queue.getCompletedCount(), now()];
      while ((await queue.getCompletedCount()) < JOBS) await pause(50);
      const seconds = now() - at;
      const rate = (JOBS - from) / seconds;
      rates.push(rate);
      const done = (await memory()) - before;
      for (const worker of workers) await lab.kill(worker);
      const jobs = await queue.getJobs(['completed'], 0, 199);
      const own = jobs.map(({ returnvalue }) => returnvalue.record.seconds * 1000).sort((a, b) => a - b);
      rows.push([
        count,
        own[own.length >> 1].toFixed(1),
        submitted.toFixed(2),
        (waiting / JOBS / 1000).toFixed(2),
        (done / JOBS / 1000).toFixed(2),
        rate.toFixed(0),
      ]);
    }
    await queue.close();
    server.close();
    claim(true, `two workers do ${(rates[1] / rates[0]).toFixed(2)} times the runs of one`);
    printTable(
      [
        'workers',
        'a run itself, ms',
        `${JOBS} go in, s`,
        'KB of Redis a job, waiting',
        'KB, with its result',
        'runs/s',
      ],
      rows,
    );
  } finally {
    await lab.end();
  }
}
