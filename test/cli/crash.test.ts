/** Kills at random moments and inside writes; `npm run crash-test` does a hundred, and all situations. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { crashSituations } from '../../scripts/crash-situations.mjs';
import { crashTest, generator } from '../../scripts/crash-test.mjs';
import { command, inFolder } from './spawn.js';

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

test('every signal, inside a long step and an export: its own exit code, nothing half, and the same bits afterwards', () =>
  inFolder(async (folder) => {
    const lines: string[] = [];
    const { kills, wrong } = await crashSituations({
      folder,
      command,
      random: generator(2),
      log: (line: string) => lines.push(line),
      rounds: 1,
      only: /accumulates|export/,
    });
    assert.is(wrong, 0, lines.join('\n'));
    assert.ok(kills >= 6, lines.join('\n'));
  }));

test.run();
