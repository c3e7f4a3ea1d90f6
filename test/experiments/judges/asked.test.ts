/** Claims of a part: judged as they are among all runs, or not at all. */
import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type ClaimRow,
  experiments,
  judgeRecords,
  makePreset,
  type PresetName,
  type Results,
} from '../../../src/experiments/index.js';
import { init } from '../../../src/runtime/init.js';

const test = suite('experiments/judges/asked');
await init();

const nameOf = ({ experiment, claim }: ClaimRow) => `${experiment}/${claim}`;

const recorded = (['quick', 'standard'] as PresetName[]).flatMap((name) => {
  const { runs }: Results = JSON.parse(readFileSync(`docs/results/${name}.json`, 'utf8'));
  const registered = new Set(makePreset(name).runs.map(({ id }) => id));
  // Between a change of the register and the next recording the runs of a file are others.
  return runs.every(({ id }) => registered.has(id)) ? [{ name, runs }] : [];
});

test('there is a record to ask parts of', () => assert.ok(recorded.length > 0));

for (const { name, runs } of recorded) {
  const judge = (only?: string[]) => {
    const preset = makePreset(name, { only });
    const ids = new Set(preset.runs.map(({ id }) => id));
    return judgeRecords(preset, structuredClone(runs.filter(({ id }) => ids.has(id)))).claims;
  };
  const whole = new Map(judge().map((row) => [nameOf(row), row]));
  const idsOf = (hashes: readonly string[]) =>
    runs.filter(({ hash }) => hashes.includes(hash)).map(({ id }) => id);

  test(`${name}: whatever part is asked for, what is judged is judged as among all runs`, () => {
    const parts = [...runs.map(({ id }) => [id]), ...[...whole.values()].map((row) => idsOf(row.runHashes))];
    for (const only of parts.filter(({ length }) => length > 0)) {
      for (const row of judge(only)) {
        // A control whose runs were not asked for is left out.
        const { control, ...same } = whole.get(nameOf(row))!;
        assert.equal(row, row.control ? { ...same, control } : same, `${nameOf(row)} by ${only.join(' ')}`);
      }
    }
  });

  test(`${name}: a claim is judged when the runs it rests on are asked for`, () => {
    const missed: string[] = [];
    let asked = 0;
    for (const row of whole.values()) {
      const only = idsOf(row.runHashes);
      if (only.length === 0) continue;
      // What progress is measured by belongs to what such a claim rests on.
      const references = row.metric.startsWith('progress')
        ? runs.filter(({ id }) => /^translation-post-.*warmup/.test(id)).map(({ id }) => id)
        : [];
      asked++;
      const found = judge([...only, ...references]).some((one) => nameOf(one) === nameOf(row));
      if (!found) missed.push(nameOf(row));
    }
    // A few read runs that they do not name: with the whole experiment they are judged.
    assert.ok(asked >= 20);
    assert.ok(missed.length <= asked / 10, missed.join(', '));
  });
}

test('an experiment that is named is judged whole, with what its runs leave undecided', () => {
  const preset = makePreset('quick', { only: ['fig3'] });
  const rows = judgeRecords(preset, []).claims;
  const claims = experiments.find((one) => one.name === 'fig3')?.claims ?? [];
  assert.is(rows.length, claims.filter(({ presets }) => !presets || presets.includes('quick')).length);
  assert.ok(rows.every(({ verdict }) => verdict === 'not tested'));
});

test.run();
