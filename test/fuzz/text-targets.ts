/** @file Tokenizers, texts and pairs of sentences that are nearly right. */

import { parsePairs, TextWindows } from '../../src/data/index.js';
import { FormatError } from '../../src/errors.js';
import type { RandomStream } from '../../src/random.js';
import { Tokenizer, trainBPE } from '../../src/text/index.js';
import { decodeText } from '../../src/utf8.js';
import { text as sampleText } from '../cli/corpus.js';
import { damage, pick, treeOf } from './json-tree.js';
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
