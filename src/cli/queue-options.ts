/** @file Options of the commands that leave runs to a queue, and of the one that takes them. */
import { type Command, Option } from 'commander';
import { bytes, number, threads, whole } from './arguments.js';

/** Of commands that carry out runs. */
export const queueOption = (): Option =>
  new Option(
    '--queue <redis>',
    'leave the runs to the workers of this queue, redis://HOST[:PORT] (docs/many-machines.md)',
  ).conflicts('processes');

export const verifyOption = (): Option =>
  new Option(
    '--verify <share>',
    'with --queue: repeat this share of the runs on another worker, and compare every bit',
  ).argParser(number(0, true, 1));

/** Options of `prenorm worker`. */
export function workerOptions(made: Command): Command {
  return made
    .requiredOption('--queue <redis>', 'the Redis of the queue, redis://HOST[:PORT], or rediss:// for TLS')
    .option('--concurrency <n>', 'runs at once (default: one per core)', whole(1))
    .option('--threads <n>', 'threads of one step, or auto; any number gives the same bits', threads, 1)
    .option('--data-root <dir>', 'folder of the files that are too large for the queue')
    .option('--artifacts <dir>', 'folder that workers share: a run goes on where a lost worker has left it')
    .option('--memory <size>', 'for all runs together, e.g. 8GB (default: what the machine has)', bytes)
    .option('--allow-modules', 'also runs whose data are made by a program in the data root')
    .option('--name <name>', 'of the worker (default: of the machine)')
    .option(
      '--lock <seconds>',
      'a run goes to another worker when this one has said nothing for so long (default: 30)',
      number(1),
    );
}

/** `prenorm sweep status`, whose options are its own. */
export function statusOptions(sweep: Command): Command {
  return sweep
    .enablePositionalOptions()
    .command('status')
    .description('what a queue is doing: how far its sweeps are, who does what, how long it takes')
    .requiredOption('--queue <redis>', 'the Redis of the queue')
    .option('--every <seconds>', 'say it again and again, until Ctrl-C', number(0.1))
    .option('--json', 'print it as JSON, a line each time')
    .exitOverride();
}
