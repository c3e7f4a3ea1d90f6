/** @file `prenorm worker`: carries out the runs of a queue, here, until it is told to stop. */
import { statSync } from 'node:fs';
import { ConfigError } from '../errors.js';
import { put } from '../terminal/write.js';
import { EXIT, interrupted, interruptSignal, note } from './errors.js';
import { progressBars } from './progress.js';
import { openServer } from './queue/server.js';
import { QueueWorker, type QueueWorkerOptions } from './queue/worker.js';

export interface WorkerOptions extends Omit<QueueWorkerOptions, 'onDone' | 'onStep'> {
  queue: string;
  json?: boolean;
}

export async function worker({ queue, json, ...options }: WorkerOptions): Promise<number> {
  const folders = [['--data-root', options.dataRoot] as const, ['--artifacts', options.artifacts] as const];
  for (const [flag, folder] of folders) {
    if (folder === undefined || statSync(folder, { throwIfNoEntry: false })?.isDirectory()) continue;
    throw new ConfigError('there is no such folder', {
      op: flag,
      path: folder,
      hint: 'make it, or leave it out',
    });
  }
  const server = await openServer(queue);
  const signal = interruptSignal();
  const bars = progressBars({ quiet: json });
  const active = new Map<string, ReturnType<typeof bars.add>>();
  const own = new QueueWorker(server, {
    ...options,
    onStep(label, { done, total, text }) {
      if (!active.has(label)) active.set(label, bars.add(label, total));
      active.get(label)?.update(done, text);
    },
    onDone(label, outcome) {
      active.get(label)?.stop();
      active.delete(label);
      if (json) put(`${JSON.stringify({ worker: own.id, label, ...outcome })}\n`);
      else
        bars.log(`${label}: ${outcome.hash ? outcome.hash.slice(0, 12) : (outcome.error ?? 'given back')}`);
    },
  });
  bars.log(`worker ${own.id} takes runs of ${server.address}; Ctrl-C gives back what it has begun`);
  const isAside = await own.run(signal);
  bars.stop();
  server.close();
  if (!isAside) return interrupted();
  note(
    `worker ${own.id}: its results were put aside, because they differ from those of others; it takes no more runs`,
  );
  return EXIT.failed;
}
