/** verify: runs, claims and figures come out again as the file says; whatever was altered is found and named. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { workingFolder } from '../../src/cli/sources.js';
import { verify } from '../../src/cli/verify.js';
import { pinned } from '../../src/conformance/pinned.js';
import { DataError } from '../../src/errors.js';
import { classifyRuns, executeRun, type Results } from '../../src/experiments/index.js';
import { init } from '../../src/runtime/init.js';
import { asyncRefusal } from '../support.js';
import { inFolder, prenorm } from './spawn.js';
import { tinyRun, writeTinyData } from './tiny-run.js';

const test = suite('cli: verify');
await init();

interface Told {
  code: number;
  outcome: string;
  rows: { row: string; equal: boolean; differs: string | null }[];
  refused: { row: string; reason: string }[];
  claims: { compared: number; differs: string[] };
  figures: { compared: number; differs: string[] };
  statuses: { compared: number; differs: string[] };
}

/** What verify says of a file, in this process. */
async function told(file: string, options: { row?: string[]; data?: string } = {}): Promise<Told> {
  const { stdout } = process;
  const write = stdout.write;
  let text = '';
  stdout.write = ((chunk: string) => {
    text += chunk;
    return true;
  }) as typeof write;
  try {
    const code = await verify(file, { simd: 'strict', json: true, ...options });
    return { code, ...JSON.parse(text) };
  } finally {
    stdout.write = write;
  }
}

/** Three cheap runs of `theory`, their two claims and what is drawn of them. */
let recorded: Results;

test.before(() =>
  inFolder(async (cwd) => {
    const only = ['law-jacobian', 'law-relu', 'law-concentration-pre-d64'];
    const run = await prenorm(['reproduce', '--processes', '1', '--json', '--only', ...only], { cwd });
    assert.is(run.code, 0, run.stderr);
    recorded = JSON.parse(run.stdout);
    const human = await prenorm(['verify', 'runs/quick/results.json', '--row', 'relu-norm'], { cwd });
    assert.is(human.code, 0, human.stderr);
    assert.is(
      human.stdout,
      `of 3 runs 1 carried out again: 1 of 1 rows equal in every bit
claims judged again from the runs of the file: ${recorded.claims.length} of ${recorded.claims.length} equal
statuses of runs set again: 3 of 3 equal
figures drawn again: ${recorded.figures.length} of ${recorded.figures.length} equal
not compared: times, machine, settings
equal
`,
    );
  }),
);

/** The recorded results, altered, in a file. */
const altered = (alter: (results: Results) => void, use: (file: string) => Promise<void>) =>
  inFolder(async (cwd) => {
    const results = structuredClone(recorded);
    alter(results);
    const file = join(cwd, 'results.json');
    writeFileSync(file, JSON.stringify(results));
    await use(file);
  });

test('the recorded file is equal; without --row the cheapest run of a kind is done again', () =>
  altered(
    () => {},
    async (file) => {
      const { code, outcome, rows, claims } = await told(file);
      assert.equal([code, outcome, rows.length, rows[0].equal], [0, 'equal', 1, true]);
      assert.ok(recorded.claims.length >= 2);
      assert.equal(claims, { compared: recorded.claims.length, differs: [] });
    },
  ));

test('a changed number of a run is named, with exit code 1', () =>
  altered(
    ({ runs }) => {
      const measured = runs.find(({ id }) => id === 'law-relu')?.measured ?? {};
      const [name] = Object.keys(measured);
      const value = measured[name];
      measured[name] = typeof value === 'number' ? value * (1 + 1e-15) : value.map((x) => x * (1 + 1e-15));
    },
    async (file) => {
      const { code, outcome, rows } = await told(file, { row: ['relu-norm', 'law-relu'] });
      assert.equal([code, outcome, rows.length], [1, 'differs', 1]);
      assert.match(rows[0].differs ?? '', /^measured\./);
    },
  ));

const alterations: [string, 'claims' | 'figures' | 'statuses', RegExp, (results: Results) => void][] = [
  [
    'a verdict',
    'claims',
    /relu-norm: verdict \("does not hold", now "holds"\)/,
    ({ claims }) => {
      for (const row of claims) if (row.claim === 'relu-norm') row.verdict = 'does not hold';
    },
  ],
  [
    'a statement',
    'claims',
    /statement \("Post-LN wins"/,
    ({ claims }) => {
      claims[0].statement = 'Post-LN wins';
    },
  ],
  [
    'a number of a claim',
    'claims',
    /perSeed\.0/,
    ({ claims }) => {
      claims[0].perSeed[0] += 1;
    },
  ],
  [
    'an expectation',
    'claims',
    /expected/,
    ({ claims }) => {
      claims[0].expected = 'not decided';
    },
  ],
  [
    'a name',
    'claims',
    /theory\/made-up: only in the file/,
    ({ claims }) => {
      claims[0].claim = 'made-up';
    },
  ],
  [
    'a claim left out',
    'claims',
    /not in the file/,
    ({ claims }) => {
      claims.pop();
    },
  ],
  [
    'a status',
    'statuses',
    /law-jacobian: status/,
    ({ runs }) => {
      for (const run of runs) if (run.id === 'law-jacobian') run.status = 'failed';
    },
  ],
];
for (const [what, where, pattern, alter] of alterations) {
  test(`altered: ${what}`, () =>
    altered(alter, async (file) => {
      const said = await told(file, { row: ['law-jacobian'] });
      assert.equal([said.code, said.outcome], [1, 'differs']);
      assert.ok(
        said[where].differs.some((one) => pattern.test(one)),
        said[where].differs.join('; '),
      );
    }));
}

test('a figure that was altered is found', () =>
  inFolder(async (cwd) => {
    // docs/results has figures; only what is drawn is looked at here, not the bits of the run.
    const results: Results = JSON.parse(readFileSync('docs/results/quick.json', 'utf8'));
    const file = join(cwd, 'results.json');
    const series = results.figures.find((figure) => figure.series.length > 0)?.series[0];
    assert.ok(series);
    series.label = 'renamed';
    Object.assign(results, { prenorm: recorded.prenorm, conformance: recorded.conformance });
    writeFileSync(file, JSON.stringify(results));
    const { figures, code } = await told(file, { row: ['law-jacobian'] });
    assert.is(figures.compared, results.figures.length);
    assert.ok(figures.differs.some((one) => /series\.0\.label \("renamed"/.test(one)));
    assert.is(code, 1);
  }));

test('what another version recorded is said to be that: neither equal nor a difference', async () => {
  const another = (results: Results) => {
    results.prenorm = '0.0.9';
    results.conformance = 'f'.repeat(64);
    results.runs[0].hash = 'e'.repeat(64);
    results.claims[0].statement = 'worded otherwise';
  };
  await altered(another, async (file) => {
    const { code, outcome, rows } = await told(file, { row: [recorded.runs[0].id] });
    assert.equal([code, outcome, rows[0].equal], [0, 'other version', false]);
    const human = await prenorm(['verify', file, '--row', recorded.runs[0].id]);
    assert.is(human.code, 0, human.stderr);
    assert.match(
      human.stdout,
      /recorded by prenorm 0\.0\.9, this is .*bits moved since \(CHANGELOG\.md, Bits\)/,
    );
    assert.not.match(human.stdout, /^equal$/m);
    assert.not.match(human.stdout + human.stderr, /DIFFER/);
  });
  // Equal totals of the conformance run promise equal bits, whatever the version: a run that differs is a difference.
  const sameBits = (results: Results) => {
    another(results);
    results.conformance = pinned.total;
  };
  await altered(sameBits, async (file) => {
    const run = await told(file, { row: [recorded.runs[0].id] });
    assert.equal([run.code, run.outcome], [1, 'differs']);
    const others = await told(file, { row: [recorded.runs[1].id] });
    assert.equal([others.code, others.outcome], [0, 'other version']);
  });
  // A file of 0.1.0 names no total.
  await altered(
    (results) => {
      results.conformance = undefined;
      results.runs[0].hash = 'e'.repeat(64);
    },
    async (file) => {
      const { code, outcome } = await told(file, { row: [recorded.runs[0].id] });
      assert.equal([code, outcome], [0, 'other version']);
    },
  );
});

test('a specification of another version is not carried out, and said in one sentence; all else is judged', () =>
  altered(
    (results) => {
      results.prenorm = '0.1.0';
      results.conformance = undefined;
      const config = results.runs[0].config as Record<string, unknown>;
      config.sourceSteps = 200;
    },
    async (file) => {
      const row = recorded.runs.slice(0, 2).map(({ id }) => id);
      const { code, outcome, rows, refused, claims } = await told(file, { row });
      assert.equal([code, outcome, rows.length, rows[0].equal], [0, 'other version', 1, true]);
      assert.equal(
        refused.map((one) => one.row),
        [recorded.runs[0].id],
      );
      assert.match(refused[0].reason, /unknown key "sourceSteps"/);
      assert.equal(claims, { compared: recorded.claims.length, differs: [] });
      const human = await prenorm(['verify', file, '--row', ...row]);
      assert.is(human.code, 0, human.stderr);
      assert.match(human.stdout, /^of 3 runs 1 carried out again: 1 of 1 rows equal in every bit, 1 not/m);
      assert.match(human.stderr, /not carried out, its specification is another version's/);
      // In a file of this version nobody but an alteration puts it there.
      const results: Results = JSON.parse(readFileSync(file, 'utf8'));
      writeFileSync(
        file,
        JSON.stringify({ ...results, prenorm: recorded.prenorm, conformance: pinned.total }),
      );
      const own = await asyncRefusal(told(file, { row }));
      assert.instance(own, DataError);
      assert.match(own.message, /cannot be used: .*unknown key "sourceSteps"/);
    },
  ));

test('what 0.1.0 recorded is judged again: no run of another form breaks it', async () => {
  const { code, outcome, rows, refused, claims } = await told('docs/results/quick.json', {
    row: ['law-jacobian', 'translation-post-none-0.002-s12'],
  });
  const results: Results = JSON.parse(readFileSync('docs/results/quick.json', 'utf8'));
  assert.is(rows.length + refused.length, 2);
  assert.is(claims.compared, results.claims.length);
  if (results.conformance === undefined) {
    assert.equal([code, outcome, rows.length, refused.length], [0, 'other version', 1, 1]);
  }
});

test('other data are said to be other data; the same elsewhere are the same', () =>
  inFolder(async (cwd) => {
    const data = join(cwd, 'data');
    writeTinyData(data);
    const run = await executeRun(tinyRun(data), { sources: workingFolder });
    classifyRuns([run], run.unigramNll as number);
    const results: Results = { ...recorded, experiments: [], claims: [], figures: [], runs: [run] };
    const file = join(cwd, 'results.json');
    writeFileSync(file, JSON.stringify(results));
    assert.is((await told(file)).outcome, 'equal');
    const moved = join(cwd, 'moved');
    writeTinyData(moved);
    assert.is((await told(file, { data: moved })).outcome, 'equal');
    writeTinyData(data, 'x y\ty x');
    const { code, rows } = await told(file);
    assert.is(code, 1);
    assert.match(rows[0].differs ?? '', /^dataHash: these are other data/);
  }));

test('what is no results file, holds no runs or cannot be read is a typed error', () =>
  inFolder(async (cwd) => {
    const file = join(cwd, 'x.json');
    const refused = async (value: unknown, pattern: RegExp) => {
      writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
      try {
        await told(file);
      } catch (error) {
        assert.instance(error, DataError);
        assert.match((error as Error).message, pattern);
        assert.match((error as Error).message, /x\.json/);
        return;
      }
      assert.unreachable(`${pattern} was taken`);
    };
    const [run] = recorded.runs;
    await refused('', /the file is empty/);
    await refused([], /not a results file.*(format|the file must be an object)/);
    await refused({ format: 'other' }, /not a results file.*(format|the file must be an object)/);
    await refused({ ...recorded, version: 2 }, /version must be 1/);
    await refused({ ...recorded, preset: 'fast' }, /preset must be one of quick/);
    await refused({ ...recorded, kernelHash: 1 }, /kernelHash must be a string/);
    await refused({ ...recorded, conformance: 1 }, /conformance must be a string/);
    await refused({ ...recorded, figures: undefined }, /figures must be a list/);
    await refused({ ...recorded, claims: [null] }, /claims\.0 must be an object, got null/);
    await refused(
      { ...recorded, runs: [{ ...run, steps: '1' }] },
      /runs\.0\.steps must be a number, got "1"/,
    );
    await refused(
      { ...recorded, runs: [{ ...run, config: null }] },
      /runs\.0\.config must be an object, got null/,
    );
    await refused({ ...recorded, runs: [run, run] }, /stands twice/);
    await refused(
      { ...recorded, experiments: [{ name: 'theory' }] },
      /experiments\.0\.title must be a string, got nothing/,
    );
    await refused({ ...recorded, runs: [], claims: [] }, /no runs, so there is nothing to compare/);
    await refused(
      { ...recorded, runs: recorded.runs.map((one) => ({ ...one, measured: 'none' })) },
      /runs\.0\.measured must be an object, got "none"/,
    );
  }));

test('a row or a kind that is not there is a usage error', () =>
  inFolder(async (cwd) => {
    const [run] = recorded.runs;
    const strange = { ...recorded, runs: [{ ...run, id: 'a', config: { kind: 'none' } }] };
    writeFileSync(join(cwd, 'y.json'), JSON.stringify(strange));
    const missing = await prenorm(['verify', 'y.json', '--row', 'b'], { cwd });
    assert.is(missing.code, 2);
    assert.match(missing.stderr, /no row "b".*e\.g\. a/);
    const kind = await prenorm(['verify', 'y.json'], { cwd });
    assert.is(kind.code, 2, kind.stderr);
    assert.match(kind.stderr, /no kind of run "none"/);
  }));

test.run();
