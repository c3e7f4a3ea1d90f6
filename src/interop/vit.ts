/**
 * @file ViT (Dosovitskiy et al. 2021): Pre-LN over patches and a class token, with a linear head.
 *
 * | theirs                                       | ours                       | how                     |
 * |----------------------------------------------|----------------------------|-------------------------|
 * | `vit.embeddings.cls_token`, `position_embeddings` | `class_token`, `positions` | without an axis of 1 in front |
 * | `vit.embeddings.patch_embeddings.projection` | `patches`                  | weight: channels last, one row a patch |
 * | `vit.encoder.layer.N.layernorm_before`, `layernorm_after` | `norm1`, `norm2` | as it is              |
 * | `….attention.attention.query`, `key`, `value` | `self_attn.in_proj`       | joined: q, k, v         |
 * | `….attention.output.dense`                   | `self_attn.out_proj`       | as it is                |
 * | `….intermediate.dense`, `output.dense`       | `linear1`, `linear2`       | as it is                |
 * | `vit.layernorm`, `classifier`                | `encoder.norm`, `head`     | as it is                |
 *
 * Their images are (B, channels, height, width), ours (B, height, width, channels). What their preprocessor_config.json does to
 * pixels (scale, mean, deviation) the caller does.
 */
import type { VisionTransformerConfig } from '../nn/vision-transformer.js';
import {
  ACTIVATIONS,
  ConfigReader,
  encoderKeys,
  type Family,
  GENERAL_KEYS,
  type KeyRow,
  queriesKeysValues,
  weightAndBias,
} from './family.js';
import { labelKeys, labelsOf } from './labels.js';

const LAYER = 'encoder.layers.N';
const THEIRS = 'vit.encoder.layer.N';
const NAMES = { q: 'query', k: 'key', v: 'value' };
const PATCHES = 'vit.embeddings.patch_embeddings.projection';

const rows: readonly KeyRow[] = [
  { theirs: 'vit.embeddings.cls_token', ours: 'class_token', layout: 'batched' },
  { theirs: 'vit.embeddings.position_embeddings', ours: 'positions.weight', layout: 'batched' },
  ...weightAndBias(PATCHES, 'patches', 'patches'),
  ...weightAndBias(`${THEIRS}.layernorm_before`, `${LAYER}.norm1`),
  ...queriesKeysValues((part) => `${THEIRS}.attention.attention.${NAMES[part]}`, `${LAYER}.self_attn`),
  ...weightAndBias(`${THEIRS}.attention.output.dense`, `${LAYER}.self_attn.out_proj`),
  ...weightAndBias(`${THEIRS}.layernorm_after`, `${LAYER}.norm2`),
  ...weightAndBias(`${THEIRS}.intermediate.dense`, `${LAYER}.linear1`),
  ...weightAndBias(`${THEIRS}.output.dense`, `${LAYER}.linear2`),
  ...weightAndBias('vit.layernorm', 'encoder.norm'),
  ...weightAndBias('classifier', 'head'),
];

/** The side of a square, which their files may give as a pair. */
function sideOf(config: ConfigReader, key: string, otherwise: number): number {
  const { [key]: value } = config.json;
  if (!Array.isArray(value)) return config.size(key, otherwise);
  config.irrelevant(key);
  if (value.length !== 2 || value[0] !== value[1])
    return config.refuse(key, 'one number, or two equal ones', 'images and patches are squares here');
  return new ConfigReader({ [key]: value[0] }, config.path, config.room).size(key, otherwise);
}

export const vit: Family = {
  type: 'vit',
  title: 'ViT',
  architectures: ['ViTForImageClassification'],
  kinds: ['visionTransformer'],
  prefix: 'vit.',
  heads: /^classifier\./,
  buffers: /^$/,
  read(config, overrides) {
    const architecture = config.architecture(this.architectures, ['ViTModel']);
    const labels = labelsOf(config);
    config.only('qkv_bias', true);
    config.irrelevant(
      'encoder_stride',
      'pooler_output_size',
      'pooler_act',
      'problem_type',
      'is_encoder_decoder',
    );
    config.irrelevant('chunk_size_feed_forward', ...labelKeys, ...GENERAL_KEYS);
    const dropout = config.share('hidden_dropout_prob', 0);
    const attention = config.share('attention_probs_dropout_prob', 0);
    const dModel = config.size('hidden_size', 768);
    const imageSize = sideOf(config, 'image_size', 224);
    const patchSize = sideOf(config, 'patch_size', 16);
    if (imageSize % patchSize !== 0) config.refuse('patch_size', `a divisor of image_size ${imageSize}`);
    const options = {
      dModel,
      numHeads: config.divisor('num_attention_heads', 'hidden_size', dModel, 12),
      numLayers: config.layers('num_hidden_layers', 12),
      dFF: config.size('intermediate_size', 3072),
      eps: config.positive('layer_norm_eps', 1e-12),
      activation: config.choice('hidden_act', ACTIVATIONS, 'gelu'),
      imageSize,
      patchSize,
      channels: config.size('num_channels', 3),
      numClasses: labels.length,
      dropout: overrides.dropout ?? dropout,
      attentionDropout: overrides.attentionDropout ?? attention,
      normPlacement: 'pre',
      finalNorm: true,
      positions: 'learned',
    };
    return { architecture, kind: 'visionTransformer', options, labels };
  },
  allowed: ({ numHeads }) => ({
    normPlacement: ['pre'],
    finalNorm: [true, 'auto'],
    norm: ['layer'],
    qkNorm: ['auto', 'none'],
    positions: ['learned'],
    gatedFFN: [false],
    bias: [true],
    numKVHeads: [numHeads],
    activation: Object.values(ACTIVATIONS),
  }),
  architecture: () => 'ViTForImageClassification',
  rows: () => rows,
  config(own) {
    const config = own as VisionTransformerConfig;
    return {
      ...encoderKeys(config),
      image_size: config.imageSize,
      patch_size: config.patchSize,
      num_channels: config.channels,
      qkv_bias: true,
    };
  },
};
