/**
 * @file Llama (Touvron et al. 2023; SmolLM and SmolLM2 are of it) and Qwen2 (Yang et al. 2024): Pre-LN with RMSNorm, rotary
 * positions in the half-split layout, SwiGLU, keys and values of fewer heads.
 *
 * | theirs                                       | ours                       | how                     |
 * |----------------------------------------------|----------------------------|-------------------------|
 * | `model.embed_tokens`                         | `embedding.tokens`         | as it is                |
 * | `model.layers.N.input_layernorm`             | `norm1`                    | as it is                |
 * | `….self_attn.q_proj`, `k_proj`, `v_proj`     | `self_attn.in_proj`        | joined: q, k, v         |
 * | `….self_attn.o_proj`                         | `self_attn.out_proj`       | as it is                |
 * | `model.layers.N.post_attention_layernorm`    | `norm2`                    | as it is                |
 * | `….mlp.gate_proj`, `up_proj`, `down_proj`    | `linear1`, `linear3`, `linear2` | as it is           |
 * | `model.norm`                                 | `encoder.norm`             | as it is                |
 * | `lm_head`                                    | `output.linear`            | tied: the tokens' table |
 *
 * Biases: Llama has those that `attention_bias` and `mlp_bias` say, Qwen2 those of queries, keys and values.
 */
import type { ModelConfig } from '../nn/config.js';
import type { RopeScaling } from '../nn/rotary-table.js';
import {
  ACTIVATIONS,
  type ConfigReader,
  type Family,
  GENERAL_KEYS,
  type KeyRow,
  nameOf,
  type PretrainedOverrides,
  queriesKeysValues,
  weightAndBias,
} from './family.js';

const LAYER = 'encoder.layers.N';
const THEIRS = 'model.layers.N';

const rows: readonly KeyRow[] = [
  { theirs: 'model.embed_tokens.weight', ours: 'embedding.tokens.weight' },
  { theirs: `${THEIRS}.input_layernorm.weight`, ours: `${LAYER}.norm1.weight` },
  ...queriesKeysValues((part) => `${THEIRS}.self_attn.${part}_proj`, `${LAYER}.self_attn`),
  ...weightAndBias(`${THEIRS}.self_attn.o_proj`, `${LAYER}.self_attn.out_proj`),
  { theirs: `${THEIRS}.post_attention_layernorm.weight`, ours: `${LAYER}.norm2.weight` },
  ...weightAndBias(`${THEIRS}.mlp.gate_proj`, `${LAYER}.linear1`),
  ...weightAndBias(`${THEIRS}.mlp.up_proj`, `${LAYER}.linear3`),
  ...weightAndBias(`${THEIRS}.mlp.down_proj`, `${LAYER}.linear2`),
  { theirs: 'model.norm.weight', ours: 'encoder.norm.weight' },
];

/** Their branches have none, and no key for one. */
const BRANCH_DROPOUT = 0;

/** `rope_theta` and `rope_scaling`, or from version 5 on both in `rope_parameters`. */
function ropeOf(config: ConfigReader): { ropeTheta: number; ropeScaling: RopeScaling | null } {
  const parameters = config.object('rope_parameters');
  if (parameters) config.only('rope_scaling', null);
  const scaling = parameters ?? config.object('rope_scaling');
  const outer = config.positive('rope_theta', 10000);
  if (!scaling) return { ropeTheta: outer, ropeScaling: null };
  const ropeTheta = scaling.positive('rope_theta', outer);
  const known = { default: 'default', linear: 'linear', llama3: 'llama3' } as const;
  const key = scaling.json.rope_type === undefined ? 'type' : 'rope_type';
  const type = scaling.choice(key, known, 'default');
  if (scaling.json.type !== undefined) scaling.only('type', scaling.json[key]);
  const factor = type === 'default' ? 1 : scaling.positive('factor');
  let ropeScaling: RopeScaling | null = null;
  if (type === 'linear') ropeScaling = { type, factor };
  if (type === 'llama3') {
    const lowFreqFactor = scaling.positive('low_freq_factor');
    const highFreqFactor = scaling.positive('high_freq_factor');
    if (highFreqFactor <= lowFreqFactor)
      scaling.refuse('high_freq_factor', `above low_freq_factor ${lowFreqFactor}`);
    const originalMaxSeqLen = scaling.positive('original_max_position_embeddings');
    ropeScaling = { type, factor, lowFreqFactor, highFreqFactor, originalMaxSeqLen };
  }
  scaling.finish();
  return { ropeTheta, ropeScaling };
}

/** What a class is called, and what its files leave out. */
interface Defaults {
  /** Their classes. */
  known: readonly string[];
  dFF: number;
  vocab: number;
  positions: number;
  /** Heads of keys; absent where it is as many as of queries. */
  kv?: number;
}

/** What both say alike. */
function optionsOf(
  config: ConfigReader,
  overrides: PretrainedOverrides,
  tensors: ReadonlySet<string>,
  defaults: Defaults,
) {
  const { known } = defaults;
  const tiedEmbeddings = config.flag('tie_word_embeddings', false);
  config.tiedHead(config.architecture(known), tiedEmbeddings, tensors, known);
  const dModel = config.size('hidden_size', 4096);
  const numHeads = config.divisor('num_attention_heads', 'hidden_size', dModel, 32, true);
  const kv = config.json.num_key_value_heads === null ? numHeads : (defaults.kv ?? numHeads);
  if (config.json.head_dim != null) config.only('head_dim', dModel / numHeads);
  config.only('partial_rotary_factor', 1);
  config.irrelevant('head_dim', ...GENERAL_KEYS);
  const attention = config.share('attention_dropout', 0);
  return {
    vocabSize: config.size('vocab_size', defaults.vocab),
    dModel,
    numHeads,
    numKVHeads: config.divisor('num_key_value_heads', 'num_attention_heads', numHeads, kv),
    numLayers: config.layers('num_hidden_layers', 32),
    dFF: config.size('intermediate_size', defaults.dFF),
    maxSeqLen: config.angles('max_position_embeddings', defaults.positions, dModel / numHeads),
    eps: config.positive('rms_norm_eps', 1e-6),
    activation: config.choice('hidden_act', ACTIVATIONS, 'silu'),
    tiedEmbeddings,
    ...ropeOf(config),
    dropout: overrides.dropout ?? BRANCH_DROPOUT,
    attentionDropout: overrides.attentionDropout ?? attention,
    normPlacement: 'pre',
    finalNorm: true,
    norm: 'rms',
    positions: 'rotary',
    embeddingScale: 1,
    gatedFFN: true,
  };
}

function configOf(config: ModelConfig): Record<string, unknown> {
  const { ropeScaling: scaling } = config;
  const llama3 = scaling?.type === 'llama3' && {
    low_freq_factor: scaling.lowFreqFactor,
    high_freq_factor: scaling.highFreqFactor,
    original_max_position_embeddings: scaling.originalMaxSeqLen,
  };
  return {
    vocab_size: config.vocabSize,
    max_position_embeddings: config.maxSeqLen,
    hidden_size: config.dModel,
    intermediate_size: config.dFF,
    num_hidden_layers: config.numLayers,
    num_attention_heads: config.numHeads,
    num_key_value_heads: config.numKVHeads,
    hidden_act: nameOf(ACTIVATIONS, config.activation),
    rms_norm_eps: config.eps,
    rope_theta: config.ropeTheta,
    rope_scaling: scaling ? { rope_type: scaling.type, factor: scaling.factor, ...llama3 } : null,
    attention_dropout: config.attentionDropout,
    tie_word_embeddings: config.tiedEmbeddings,
  };
}

const common = {
  kinds: ['causalLM'],
  prefix: 'model.',
  heads: /^lm_head\./,
  buffers: /^(model\.)?(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq$/,
  rows(config) {
    const { tiedEmbeddings: tied } = config as ModelConfig;
    const ours = tied ? 'embedding.tokens.weight' : 'output.linear.weight';
    return [...rows, { theirs: 'lm_head.weight', ours, copy: tied }];
  },
} satisfies Partial<Family>;

const allowed = {
  normPlacement: ['pre'],
  finalNorm: [true, 'auto'],
  norm: ['rms'],
  qkNorm: ['auto', 'none'],
  positions: ['rotary'],
  embeddingScale: [1],
  embeddingNorm: [false],
  gatedFFN: [true],
  activation: Object.values(ACTIVATIONS),
};

export const llama: Family = {
  ...common,
  type: 'llama',
  title: 'Llama',
  architectures: ['LlamaForCausalLM', 'LlamaModel'],
  read(config, overrides, tensors) {
    const attention = config.flag('attention_bias', false);
    const ffn = config.flag('mlp_bias', false);
    const bias = attention === ffn ? ffn : attention ? 'attention' : 'ffn';
    // SmolLM2 says the first, which is what the layout here is; pretraining_tp only divides the work.
    config.only('rope_interleaved', false);
    config.irrelevant('is_llama_config', 'pretraining_tp');
    const known = this.architectures;
    const defaults = { known, dFF: 11008, vocab: 32000, positions: 2048 };
    const options = { ...optionsOf(config, overrides, tensors, defaults), bias };
    return { architecture: 'LlamaForCausalLM', kind: 'causalLM', options };
  },
  allowed: () => ({ ...allowed, bias: [true, false, 'attention', 'ffn'] }),
  architecture: () => 'LlamaForCausalLM',
  config(config) {
    const { bias } = config as ModelConfig;
    return {
      ...configOf(config as ModelConfig),
      attention_bias: bias === true || bias === 'attention',
      mlp_bias: bias === true || bias === 'ffn',
    };
  },
};

export const qwen2: Family = {
  ...common,
  type: 'qwen2',
  title: 'Qwen2',
  architectures: ['Qwen2ForCausalLM', 'Qwen2Model'],
  read(config, overrides, tensors) {
    config.only('use_sliding_window', false);
    config.only('use_mrope', false);
    config.irrelevant('sliding_window', 'max_window_layers', 'layer_types');
    const { layer_types: types } = config.json;
    if (types != null && !(Array.isArray(types) && types.every((type) => type === 'full_attention'))) {
      config.refuse('layer_types', 'a list of "full_attention"', 'sliding windows are not known here');
    }
    const known = this.architectures;
    const defaults = { known, dFF: 22016, vocab: 151936, positions: 32768, kv: 32 };
    const options = { ...optionsOf(config, overrides, tensors, defaults), bias: 'qkv' };
    return { architecture: 'Qwen2ForCausalLM', kind: 'causalLM', options };
  },
  allowed: () => ({ ...allowed, bias: ['qkv'] }),
  architecture: () => 'Qwen2ForCausalLM',
  config: (config) => ({ ...configOf(config as ModelConfig), use_sliding_window: false }),
};
