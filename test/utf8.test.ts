import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { blobBytes } from '../src/checks.js';
import { DataError } from '../src/errors.js';
import { RandomStream } from '../src/random.js';
import { decodeBytes, decodeText, decodeUtf8, decodeUtf8Strict, encodeBytes } from '../src/utf8.js';

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

const wide = (text: string, big: boolean, mark = true): Uint8Array => {
  const bytes = Buffer.from(`${mark ? '\ufeff' : ''}${text}`, 'utf16le');
  return new Uint8Array(big ? bytes.swap16() : bytes);
};

const samples: [string, string][] = [
  ['German', 'Grüße aus Köln\r\n'.repeat(3)],
  ['one letter', 'a'],
  ['Russian', 'Привет, мир\nещё строка\n'],
  ['Chinese', '一个句子在这里上面没有空格也没有字母\n第二句上上上没有字母\n'.repeat(5)],
  ['Punjabi', 'ਪੰਜਾਬੀ ਬੋਲੀ ਹੈ ਇਹ\n'.repeat(3)],
  ['emoji', 'ok 🙂\n'],
];

test('a text is UTF-8, or UTF-16 with a mark; UTF-16 without one is told in every script', () => {
  for (const [what, text] of samples) {
    assert.is(decodeText(new TextEncoder().encode(text), 'f'), text, what);
    assert.is(decodeText(new TextEncoder().encode(`\ufeff${text}`), 'f'), text, what);
    for (const big of [false, true]) {
      assert.is(decodeText(wide(text, big), 'f'), text, what);
      const pattern = new RegExp(
        `f: the text looks like UTF-16${big ? 'BE' : 'LE'} without a byte order mark`,
      );
      assert.throws(() => decodeText(wide(text, big, false), 'f'), pattern, what);
    }
  }
  assert.is(decodeText(bytesOf(0xff, 0xfe), 'f'), '');
  // A stray NUL makes no other encoding of a text.
  for (const stray of ['a line\nb\0\nanother\n', 'ä\r\nb\t🙂\n\0']) {
    assert.is(decodeText(new TextEncoder().encode(stray), 'f'), stray);
  }
});

test('UTF-32, binary data and damaged UTF-16 are refused by name', () => {
  const four = (text: string, big: boolean): Uint8Array => {
    const view = new DataView(new ArrayBuffer(4 * text.length));
    for (let i = 0; i < text.length; i++) view.setUint32(4 * i, text.charCodeAt(i), !big);
    return new Uint8Array(view.buffer);
  };
  const cases: [Uint8Array, RegExp][] = [
    [four('\ufeffGrüße\n', false), /f: the text is UTF-32LE, not UTF-8 \(.*iconv -f utf-32le/],
    [four('\ufeffGrüße\n', true), /f: the text is UTF-32BE, not UTF-8/],
    [four('Grüße\n', false), /f: the text looks like UTF-32 without a byte order mark/],
    [bytesOf(1, 0, 0, 7, 9, 0, 0, 3), /f: the text looks like binary data, not UTF-8/],
    [bytesOf(0xff, 0xfe, 0x61, 0, 0x0a, 0, 0x00, 0xd8, 0x62, 0), /f:2: invalid UTF-16 at byte 6 \(/],
    [bytesOf(0xff, 0xfe, 0x61, 0, 0x0a), /f:1: invalid UTF-16 at byte 4: half a character/],
    [bytesOf(0x61, 0x0a, 0xe4), /f:2: invalid UTF-8 at byte 2/],
  ];
  for (const [bytes, pattern] of cases) assert.throws(() => decodeText(bytes, 'f'), pattern);
  assert.instance(
    catchError(() => decodeText(cases[0][0], 'f')),
    DataError,
  );
});

function catchError(fn: () => unknown): unknown {
  try {
    return fn();
  } catch (error) {
    return error;
  }
}

test('without a TextDecoder, as in a page of Jest, bytes become the same text or are refused alike', () => {
  const { TextDecoder } = globalThis;
  const stream = new RandomStream(2, 'utf8');
  const pieces = ['a', 'ü', '\u20ac', '\u{1f600}', '\ufeff'].map((text) => [...encodeBytes(text)]);
  const odd = [[0xed, 0xa0, 0x80], [0xc0, 0xaf], [0xf4, 0x90, 0x80, 0x80], [0x80], [0xe2, 0x82]];
  const text = (bytes: Uint8Array, fatal: boolean): string | null => {
    try {
      return decodeUtf8(bytes, fatal);
    } catch (error) {
      assert.instance(error, TypeError);
      return null;
    }
  };
  const counts = { text: 0, refused: 0 };
  for (let round = 0; round < 300; round++) {
    const from = round % 2 === 0 ? pieces : [...pieces, ...odd];
    const bytes = Uint8Array.from(Array.from({ length: 6 }, () => from[stream.nextInt(from.length)]).flat());
    const expected = [text(bytes, false), text(bytes, true)];
    try {
      Reflect.deleteProperty(globalThis, 'TextDecoder');
      assert.equal([text(bytes, false), text(bytes, true)], expected, bytes.join(' '));
    } finally {
      globalThis.TextDecoder = TextDecoder;
    }
    counts[expected[1] === null ? 'refused' : 'text']++;
  }
  assert.ok(counts.text > 100 && counts.refused > 100, JSON.stringify(counts));
});

test('a Blob that only a FileReader reads gives its bytes', async () => {
  const old = { reads: bytesOf(1, 2, 250) };
  class FileReader {
    result: ArrayBuffer | null = null;
    onloadend = (): void => {};
    readAsArrayBuffer(blob: typeof old): void {
      this.result = blob.reads.slice().buffer;
      setImmediate(() => this.onloadend());
    }
  }
  const host = globalThis as { FileReader?: unknown };
  try {
    host.FileReader = FileReader;
    assert.equal(await blobBytes(old as unknown as Blob), bytesOf(1, 2, 250));
  } finally {
    delete host.FileReader;
  }
  assert.equal(await blobBytes(new Blob([bytesOf(7, 8)])), bytesOf(7, 8));
});

test.run();
