/**
 * @file BERT (Devlin et al. 2019): Post-LN, learned positions, two segments, a norm on the embeddings.
 *
 * | theirs                                       | ours                       | how                     |
 * |----------------------------------------------|----------------------------|-------------------------|
 * | `bert.embeddings.word_embeddings`            | `embedding.tokens`         | as it is                |
 * | `….position_embeddings`, `token_type_embeddings` | `embedding.positions`, `.segments` | as it is    |
 * | `bert.embeddings.LayerNorm`                  | `embedding.norm`           | as it is                |
 * | `bert.encoder.layer.N.attention.self.query`, `key`, `value` | `self_attn.in_proj` | joined: q, k, v   |
 * | `….attention.output.dense`, `.LayerNorm`     | `self_attn.out_proj`, `norm1` | as it is             |
 * | `….intermediate.dense`, `output.dense`, `output.LayerNorm` | `linear1`, `linear2`, `norm2` | as it is |
 * | `cls.predictions.transform.dense`, `.LayerNorm` | `head.transform`, `.norm` | as it is                |
 * | `cls.predictions.bias`, `.decoder.bias`      | `head.bias`                | one under two names     |
 * | `cls.predictions.decoder.weight`             | `head.decoder.weight`      | tied: the tokens' table |
 * | `bert.pooler.dense`                          | `next_sentence.pooler`, `head.pooler` | as it is     |
 * | `cls.seq_relationship`                       | `next_sentence.classifier` | rows in reverse order: theirs has 0 for "follows" |
 * | `classifier`                                 | `head.classifier`          | as it is                |
 *
 * `BertForMaskedLM` and `BertForPreTraining` are a `MaskedLM`, without and with its next-sentence head;
 * `BertForSequenceClassification` and `BertForNextSentencePrediction` (classes 0 "follows" and 1) are a `TextClassifier`.
 */
import type { MaskedLMConfig } from '../nn/masked-lm.js';
import type { TextClassifierConfig } from '../nn/text-classifier.js';
import {
  ACTIVATIONS,
  type ConfigReader,
  encoderKeys,
  type Family,
  GENERAL_KEYS,
  type KeyRow,
  queriesKeysValues,
  type Reading,
  weightAndBias,
} from './family.js';
import { labelKeys, labelsOf } from './labels.js';

type BertConfig = MaskedLMConfig & TextClassifierConfig;

const LAYER = 'encoder.layers.N';
const THEIRS = 'bert.encoder.layer.N';
const NAMES = { q: 'query', k: 'key', v: 'value' };
const TABLE = 'embedding.tokens.weight';

const stack: readonly KeyRow[] = [
  { theirs: 'bert.embeddings.word_embeddings.weight', ours: TABLE },
  { theirs: 'bert.embeddings.position_embeddings.weight', ours: 'embedding.positions.weight' },
  { theirs: 'bert.embeddings.token_type_embeddings.weight', ours: 'embedding.segments.weight' },
  ...weightAndBias('bert.embeddings.LayerNorm', 'embedding.norm'),
  ...queriesKeysValues((part) => `${THEIRS}.attention.self.${NAMES[part]}`, `${LAYER}.self_attn`),
  ...weightAndBias(`${THEIRS}.attention.output.dense`, `${LAYER}.self_attn.out_proj`),
  ...weightAndBias(`${THEIRS}.attention.output.LayerNorm`, `${LAYER}.norm1`),
  ...weightAndBias(`${THEIRS}.intermediate.dense`, `${LAYER}.linear1`),
  ...weightAndBias(`${THEIRS}.output.dense`, `${LAYER}.linear2`),
  ...weightAndBias(`${THEIRS}.output.LayerNorm`, `${LAYER}.norm2`),
];

const predictions = (tied: boolean): KeyRow[] => [
  { theirs: 'cls.predictions.bias', ours: 'head.bias' },
  ...weightAndBias('cls.predictions.transform.dense', 'head.transform'),
  ...weightAndBias('cls.predictions.transform.LayerNorm', 'head.norm'),
  { theirs: 'cls.predictions.decoder.weight', ours: tied ? TABLE : 'head.decoder.weight', copy: tied },
  { theirs: 'cls.predictions.decoder.bias', ours: 'head.bias', copy: true },
];

const nextSentence: readonly KeyRow[] = [
  ...weightAndBias('bert.pooler.dense', 'next_sentence.pooler'),
  ...weightAndBias('cls.seq_relationship', 'next_sentence.classifier').map(
    (row): KeyRow => ({ ...row, layout: 'reversed' }),
  ),
];

const classes = (head: string): KeyRow[] => [
  ...weightAndBias('bert.pooler.dense', 'head.pooler'),
  ...weightAndBias(head, 'head.classifier'),
];

const ARCHITECTURES = [
  'BertForPreTraining',
  'BertForMaskedLM',
  'BertForSequenceClassification',
  'BertForNextSentencePrediction',
];

/** The head over tokens has the activation of the layers, which here is always this one. */
const OF_TOKENS = { gelu: 'gelu' } as const;

function readHead(
  config: ConfigReader,
  tensors: ReadonlySet<string>,
): Pick<Reading, 'architecture' | 'kind'> & {
  options: object;
  labels?: string[];
  unused?: RegExp;
} {
  const architecture = config.architecture(ARCHITECTURES, ['BertModel']);
  const tied = { tiedEmbeddings: config.flag('tie_word_embeddings', true) };
  if (architecture === 'BertForNextSentencePrediction') {
    const labels = ['follows', 'does not follow'];
    return { architecture, kind: 'textClassifier', options: { numClasses: 2 }, labels };
  }
  if (architecture === 'BertForSequenceClassification') {
    const labels = labelsOf(config);
    const problem = { single_label_classification: false, multi_label_classification: true };
    if (labels.length === 1)
      config.take('problem_type') ?? config.refuse('problem_type', 'that of a classifier');
    const multiLabel = config.choice('problem_type', problem, 'single_label_classification');
    return {
      architecture,
      kind: 'textClassifier',
      options: { numClasses: labels.length, multiLabel },
      labels,
    };
  }
  // Files that say BertForMaskedLM may have both heads, as the first that were published; without one a pooler is not used.
  const both = architecture === 'BertForPreTraining' || tensors.has('cls.seq_relationship.weight');
  return {
    architecture: both ? 'BertForPreTraining' : 'BertForMaskedLM',
    kind: 'maskedLM',
    options: { nextSentence: both, ...tied },
    ...(both ? {} : { unused: /^bert\.pooler\./ }),
  };
}

export const bert: Family = {
  type: 'bert',
  title: 'BERT',
  architectures: ARCHITECTURES,
  kinds: ['maskedLM', 'textClassifier'],
  prefix: 'bert.',
  heads: /^(cls|classifier)\./,
  buffers: /^(bert\.)?embeddings\.(position|token_type)_ids$/,
  renamed: (name) =>
    name.replace(/LayerNorm\.gamma$/, 'LayerNorm.weight').replace(/LayerNorm\.beta$/, 'LayerNorm.bias'),
  read(config, overrides, tensors) {
    const { options: head, ...reading } = readHead(config, tensors);
    const dropout = config.share('hidden_dropout_prob', 0.1);
    if (overrides.dropout === undefined && config.json.classifier_dropout != null) {
      config.among(
        'classifier_dropout',
        [dropout],
        'it is one option with hidden_dropout_prob here; say { dropout }',
      );
    }
    const attention = config.share('attention_probs_dropout_prob', 0.1);
    config.only('position_embedding_type', 'absolute');
    config.only('is_decoder', false);
    config.only('add_cross_attention', false);
    const pruned = config.object('pruned_heads');
    pruned?.finish();
    config.irrelevant(
      'classifier_dropout',
      'chunk_size_feed_forward',
      'cross_attention_hidden_size',
      'directionality',
    );
    config.irrelevant(
      'pooler_fc_size',
      'pooler_num_attention_heads',
      'pooler_num_fc_layers',
      'pooler_size_per_head',
    );
    config.irrelevant('pooler_type', 'is_encoder_decoder', 'problem_type', ...labelKeys, ...GENERAL_KEYS);
    const dModel = config.size('hidden_size', 768);
    const options = {
      vocabSize: config.size('vocab_size', 30522),
      dModel,
      numHeads: config.divisor('num_attention_heads', 'hidden_size', dModel, 12),
      numLayers: config.layers('num_hidden_layers', 12),
      dFF: config.size('intermediate_size', 3072),
      maxSeqLen: config.size('max_position_embeddings', 512),
      numSegments: config.size('type_vocab_size', 2, 0),
      eps: config.positive('layer_norm_eps', 1e-12),
      activation: config.choice('hidden_act', reading.kind === 'maskedLM' ? OF_TOKENS : ACTIVATIONS, 'gelu'),
      dropout: overrides.dropout ?? dropout,
      attentionDropout: overrides.attentionDropout ?? attention,
      normPlacement: 'post',
      finalNorm: false,
      positions: 'learned',
      embeddingScale: 1,
      embeddingNorm: true,
      ...head,
    };
    return { ...reading, options };
  },
  allowed(config) {
    const { numHeads, numSegments, nextSentence: masked } = config as BertConfig;
    return {
      normPlacement: ['post'],
      finalNorm: [false, 'auto'],
      norm: ['layer'],
      qkNorm: ['auto', 'none'],
      positions: ['learned'],
      embeddingScale: [1],
      embeddingNorm: [true],
      numSegments: numSegments > 0 ? [numSegments] : [2, 1],
      gatedFFN: [false],
      bias: [true],
      numKVHeads: [numHeads],
      activation: Object.values(masked === undefined ? ACTIVATIONS : OF_TOKENS),
      pooling: ['first', undefined],
    };
  },
  architecture(config) {
    const { nextSentence: next } = config as BertConfig;
    if (next === undefined) return 'BertForSequenceClassification';
    return next ? 'BertForPreTraining' : 'BertForMaskedLM';
  },
  rows(config, architecture) {
    const { tiedEmbeddings: tied } = config as BertConfig;
    switch (architecture) {
      case 'BertForSequenceClassification':
        return [...stack, ...classes('classifier')];
      case 'BertForNextSentencePrediction':
        return [...stack, ...classes('cls.seq_relationship')];
      case 'BertForMaskedLM':
        return [...stack, ...predictions(tied)];
      default:
        return [...stack, ...predictions(tied), ...nextSentence];
    }
  },
  config(own) {
    const config = own as BertConfig;
    const head =
      config.nextSentence === undefined
        ? { problem_type: `${config.multiLabel ? 'multi' : 'single'}_label_classification` }
        : { tie_word_embeddings: config.tiedEmbeddings };
    return {
      vocab_size: config.vocabSize,
      ...encoderKeys(config),
      max_position_embeddings: config.maxSeqLen,
      type_vocab_size: config.numSegments,
      position_embedding_type: 'absolute',
      ...head,
    };
  },
};
