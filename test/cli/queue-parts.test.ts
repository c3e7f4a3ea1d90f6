/** Runs as jobs: addresses, what a worker leaves to others, and files that go by their hashes. */
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { RunJob } from '../../src/cli/queue/job.js';
import { FilePlaces, jobSources } from '../../src/cli/queue/job-files.js';
import { codeOf, jobId } from '../../src/cli/queue/names.js';
import { failureOf, failureText, faultOf } from '../../src/cli/queue/outcome.js';
import { MOST_IN_QUEUE, packFiles } from '../../src/cli/queue/recorded-sources.js';
import { LeftToOthers, takenJob } from '../../src/cli/queue/refusal.js';
import { parseAddress } from '../../src/cli/queue/server.js';
import { fileSources } from '../../src/cli/sources.js';
import { ConfigError, DataError, FormatError } from '../../src/errors.js';
import { executeRun } from '../../src/experiments/index.js';
import type { RecipeRun } from '../../src/experiments/kinds/recipe.js';
import { init } from '../../src/runtime/init.js';
import { quickRun, text } from './queue-runs.js';
import { inFolder } from './spawn.js';

const test = suite('cli: queue, parts');
await init();

const able = { worker: 'a', bytes: 1e9, concurrency: 1, allowModules: false };
const none = { files: [], present: [], modules: [], pretrained: [] };
const jobOf = (spec: RecipeRun, more: Partial<RunJob> = {}): RunJob => ({
  format: 'prenorm-run',
  version: 1,
  sweep: 'cats',
  spec,
  arithmetic: 'strict',
  dataHash: null,
  data: none,
  steps: 1,
  megabytes: 1,
  ...codeOf(spec),
  ...more,
});
const thrown = (fn: () => unknown): Error => {
  try {
    fn();
  } catch (error) {
    return error as Error;
  }
  return assert.unreachable('it throws') as never;
};
const rejected = (work: Promise<unknown>): Promise<Error> =>
  work.then(
    () => assert.unreachable('it rejects') as never,
    (error) => error,
  );

test('an address names host, port and database; what is secret stands in the environment', () => {
  const environment = { PRENORM_REDIS_PASSWORD: 'secret', PRENORM_REDIS_USERNAME: 'lab' };
  assert.equal(parseAddress('redis://lab.local', {}), {
    address: 'redis://lab.local:6379',
    options: { host: 'lab.local', port: 6379, db: 0 },
  });
  const { address, options } = parseAddress('rediss://[::1]:7000/3', environment);
  assert.is(address, 'rediss://[::1]:7000/3');
  assert.equal(options, {
    host: '::1',
    port: 7000,
    db: 3,
    username: 'lab',
    password: 'secret',
    tls: { servername: '::1' },
  });
  for (const bad of ['lab', 'http://lab', 'redis://', 'redis://lab/x', 'redis://lab?x=1']) {
    assert.match(thrown(() => parseAddress(bad, {})).message, /is no address of a Redis/, bad);
  }
  for (const bad of ['redis://:secret@lab', 'redis://me:secret@lab', 'me:secret@lab']) {
    const error = thrown(() => parseAddress(bad, {}));
    assert.instance(error, ConfigError);
    assert.match(error.message, 'PRENORM_REDIS_PASSWORD');
    assert.not.match(JSON.stringify(error), 'secret');
  }
});

test('a job is the same for everybody who asks for the same bits, whatever they call it', () => {
  const spec = quickRun(1);
  assert.is(jobId(spec, 'strict', 'x'), jobId({ ...spec, label: 'another name' }, 'strict', 'x'));
  const others = [
    jobId(quickRun(2), 'strict', 'x'),
    jobId(spec, 'int12', 'x'),
    jobId(spec, 'strict', 'y'),
    jobId(spec, 'strict', undefined),
  ];
  assert.is(new Set([jobId(spec, 'strict', 'x'), ...others]).size, 5);
});

test('a worker leaves to others what they can do, and refuses what is no run', () => {
  const spec = quickRun(1);
  assert.equal(takenJob(jobOf(spec), able).spec, spec);
  const left = (more: Partial<Record<keyof RunJob, unknown>>): string => {
    const error = thrown(() => takenJob({ ...jobOf(spec), ...more }, able));
    assert.instance(error, LeftToOthers);
    return error.message;
  };
  assert.match(left({ prenorm: '9.9.9', spec: { kind: 'of the future' } }), /it is of prenorm "9\.9\.9"/);
  assert.match(left({ version: 2 }), 'it is of prenorm');
  assert.match(left({ kernelHash: 'f'.repeat(64) }), 'kernels ffffffffffff');
  assert.match(left({ kindVersion: 99 }), /recipe, is of version 99, here of \d/);
  assert.match(left({ megabytes: 5300 }), 'a step takes 5.3 GB of memory, this worker has 1.0 GB');
  assert.match(left({ notOn: ['b', 'a'] }), 'compared');
  const module = { name: 'data.mjs', sha256: 'a'.repeat(64), bytes: 1, place: 'data-root' };
  assert.match(
    left({ data: { ...none, modules: [module] } }),
    'data.mjs, which takes a worker with --allow-modules',
  );
  const refused = (value: unknown): string => {
    const error = thrown(() => takenJob(value, able));
    assert.ok(error instanceof FormatError || error instanceof ConfigError, String(error));
    return error.message;
  };
  assert.match(refused(null), 'this is no run of a queue: job must be an object');
  assert.match(refused({ ...jobOf(spec), steps: 'many' }), 'steps must be a number');
  assert.match(refused({ ...jobOf(spec), spec: { ...spec, kind: 'odd' } }), 'there is no kind of run "odd"');
  const outside = { ...none, files: [{ ...module, sha256: '../../etc/passwd', place: 'queue' }] };
  assert.match(refused({ ...jobOf(spec), data: outside }), 'data.files.0.sha256 must be a SHA-256');
});

test('files of a run go by their hashes, and the run that reads them there is the same', () =>
  inFolder(async (cwd) => {
    const here = join(cwd, 'here');
    mkdirSync(here);
    writeFileSync(join(here, 'cats.txt'), text);
    const spec = quickRun(1);
    const { files, content, dataHash } = await packFiles(spec, fileSources(here));
    assert.equal(
      files.files.map(({ name, place, bytes }) => [name, place, bytes]),
      [['cats.txt', 'queue', text.length]],
    );
    const stored = new Map(
      [...content].map(([sha256, bytes]) => [`prenorm:file:${sha256}`, Buffer.from(bytes)]),
    );
    const redis = { getBuffer: async (key: string) => stored.get(key) ?? null } as never;
    const places = new FilePlaces(redis, undefined);
    try {
      const there = jobSources(await places.place(files));
      const local = await executeRun(spec, { sources: fileSources(here) });
      const far = await executeRun(spec, { sources: there });
      assert.equal([far.hash, far.dataHash], [local.hash, dataHash]);
      // Nothing else of the machine is to be had.
      assert.not(there.exists('/etc/passwd'));
      for (const name of ['/etc/passwd', '../here/cats.txt', '__proto__'])
        assert.match((await rejected(there.read(name))).message, 'it is none of the files of this run');
      assert.match(thrown(() => there.moduleUrl('data:text/javascript,1')).message, 'none of the files');
      const [[key]] = stored;
      stored.set(key, Buffer.from('other'));
      const fresh = new FilePlaces(redis, undefined);
      assert.match(
        (await rejected(fresh.place(files))).message,
        'cats.txt: its content in the queue is another',
      );
      stored.clear();
      assert.match((await rejected(fresh.place(files))).message, 'is not in the queue any more');
      fresh.close();
    } finally {
      places.close();
    }
  }));

test('large files lie in the data root, under their names: links, .. and another content are left to others', () =>
  inFolder(async (cwd) => {
    const [here, root] = ['here', 'root'].map((name) => join(cwd, name));
    const large = text.repeat(Math.ceil(MOST_IN_QUEUE / text.length) + 1);
    for (const folder of [here, root]) mkdirSync(join(folder, 'books'), { recursive: true });
    writeFileSync(join(here, 'books/cats.txt'), large);
    const spec = quickRun(1, { source: 'books/cats.txt' });
    const sources = fileSources(here);
    const file = {
      name: 'books/cats.txt',
      sha256: '0'.repeat(64),
      bytes: large.length,
      place: 'data-root' as const,
    };
    const { files, content } = await packFiles(spec, sources);
    assert.equal([files.files[0].place, content.size], ['data-root', 0]);
    const left = async (data = files, at: string | null = root): Promise<string> => {
      const places = new FilePlaces({} as never, at ?? undefined);
      const error = await rejected(places.place(data));
      places.close();
      assert.instance(error, LeftToOthers);
      return error.message;
    };
    assert.match(await left(files, null), 'this worker has no --data-root');
    assert.match(await left(), 'books/cats.txt is not in --data-root');
    for (const name of ['../here/books/cats.txt', '/etc/passwd', 'books/../../here/books/cats.txt'])
      assert.match(await left({ ...none, files: [{ ...file, name }] }), 'leads out of --data-root');
    const own = join(root, 'books/cats.txt');
    writeFileSync(own, `${large.slice(0, -1)}!`);
    assert.match(await left(), 'has another content than the run was made for');
    symlinkSync(join(here, 'books/cats.txt'), join(root, 'link.txt'));
    renameSync(join(root, 'link.txt'), own);
    assert.match(await left(), 'is behind a link');
    symlinkSync(here, join(root, 'there'));
    assert.match(
      await left({ ...none, files: [{ ...file, name: 'there/books/cats.txt' }] }),
      'is behind a link',
    );
    renameSync(join(here, 'books/cats.txt'), own);
    const places = new FilePlaces({} as never, root);
    const placed = await places.place(files);
    places.close();
    assert.is((await jobSources(placed).read('books/cats.txt')).length, large.length);
    // What is altered after the look at it is found when it is read.
    writeFileSync(own, `?${large.slice(1)}`);
    assert.match((await rejected(jobSources(placed).read('books/cats.txt'))).message, 'another content');
    // Where no worker can find it, it is refused before anybody waits.
    const error = await rejected(packFiles(quickRun(1, { source: own }), fileSources(here)));
    assert.match(error.message, 'put the file beside the grid, and into the --data-root');
    assert.is(readFileSync(own, 'utf8')[0], '?');
  }));

test('an error is on the other side what it was, and a result is looked at before it counts', async () => {
  const job = {
    failedReason: failureText(new DataError('it is empty', { path: 'cats.txt' })),
    processedBy: 'lab-1',
  };
  const error = failureOf(job as never);
  assert.instance(error, DataError);
  assert.is(error.message, 'cats.txt: it is empty (worker lab-1)');
  assert.is(failureOf({ failedReason: 'odd' } as never).message, 'odd');
  const lost = failureOf({ failedReason: 'job stalled more than allowable limit' } as never);
  assert.match(lost.message, 'every worker that began this run was lost');
  await inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'cats.txt'), text);
    const spec = quickRun(1);
    const record = JSON.parse(JSON.stringify(await executeRun(spec, { sources: fileSources(cwd) })));
    const machine = {
      worker: 'a',
      cpu: '',
      cores: 1,
      platform: '',
      runtime: '',
      prenorm: '',
      kernelHash: '',
    };
    const open = { job: jobOf({ ...spec, label: 'mine' }, { dataHash: record.dataHash }) };
    assert.is(faultOf({ record, machine }, open), undefined);
    assert.match(faultOf({ record }, open) ?? '', 'machine must be an object');
    assert.match(
      faultOf({ record: { ...record, curve: 'steep' }, machine }, open) ?? '',
      'curve must be a list',
    );
    assert.is(
      faultOf({ record: { ...record, config: { ...quickRun(2) } }, machine }, open),
      'it is of another run',
    );
    assert.is(faultOf({ record: { ...record, dataHash: 'x' }, machine }, open), 'it is of other data');
  });
});

test.run();
