/** The fuzz loop for a few seconds; `npm run fuzz` runs it for minutes. The cases are the same every time. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { execute, type FuzzTarget, fuzz, minimize } from './loop.js';
import { targets } from './targets.js';

const test = suite('fuzz');
const CASES = 150;

for (const target of targets) {
  test(`${target.name}: ${CASES} nearly right files are read or refused, and change nothing when refused`, async () => {
    const report = await fuzz(target, { seed: 20, done: (executions) => executions >= CASES });
    assert.equal(
      report.failures.map(({ kind, index }) => `case ${index}: ${kind}`),
      [],
    );
    // Inputs that are all refused at the first check, or never refused, would show nothing.
    assert.ok(report.accepted >= CASES / 20, `${report.accepted} of ${CASES} accepted`);
    assert.ok(report.accepted <= CASES * 0.95, `${report.accepted} of ${CASES} accepted`);
  });
}

test('the loop notices errors of other types, broken invariants and large allocations, and minimises', async () => {
  const planted = (run: (bytes: Uint8Array) => void): FuzzTarget => ({
    name: 'planted',
    make: (random) => Uint8Array.from({ length: 200 }, () => random.nextInt(256)),
    run,
  });
  const typed = planted((bytes) => {
    if (bytes.includes(7)) (undefined as unknown as { x: number }).x = 1;
  });
  const report = await fuzz(typed, { seed: 1, done: (executions) => executions >= 200 });
  assert.ok(report.failures.length > 0);
  assert.match(report.failures[0].kind, /^TypeError/);
  assert.equal([...(await minimize(typed, report.failures[0]))], [7]);
  const later: FuzzTarget = {
    ...typed,
    run: async (bytes) => {
      await null;
      typed.run(bytes);
    },
  };
  assert.match(await execute(later, Uint8Array.of(7)), /^TypeError/);
  const greedy: unknown[] = [];
  const large = planted(() => void greedy.push(new Uint8Array(64 << 20)));
  assert.match(await execute(large, new Uint8Array(10)), /^allocates \d+ MB/);
});

test.run();
