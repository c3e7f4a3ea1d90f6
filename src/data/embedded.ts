/**
 * @file The datasets inside the package. Each lies in its own generated module, imported when first asked
 * for, so a bundler splits it off and a program that brings its own data never loads it. Content is gzip
 * (which every engine since Node 18 inflates, and which carries its own checksum) in base64.
 */
import { fromBase64 } from '../runtime/host.js';
import { nodeModule, onDemand } from '../runtime/node-builtin.js';
import { decodeUtf8 } from '../utf8.js';
import { type Pair, parsePairs } from './pairs.js';

/** Sentence pairs in the three parts of an experiment. */
export interface PairSplits {
  train: Pair[];
  valid: Pair[];
  test: Pair[];
}

/** The digits data set of Alpaydin and Kaynak (UCI, 1998), as scikit-learn distributes it. */
export interface Digits {
  /** (1797, 64): rows of 8 x 8 pixels, top to bottom, scaled to 0..1 (sixteenths, so exact). */
  images: Float32Array;
  /** (1797): 0 to 9. */
  labels: Int32Array;
}

/** German-English interface messages: 3,697 training, 450 validation and 450 test pairs, `[german, english]`. */
export async function loadUiDeEn(): Promise<PairSplits> {
  const { train, valid, test } = await uiDeEnTexts();
  const parse = (text: string, part: string) => parsePairs(text, `ui-de-en/${part}.tsv`);
  return { train: parse(train, 'train'), valid: parse(valid, 'valid'), test: parse(test, 'test') };
}

/** The same as text: one pair a line, source TAB target. */
export async function uiDeEnTexts(): Promise<Record<'train' | 'valid' | 'test', string>> {
  const data = await onDemand(import('./generated/ui-de-en.js'));
  const read = async (part: 'train' | 'valid' | 'test') => decodeUtf8(await inflate(data[part]));
  const [train, valid, test] = await Promise.all([read('train'), read('valid'), read('test')]);
  return { train, valid, test };
}

/** Genesis 1 to 37 of the King James Bible: 141,315 ASCII characters, one verse a line. */
export async function loadKjv(): Promise<string> {
  const { genesis } = await onDemand(import('./generated/kjv.js'));
  return decodeUtf8(await inflate(genesis));
}

const DIGIT_COUNT = 1797;
const DIGIT_PIXELS = 64;

/** 1,797 handwritten digits of 8 x 8 pixels. */
export async function loadDigits(): Promise<Digits> {
  const { digits } = await onDemand(import('./generated/digits.js'));
  const bytes = await inflate(digits);
  const images = new Float32Array(DIGIT_COUNT * DIGIT_PIXELS);
  for (let i = 0; i < images.length; i++) {
    // Stored column by column, which compresses better: byte (x, y) becomes pixel (y, x).
    const pixel = i % DIGIT_PIXELS;
    const stored = i - pixel + (pixel % 8) * 8 + (pixel >> 3);
    images[i] = bytes[stored] / 16;
  }
  return { images, labels: Int32Array.from(bytes.subarray(images.length)) };
}

async function inflate(base64: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = fromBase64(base64);
  // Pages of test runners in Node have no streams.
  const zlib = (await nodeModule('node:zlib')) as typeof import('node:zlib') | null;
  if (zlib) return new Uint8Array(zlib.gunzipSync(bytes));
  // Not from a Blob: in a worker of a page from disk WebKit cannot read one.
  const { body } = new Response(bytes);
  const stream = body?.pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
