/** Where two arms end, and how fast: what counts as a plateau, and that a lead is no parity. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { judgeMock, longRun } from '../mock-runs.js';

const test = suite('experiments/judges/parity');

test('parity is two-sided over five seeds, at a plateau that does not rise; speed is the share of updates to the same loss', () => {
  const of = (post: number[], pre: number[], seeds = [1, 2, 3, 4, 5]) => {
    const runs = seeds.flatMap((seed) => [longRun('post', post, seed), longRun('pre', pre, seed)]);
    const rows = judgeMock(runs, ['fig4'], 'standard');
    const row = (name: string) => rows.find(({ claim }) => claim === name)!;
    return [row('final-quality').verdict, row('pre-is-faster').verdict, row('pre-is-faster').perSeed[0]];
  };
  const flat = (last: number) => [5, 4.5, last, last, last, last, last, last, last, last];
  assert.equal(of(flat(4), flat(4)), ['holds', 'does not hold', 1]);
  assert.is(of(flat(4), flat(4), [1, 2, 3])[0], 'not tested');
  assert.equal(of(flat(4), [4, 4, 4, 4, 4, 4, 4, 4, 4, 4]), ['holds', 'holds', 1 / 3]);
  assert.equal(of(flat(4), flat(4.2))[0], 'does not hold');
  assert.equal(of(flat(4), flat(3.7))[0], 'does not hold', 'a lead is no parity');
  assert.equal(of(flat(4), flat(4.2))[2], Number.POSITIVE_INFINITY);
  const falling = [5, 4.9, 4.8, 4.7, 4.6, 4.5, 4.4, 4.3, 4.2, 4.1];
  assert.is(of(flat(4), falling)[0], 'not tested');
  const rising = [5, 4.5, 4, 4, 4, 4, 4, 4, 4, 4.03];
  assert.is(of(flat(4), rising)[0], 'not tested');
});

test.run();
