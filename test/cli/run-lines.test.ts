/** Files of a training's steps that something has spoiled: the run goes on, what can be read of them stays, and it is told. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RunFolder } from '../../src/cli/run-folder.js';
import { RunLogs } from '../../src/cli/run-logs.js';
import { writeCorpus } from './corpus.js';
import { inFolder, prenorm } from './spawn.js';

const test = suite('cli: lines of a run');

/** What is left of a file's steps when a run goes on at step 3, and what is told. */
async function opened(name: 'metrics' | 'gradients' | 'samples', content: string | Uint8Array) {
  let left = '';
  const told: string[] = [];
  await inFolder(async (cwd) => {
    const { files } = new RunFolder(cwd);
    writeFileSync(files[name], content);
    (await RunLogs.open(files, 3, (line) => told.push(line.replace(cwd, '.')))).close();
    left = readFileSync(files[name], 'utf8');
  });
  return { left, told };
}

const bytes = (...parts: (string | number[])[]): Uint8Array =>
  Uint8Array.from(Buffer.concat(parts.map((part) => Buffer.from(part as string))));

test('lines that no training has written are left out, and told', async () => {
  const good = ['{"step":1,"loss":2}', '{"step":3,"loss":1}'];
  const strange = [
    '',
    'x',
    'null',
    '[1]',
    '{"step":"2"}',
    '{"step":2.5}',
    '{"loss":1}',
    '{"step":2,"step":2}',
  ];
  for (const line of strange) {
    const { left, told } = await opened('metrics', `${[good[0], line, good[1]].join('\n')}\n`);
    assert.is(left, `${good.join('\n')}\n`, line);
    assert.equal(told, ['./metrics.jsonl: lines that no training has written are left out: 1'], line);
  }
  const binary = await opened('metrics', bytes('{"step":1}\n', [255, 0, 10, 254], '{"step":2}\n'));
  assert.is(binary.left, '{"step":1}\n');
  assert.is(binary.told.length, 1);
});

test('a line cut short is what a kill leaves, and nothing to tell, be it in the middle of a character', async () => {
  const whole = '{"step":1,"prompt":"a","text":"b"}\n';
  for (const end of [bytes(whole, '{"step":2,"prompt":"gr', [0xc3]), bytes(whole, '{"step"'), bytes(whole)]) {
    const { left, told } = await opened('samples', end);
    assert.is(left, whole);
    assert.equal(told, []);
  }
});

test('norms that are none, and values that become no text, break nothing', async () => {
  const norms = '{"step":3,"norms":{"a":1,"b":{"toString":1}}}\n';
  const { left, told } = await opened('gradients', `{"step":1}\n{"step":2,"norms":null}\n${norms}`);
  assert.is(left, norms);
  assert.is(told.length, 1);
});

test('a training whose metrics are garbage goes on to the same bits', () =>
  inFolder(async (cwd) => {
    writeCorpus(cwd);
    const train = (out: string, ...more: string[]) =>
      prenorm(['train', 'lm.json', '--out', out, '--json', ...more], { cwd });
    const whole = await train('whole');
    await prenorm(['train', 'lm.json', '--out', 'cut', '--json', '--log-every', '1'], {
      cwd,
      interruptAt: /step 2/,
    });
    writeFileSync(
      join(cwd, 'cut/metrics.jsonl'),
      Uint8Array.from({ length: 999 }, (_, i) => (i * 7) % 256),
    );
    const resumed = await train('cut', '--resume');
    assert.is(resumed.code, 0, resumed.stderr);
    assert.is(JSON.parse(resumed.stdout).hash, JSON.parse(whole.stdout).hash);
  }));

test.run();
