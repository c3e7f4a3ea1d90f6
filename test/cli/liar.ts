/** A worker that carries out runs, and says something else: one bit of the first loss is another. */
import { randomBytes } from 'node:crypto';
import { machineOf, type RunJob } from '../../src/cli/queue/job.js';
import { queueName } from '../../src/cli/queue/names.js';
import { openServer } from '../../src/cli/queue/server.js';
import { executeRun } from '../../src/experiments/index.js';
import type { Sources } from '../../src/recipe/index.js';

export interface Liar {
  /** Its id. */
  liar: string;
  /** How many runs it has lied about. */
  lies(): number;
  close(): Promise<void>;
}

/** Takes runs until it is closed; the runtime of this process has to be there. */
export async function startLiar(address: string, sources: Sources): Promise<Liar> {
  const server = await openServer(address);
  const liar = `liar-${randomBytes(3).toString('hex')}`;
  const flip = (value: number): number => {
    const bits = new BigUint64Array(Float64Array.of(value).buffer);
    return new Float64Array(BigUint64Array.of(bits[0]! ^ 1n).buffer)[0]!;
  };
  let lies = 0;
  const worker = new server.bullmq.Worker<RunJob>(
    queueName(),
    async (job, token) => {
      if (job.data.notOn?.includes(liar)) {
        await job.moveToDelayed(0, token);
        await new Promise((done) => setTimeout(done, 100));
        throw new server.bullmq.DelayedError();
      }
      const record = await executeRun(job.data.spec, { sources });
      const [first, ...rest] = record.curve ?? [];
      const curve = [{ ...first!, trainLoss: flip(first!.trainLoss) }, ...rest];
      lies++;
      return { record: { ...record, curve }, machine: machineOf(liar) };
    },
    { connection: server.redis, name: liar, skipVersionCheck: true },
  );
  worker.on('error', () => {});
  return {
    liar,
    lies: () => lies,
    async close() {
      await worker.close();
      server.close();
    },
  };
}
