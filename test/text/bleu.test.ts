import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError, DataError } from '../../src/errors.js';
import { RandomStream } from '../../src/random.js';
import { init } from '../../src/runtime/init.js';
import { BLEU, BLEU_VERSION, type BLEUOptions, type BLEUScore, sentenceBLEU } from '../../src/text/bleu.js';
import { splitWords, tokenize13a, trimEnd } from '../../src/text/tokenize-13a.js';
import { type SecondScore, secondBLEU } from './bleu-second.js';

interface Fixture {
  kind: 'hand' | 'generated';
  name: string;
  hypotheses: string[];
  references: string[][];
  options?: BLEUOptions;
  expected: SecondScore;
}

await init();
const test = suite('text/bleu');
const fixtures: Fixture[] = JSON.parse(
  readFileSync(new URL('../fixtures/bleu.json', import.meta.url), 'utf8'),
);

/** Counts and lengths must be equal; numbers that went through exp and log agree to this relative error. */
const RELATIVE = 1e-12;

function compare(name: string, actual: BLEUScore, expected: SecondScore): void {
  for (const key of ['counts', 'totals', 'sysLength', 'refLength'] as const) {
    assert.equal(actual[key], expected[key], `${name}: ${key}`);
  }
  const numbers = (score: SecondScore) => [score.score, score.brevityPenalty, ...score.precisions];
  numbers(actual).forEach((value, i) => {
    const wanted = numbers(expected)[i];
    const allowed = RELATIVE * Math.abs(wanted);
    if (!(Math.abs(value - wanted) <= allowed)) {
      assert.unreachable(`${name}: number ${i} is ${value}, expected ${wanted}, allowed ${allowed}`);
    }
  });
}

test('there are at least 200 cases, 20 of them worked by hand', () => {
  const count = (kind: string) => fixtures.filter((fixture) => fixture.kind === kind).length;
  assert.ok(fixtures.length >= 200);
  assert.ok(count('hand') >= 20);
});

for (const kind of ['hand', 'generated'] as const) {
  const cases = fixtures.filter((fixture) => fixture.kind === kind);
  test(`${cases.length} ${kind} cases`, () => {
    for (const { name, hypotheses, references, options, expected } of cases) {
      const actual = BLEU(hypotheses, references, options);
      compare(name, actual, expected);
    }
  });
}

test('the second implementation agrees on fresh random corpora', () => {
  const stream = new RandomStream(11, 'bleu.test');
  const characters = [
    'a',
    'b',
    'c',
    ' ',
    ' ',
    ' ',
    '.',
    ',',
    '-',
    '1',
    '&amp;',
    '\n',
    '\u00a0',
    'é',
    '🙂',
    '%',
    "'",
  ];
  const text = () =>
    Array.from({ length: stream.nextInt(30) }, () => characters[stream.nextInt(characters.length)]).join('');
  for (let round = 0; round < 300; round++) {
    const hypotheses = Array.from({ length: 1 + stream.nextInt(3) }, text);
    const references = Array.from({ length: 1 + stream.nextInt(3) }, () =>
      hypotheses.map(() => text() || 'a'),
    );
    const options: BLEUOptions = { effectiveOrder: stream.nextInt(2) === 1 };
    compare(
      `round ${round}`,
      BLEU(hypotheses, references, options),
      secondBLEU(hypotheses, references, options),
    );
  }
});

test('the signature says what was computed', () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  assert.is(BLEU_VERSION, `prenorm-${version}`);
  const end = `version:${BLEU_VERSION}`;
  const signature = (references: (string | null)[][], options?: BLEUOptions) =>
    BLEU(['a b', 'c d'], references, options).signature;
  const refs = ['a b', 'c'];
  assert.is(signature([refs]), `nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|${end}`);
  assert.is(signature([refs, refs]), `nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|${end}`);
  assert.is(signature([refs, ['', 'x']]), `nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|${end}`);
  assert.is(signature([refs, [null, 'x']]), `nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|${end}`);
  assert.is(
    signature([refs], { lowercase: true, tokenize: 'none', smooth: 'floor', effectiveOrder: true }),
    `nrefs:1|case:lc|eff:yes|tok:none|smooth:floor[0.10]|${end}`,
  );
});

test('a sentence leaves out the orders it is too short for', () => {
  assert.is(sentenceBLEU('cat', ['cat']).score.toFixed(9), '100.000000000');
  assert.match(sentenceBLEU('cat', ['cat', 'dog']).signature, 'nrefs:2|case:mixed|eff:yes');
  assert.is(sentenceBLEU('cat', ['cat'], { effectiveOrder: false }).score, 0);
  assert.is(sentenceBLEU('a b', ['a c']).score.toFixed(9), '50.000000000');
  assert.is(sentenceBLEU('', ['a c']).score, 0);
});

test('repeated calls give the same bits and change no argument', () => {
  const hypotheses = Object.freeze(['the cat sat down there', 'one two']);
  const references = Object.freeze([Object.freeze(['the cat sat there', 'one two three'])]);
  assert.equal(BLEU(hypotheses, references), BLEU(hypotheses, references));
});

test('tokens of 13a', () => {
  const cases: [string, string][] = [
    ['Hello, world!', 'Hello , world !'],
    ['1,000.5 and 1, 2. x', '1,000.5 and 1 , 2 . x'],
    ['a.b,c', 'a . b , c'],
    ['5-3 well-known -5', '5 - 3 well-known -5'],
    ["it's 'quoted'", "it's 'quoted'"],
    ['&lt;b&gt;&amp;amp;', '< b > & amp ;'],
    ['a_b^c`d', 'a _ b ^ c ` d'],
    ['..5', '. .5'],
    ['5..', '5 . .'],
    ['5.,5', '5 . , 5'],
    ['', ''],
  ];
  for (const [text, expected] of cases) assert.is(tokenize13a(text).join(' '), expected, text);
});

test('white space is what Python takes for it', () => {
  const spaces = '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000';
  for (const space of spaces)
    assert.equal(splitWords(`a${space}b`), ['a', 'b'], space.charCodeAt(0).toString(16));
  for (const other of '\x1b\u200b\u180e\u2060\ufeff') assert.equal(splitWords(`a${other}b`), [`a${other}b`]);
  assert.is(trimEnd(` a${spaces}`), ' a');
  assert.is(trimEnd(spaces), '');
});

test('bad input is refused in one line', () => {
  // biome-ignore lint/suspicious/noExplicitAny: wrong types on purpose
  const score = BLEU as any;
  const cases: [() => unknown, typeof ConfigError | typeof DataError, string][] = [
    [() => score([], [[]]), DataError, 'BLEU: there are no hypotheses'],
    [() => score(['a'], []), DataError, 'BLEU: there are no references'],
    [() => score(['a', 'b'], [['a']]), DataError, '2 hypotheses but 1 references in list 0'],
    [() => score(['a', 'b'], [['a', '']]), DataError, 'references[*][1]: segment 1 has no reference'],
    [() => score(['a', 5], [['a', 'b']]), DataError, 'hypothesis 1 is not a string'],
    [() => score(['a', 'b'], [['a', 5]]), DataError, 'reference 1 is not a string'],
    [() => score(['a'], ['a']), ConfigError, 'pass [references]'],
    [() => score('a', [['a']]), ConfigError, 'hypotheses must be a list of texts'],
    [() => score(['a'], [['a']], { tokenise: 'none' }), ConfigError, 'did you mean "tokenize"?'],
    [
      () => score(['a'], [['a']], { tokenize: 'intl' }),
      ConfigError,
      'tokenize must be one of 13a, none, got "intl"',
    ],
    [() => score(['a'], [['a']], { smooth: 'add-k' }), ConfigError, 'smooth must be'],
    [
      () => score(['a'], [['a']], { smoothValue: -1 }),
      ConfigError,
      'smoothValue must be a finite number >= 0, got -1',
    ],
    // biome-ignore lint/suspicious/noExplicitAny: wrong types on purpose
    [() => sentenceBLEU('a', 'a' as any), ConfigError, 'sentenceBLEU: references must be a list of texts'],
  ];
  for (const [fn, type, message] of cases) {
    try {
      fn();
    } catch (error) {
      assert.instance(error, type, message);
      assert.match((error as Error).message, message);
      assert.is((error as Error).message.includes('\n'), false);
      continue;
    }
    assert.unreachable(message);
  }
});

test.run();
