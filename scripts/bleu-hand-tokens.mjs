/** @file BLEU cases worked by hand whose point is where tokens begin and end; see scripts/bleu-hand-cases.mjs. */
import { one, root } from './bleu-hand-cases.mjs';

export const tokenCases = [
  {
    name: 'punctuation, effective order',
    comment: 'Hello world ! against Hello , world !: p = 3/3, 1/2, 1/(2*1) over 3 orders; bp = exp(1 - 4/3)',
    ...one('Hello world!', 'Hello, world!'),
    options: { effectiveOrder: true },
    expected: {
      counts: [3, 1, 0, 0],
      totals: [3, 2, 1, 0],
      lengths: [3, 4],
      score: Math.exp(-1 / 3) * root(1 / 4, 3),
    },
  },
  {
    name: 'numbers with comma and period',
    comment: '1,000.50 is one token; the final period is another: 4 of 5 tokens, bp = exp(-1/4)',
    ...one('It costs 1,000.50 now', 'It costs 1,000.50 now.'),
    expected: { counts: [4, 3, 2, 1], totals: [4, 3, 2, 1], lengths: [4, 5], score: 100 * Math.exp(-1 / 4) },
  },
  {
    name: 'a comma behind a number',
    comment:
      'In 1999 it rained . against In 1999 , it rained .: p = 5/5, 3/4, 1/3, 1/(2*2): 1/16; bp = exp(-1/5)',
    ...one('In 1999 it rained.', 'In 1999, it rained.'),
    expected: { counts: [5, 3, 1, 0], totals: [5, 4, 3, 2], lengths: [5, 6], score: 50 * Math.exp(-1 / 5) },
  },
  {
    name: 'hyphens',
    comment:
      'split behind a digit only: the 5 - 3 win was well-known (7); p = 6/7 5/6 4/5 3/4 = 3/7; bp = exp(1 - 9/7)',
    ...one('the 5-3 win was well-known', 'the 5 - 3 win was well - known'),
    expected: {
      counts: [6, 5, 4, 3],
      totals: [7, 6, 5, 4],
      lengths: [7, 9],
      score: Math.exp(-2 / 7) * root(3 / 7),
    },
  },
  {
    name: 'entities',
    comment: 'both are Tom & " Jerry "',
    ...one('Tom &amp; &quot;Jerry&quot;', 'Tom & "Jerry"'),
    expected: { counts: [5, 4, 3, 2], totals: [5, 4, 3, 2], lengths: [5, 5], score: 100 },
  },
  {
    name: 'entities escaped twice',
    comment:
      '&amp; is read before &lt;, so &amp;lt; becomes <; &quot; is read before &amp;, so it stays: & quot ;',
    ...one('a &amp;lt; &amp;quot; b', 'a < & quot ; b'),
    expected: { counts: [6, 5, 4, 3], totals: [6, 5, 4, 3], lengths: [6, 6], score: 100 },
  },
  {
    name: 'quotes beyond ASCII',
    comment:
      'only ASCII punctuation is split: 4 tokens; p = 3/4, 1/3, 1/(2*2), 1/(4*1): 1/64; bp = exp(1 - 6/4)',
    ...one('Das ist „gut“ so', 'Das ist „ gut “ so'),
    expected: {
      counts: [3, 1, 0, 0],
      totals: [4, 3, 2, 1],
      lengths: [4, 6],
      score: Math.exp(-1 / 2) * root(1 / 64),
    },
  },
  {
    name: 'white space beyond ASCII',
    comment: 'no-break space, ideographic space, unit separator and next line separate words',
    ...one('a\u00a0b\u3000c\u001fd\u0085e', 'a b c d e'),
    expected: { counts: [5, 4, 3, 2], totals: [5, 4, 3, 2], lengths: [5, 5], score: 100 },
  },
  {
    name: 'U+FEFF is no white space',
    comment: 'a\\ufeffb is one word: p = 3/4 2/3 1/2 1/(2*1) = 1/8; bp = exp(-1/4)',
    ...one('a\ufeffb c d e', 'a b c d e'),
    expected: {
      counts: [3, 2, 1, 0],
      totals: [4, 3, 2, 1],
      lengths: [4, 5],
      score: Math.exp(-1 / 4) * root(1 / 8),
    },
  },
  {
    name: 'a word broken over two lines',
    comment: 'hyphen and line feed go',
    ...one('exam-\nple one\ntwo three', 'example one two three'),
    expected: { counts: [4, 3, 2, 1], totals: [4, 3, 2, 1], lengths: [4, 4], score: 100 },
  },
  {
    name: 'a hyphen before the last line feed',
    comment: 'the line feed is trimmed first, so "d-" stays: p = 3/4 2/3 1/2 1/2 = 1/8',
    ...one('a b c d-\n', 'a b c d'),
    expected: { counts: [3, 2, 1, 0], totals: [4, 3, 2, 1], lengths: [4, 4], score: root(1 / 8) },
  },
  {
    name: '<skipped>',
    comment: 'goes',
    ...one('a <skipped>b c d', 'a b c d'),
    expected: { counts: [4, 3, 2, 1], totals: [4, 3, 2, 1], lengths: [4, 4], score: 100 },
  },
  {
    name: 'case matters',
    comment: 'no word in common',
    ...one('THE CAT SAT DOWN', 'the cat sat down'),
    expected: { counts: [0, 0, 0, 0], totals: [4, 3, 2, 1], lengths: [4, 4], score: 0 },
  },
  {
    name: 'lowercase',
    comment: 'all equal: É to é, and a final Σ to ς; İ to i and a combining dot',
    ...one('THE CAFÉ ΟΔΟΣ ΣΑΣ İZ', 'the café οδος σας i\u0307z'),
    options: { lowercase: true },
    expected: { counts: [5, 4, 3, 2], totals: [5, 4, 3, 2], lengths: [5, 5], score: 100 },
  },
  {
    name: 'no tokenisation',
    comment: '"a," is one word: p = 3/4 2/3 1/2 1/(2*1) = 1/8; bp = exp(-1/4)',
    ...one('a, b c d', 'a , b c d'),
    options: { tokenize: 'none' },
    expected: {
      counts: [3, 2, 1, 0],
      totals: [4, 3, 2, 1],
      lengths: [4, 5],
      score: Math.exp(-1 / 4) * root(1 / 8),
    },
  },
  {
    name: 'apostrophes',
    comment: "don't is one token: p = 3/4, 1/3, 1/(2*2), 1/(4*1): 1/64; bp = exp(-1/4)",
    ...one("I don't know it", "I do n't know it"),
    expected: {
      counts: [3, 1, 0, 0],
      totals: [4, 3, 2, 1],
      lengths: [4, 5],
      score: Math.exp(-1 / 4) * root(1 / 64),
    },
  },
  {
    name: 'dots in a row',
    comment: 'each is a token',
    ...one('Wait...', 'Wait . . .'),
    expected: { counts: [4, 3, 2, 1], totals: [4, 3, 2, 1], lengths: [4, 4], score: 100 },
  },
  {
    name: 'a period before or behind a digit only',
    comment: 'both are split off: about . 5 or 5 . done',
    ...one('about .5 or 5. done', 'about . 5 or 5 . done'),
    expected: { counts: [7, 6, 5, 4], totals: [7, 6, 5, 4], lengths: [7, 7], score: 100 },
  },
  {
    name: 'every ASCII symbol',
    comment: 'a, the 32 ASCII symbols without apostrophe, comma, hyphen and period, z: 1 + 28 + 1',
    ...one('a!"#$%&()*+/:;<=>?@[\\]^_`{|}~z', 'a ! " # $ % & ( ) * + / : ; < = > ? @ [ \\ ] ^ _ ` { | } ~ z'),
    expected: { counts: [30, 29, 28, 27], totals: [30, 29, 28, 27], lengths: [30, 30], score: 100 },
  },
];
