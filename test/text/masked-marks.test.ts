import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { maskedMarks, trainBPE } from '../../src/text/index.js';

const test = suite('text/masked-marks');
const corpus = ['one two three', 'two three four'];

test('a tokenizer without a mask gets one behind its last id', () => {
  const bpe = trainBPE(corpus, { vocabSize: 265 });
  const { vocabSize } = bpe;
  assert.equal(maskedMarks(bpe), {
    padId: 0,
    clsId: 1,
    sepId: 2,
    maskId: vocabSize,
    firstId: 3,
    endId: vocabSize,
    vocabSize: vocabSize + 1,
  });
});

test('its own mask is used where it has one', () => {
  const specialTokens = ['<pad>', '<bos>', '<eos>', '<mask>'];
  const bpe = trainBPE(corpus, { vocabSize: 265, specialTokens });
  const { maskId, firstId, endId, vocabSize } = maskedMarks(bpe);
  assert.equal([maskId, firstId, endId, vocabSize], [3, 4, bpe.vocabSize, bpe.vocabSize]);
});

test.run();
