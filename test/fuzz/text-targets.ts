/** @file Tokenizers, texts and pairs of sentences that are nearly right. */

import { parsePairs, TextWindows } from '../../src/data/index.js';
import { FormatError } from '../../src/errors.js';
import { MAX_JSON_DEPTH, MAX_JSON_KEYS, parseStrictJson } from '../../src/json.js';
import type { RandomStream } from '../../src/random.js';
import { Tokenizer, trainBPE } from '../../src/text/index.js';
import { decodeText } from '../../src/utf8.js';
import { text as sampleText } from '../cli/corpus.js';
import { damage, oddValue, pick, raw, serialize, type Tree, treeOf } from './json-tree.js';
import type { FuzzTarget } from './loop.js';
import { jsonFile, must, only, utf8 } from './nearly-right.js';

export const trained = trainBPE([sampleText], { vocabSize: 300 });

export const tokenizer: FuzzTarget = {
  name: 'tokenizer',
  make: (random) => jsonFile(treeOf(trained.toJSON()), random),
  run(bytes) {
    only([FormatError], () => {
      const json = new TextDecoder().decode(bytes);
      const made = Tokenizer.fromJSON(json);
      for (const sample of ['the quick brown fox', 'a\ud800b \u{1f600}', '']) {
        must(made.decode(made.encode(sample)) === sample, 'a text does not survive');
      }
      must(
        Tokenizer.fromJSON(JSON.stringify(made)).vocabSize === made.vocabSize,
        'a tokenizer does not survive',
      );
    });
  },
};

const WORDS = [
  'Haus',
  'house',
  'ü',
  '\u{1f600}',
  ' ',
  '',
  '\t',
  '\r',
  '\ufeff',
  '\u2028',
  '\0',
  'a'.repeat(300),
];

const words = (random: RandomStream, separators: readonly string[]): Uint8Array => {
  let line = '';
  for (let n = random.nextInt(40); n > 0; n--)
    line += pick(random, WORDS.slice(0, 3 + random.nextInt(10))) + pick(random, separators);
  const bytes = utf8(line);
  return random.nextInt(3) === 0 ? damage(bytes, random) : bytes;
};

export const pairsFile: FuzzTarget = {
  name: 'pairs',
  make(random) {
    const side = () =>
      pick(random, WORDS.slice(0, 4)) + (random.nextInt(20) === 0 ? pick(random, WORDS) : '');
    const end = pick(random, ['\n', '\r\n']);
    const lines = Array.from({ length: random.nextInt(20) }, () => `${side()}\t${side()}${end}`);
    if (random.nextInt(2) === 0) return utf8(lines.join(''));
    const at = random.nextInt(lines.length + 1);
    lines.splice(at, random.nextInt(2), new TextDecoder().decode(words(random, ['\t', '\n', ' '])));
    return damage(utf8(lines.join('')), random);
  },
  run(bytes) {
    const found = parsePairs(decodeText(bytes, 'p.tsv'), 'p.tsv');
    for (const side of found.flat()) {
      must(side.trim() !== '' && !/[\t\n]/.test(side), 'a side is empty or holds a separator');
      must(trained.decode(trained.encode(side)) === side, 'a side does not survive its tokens');
    }
    must(found.length > 0, 'no pair');
  },
};

export const textFile: FuzzTarget = {
  name: 'text',
  make(random) {
    const bytes = words(random, ['\n', ' ', '', '\r\n']);
    if (random.nextInt(4) > 0) return bytes;
    const wide = Buffer.from(`${pick(random, ['', '\ufeff'])}${new TextDecoder().decode(bytes)}`, 'utf16le');
    return damage(new Uint8Array(random.nextInt(2) === 0 ? wide : wide.swap16()), random);
  },
  run(bytes) {
    const content = decodeText(bytes, 't.txt');
    const made = trainBPE([content], { vocabSize: 290 });
    const ids = made.encode(content);
    must(made.decode(ids) === content, 'a text does not survive its tokens');
    const windows = new TextWindows(ids, { batchSize: 2, seqLen: 4, seed: 1 });
    for (let i = 0; i < 3; i++) must(windows.next().ids.length === 8, 'a window is not full');
  },
};

const KEYS = ['a', 'b', 'a\u0000', '__proto__', 'constructor', 'toString', '', '0', '\ud800', '"', '\\'];

/** An object of objects and lists whose keys come again, some spelled otherwise. */
function keyed(random: RandomStream, depth: number): Tree {
  if (depth === 0 || random.nextInt(4) === 0) return random.nextInt(3) === 0 ? oddValue(random) : raw('1');
  const inner = () => keyed(random, depth - 1);
  if (random.nextInt(4) === 0)
    return { kind: 'list', items: Array.from({ length: random.nextInt(4) }, inner) };
  const keys = KEYS.filter(() => random.nextInt(3) === 0);
  if (keys.length > 0 && random.nextInt(12) === 0) keys.push(keys[0]);
  return { kind: 'object', entries: keys.map((key) => [key, inner()]) };
}

/** How many keys a text of many has, by its bytes. */
const LARGE_KEYS = new Map<number, number>();

function isTaken(text: string): boolean {
  try {
    parseStrictJson(text);
    return true;
  } catch (error) {
    if (error instanceof FormatError) return false;
    throw error;
  }
}

/** As many keys as are allowed, or one more: in one object, or one in each of as many. */
function many(random: RandomStream): Uint8Array {
  const count = MAX_JSON_KEYS + pick(random, [-1, 0, 1]);
  const one = random.nextInt(2) === 0;
  const parts = Array.from({ length: count }, (_, i) => (one ? `"${i.toString(36)}":0` : '{"a":0}'));
  const bytes = utf8(one ? `{${parts.join(',')}}` : `[${parts.join(',')}]`);
  LARGE_KEYS.set(bytes.length, count);
  return bytes;
}

/** How many keys a value has, in all its objects. */
function numKeys(value: unknown): number {
  if (value === null || typeof value !== 'object') return 0;
  const inner = Object.values(value);
  let sum = Array.isArray(value) ? 0 : inner.length;
  for (const one of inner) sum += numKeys(one);
  return sum;
}

/** How many keys a valid text has, a key that comes twice counted twice; and how deep it is. */
function measured(text: string): { keys: number; depth: number } {
  const marks = text.replace(/"(?:[^"\\]|\\.)*"/g, '');
  let [keys, depth, deepest] = [0, 0, 0];
  for (const mark of marks) {
    if (mark === ':') keys++;
    else if (mark === '{' || mark === '[') deepest = Math.max(deepest, ++depth);
    else if (mark === '}' || mark === ']') depth--;
  }
  return { keys, depth: deepest };
}

/** JSON that is JSON to an engine, and yet refused where a key stands twice, or where it is too deep or too large. */
export const json: FuzzTarget = {
  name: 'json',
  make(random) {
    if (random.nextInt(2000) === 1) return many(random);
    const bytes = utf8(serialize(keyed(random, 5)).replace('"a"', pick(random, ['"a"', '"\\u0061"'])));
    return random.nextInt(6) === 0 ? damage(bytes, random) : bytes;
  },
  run(bytes) {
    const text = new TextDecoder().decode(bytes);
    // Of many keys the number is known, and each further look at them takes seconds.
    const large = LARGE_KEYS.get(bytes.length);
    if (large !== undefined) {
      must(large <= MAX_JSON_KEYS === isTaken(text), `${large} keys`);
      if (large > MAX_JSON_KEYS) throw new FormatError('refused');
      return;
    }
    const engine = (() => {
      try {
        return { value: JSON.parse(text) as unknown };
      } catch {
        return null;
      }
    })();
    const { keys, depth } = measured(text);
    const isFine =
      engine && depth <= MAX_JSON_DEPTH && keys <= MAX_JSON_KEYS && keys === numKeys(engine.value);
    try {
      const value = parseStrictJson(text);
      must(isFine === true, 'what an engine refuses, or a key that stands twice, is taken');
      must(JSON.stringify(value) === JSON.stringify(engine?.value), 'another value');
    } catch (error) {
      if (!(error instanceof SyntaxError) && !(error instanceof FormatError)) throw error;
      must(!isFine, `refused: ${error.message}`);
      throw new FormatError('refused');
    }
  },
};
