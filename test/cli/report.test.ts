/** report: the page of recorded results, drawn anew; files that cannot be drawn are refused with a sentence. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { packageVersion } from '../../src/cli/version.js';
import { renderReport } from '../../src/report/index.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: report');
const quick = resolve('docs/results/quick.json');

test('the page is what reproduce writes, beside the results or where it is wanted', () =>
  inFolder(async (cwd) => {
    const results = JSON.parse(readFileSync(quick, 'utf8'));
    writeFileSync(join(cwd, 'results.json'), JSON.stringify(results));
    const beside = await prenorm(['report', 'results.json'], { cwd });
    assert.is(beside.code, 0, beside.stderr);
    assert.is(beside.stdout, 'Report: report.html\n');
    assert.is(readFileSync(join(cwd, 'report.html'), 'utf8'), renderReport(results, packageVersion()));
    const elsewhere = await prenorm(['report', 'results.json', '--out', 'page.html', '--json'], { cwd });
    const { report, claims, bytes } = JSON.parse(elsewhere.stdout);
    assert.equal([report, claims], ['page.html', results.claims.length]);
    assert.is(readFileSync(join(cwd, 'page.html')).length, bytes);
  }));

test('what is no results file, or cannot be drawn, is refused and writes nothing', () =>
  inFolder(async (cwd) => {
    const results = JSON.parse(readFileSync(quick, 'utf8'));
    delete results.claims[0].perSeed;
    for (const [text, said] of [
      ['{}', /not a results file of `prenorm reproduce`/],
      [
        JSON.stringify(results),
        /results\.json: .*claims\.0\.perSeed must be a list, got nothing.*give its results\.json/,
      ],
    ] as const) {
      writeFileSync(join(cwd, 'results.json'), text);
      const refused = await prenorm(['report', 'results.json'], { cwd });
      assert.is(refused.code, 2, refused.stdout);
      assert.match(refused.stderr, said);
      assert.is(refused.stderr.trim().split('\n').length, 1, 'one line');
      assert.not.ok(existsSync(join(cwd, 'report.html')));
    }
  }));

test.run();
