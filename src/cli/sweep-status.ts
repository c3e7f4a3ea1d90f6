/** @file `prenorm sweep status`: what a queue is doing, seen from outside. */
import { setTimeout as sleep } from 'node:timers/promises';
import { formatDuration } from '../report/wording.js';
import { columnsOf, forOutput } from '../terminal/output.js';
import { table } from '../terminal/table.js';
import { put } from '../terminal/write.js';
import { EXIT, interruptSignal } from './errors.js';
import { formatRate } from './progress-line.js';
import { queueName } from './queue/names.js';
import { openServer, serverError } from './queue/server.js';
import { type QueueState, stateOf } from './queue/state.js';
import type { RunQueue } from './queue/submit.js';

export interface SweepStatusOptions {
  queue: string;
  json?: boolean;
  /** Seconds until it says it again. */
  every?: number;
}

export async function sweepStatus({ queue: address, json, every }: SweepStatusOptions): Promise<number> {
  const server = await openServer(address);
  const queue = new server.bullmq.Queue(queueName(), { connection: server.redis, skipVersionCheck: true });
  queue.on('error', () => {});
  const signal = every === undefined ? undefined : interruptSignal();
  try {
    for (;;) {
      const state = await stateOf(server, queue as RunQueue);
      put(json ? `${JSON.stringify(state)}\n` : stateText(state, columnsOf(process.stdout)));
      if (every === undefined) return EXIT.done;
      // Whoever looks has seen enough; nothing was cut short.
      if (!(await sleep(every * 1000, true, { signal }).catch(() => false))) return EXIT.done;
    }
  } catch (error) {
    throw serverError(error, server.address);
  } finally {
    await queue.close().catch(() => {});
    server.close();
  }
}

function stateText({ sweeps, workers, others, rate }: QueueState, columns: number): string {
  const right = true;
  const sweepTable = table(
    [
      { title: 'sweep' },
      { title: 'done', right },
      { title: 'failed', right },
      { title: 'running', right },
      { title: 'steps', right },
      { title: 'time left', right },
    ],
    sweeps.map(({ name, runs, done, failed, running, steps, stepsDone, secondsLeft }) => [
      name,
      `${done}/${runs}`,
      String(failed),
      String(running),
      `${stepsDone}/${steps}`,
      secondsLeft === null ? '?' : formatDuration(secondsLeft),
    ]),
    { columns },
  );
  const workerTable = table(
    [
      { title: 'worker' },
      { title: 'processor' },
      { title: 'runs', right },
      { title: 'rate', right },
      { title: 'now' },
    ],
    workers.map(({ worker, cpu, cores, runs, rate: own, running, refused }) => [
      worker,
      `${cpu}, ${cores} cores`,
      String(runs),
      formatRate(own ?? Number.NaN),
      running.map(({ label, done, total }) => `${label} (${done}/${total})`).join('; ') ||
        (refused.length > 0 ? `leaves runs to others: ${refused[refused.length - 1].reason}` : 'waits'),
    ]),
    { columns },
  );
  const tables = [
    ...(sweeps.length > 0 ? sweepTable : ['no sweep was left to this queue']),
    '',
    ...(workers.length > 0 ? workerTable : ['no worker is there']),
    '',
  ];
  const lines = [
    `${workers.length} ${workers.length === 1 ? 'worker' : 'workers'}${rate !== null && rate > 0 ? `, ${formatRate(rate)} steps in all` : ''}`,
    ...others.map(({ queue, waiting }) => `${waiting} runs wait in ${queue} for workers of that version`),
  ];
  return `${[...tables, ...lines.map((line) => forOutput(line, process.stdout))].join('\n')}\n`;
}
