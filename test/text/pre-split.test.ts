import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { RandomStream } from '../../src/random.js';
import { MAX_PIECE, pieceEnd } from '../../src/text/pre-split.js';

const test = suite('text/pre-split');

function pieces(text: string): string[] {
  const list: string[] = [];
  for (let start = 0; start < text.length; ) {
    const end = pieceEnd(text, start);
    list.push(text.slice(start, end));
    start = end;
  }
  return list;
}

test('letters, numbers, the rest and white space part; a word takes one space along', () => {
  const cases: [string, string[]][] = [
    ['', []],
    ['a', ['a']],
    [' ', [' ']],
    ['Hello, world!', ['Hello', ',', ' world', '!']],
    ['in 1999  it', ['in', ' 1999', ' ', ' it']],
    ['a\n\nb', ['a', '\n\n', 'b']],
    ['a\n b', ['a', '\n', ' b']],
    ['a \nb', ['a', ' \n', 'b']],
    ['a   ', ['a', '   ']],
    ['    if x:', ['   ', ' if', ' x', ':']],
    ['x86_64', ['x', '86', '_', '64']],
    ["don't", ['don', "'", 't']],
    ['{0} %s', ['{', '0', '}', ' %', 's']],
    ['Straße über', ['Straße', ' über']],
    ['東京 2020年', ['東京', ' 2020', '年']],
    ['cafe\u0301!', ['cafe\u0301', '!']],
    ['❤\ufe0f 1\ufe0f\u20e3', ['❤\ufe0f', ' 1\ufe0f\u20e3']],
    ['\u0301a', ['\u0301a']],
    ['a\u00a0b', ['a', '\u00a0', 'b']],
    ['🙂🙂a', ['🙂🙂', 'a']],
    ['a\ud800b', ['a', '\ud800', 'b']],
  ];
  for (const [text, expected] of cases) assert.equal(pieces(text), expected, JSON.stringify(text));
});

test('runs are cut at the limit, never inside a surrogate pair', () => {
  for (const length of [MAX_PIECE - 1, MAX_PIECE, MAX_PIECE + 1, 3 * MAX_PIECE + 5]) {
    for (const unit of ['a', '1', '!', ' ', '\n', '𝔘', '🙂', 'e\u0301']) {
      for (const before of ['', ' ', 'x ', '\n']) {
        const text = before + unit.repeat(length);
        const list = pieces(text);
        assert.is(list.join(''), text);
        for (const piece of list) {
          assert.ok(piece.length <= MAX_PIECE + 1, `${piece.length} units`);
          assert.is(/[\udc00-\udfff]/.test(piece[0]), false);
        }
      }
    }
  }
});

test('joined, the pieces are the text', () => {
  const stream = new RandomStream(3, 'pre-split');
  const parts = [' ', ' ', '\n', 'a', 'B', '1', '.', 'é', '\u0301', '\ud800', '\udc00', '🙂', '\u3000', '東'];
  for (let round = 0; round < 3000; round++) {
    const text = Array.from({ length: stream.nextInt(90) }, () => parts[stream.nextInt(parts.length)]).join(
      '',
    );
    assert.is(pieces(text).join(''), text);
  }
});

test.run();
