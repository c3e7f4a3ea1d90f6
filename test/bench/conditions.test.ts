import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseStat, takenByOthers, watch } from '../../src/bench/conditions.js';

const test = suite('bench: what else the machine does');

const STAT = 'cpu  100 1 20 1000 5 2 3 7 0 0\ncpu0 50 0 10 500 2 1 1 3 0 0\n';

test('the line of all processors, in milliseconds', () => {
  assert.equal(parseStat(STAT), { all: 11_380, idle: 10_050, stolen: 70 });
});

test('what is no such line says nothing', () => {
  for (const text of ['', 'cpu', 'cpu0 1 2 3 4 5 6 7 8', 'intr 1 2 3']) assert.is(parseStat(text), null);
});

test('what others took is what is neither idle nor counted', () => {
  const at = (all: number, idle: number) => ({ all, idle, stolen: 0 });
  assert.is(takenByOthers(at(1000, 500), at(2000, 900), 500), 100);
  // Ticks are coarser than what is counted.
  assert.is(takenByOthers(at(1000, 500), at(1010, 500), 14), 0);
});

test('steal is a part, load a number of processes', () => {
  const { load, steal } = watch()();
  assert.ok(load >= 0);
  assert.ok(steal === null || (steal >= 0 && steal <= 1));
});

test.run();
