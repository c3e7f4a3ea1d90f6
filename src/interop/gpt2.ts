/**
 * @file GPT-2 (Radford et al. 2019): Pre-LN, learned positions, GELU's tanh form, tied output.
 *
 * | theirs, without `transformer.`   | ours                                    | how                     |
 * |----------------------------------|-----------------------------------------|-------------------------|
 * | `wte.weight`, `wpe.weight`       | `embedding.tokens`, `embedding.positions` | as it is              |
 * | `h.N.ln_1`, `h.N.ln_2`, `ln_f`   | `norm1`, `norm2`, `encoder.norm`        | as it is                |
 * | `h.N.attn.c_attn`                | `self_attn.in_proj`                     | weight transposed       |
 * | `h.N.attn.c_proj`                | `self_attn.out_proj`                    | weight transposed       |
 * | `h.N.mlp.c_fc`, `h.N.mlp.c_proj` | `linear1`, `linear2`                    | weight transposed       |
 * | `lm_head.weight`                 | `output.linear.weight`                  | tied: the tokens' table |
 */
import type { ModelConfig } from '../nn/config.js';
import { ACTIVATIONS, type Family, GENERAL_KEYS, type KeyRow, nameOf, weightAndBias } from './family.js';

const LAYER = 'encoder.layers.N';
const THEIRS = 'transformer.h.N';

const rows: readonly KeyRow[] = [
  { theirs: 'transformer.wte.weight', ours: 'embedding.tokens.weight' },
  { theirs: 'transformer.wpe.weight', ours: 'embedding.positions.weight' },
  ...weightAndBias(`${THEIRS}.ln_1`, `${LAYER}.norm1`),
  {
    theirs: `${THEIRS}.attn.c_attn.weight`,
    ours: `${LAYER}.self_attn.in_proj_weight`,
    layout: 'transposed',
  },
  { theirs: `${THEIRS}.attn.c_attn.bias`, ours: `${LAYER}.self_attn.in_proj_bias` },
  ...weightAndBias(`${THEIRS}.attn.c_proj`, `${LAYER}.self_attn.out_proj`, 'transposed'),
  ...weightAndBias(`${THEIRS}.ln_2`, `${LAYER}.norm2`),
  ...weightAndBias(`${THEIRS}.mlp.c_fc`, `${LAYER}.linear1`, 'transposed'),
  ...weightAndBias(`${THEIRS}.mlp.c_proj`, `${LAYER}.linear2`, 'transposed'),
  ...weightAndBias('transformer.ln_f', 'encoder.norm'),
];

export const gpt2: Family = {
  type: 'gpt2',
  title: 'GPT-2',
  architectures: ['GPT2LMHeadModel', 'GPT2Model'],
  kinds: ['causalLM'],
  prefix: 'transformer.',
  heads: /^lm_head\./,
  buffers: /^(transformer\.)?h\.\d+\.attn\.(masked_)?bias$/,
  read(config, { dropout, attentionDropout }, tensors) {
    const architecture = config.architecture(this.architectures);
    const tiedEmbeddings = config.flag('tie_word_embeddings', true);
    config.tiedHead(architecture, tiedEmbeddings, tensors, this.architectures);
    const dModel = config.size('n_embd', 768);
    const positions = config.size('n_positions', 1024);
    config.only('n_ctx', positions);
    const dFF = config.size('n_inner', 4 * dModel);
    const residual = config.share('resid_pdrop', 0.1);
    if (config.share('embd_pdrop', 0.1) !== residual && dropout === undefined) {
      config.refuse(
        'embd_pdrop',
        `resid_pdrop, ${residual}: they are one option here`,
        'say which with { dropout }',
      );
    }
    const attention = config.share('attn_pdrop', 0.1);
    config.only('scale_attn_weights', true);
    config.only('scale_attn_by_inverse_layer_idx', false);
    config.only('add_cross_attention', false);
    config.only('is_decoder', config.json.is_decoder === true);
    // How far the first computes in half precision; and a head that is not loaded.
    config.irrelevant('reorder_and_upcast_attn', 'summary_activation', 'summary_first_dropout');
    config.irrelevant('summary_proj_to_labels', 'summary_type', 'summary_use_proj', ...GENERAL_KEYS);
    const options = {
      vocabSize: config.size('vocab_size', 50257),
      dModel,
      numHeads: config.divisor('n_head', 'n_embd', dModel, 12),
      numLayers: config.layers('n_layer', 12),
      dFF,
      maxSeqLen: positions,
      eps: config.positive('layer_norm_epsilon', 1e-5),
      activation: config.choice('activation_function', ACTIVATIONS, 'gelu_new'),
      dropout: dropout ?? residual,
      attentionDropout: attentionDropout ?? attention,
      tiedEmbeddings,
      normPlacement: 'pre',
      finalNorm: true,
      positions: 'learned',
      embeddingScale: 1,
    };
    return { architecture: 'GPT2LMHeadModel', kind: 'causalLM', options };
  },
  allowed: ({ numHeads }) => ({
    normPlacement: ['pre'],
    finalNorm: [true, 'auto'],
    norm: ['layer'],
    qkNorm: ['auto', 'none'],
    positions: ['learned'],
    embeddingScale: [1],
    embeddingNorm: [false],
    gatedFFN: [false],
    bias: [true],
    numKVHeads: [numHeads],
    activation: Object.values(ACTIVATIONS),
  }),
  architecture: () => 'GPT2LMHeadModel',
  rows: (config) => {
    const { tiedEmbeddings: tied } = config as ModelConfig;
    const ours = tied ? 'embedding.tokens.weight' : 'output.linear.weight';
    return [...rows, { theirs: 'lm_head.weight', ours, copy: tied }];
  },
  config(own) {
    const config = own as ModelConfig;
    return {
      vocab_size: config.vocabSize,
      n_positions: config.maxSeqLen,
      n_embd: config.dModel,
      n_layer: config.numLayers,
      n_head: config.numHeads,
      n_inner: config.dFF,
      activation_function: nameOf(ACTIVATIONS, config.activation),
      resid_pdrop: config.dropout,
      embd_pdrop: config.dropout,
      attn_pdrop: config.attentionDropout,
      layer_norm_epsilon: config.eps,
      tie_word_embeddings: config.tiedEmbeddings,
    };
  },
};
