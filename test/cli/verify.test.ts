/** verify: recorded runs come out again with every bit, and a changed number is found and named. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: verify');

test('a recorded row is equal; one changed bit is named, with exit code 1', () =>
  inFolder(async (cwd) => {
    const run = await prenorm(
      ['reproduce', '--out', 'out', '--processes', '1', '--only', 'gradients-toy-pre'],
      { cwd },
    );
    assert.ok(run.code === 0 || run.code === 1, run.stderr);
    const path = join(cwd, 'out/results.json');
    const good = await prenorm(['verify', path, '--json'], { cwd });
    assert.is(good.code, 0, good.stderr);
    const [row] = JSON.parse(good.stdout).rows;
    assert.equal([row.row, row.equal], ['gradients-toy-pre', true]);

    const results = JSON.parse(readFileSync(path, 'utf8'));
    results.runs[0].points[3].encoder[2].w2 *= 1 + 1e-15;
    writeFileSync(path, JSON.stringify(results));
    const bad = await prenorm(['verify', path, '--row', 'pre-gradient-falls'], { cwd });
    assert.is(bad.code, 1, bad.stderr);
    assert.match(bad.stderr, 'DIFFERS at points.3.encoder.2.w2');
    assert.match(bad.stdout, '0 of 1 rows equal');
  }));

test('what is no results file, and a row that is not there, are usage errors', () =>
  inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'x.json'), '{"format":"other"}');
    const wrong = await prenorm(['verify', 'x.json'], { cwd });
    assert.is(wrong.code, 2);
    assert.match(wrong.stderr, /x\.json.*not a results file/);
    writeFileSync(
      join(cwd, 'y.json'),
      JSON.stringify({
        format: 'prenorm-results',
        kernelHash: 'k',
        claims: [],
        runs: [{ id: 'a', experiment: 'none', hash: 'h', label: 'a', config: { kind: 'none' } }],
      }),
    );
    const missing = await prenorm(['verify', 'y.json', '--row', 'b'], { cwd });
    assert.is(missing.code, 2);
    assert.match(missing.stderr, /no row "b".*e\.g\. a/);
    const kind = await prenorm(['verify', 'y.json'], { cwd });
    assert.is(kind.code, 2, kind.stderr);
    assert.match(kind.stderr, /no kind of run "none"/);
  }));

test.run();
