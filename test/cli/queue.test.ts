/** Runs on a real Redis and real workers: what comes back, what is lost and found again, who lies, what is refused. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { PoolEvents } from '../../src/cli/pool.js';
import { queueName } from '../../src/cli/queue/names.js';
import { openQueueRuns } from '../../src/cli/queue/runs.js';
import { openServer } from '../../src/cli/queue/server.js';
import type { QueueState } from '../../src/cli/queue/state.js';
import { addJobs } from '../../src/cli/queue/submit.js';
import { fileSources } from '../../src/cli/sources.js';
import { executeRun, type Machine, type RunRecord, type RunSpec } from '../../src/experiments/index.js';
import type { RecipeRun } from '../../src/experiments/kinds/recipe.js';
import { init } from '../../src/runtime/init.js';
import type { SweepResults } from '../../src/sweep/results.js';
import { startLiar } from './liar.js';
import { quickRun, text } from './queue-runs.js';
import { freePort, redisProgram, TestRedis } from './redis.js';
import { command, prenorm } from './spawn.js';

const test = suite('cli: queue');
const folder = mkdtempSync(join(tmpdir(), 'prenorm-queue-'));
const at = (...names: string[]): string => join(folder, ...names);
const sources = fileSources(at('here'));
const workers = new Set<ChildProcess>();
let redis: TestRedis;
/** What is connected, and must not keep this process when a test fails. */
const open: { close(): unknown }[] = [];
const toClose = <T extends { close(): unknown }>(made: T): T => {
  open.push(made);
  return made;
};
/** A server and its queue, closed at the end. */
async function connected(address: string) {
  const server = await openServer(address);
  const queue = new server.bullmq.Queue(queueName(), { connection: server.redis, skipVersionCheck: true });
  queue.on('error', () => {});
  toClose(queue);
  toClose(server);
  return { server, queue };
}

test.before(async () => {
  await init();
  for (const name of ['here', 'there', 'root']) mkdirSync(at(name));
  writeFileSync(at('here', 'cats.txt'), text);
  redis = await TestRedis.start('--appendonly', 'yes', '--appendfsync', 'always');
});
test.after(async () => {
  for (const one of open) await one.close();
  for (const worker of workers) worker.kill('SIGKILL');
  await redis.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Another process, in a folder that has nothing; it is there when it says so. */
async function startWorker(database: number, name: string, ...more: string[]): Promise<ChildProcess> {
  const address = `${redis.address}/${database}`;
  const args = ['worker', '--queue', address, '--name', name, '--concurrency', '1', '--lock', '1', ...more];
  const child = spawn(process.execPath, [...command, ...args], {
    cwd: at('there'),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  workers.add(child);
  let said = '';
  await new Promise<void>((done, fail) => {
    child.once('exit', () => fail(new Error(said)));
    child.stderr?.setEncoding('utf8').on('data', (part: string) => {
      said += part;
      if (said.includes('takes runs of')) done();
    });
  });
  return child;
}

interface Followed {
  records: Map<string, RunRecord>;
  machines: Map<string, Machine | undefined>;
  failed: Map<string, string>;
  notes: string[];
  /** How often each was told of. */
  told: Map<string, number>;
  aside: string[];
}

async function follow(
  database: number,
  specs: readonly RunSpec[],
  { verify, signal = new AbortController().signal, onDone = () => {} }: FollowOptions = {},
): Promise<Followed> {
  const runs = await openQueueRuns(`${redis.address}/${database}`, { name: 'cats', specs, verify });
  const seen: Followed = {
    records: new Map(),
    machines: new Map(),
    failed: new Map(),
    notes: [],
    told: new Map(),
    aside: [],
  };
  const events: PoolEvents = {
    onProgress() {},
    onDone({ id }, record, machine) {
      seen.records.set(id, record);
      seen.machines.set(id, machine);
      seen.told.set(id, (seen.told.get(id) ?? 0) + 1);
      onDone(seen.records.size);
    },
    onFailed: ({ id }, error) => void seen.failed.set(id, `${error.name} ${error.message}`),
    onPutAside: ({ id }) => void seen.aside.push(id),
    onNote: (line) => void seen.notes.push(line),
  };
  try {
    const engine = { arithmetic: 'strict' as const };
    await runs.execute(specs, { processes: 1, engine, signal, folder: at('here') }, events);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await runs.close();
  }
  return seen;
}
interface FollowOptions {
  verify?: number;
  signal?: AbortSignal;
  onDone?: (count: number) => void;
}

const runsOf = (count: number, steps: number): RecipeRun[] =>
  Array.from({ length: count }, (_, seed) => quickRun(seed, { steps }));
const hashHere = async (spec: RunSpec): Promise<string> => (await executeRun(spec, { sources })).hash;

test('workers that share nothing carry out a sweep, row by row as here; what is done is not done again', async () => {
  await Promise.all(['lab', 'attic'].map((name) => startWorker(0, name)));
  const { recipe } = quickRun(1, { validation: 0.2 });
  writeFileSync(at('here', 'recipe.json'), JSON.stringify({ ...recipe, evalEvery: 2 }));
  const grid = { recipe: 'recipe.json', grid: { 'schedule.maxLr': [0.01, 0.02], seed: [1, 2, 3] } };
  writeFileSync(at('here', 'grid.json'), JSON.stringify(grid));
  const sweep = async (out: string, ...more: string[]): Promise<SweepResults> => {
    const args = ['sweep', 'grid.json', '--out', out, '--json', '--queue', `${redis.address}/0`, ...more];
    const { code, stdout, stderr } = await prenorm(args, { cwd: at('here') });
    assert.is(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const results = await sweep('out', '--verify', '1');
  assert.is(results.runs.length, 6);
  for (const run of results.runs)
    assert.is(run.hash, await hashHere(run.config as unknown as RunSpec), run.id);
  const { machines = [], runs = {} } = results.computedBy ?? {};
  assert.is(Object.keys(runs).length, 6);
  assert.ok(
    machines.every(
      ({ worker, kernelHash }) => /^(lab|attic)-/.test(worker) && kernelHash === results.kernelHash,
    ),
  );
  const again = await sweep('again');
  assert.equal(
    again.runs.map(({ hash, seconds }) => [hash, seconds]),
    results.runs.map(({ hash, seconds }) => [hash, seconds]),
    'the same results, not results again',
  );
  const status = await prenorm(['sweep', 'status', '--queue', `${redis.address}/0`, '--json']);
  assert.is(status.code, 0, status.stderr);
  const state: QueueState = JSON.parse(status.stdout);
  const own = state.sweeps.find(({ name }) => /^grid-[0-9a-f]{8}$/.test(name));
  assert.equal([own?.runs, own?.done, own?.steps, own?.stepsDone, own?.secondsLeft], [6, 6, 24, 24, 0]);
  assert.equal(state.workers.map(({ worker }) => worker.split('-')[0]).sort(), ['attic', 'lab']);
  // Kept with who made it.
  assert.equal((await sweep('out', '--resume')).computedBy?.runs, runs);
});

test('what fails twice in the same way is told of with its error, and holds up nothing', async () => {
  // A module that fails only where it is carried out; modules take workers that allow them.
  const module = `export function dataset({ fails, seed }) {
    if (fails && process.send) throw new Error('no data today');
    const batch = { ids: Int32Array.from([1, 2, 3, 0]), targets: Int32Array.from([2, 3, 0, 1]), batchSize: 1, seqLen: 4 };
    return { data: { next: () => batch, state: () => ({}), restore() {} }, sha256: 'x', seqLen: 4 };
  }`;
  for (const name of ['here', 'root']) writeFileSync(at(name, 'data.mjs'), module);
  const withModule = (seed: number, options: object): RecipeRun => {
    const { recipe, ...spec } = quickRun(seed);
    const model = { ...recipe.model, vocabSize: 5 };
    return {
      ...spec,
      recipe: { ...recipe, model, data: { kind: 'module', url: 'data.mjs', options } } as never,
    };
  };
  const specs = [withModule(1, { fails: true }), withModule(2, { fails: false })];
  const patient = new AbortController();
  const waiting = follow(0, specs, { signal: patient.signal });
  // Those of the first test do not allow programs.
  await new Promise((done) => setTimeout(done, 2500));
  await startWorker(0, 'trusting', '--allow-modules', '--data-root', at('root'));
  const { records, failed, notes } = await waiting;
  assert.equal([...records.keys()], [specs[1].id]);
  assert.match(failed.get(specs[0].id) ?? '', /^DataError .*no data today \(worker trusting-\w+\)$/);
  assert.ok(
    notes.some((line) => /leaves runs to others: .*--allow-modules/.test(line)),
    notes.join('\n'),
  );
});

test('workers killed and Redis restarted: every run once, and none differs', async () => {
  const specs = runsOf(16, 1500);
  const doomed = await startWorker(1, 'doomed');
  await startWorker(1, 'steady');
  let outage: Promise<void> | undefined;
  const seen = await follow(1, specs, {
    onDone(count) {
      if (count === 3) {
        doomed.kill('SIGKILL');
        void startWorker(1, 'late');
      }
      if (count === 7) outage ??= redis.down().then(() => redis.up());
    },
  });
  await outage;
  assert.equal([...seen.told.values()], Array(16).fill(1));
  assert.is(seen.failed.size, 0);
  for (const spec of specs.filter((_, i) => i % 5 === 0))
    assert.is(seen.records.get(spec.id)?.hash, await hashHere(spec));
});

test('a worker that changes one bit of a loss is named, and its results are put aside and made again', async () => {
  const { liar, close } = await startLiar(`${redis.address}/2`, sources);
  const specs = runsOf(5, 4);
  // It has done all of them before the other one comes.
  const waiting = follow(2, specs, { verify: 1 });
  await new Promise((done) => setTimeout(done, 1200));
  const honest = startWorker(2, 'honest');
  const { records, machines, notes } = await waiting;
  await honest;
  await close();
  assert.match(notes.join('\n'), `worker ${liar} computes otherwise than this machine`);
  assert.match(notes.join('\n'), /losses|curve\.0\.trainLoss/);
  assert.match(notes.join('\n'), /[0-5] of 5 runs were repeated elsewhere, with the same numbers/);
  for (const spec of specs) {
    assert.is(
      records.get(spec.id)?.curve?.[0]?.trainLoss,
      (await executeRun(spec, { sources })).curve?.[0]?.trainLoss,
    );
    assert.not.equal(machines.get(spec.id)?.worker, liar);
  }
  // Whoever asks next does not get them either, and needs nobody for that.
  const next = await follow(2, specs);
  for (const { id } of specs) assert.is(next.records.get(id)?.hash, records.get(id)?.hash);
  assert.ok([...next.machines.values()].every((machine) => machine?.worker !== liar));
});

test('Ctrl-C leaves the queue at work, a worker that is stopped gives back what it has begun, and another one takes it up', async () => {
  const specs = [...runsOf(3, 4), quickRun(9, { steps: 60_000 })];
  const first = new AbortController();
  const asked = follow(3, specs, { signal: first.signal });
  const stopped = await startWorker(3, 'stopped');
  // The long one comes first and is begun.
  await new Promise((done) => setTimeout(done, 800));
  first.abort();
  const before = await asked;
  const ended = new Promise((done) => stopped.once('exit', done));
  const sent = performance.now();
  stopped.kill('SIGTERM');
  assert.is(await ended, 143);
  assert.ok(performance.now() - sent < 4000, 'it does not wait for the run');
  await startWorker(3, 'next');
  const seen = await follow(3, specs);
  assert.is(before.records.size, 0);
  assert.is(seen.records.size, 4);
  assert.match(seen.machines.get(specs[3]!.id)?.worker ?? '', /^next-/);
});

test('runs that Redis has lost are put in again, and a job that is none fails by itself', async () => {
  const { server, queue } = await connected(`${redis.address}/4`);
  const waiting = follow(4, runsOf(2, 4));
  while ((await queue.getWaitingCount()) < 2) await new Promise((done) => setTimeout(done, 20));
  await server.redis.flushdb();
  await queue.add('odd', { format: 'something else' }, { jobId: 'odd', attempts: 3 });
  await startWorker(4, 'only');
  const { records, notes } = await waiting;
  assert.is(records.size, 2);
  assert.match(notes.join('\n'), '2 runs are not in the queue any more');
  const odd = await queue.getJob('odd');
  assert.match(odd?.failedReason ?? '', 'FormatError: this is no run of a queue');
});

test('what cannot hold a queue is one clear line before anything is written', async () => {
  const refused = async (address: string, pattern: RegExp | string): Promise<void> => {
    const error = await openServer(address).then(
      (server) => server.close(),
      (cause: Error) => cause,
    );
    assert.instance(error, Error, address);
    assert.match((error as Error).message, pattern);
  };
  await refused(`redis://127.0.0.1:${await freePort()}`, /no Redis answers there \(start redis-server/);
  await refused('redis://no-such-host.invalid', 'there is no host of this name');

  const old = createServer((socket) => {
    socket.on('data', (commands) => {
      const info = 'redis_version:5.0.14\r\n';
      for (const _ of String(commands).matchAll(/^\*\d/gm)) socket.write(`$${info.length}\r\n${info}\r\n`);
    });
    socket.on('error', () => {});
  });
  const port = await freePort();
  await new Promise<void>((done) => old.listen(port, '127.0.0.1', done));
  await refused(`redis://127.0.0.1:${port}`, /this Redis is version 5\.0\.14, too old .*6\.2 or later/);
  old.close();

  const guarded = await TestRedis.start(
    '--requirepass',
    'right',
    '--maxmemory',
    '3mb',
    '--maxmemory-policy',
    'noeviction',
  );
  try {
    process.env.PRENORM_REDIS_PASSWORD = 'wrong';
    await refused(guarded.address, /wants another password .*PRENORM_REDIS_PASSWORD/);
    delete process.env.PRENORM_REDIS_PASSWORD;
    await refused(guarded.address, 'wants another password');
    process.env.PRENORM_REDIS_PASSWORD = 'right';
    const { server, queue } = await connected(guarded.address);
    const job = { spec: quickRun(1), filler: 'x'.repeat(100_000) };
    const jobs = Array.from({ length: 60 }, (_, i) => ({
      id: `run-${i}`,
      spec: job.spec,
      job: job as never,
    }));
    const error = await addJobs(server, queue, jobs).then(
      () => assert.unreachable('it is too small'),
      (cause: Error) => cause,
    );
    assert.match(String(error), /OOM|did not take all runs/);
    await server.redis.config('SET', 'maxmemory', '1mb');
    await refused(guarded.address, /this Redis is full \(raise its maxmemory; what it holds stays/);
    await server.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await refused(guarded.address, /drops what it holds .*maxmemory-policy to noeviction/);
    await queue.close();
    server.close();
  } finally {
    delete process.env.PRENORM_REDIS_PASSWORD;
    await guarded.stop();
  }

  const { code, stderr, stdout } = await prenorm(['worker', '--queue', 'redis://:secret@127.0.0.1']);
  assert.is(code, 2);
  assert.match(stderr, /^prenorm: --queue: a name or a password stands in the address.*\n$/);
  assert.not.match(stderr + stdout, 'secret');
  assert.ok(readFileSync(at('here', 'cats.txt')).length > 0);
});

if (redisProgram !== undefined) test.run();
