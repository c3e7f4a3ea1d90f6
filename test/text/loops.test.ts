import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { repeatedLoopShare } from '../../src/text/loops.js';

const test = suite('text/loops');

test('a text ends in a loop when its last 1 to 4 words stand there four times or more', () => {
  const cases: [string, number][] = [
    ['', 0],
    ['a', 0],
    ['a a a', 0],
    ['a a a a', 1],
    ['x a a a a', 1],
    ['a a a a x', 0],
    ['the cat the cat the cat the cat', 1],
    ['the cat the cat the cat', 0],
    ['go: the cat the cat the cat the cat the', 1],
    ['a b c a b c a b c a b c', 1],
    ['a b c a b c a b c a b', 0],
    ['a b c d a b c d a b c d a b c d', 1],
    ['b c d a b c d a b c d a b c d', 0],
    ['a b c d e '.repeat(8), 0],
    ['a  a\ta\na', 1],
    ['a, a, a, a', 0],
    ['A a a a', 0],
  ];
  for (const [text, expected] of cases) assert.is(repeatedLoopShare([text]), expected, JSON.stringify(text));
});

test('the share is of all texts', () => {
  assert.is(repeatedLoopShare([]), 0);
  assert.is(repeatedLoopShare(['a a a a', 'b', 'c', 'd']), 0.25);
});

test.run();
