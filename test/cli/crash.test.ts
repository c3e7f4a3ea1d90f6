/** Six SIGKILLs at random moments and inside writes; `npm run crash-test` does a hundred. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { crashTest } from '../../scripts/crash-test.mjs';
import { command } from './spawn.js';

const test = suite('cli: crash');

test('killed at any moment, a run has a whole checkpoint, its model or none, and ends as if nothing had happened', async () => {
  const lines: string[] = [];
  const count = await crashTest({ kills: 6, seed: 4, command, log: (line) => lines.push(line) });
  assert.is(count.kills, 6);
  assert.is(count.torn, 0, lines.join('\n'));
  assert.is(count.differing, 0, lines.join('\n'));
  // Kills are aimed at writes; on a busy machine some miss.
  assert.ok(count.inside >= 1, lines.join('\n'));
});

test.run();
