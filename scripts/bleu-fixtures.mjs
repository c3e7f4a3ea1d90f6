/**
 * @file Writes test/fixtures/bleu.json: `node --import tsx scripts/bleu-fixtures.mjs`. The cases worked by hand and
 * must agree with test/text/bleu-second.ts, or nothing is written; then that second
 * implementation gives the expected values of cases made at random from a fixed seed.
 */
import { writeFileSync } from 'node:fs';
import { RandomStream } from '../src/random.ts';
import { countingCases } from '../test/fixtures/bleu/hand-cases.mjs';
import { tokenCases } from '../test/fixtures/bleu/hand-tokens.mjs';
import { secondBLEU } from '../test/text/bleu-second.ts';

const GENERATED = 220;
const SEED = 20240;

const SPACES = [' ', ' ', ' ', ' ', ' ', ' ', '  ', '\t', '\u00a0', '\n', '\u2009', '\ufeff'];
const WORDS = [
  ...[
    'the',
    'the',
    'the',
    'a',
    'a',
    'of',
    'in',
    'is',
    'cat',
    'dog',
    'man',
    'sat',
    'bit',
    'was',
    'not',
    'The',
  ],
  ...[
    'Haus',
    'schön',
    'Straße',
    'être',
    'Ωμέγα',
    'ΟΔΟΣ',
    'мир',
    'Žena',
    '猫',
    '東京',
    '🙂',
    'e\u0301',
    '„ja“',
    '…',
  ],
  ...[
    '.',
    ',',
    '!',
    '?',
    '...',
    'end.',
    'yes,',
    '1,000',
    '3.14',
    '.5',
    '7.',
    '2024-05-01',
    '5-',
    'well-known',
  ],
  ...[
    "don't",
    "'s",
    '(a)',
    '[1]',
    '{0}',
    'x=y+1',
    'a/b',
    'C:\\tmp',
    'me@home',
    '50%',
    '$5',
    '#1',
    'a_b',
    '~',
    '|',
  ],
  ...[
    '&amp;',
    '&quot;q&quot;',
    '&lt;',
    '&gt;',
    '&amp;lt;',
    '<skipped>',
    '-',
    '--',
    'pre-\npost',
    "O'Neil",
    '1.a',
    'a.1',
  ],
];

const handCases = [...countingCases, ...tokenCases];
const cases = [...handCases.map(fromHand)];
for (let i = 0; i < GENERATED; i++) cases.push(generate(i));
const lines = cases.map((item) => JSON.stringify(item));
writeFileSync(new URL('../test/fixtures/bleu.json', import.meta.url), `[\n${lines.join(',\n')}\n]\n`);
console.log(`${cases.length} cases, ${handCases.length} of them by hand`);

function fromHand({ expected, ...item }) {
  const second = secondBLEU(item.hypotheses, item.references, item.options);
  const [sysLength, refLength] = expected.lengths;
  agree(item, 'counts', expected.counts, second.counts);
  agree(item, 'totals', expected.totals, second.totals);
  agree(item, 'lengths', expected.lengths, [second.sysLength, second.refLength]);
  agree(item, 'score', [expected.score], [second.score], 1e-12);
  const { counts, totals, score } = expected;
  const { precisions, brevityPenalty } = second;
  return {
    kind: 'hand',
    ...item,
    expected: { score, counts, totals, precisions, brevityPenalty, sysLength, refLength },
  };
}

function agree(item, what, expected, actual, tolerance = 0) {
  const off = expected.findIndex((value, i) => !(Math.abs(value - actual[i]) <= tolerance * Math.abs(value)));
  if (off >= 0) throw new Error(`${item.name}: ${what} by hand ${expected}, second implementation ${actual}`);
}

/** One to four segments of short sentences, mutated, with up to three references and any of the options. */
function generate(index) {
  const stream = new RandomStream(SEED, 'bleu.fixture', index);
  const pick = (list) => list[stream.nextInt(list.length)];
  const chance = (percent) => stream.nextInt(100) < percent;
  const text = (words) => {
    let out = '';
    for (const word of words) out += (out === '' || chance(8) ? '' : pick(SPACES)) + word;
    return chance(10) ? out + pick(['\n', ' ', '-\n', '\u3000']) : out;
  };
  const sentence = () => Array.from({ length: stream.nextInt(10) + 1 }, () => pick(WORDS));
  const mutate = (words, percent) =>
    words.flatMap((word) => {
      if (!chance(percent)) return [word];
      return pick([[], [pick(WORDS)], [word, word], [pick(WORDS), word], [word.toUpperCase()]]);
    });
  const segments = Array.from({ length: stream.nextInt(4) + 1 }, sentence);
  const changes = pick([0, 10, 20, 40, 70]);
  const references = Array.from({ length: pick([1, 1, 1, 2, 3]) }, (_, r) =>
    segments.map((words) => {
      if (r > 0 && chance(10)) return '';
      return text(r === 0 ? words : mutate(words, 25)) || 'x';
    }),
  );
  const hypotheses = segments.map((words) => (chance(4) ? '' : text(mutate(words, changes))));
  /** @type {import('../test/text/bleu-second.ts').SecondOptions} */
  const options = {};
  if (chance(20)) options.lowercase = true;
  if (chance(20)) options.tokenize = 'none';
  if (chance(30)) options.smooth = pick(['none', 'floor', 'exp']);
  if (options.smooth === 'floor' && chance(50)) options.smoothValue = pick([0, 0.5, 0.01, 1]);
  if (chance(30)) options.effectiveOrder = true;
  const expected = secondBLEU(hypotheses, references, options);
  return { kind: 'generated', name: `generated ${index}`, hypotheses, references, options, expected };
}
