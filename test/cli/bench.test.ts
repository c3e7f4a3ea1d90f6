/** `prenorm bench` as a user calls it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkResults } from '../../src/bench/results.js';
import { makeRow } from '../../src/bench/row.js';
import { report } from '../../src/cli/bench.js';
import { beginRun } from '../../src/cli/bench-machine.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: bench');

test('--quick --json prints results with every part, --out writes the same, --compare finds a run equal to itself', () =>
  inFolder(async (cwd) => {
    const { code, stdout, stderr } = await prenorm(['bench', '--quick', '--json', '--out', 'a.json'], {
      cwd,
    });
    assert.is(code, 0, stderr);
    const results = checkResults(JSON.parse(stdout), 'stdout');
    assert.is(readFileSync(join(cwd, 'a.json'), 'utf8'), stdout);
    const has = (pattern: RegExp) =>
      assert.ok(
        results.rows.some(({ name }) => pattern.test(name)),
        `no row ${pattern}`,
      );
    for (const pattern of [
      /^peak strict$/,
      /^copy beyond cache/,
      /^gemm strict TN 256x256x256$/,
      /^layerNorm backward/,
      /^Adam/,
      /^softmax/,
      /^step tiny$/,
      /^step tiny: sgemm/,
      /^dispatch tiny$/,
      /^step small, two threads$/,
      /^step tiny, int12 beside strict$/,
      /^step tiny: multiply-adds in int12$/,
      /^1\.3 M, int12: a token, greedy, 1 text$/,
    ]) {
      has(pattern);
    }
    for (const row of results.rows) {
      if (row.value === null) assert.ok(row.note, row.name);
      // What is counted is counted once.
      else assert.ok(row.rounds >= 5 || /multiply-adds/.test(row.name), row.name);
    }
    assert.match(results.versions.kernels.strict, /^[0-9a-f]{64}$/);
    assert.is(results.machine.cores > 0, true);
    assert.match(stderr, / s {2}part 1 of 9: peak\n/);

    const compared = await prenorm(['bench', '--compare', 'a.json', 'a.json'], { cwd });
    assert.is(compared.code, 0, compared.stderr);
    assert.not.match(compared.stdout, /faster|slower|only in one/);
    assert.match(compared.stdout, /\d+ (same|too noisy)(, \d+ (same|too noisy))?\n$/);
  }));

test('--check exits with 1 when a target is missed', async () => {
  const stdout = process.stdout.write;
  process.stdout.write = (() => true) as typeof stdout;
  const target = { on: 'value', atMost: 1 } as const;
  const row = (sample: number) =>
    makeRow({ name: 'startup', unit: 'ms', samples: [sample], better: 'lower', target });
  const results = (sample: number) => beginRun({ quick: true, arithmetic: 'strict' })([row(sample)]);
  try {
    assert.is(await report(results(2), { check: true }), 1);
    assert.is(await report(results(2), {}), 0);
    assert.is(await report(results(0.5), { check: true }), 0);
  } finally {
    process.stdout.write = stdout;
  }
});

test('bad input: one line, exit code 2, nothing on standard output', () =>
  inFolder(async (cwd) => {
    const results = { kind: 'prenorm-bench', version: 1, quick: true, simd: 'strict', rows: [] };
    const write = (name: string, value: unknown) => writeFileSync(join(cwd, name), JSON.stringify(value));
    write('a.json', results);
    write('relaxed.json', { ...results, simd: 'relaxed' });
    write('other.json', { kind: 'something' });
    writeFileSync(join(cwd, 'broken.json'), '{"kind": ');
    const cases: [string[], RegExp][] = [
      [['--compare', 'a.json'], /--compare takes two files, got 1/],
      [['--compare', 'a.json', 'none.json'], /none\.json: cannot read the file: no such file/],
      [['--compare', 'a.json', 'other.json'], /other\.json: not the results of a benchmark/],
      [['--compare', 'broken.json', 'a.json'], /broken\.json:1:\d+: not valid JSON/],
      [['--compare', 'a.json', 'relaxed.json'], /relaxed\.json: simd is relaxed, it is strict in a\.json/],
      [['--only', 'pytorch'], /--only does not know "pytorch" \(use some of peak, copy, gemm/],
      [['--out', 'nowhere/b.json'], /nowhere\/b\.json: the folder does not exist/],
    ];
    await Promise.all(
      cases.map(async ([args, pattern]) => {
        const { code, stdout, stderr } = await prenorm(['bench', ...args], { cwd });
        assert.is(code, 2, stderr);
        assert.is(stdout, '');
        assert.match(stderr, /^prenorm: .*\n$/);
        assert.match(stderr, pattern);
      }),
    );
  }));

test.run();
