import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DataError } from '../src/errors.js';
import { RandomStream } from '../src/random.js';
import { decodeBytes, decodeUtf8Strict, encodeBytes } from '../src/utf8.js';

const test = suite('text/utf8');
const bytesOf = (...values: number[]) => Uint8Array.from(values);

test('well-formed strings become UTF-8, on both sides of every length', () => {
  const codes = [0, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfeff, 0xffff, 0x10000, 0x10ffff];
  for (const code of codes) {
    const text = `a${String.fromCodePoint(code)}b`;
    assert.equal(encodeBytes(text), new TextEncoder().encode(text), code.toString(16));
    assert.is(decodeBytes(encodeBytes(text)), text);
  }
});

test('every UTF-16 unit survives, alone and in every order with surrogates', () => {
  for (let unit = 0; unit < 0x10000; unit++) {
    const text = String.fromCharCode(unit);
    if (decodeBytes(encodeBytes(text)) !== text) assert.unreachable(`unit ${unit.toString(16)}`);
  }
  for (const text of ['\udc00\ud800', '\ud800\ud800\udc00', '\ud83d\ude00\ude00', 'x\udbff', '\udfffx']) {
    assert.is(decodeBytes(encodeBytes(text)), text);
  }
});

test('bytes that are no text become U+FFFD as the platform decodes them', () => {
  const stream = new RandomStream(1, 'utf8');
  const leads = [
    0x41, 0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe2, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff, 0x90, 0xa0,
  ];
  const platform = new TextDecoder('utf-8', { ignoreBOM: true });
  for (let round = 0; round < 5000; round++) {
    const bytes = Uint8Array.from({ length: stream.nextInt(12) }, () => leads[stream.nextInt(leads.length)]);
    assert.is(decodeBytes(bytes), platform.decode(bytes), `bytes ${bytes}`);
  }
});

test('long texts', () => {
  const text = 'aé東🙂'.repeat(10000);
  assert.is(decodeBytes(encodeBytes(text)), text);
});

test('strict decoding drops one byte order mark and keeps everything else', () => {
  assert.is(decodeUtf8Strict(bytesOf(), 'f'), '');
  assert.is(decodeUtf8Strict(bytesOf(0xef, 0xbb, 0xbf, 0x41), 'f'), 'A');
  assert.is(decodeUtf8Strict(bytesOf(0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf), 'f'), '\ufeff');
  const text = 'ä\r\nb\t🙂\n\0';
  assert.is(decodeUtf8Strict(new TextEncoder().encode(text), 'f'), text);
});

test('strict decoding works on shared memory', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(2));
  shared.set([0xc3, 0xa4]);
  assert.is(decodeUtf8Strict(shared, 'f'), 'ä');
});

test('invalid bytes are refused with file, line and offset', () => {
  const cases: [string, number[], number][] = [
    ['latin1 ä', [0x61, 0x0a, 0x62, 0xe4, 0x0a], 3],
    ['continuation alone', [0x0a, 0x0a, 0x80], 2],
    ['overlong', [0xc0, 0xaf], 0],
    ['overlong of three', [0xe0, 0x9f, 0xbf], 0],
    ['surrogate', [0x61, 0xed, 0xa0, 0x80], 1],
    ['above U+10FFFF', [0xf4, 0x90, 0x80, 0x80], 0],
    ['cut off', [0x61, 0xe2, 0x82], 1],
    ['cut off by a line', [0xf0, 0x9f, 0x0a, 0x61], 0],
  ];
  for (const [what, values, offset] of cases) {
    const bytes = Uint8Array.from(values);
    const line = values.slice(0, offset).filter((value) => value === 10).length + 1;
    try {
      decodeUtf8Strict(bytes, 'data/train.tsv');
      assert.unreachable(what);
    } catch (error) {
      assert.instance(error, DataError, what);
      const { message, path, actual } = error as DataError;
      assert.is(path, `data/train.tsv:${line}`, what);
      assert.is(actual, offset, what);
      assert.match(message, `data/train.tsv:${line}: invalid UTF-8 at byte ${offset} (0x`);
      assert.is(message.includes('\n'), false);
    }
  }
});

test.run();
