/** @file What docs/results/ shows is what the code draws of its runs. */
import { spawnSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

test('claims, figures and the page of the recorded results are drawn with the code as it is', () => {
  const check = ['--import', 'tsx', 'scripts/redraw-results.mjs', '--check'];
  const { status, stderr } = spawnSync(process.execPath, check, { encoding: 'utf8' });
  assert.is(stderr, '');
  assert.is(status, 0);
});

test.run();
