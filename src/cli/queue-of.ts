/** @file The queue that a command was asked to use, loaded where it was. */
import { ConfigError } from '../errors.js';
import type { RunSpec } from '../experiments/index.js';
import type { QueueRuns } from './queue/runs.js';

export type { QueueRuns } from './queue/runs.js';

/**
 * `--queue` and `--verify` of a command; undefined where its runs are for this machine.
 * @throws ConfigError for a share to verify of runs of this machine, EnvironmentError for a server that cannot be used
 */
export async function queueOf(
  { queue, verify }: { queue?: string; verify?: number },
  name: string,
  specs: readonly RunSpec[],
): Promise<QueueRuns | undefined> {
  if (queue === undefined) {
    if (verify === undefined) return undefined;
    throw new ConfigError('runs of this machine alone have nobody to be compared with', {
      op: '--verify',
      hint: 'give --queue too',
    });
  }
  return (await import('./queue/runs.js')).openQueueRuns(queue, { name, specs, verify });
}
