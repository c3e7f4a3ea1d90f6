/** @file Options of data and texts. */

import * as classifying from '../../src/classify/index.js';
import { parseLabelledTexts } from '../../src/data/index.js';
import * as prenorm from '../../src/index.js';
import * as interop from '../../src/interop/index.js';
import * as tokenizing from '../../src/tokenizers/index.js';
import { smallLM } from '../support.js';
import type { Row } from './row.js';
import {
  batches,
  batchKeys,
  bleu,
  bpe,
  classifier,
  evaluationBatchKeys,
  evaluationRowKeys,
  labelled,
  marked,
  pairs,
  pretrained,
  report,
  rowKeys,
  rows,
  texts,
} from './samples.js';

const { data, text } = prenorm;

/** Options of data and texts. */
export const dataRows: Row[] = [
  // data
  {
    of: ['PairBatches'],
    call: (o) => new data.PairBatches(pairs, o),
    good: { ...batches, seed: 0 },
    keys: batchKeys,
    required: [...Object.keys(batches), 'seed'],
  },
  {
    of: ['tokenBatches'],
    call: (o) => data.tokenBatches(pairs, o, 0),
    good: { ...batches, seed: 0 },
    keys: batchKeys,
    required: [...Object.keys(batches), 'seed'],
  },
  {
    of: ['evaluationPairBatches'],
    call: (o) => [...data.evaluationPairBatches(pairs, o)],
    good: batches,
    keys: evaluationBatchKeys,
    required: Object.keys(batches),
  },
  {
    of: ['TextWindows'],
    call: (o) => new data.TextWindows(new Int32Array(9), o),
    good: { batchSize: 1, seqLen: 2, seed: 0 },
    keys: { batchSize: 'positiveWhole', seqLen: 'positiveWhole', seed: 'whole' },
    required: ['batchSize', 'seqLen', 'seed'],
  },
  {
    of: ['evaluationTextWindows'],
    call: (o) => [...data.evaluationTextWindows(new Int32Array(9), o)],
    good: { batchSize: 1, seqLen: 2 },
    keys: { batchSize: 'positiveWhole', seqLen: 'positiveWhole' },
    required: ['batchSize', 'seqLen'],
  },
  {
    of: ['LabelledPairBatches'],
    call: (o) => new data.LabelledPairBatches(labelled, o),
    good: { ...rows, seed: 0 },
    keys: { ...rowKeys, numClasses: 'positiveWhole' },
    required: ['marks', 'maxLen', 'batchSize', 'seed'],
  },
  {
    of: ['parseLabelledTexts'],
    call: (o) => parseLabelledTexts('a\tb', 'x.tsv', undefined, o),
    good: {},
    keys: { labelSeparator: 'text' },
  },
  {
    of: ['parseLabelledPairs'],
    call: (o) => data.parseLabelledPairs('a\ta\tb', 'x.tsv', undefined, o),
    good: {},
    keys: { labelSeparator: 'text' },
  },
  {
    of: ['toPretrained'],
    call: (o) => interop.toPretrained(smallLM({ positions: 'learned', embeddingScale: 1 }), o),
    good: {},
    keys: { maxShardBytes: 'positiveWhole', labels: 'other', tokenizer: 'other' },
  },
  {
    of: ['exportONNX'],
    call: (o) => interop.exportONNX(smallLM(), o),
    good: {},
    keys: {
      opset: 'whole',
      dtype: 'choice',
      withPast: 'flag',
      maxFileBytes: 'positiveWhole',
      labels: 'other',
      tokenizer: 'other',
    },
  },
  {
    of: ['classify'],
    call: (o) => classifying.classify(classifier, marked, ['a', 'b'], ['a'], o),
    good: {},
    keys: { threshold: 'fraction', onTooLong: 'choice', batchSize: 'positiveWhole' },
  },
  {
    of: ['describeReport'],
    call: (o) => classifying.describeReport(classifying.classificationReport(['a'], ['a'], ['a']), o),
    good: {},
    keys: { columns: 'positiveWhole' },
  },
  {
    of: ['evaluationLabelledPairs'],
    call: (o) => [...data.evaluationLabelledPairs(labelled, o)],
    good: rows,
    keys: { ...evaluationRowKeys, numClasses: 'positiveWhole' },
    required: ['marks', 'maxLen', 'batchSize'],
  },
  {
    of: ['MaskedPairBatches'],
    call: (o) => new data.MaskedPairBatches(texts, o),
    good: { ...rows, seed: 0 },
    keys: { ...rowKeys, maskedShare: 'fraction' },
    required: ['marks', 'maxLen', 'batchSize', 'seed'],
  },
  {
    of: ['evaluationMaskedPairs'],
    call: (o) => [...data.evaluationMaskedPairs(texts, o)],
    good: { ...rows, seed: 0 },
    keys: { ...rowKeys, maskedShare: 'fraction' },
    required: ['marks', 'maxLen', 'batchSize', 'seed'],
  },
  {
    of: ['columnExamples'],
    call: (o) => data.columnExamples({ path: 'f', lines: ['a\tb'] }, o, report),
    good: { columns: [1, 2], header: false },
    keys: { columns: 'list', exact: 'flag', header: 'flag' },
    required: ['columns', 'header'],
  },
  {
    of: ['cleanExamples'],
    call: (o) => data.cleanExamples([], 1, o, report),
    good: { maxWords: Number.POSITIVE_INFINITY, maxRatio: 1.5 },
    keys: { maxWords: 'positive', maxRatio: 'positive' },
    required: ['maxWords', 'maxRatio'],
  },
  // text
  {
    of: ['trainBPE'],
    call: (o) => text.trainBPE(['ab'], o),
    good: { vocabSize: 260 },
    keys: {
      vocabSize: 'positiveWhole',
      minFrequency: 'positiveWhole',
      specialTokens: 'list',
      onProgress: 'callback',
    },
    required: ['vocabSize'],
  },
  {
    of: ['Tokenizer.encode'],
    call: (o) => bpe.encode('ab', o),
    good: {},
    keys: { bos: 'flag', eos: 'flag' },
  },
  {
    of: ['tokenizerFrom'],
    call: (o) => tokenizing.tokenizerFrom({ 'vocab.txt': '[UNK]\n[CLS]\n[SEP]' }, o),
    good: {},
    keys: { bosToken: 'text', eosToken: 'text', padToken: 'text', lowercase: 'flag' },
  },
  {
    of: ['PretrainedTokenizer.encode'],
    call: (o) => pretrained.encode('ab', o),
    good: {},
    keys: { addSpecialTokens: 'flag', parseSpecialTokens: 'flag' },
  },
  {
    of: ['PretrainedTokenizer.encodePair'],
    call: (o) => pretrained.encodePair('ab', 'c', o),
    good: {},
    keys: { addSpecialTokens: 'flag', parseSpecialTokens: 'flag' },
  },
  {
    of: ['PretrainedTokenizer.decode'],
    call: (o) => pretrained.decode([0], o),
    good: {},
    keys: { skipSpecialTokens: 'flag', cleanUp: 'flag' },
  },
  { of: ['BLEU'], call: (o) => text.BLEU(['a b'], [['a b']], o), good: {}, keys: bleu },
  { of: ['sentenceBLEU'], call: (o) => text.sentenceBLEU('a b', ['a b'], o), good: {}, keys: bleu },
  {
    of: ['pairedBootstrap'],
    call: (o) => text.pairedBootstrap(['a b'], undefined, [['a b']], o),
    good: { samples: 2 },
    keys: { ...bleu, samples: 'positiveWhole', seed: 'whole' },
  },
];
