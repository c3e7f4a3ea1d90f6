/** @file Where the names of levels stand: clear of lines and of each other, and within the plot. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { placeNames, type Trace } from '../../web/figures/level-names.js';

const plot = { width: 400, height: 200 };
const name = { label: 'unigram', at: 60, width: 50 };
const flat = (y: number, from = 0, to = 400): Trace => [
  [from, y],
  [to, y],
];

test('a name stands at the right end, on the side of its line that is nearer to the edge', () => {
  assert.equal(placeNames([name], plot, []), [{ label: 'unigram', left: 346, middle: 50 }]);
  assert.equal(placeNames([{ ...name, at: 150 }], plot, []), [{ label: 'unigram', left: 346, middle: 160 }]);
});

test('a line where the name would stand sends it to the other side, and along its line where both are taken', () => {
  assert.equal(placeNames([name], plot, [flat(50)]), [{ label: 'unigram', left: 346, middle: 70 }]);
  const [along] = placeNames([name], plot, [flat(50, 300), flat(70, 300)]);
  assert.is(along!.middle, 50);
  assert.ok(along!.left + 50 + 4 <= 300, `${along!.left}`);
  // A line that goes through without a point inside is in the way as well; beyond a gap there is none.
  const steep: Trace = [
    [370, 0],
    [371, 100],
  ];
  assert.ok(placeNames([name], plot, [steep])[0]!.left + 50 < 370);
  assert.equal(placeNames([name], plot, [[steep[0]!, null, steep[1]!]])[0]!.left, 346);
});

test('where everything is taken, the name covers least', () => {
  const points = (y: number, count: number): Trace =>
    Array.from({ length: count }, (_, at) => [(400 * at) / (count - 1), y] as const);
  const [place] = placeNames([name], plot, [points(50, 200), points(70, 20)]);
  assert.is(place!.middle, 70);
});

test('two names are not over each other, and none leaves the plot', () => {
  const both = [
    name,
    { label: 'majority class', at: 64, width: 90 },
    { label: 'beyond', at: 260, width: 40 },
  ];
  const [first, second, ...rest] = placeNames(both, plot, []);
  assert.equal(rest, []);
  const apart =
    Math.abs(first!.middle - second!.middle) >= 14 ||
    first!.left + 50 <= second!.left ||
    second!.left + 90 <= first!.left;
  assert.ok(apart, JSON.stringify([first, second]));
  assert.is(placeNames([{ ...name, at: 2 }], plot, [])[0]!.middle, 12);
  assert.is(placeNames([{ ...name, at: 199 }], plot, [])[0]!.middle, 189);
  assert.equal(placeNames([{ ...name, at: Number.NaN }], plot, []), []);
});

test.run();
