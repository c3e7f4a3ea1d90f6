/**
 * @file GPT-2 (Radford et al. 2019): Pre-LN, learned positions, GELU's tanh form, tied output.
 *
 * | theirs                           | ours                                    | how                     |
 * |----------------------------------|-----------------------------------------|-------------------------|
 * | `wte.weight`, `wpe.weight`       | `embedding.tokens`, `embedding.positions` | as it is              |
 * | `h.N.ln_1`, `h.N.ln_2`, `ln_f`   | `norm1`, `norm2`, `encoder.norm`        | as it is                |
 * | `h.N.attn.c_attn`                | `self_attn.in_proj`                     | weight transposed       |
 * | `h.N.attn.c_proj`                | `self_attn.out_proj`                    | weight transposed       |
 * | `h.N.mlp.c_fc`, `h.N.mlp.c_proj` | `linear1`, `linear2`                    | weight transposed       |
 * | `lm_head.weight`                 | `output.linear.weight`                  | absent where it is tied |
 */
import { ConfigError } from '../errors.js';
import type { ModelConfig } from '../nn/config.js';
import { CausalLM } from '../nn/models.js';
import { type Family, GENERAL_KEYS, type KeyRow } from './family.js';

const LAYER = 'encoder.layers.N';
/** Weight and bias of one of theirs; of a Conv1D the weight is transposed. */
const both = (theirs: string, ours: string, conv = false): KeyRow[] => [
  { theirs: `${theirs}.weight`, ours: `${ours}.weight`, transposed: conv },
  { theirs: `${theirs}.bias`, ours: `${ours}.bias` },
];

const rows: readonly KeyRow[] = [
  { theirs: 'wte.weight', ours: 'embedding.tokens.weight' },
  { theirs: 'wpe.weight', ours: 'embedding.positions.weight' },
  ...both('h.N.ln_1', `${LAYER}.norm1`),
  { theirs: 'h.N.attn.c_attn.weight', ours: `${LAYER}.self_attn.in_proj_weight`, transposed: true },
  { theirs: 'h.N.attn.c_attn.bias', ours: `${LAYER}.self_attn.in_proj_bias` },
  ...both('h.N.attn.c_proj', `${LAYER}.self_attn.out_proj`, true),
  ...both('h.N.ln_2', `${LAYER}.norm2`),
  ...both('h.N.mlp.c_fc', `${LAYER}.linear1`, true),
  ...both('h.N.mlp.c_proj', `${LAYER}.linear2`, true),
  ...both('ln_f', 'encoder.norm'),
  { theirs: 'lm_head.weight', ours: 'output.linear.weight' },
];

const ACTIVATIONS = {
  gelu_new: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  gelu: 'gelu',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
} as const;

export const gpt2: Family = {
  type: 'gpt2',
  rows,
  prefix: 'transformer.',
  tied: ['lm_head.weight', 'wte.weight'],
  buffers: /^h\.\d+\.attn\.(masked_)?bias$/,
  options(config, { dropout, attentionDropout }) {
    const dModel = config.number('n_embd', 768);
    const positions = config.number('n_positions', 1024);
    config.only('n_ctx', positions);
    const dFF = config.json.n_inner == null ? 4 * dModel : config.number('n_inner');
    const residual = config.number('resid_pdrop', 0.1);
    if (config.number('embd_pdrop', 0.1) !== residual && dropout === undefined) {
      config.refuse(
        'embd_pdrop',
        `resid_pdrop, ${residual}: they are one option here`,
        'say which with { dropout }',
      );
    }
    const attention = config.number('attn_pdrop', 0.1);
    config.only('scale_attn_weights', true);
    config.only('scale_attn_by_inverse_layer_idx', false);
    config.only('add_cross_attention', false);
    // How far the first computes in half precision; and a head that is not loaded.
    config.irrelevant('n_inner', 'reorder_and_upcast_attn', 'summary_activation', 'summary_first_dropout');
    config.irrelevant('summary_proj_to_labels', 'summary_type', 'summary_use_proj', ...GENERAL_KEYS);
    return {
      vocabSize: config.number('vocab_size', 50257),
      dModel,
      numHeads: config.number('n_head', 12),
      numLayers: config.number('n_layer', 12),
      dFF,
      maxSeqLen: positions,
      eps: config.number('layer_norm_epsilon', 1e-5),
      activation: config.choice('activation_function', ACTIVATIONS, 'gelu_new'),
      dropout: dropout ?? residual,
      attentionDropout: attentionDropout ?? attention,
      tiedEmbeddings: config.flag('tie_word_embeddings', true),
      normPlacement: 'pre',
      finalNorm: true,
      positions: 'learned',
      embeddingScale: 1,
    };
  },
  make: (options) => new CausalLM(options),
  config(model) {
    const config = model.config as ModelConfig;
    const wanted: Partial<ModelConfig> = {
      ...{
        normPlacement: 'pre',
        norm: 'layer',
        positions: 'learned',
        embeddingScale: 1,
        embeddingNorm: false,
      },
      ...{ gatedFFN: false, bias: true, numKVHeads: config.numHeads, activationDropout: 0 },
    };
    for (const key of Object.keys(wanted) as (keyof ModelConfig)[]) {
      if (config[key] === wanted[key]) continue;
      throw new ConfigError(`GPT-2 has ${key} ${String(wanted[key])}, the model ${String(config[key])}`, {
        op: 'toPretrained',
        expected: wanted[key],
        actual: config[key],
      });
    }
    const activation = Object.entries(ACTIVATIONS).find(([, ours]) => ours === config.activation)?.[0];
    return {
      model_type: 'gpt2',
      architectures: ['GPT2LMHeadModel'],
      vocab_size: config.vocabSize,
      n_positions: config.maxSeqLen,
      n_embd: config.dModel,
      n_layer: config.numLayers,
      n_head: config.numHeads,
      n_inner: config.dFF,
      activation_function: activation,
      resid_pdrop: config.dropout,
      embd_pdrop: config.dropout,
      attn_pdrop: config.attentionDropout,
      layer_norm_epsilon: config.eps,
      tie_word_embeddings: config.tiedEmbeddings,
      torch_dtype: 'float32',
    };
  },
};
