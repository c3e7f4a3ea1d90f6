/** @file What recorded claims say of their verdicts is what made these: the numbers compared, the seeds on either side. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ClaimRow, Results } from '../../src/experiments/index.js';

const recorded = ['quick', 'standard'].flatMap(
  (name) => (JSON.parse(readFileSync(`docs/results/${name}.json`, 'utf8')) as Results).claims,
);
const judged = recorded.filter(({ verdict }) => verdict !== 'not tested');

test('the verdict is the vote of the seeds, or of their majority where the bar says so', () => {
  let majorities = 0;
  for (const { claim, met, threshold, verdict, seeds } of judged) {
    if (!met) {
      assert.match(verdict, /^(?:holds|does not hold)$/, `${claim} is on a number over all seeds`);
      continue;
    }
    assert.is(met.length, seeds.length, claim);
    const yes = met.filter(Boolean).length;
    if (threshold.includes('majority')) {
      majorities++;
      assert.is(verdict, 2 * yes > met.length ? 'holds' : 'does not hold', claim);
    } else if (yes === 0) assert.is(verdict, 'does not hold', claim);
    else if (yes < met.length) assert.is(verdict, 'not decided', claim);
    else if (!/median/.test(threshold)) assert.is(verdict, 'holds', claim);
  }
  assert.ok(majorities >= 5);
});

test('the number that is shown is the one that was held against the bar', () => {
  const bar = /^(<|<=|>|>=) ([\d.e-]+)(?:,.*)?$|^the two differ by (less than) ([\d.]+)/;
  const sides: Record<string, (value: number, limit: number) => boolean> = {
    '<': (value, limit) => value < limit,
    '<=': (value, limit) => value <= limit,
    '>': (value, limit) => value > limit,
    '>=': (value, limit) => value >= limit,
    'less than': (value, limit) => value < limit,
  };
  let checked = 0;
  for (const { claim, met, threshold, perSeed, compared } of judged) {
    const parts = bar.exec(threshold.replace(/^p /, ''));
    if (!parts || !met) continue;
    const [sign, limit] = [parts[1] ?? parts[3]!, Number(parts[2] ?? parts[4])];
    for (const [at, value] of perSeed.entries()) {
      const isOnSide = sides[sign]!(value ?? Number.POSITIVE_INFINITY, limit);
      // A bar with more than one part is missed by any of them.
      if (compared || threshold.includes(',')) assert.ok(isOnSide || !met[at], `${claim}, seed ${at}`);
      else assert.is(isOnSide, met[at], `${claim}, seed ${at}: ${value} ${sign} ${limit}`);
    }
    checked++;
  }
  assert.ok(checked > 30, `${checked} claims`);
});

test('a bar of several parts, or on numbers over all seeds, has each of these beside the claim', () => {
  const several = (row: ClaimRow) => !row.met || / and |,.*\bat both\b/.test(row.threshold);
  const without = judged.filter((row) => several(row) && !row.compared).map(({ claim }) => claim);
  assert.equal(without, []);
  const order = recorded.find(({ claim }) => claim === 'warmup-length-order')!;
  assert.is(order.compared!.length, 7);
  assert.equal(order.met, [false, false, false]);
});

test.run();
