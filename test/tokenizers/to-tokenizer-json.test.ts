/** A trained `Tokenizer` as a tokenizer.json: the same ids here, in @huggingface/tokenizers, and when read again. */
import { Tokenizer as Oracle } from '@huggingface/tokenizers';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ConfigError, FormatError } from '../../src/errors.js';
import { Tokenizer, trainBPE, trainChars } from '../../src/text/index.js';
import { toTokenizerJSON } from '../../src/tokenizers/index.js';
import { hasLoneSurrogate } from '../../src/utf8.js';
import { refusal } from '../support.js';
import { read } from './fixture.js';
import { mixedLines, oddLines } from './lines.mjs';

const test = suite('tokenizers: ours as tokenizer.json');
/** Halves of surrogate pairs have bytes of their own in ours only. */
const lines = [...mixedLines(2000), ...oddLines].filter((line) => !hasLoneSurrogate(line));
const trained = trainBPE(lines, { vocabSize: 900, specialTokens: ['<pad>', '<bos>', '<eos>', '<mask>'] });

test('2,000 lines have the same ids and texts in all three', () => {
  const json = toTokenizerJSON(trained);
  const again = read(json, {
    bos_token: '<bos>',
    eos_token: '<eos>',
    pad_token: '<pad>',
    mask_token: '<mask>',
  });
  const oracle = new Oracle(JSON.parse(JSON.stringify(json)), {
    clean_up_tokenization_spaces: false,
  } as never);
  for (const line of lines) {
    // A run of more than 32 such characters is cut in another place there, and a special token's name is the token.
    if (line === '😂'.repeat(70) || /<mask>|<bos>|<eos>|<pad>/.test(line)) continue;
    const ids = trained.encode(line);
    assert.equal(again.encode(line), ids, JSON.stringify(line));
    assert.is(again.decode(ids), line);
    if (line === '') continue;
    assert.equal(oracle.encode(line).ids, [...ids], JSON.stringify(line));
    assert.is(oracle.decode([...ids]), line);
  }
  const { vocabSize, padId, bosId, eosId, maskId } = again;
  assert.equal([vocabSize, padId, bosId, eosId, maskId], [trained.vocabSize, 0, 1, 2, 3]);
});

test('what the format cannot say is as documented', () => {
  const again = read(toTokenizerJSON(trained));
  assert.equal([...again.encode('<eos>')], [2]);
  assert.equal(again.encode('<eos>', { parseSpecialTokens: false }), trained.encode('<eos>'));
  assert.is(again.decode(again.encode('a\ud800b')), 'a\ufffdb');
  const emoji = '😂'.repeat(70);
  assert.is(again.decode(again.encode(emoji)), emoji);
});

test('runs at the border of the longest piece', () => {
  const again = read(toTokenizerJSON(trained));
  for (let n = 60; n <= 68; n++) {
    for (const unit of ['a', '1', '!', ' ', '\t', '\n', 'é']) {
      for (const line of [
        unit.repeat(n),
        ` ${unit.repeat(n)}`,
        `${unit.repeat(n)} x`,
        `x${unit.repeat(n)}\u0301 y`,
        `${unit.repeat(2 * n)}z`,
      ])
        assert.equal(again.encode(line), trained.encode(line), JSON.stringify(line));
    }
  }
});

test('two tokens of the same bytes, and other kinds of tokenizers, are refused', () => {
  const a = 3 + 97;
  const twice = new Tokenizer(['<pad>', '<bos>', '<eos>'], [a, a, 259, a, a, 259]);
  const error = refusal(() => toTokenizerJSON(twice));
  assert.instance(error, FormatError);
  assert.match(error.message, /the tokens 260 and 261 are both written "aaa"/);
  const named = new Tokenizer(['a', '<bos>', '<eos>'], []);
  assert.match(refusal(() => toTokenizerJSON(named)).message, /both written "a"/);
  for (const wrong of [trainChars('ab'), read(toTokenizerJSON(trained)), null, {}])
    assert.instance(
      refusal(() => toTokenizerJSON(wrong as never)),
      ConfigError,
    );
});

test.run();
