/**
 * @file BLEU cases worked by hand, each with its derivation: n-grams, lengths, smoothing. Read by
 * scripts/bleu-fixtures.mjs. p are the precisions, as fractions of one, whose product is taken; bp is the brevity
 * penalty. Letters stand for words where the words do not matter.
 */

/** 100 times the geometric mean, from the product of `order` precisions. */
export const root = (product, order = 4) => 100 * product ** (1 / order);
/** A corpus of one segment. */
export const one = (hypothesis, ...references) => ({
  hypotheses: [hypothesis],
  references: references.map((reference) => [reference]),
});

export const countingCases = [
  {
    name: 'four equal words',
    comment: 'all of 4, 3, 2, 1 n-grams match, lengths equal: 100',
    ...one('the cat sat down', 'the cat sat down'),
    expected: { counts: [4, 3, 2, 1], totals: [4, 3, 2, 1], lengths: [4, 4], score: 100 },
  },
  {
    name: 'empty hypothesis',
    comment: 'no n-gram at all; the brevity penalty of length 0 is 0',
    ...one('', 'the cat'),
    expected: { counts: [0, 0, 0, 0], totals: [0, 0, 0, 0], lengths: [0, 2], score: 0 },
  },
  {
    name: 'only white space',
    comment: 'as empty: trailing white space is dropped first',
    ...one(' \t\n', 'the cat'),
    expected: { counts: [0, 0, 0, 0], totals: [0, 0, 0, 0], lengths: [0, 2], score: 0 },
  },
  {
    name: 'one word',
    comment: 'p1 = 1/1, but there are no 2-grams: with 4 orders log(0) makes 0',
    ...one('cat', 'cat'),
    expected: { counts: [1, 0, 0, 0], totals: [1, 0, 0, 0], lengths: [1, 1], score: 0 },
  },
  {
    name: 'one word, effective order',
    comment: 'only order 1 exists: p1 = 1/1: 100',
    ...one('cat', 'cat'),
    options: { effectiveOrder: true },
    expected: { counts: [1, 0, 0, 0], totals: [1, 0, 0, 0], lengths: [1, 1], score: 100 },
  },
  {
    name: 'three equal words',
    comment: 'no 4-gram exists in the whole corpus: 0',
    ...one('a b c', 'a b c'),
    expected: { counts: [3, 2, 1, 0], totals: [3, 2, 1, 0], lengths: [3, 3], score: 0 },
  },
  {
    name: 'two words, effective order, second order smoothed',
    comment: 'p = 1/2, 1/(2*1) over 2 orders: sqrt(1/4) = 1/2',
    ...one('a b', 'a c'),
    options: { effectiveOrder: true },
    expected: { counts: [1, 0, 0, 0], totals: [2, 1, 0, 0], lengths: [2, 2], score: 50 },
  },
  {
    name: 'zero match',
    comment: 'not one word in common: 0, not a smoothed value',
    ...one('a b c d e', 'v w x y z'),
    expected: { counts: [0, 0, 0, 0], totals: [5, 4, 3, 2], lengths: [5, 5], score: 0 },
  },
  {
    name: 'reversed words, exp smoothing',
    comment: 'p = 4/4, then the 1st, 2nd, 3rd zero: 1/(2*3), 1/(4*2), 1/(8*1); product 1/384',
    ...one('a b c d', 'd c b a'),
    expected: { counts: [4, 0, 0, 0], totals: [4, 3, 2, 1], lengths: [4, 4], score: root(1 / 384) },
  },
  {
    name: 'reversed words, no smoothing',
    comment: 'a zero precision makes 0',
    ...one('a b c d', 'd c b a'),
    options: { smooth: 'none' },
    expected: { counts: [4, 0, 0, 0], totals: [4, 3, 2, 1], lengths: [4, 4], score: 0 },
  },
  {
    name: 'reversed words, floor 0.1',
    comment: 'p = 1, 0.1/3, 0.1/2, 0.1/1: product 1/6000',
    ...one('a b c d', 'd c b a'),
    options: { smooth: 'floor' },
    expected: { counts: [4, 0, 0, 0], totals: [4, 3, 2, 1], lengths: [4, 4], score: root(1 / 6000) },
  },
  {
    name: 'clipped counts',
    comment:
      '"the" counts once; p = 1/4, 1/(2*3), 1/(4*2), 1/(8*1): product 1/1536; longer than the reference',
    ...one('the the the the', 'the cat'),
    expected: { counts: [1, 0, 0, 0], totals: [4, 3, 2, 1], lengths: [4, 2], score: root(1 / 1536) },
  },
  {
    name: 'brevity penalty',
    comment: 'all p = 1; bp = exp(1 - 5/4)',
    ...one('a b c d', 'a b c d e'),
    expected: { counts: [4, 3, 2, 1], totals: [4, 3, 2, 1], lengths: [4, 5], score: 100 * Math.exp(-1 / 4) },
  },
  {
    name: 'brevity penalty exactly 1 at equal length',
    comment: 'p = 4/5, 3/4, 2/3, 1/2: product 1/5; bp = 1',
    ...one('a b c d x', 'a b c d e'),
    expected: { counts: [4, 3, 2, 1], totals: [5, 4, 3, 2], lengths: [5, 5], score: root(1 / 5) },
  },
  {
    name: 'longer than the reference',
    comment: 'as before: nothing is gained or lost beyond the precisions',
    ...one('a b c d e', 'a b c d'),
    expected: { counts: [4, 3, 2, 1], totals: [5, 4, 3, 2], lengths: [5, 4], score: root(1 / 5) },
  },
  {
    name: 'closest reference length, a tie',
    comment:
      '4 and 6 are equally close to 5: the smaller, so bp = 1; all n-grams stand in the second reference',
    ...one('a b c d e', 'a b c d', 'a b c d e f'),
    expected: { counts: [5, 4, 3, 2], totals: [5, 4, 3, 2], lengths: [5, 4], score: 100 },
  },
  {
    name: 'closest reference length, a tie, longer first',
    comment: 'the order of the references does not matter',
    ...one('a b c d e', 'a b c d e f', 'a b c d'),
    expected: { counts: [5, 4, 3, 2], totals: [5, 4, 3, 2], lengths: [5, 4], score: 100 },
  },
  {
    name: 'closest reference is the longer one',
    comment: '|4 - 2| = 2, |4 - 5| = 1: length 5; bp = exp(-1/4)',
    ...one('a b c d', 'a b', 'a b c d e'),
    expected: { counts: [4, 3, 2, 1], totals: [4, 3, 2, 1], lengths: [4, 5], score: 100 * Math.exp(-1 / 4) },
  },
  {
    name: 'two references, most of one, not the sum',
    comment: '"a" 2 times at most, "a a" once; p = 2/4, 1/3, 1/(2*2), 1/(4*1): product 1/96',
    ...one('a a a a', 'a a x y', 'a z w v'),
    expected: { counts: [2, 1, 0, 0], totals: [4, 3, 2, 1], lengths: [4, 4], score: root(1 / 96) },
  },
  {
    name: 'a corpus is summed, not averaged',
    comment: 'p = 4/6 3/4 2/2 1/1 = 1/2; bp = exp(1 - 8/6)',
    hypotheses: ['a b c d', 'x y'],
    references: [['a b c d', 'z w v u']],
    expected: {
      counts: [4, 3, 2, 1],
      totals: [6, 4, 2, 1],
      lengths: [6, 8],
      score: Math.exp(-1 / 3) * root(1 / 2),
    },
  },
  {
    name: 'an empty hypothesis in a corpus',
    comment: 'adds only to the reference length: bp = exp(-1/4)',
    hypotheses: ['', 'a b c d'],
    references: [['x', 'a b c d']],
    expected: { counts: [4, 3, 2, 1], totals: [4, 3, 2, 1], lengths: [4, 5], score: 100 * Math.exp(-1 / 4) },
  },
  {
    name: 'a segment with fewer references',
    comment: 'an empty reference is none, so it does not give length 0',
    hypotheses: ['a b c d', 'e f g h'],
    references: [
      ['a b c d', 'e f g h i'],
      ['', 'x y'],
    ],
    expected: { counts: [8, 6, 4, 2], totals: [8, 6, 4, 2], lengths: [8, 9], score: 100 * Math.exp(-1 / 8) },
  },
  {
    name: 'a reference of white space',
    comment: 'is a reference of length 0: no match, bp = 1',
    ...one('a', ' '),
    expected: { counts: [0, 0, 0, 0], totals: [1, 0, 0, 0], lengths: [1, 0], score: 0 },
  },
];
